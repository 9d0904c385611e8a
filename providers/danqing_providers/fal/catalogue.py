"""The models of fal that are described here; the operator names others.

Sources: fal.ai/models (the schemas of fal-ai/flux/schnell, fal-ai/flux/dev), prices of 2026-03; read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from danqing_plugins import Price, Text
from danqing_plugins.kit.offers import Offer
from danqing_plugins.kit.parameters import Choice, Flag, Number, Parameters, Prompt, Seed, Size, Whole

__all__ = ["DEFAULT_MODEL", "OFFERS", "PRESETS", "size_on_the_wire"]

DEFAULT_MODEL: Final = "fal-ai/flux/schnell"
MEGAPIXEL: Final = 1_000_000
PRESETS: Final[Mapping[str, tuple[int, int]]] = {
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
}
_WIRE: Final = {"size": "image_size", "n": "num_images", "steps": "num_inference_steps"}


def size_on_the_wire(size: str) -> str | dict[str, int]:
    """Return a size as fal reads it: the name of a preset, or both sides."""
    if size in PRESETS:
        return size
    width, height = size.split("x")
    return {"width": int(width), "height": int(height)}


def _flux(*, most_steps: int, steps: int, guidance: bool) -> Parameters:
    common = [
        Prompt(most=10_000),
        Size(
            tiers=tuple(PRESETS),
            free=True,
            sides=(64, 14_142),
            description=Text("A preset's name, or sides such as 1024x768", "预设名称或宽高，如 1024x768"),
            default="landscape_4_3",
        ),
        Whole(
            "n",
            title=Text("Pictures", "张数"),
            description=Text("How many are made", "生成的图片数量"),
            least=1,
            most=4,
            default=1,
            group="main",
        ),
        Seed(most=2**31 - 1),
        Whole(
            "steps",
            title=Text("Steps", "步数"),
            description=Text("More steps take longer and show more detail", "步数越多越慢，细节越丰富"),
            least=1,
            most=most_steps,
            default=steps,
        ),
        Choice(
            "output_format",
            title=Text("Format", "格式"),
            description=Text("Of the picture's file", "图片文件格式"),
            allowed=("jpeg", "png"),
            default="jpeg",
        ),
        Flag(
            "enable_safety_checker",
            title=Text("Safety checker", "安全检查"),
            description=Text(
                "Blackens pictures that it holds for unsafe; they are billed all the same",
                "将判定为不安全的图片替换为黑图，仍会计费",
            ),
            default=True,
        ),
    ]
    if guidance:
        common.append(
            Number(
                "guidance_scale",
                title=Text("Guidance", "引导强度"),
                description=Text("How closely the prompt is followed", "遵循提示词的程度"),
                least=1,
                most=20,
                step=0.5,
                default=3.5,
            )
        )
    return Parameters(*common)


def _by_megapixel(micro: int) -> Any:
    """Return the price of one picture of an input: each begun megapixel costs *micro*."""

    def price_of(given: Mapping[str, Any]) -> Price:
        size = given.get("size", "landscape_4_3").lower()
        width, height = PRESETS.get(size) or tuple(map(int, size.split("x")))
        return Price(amount_micro=micro * ceil(width * height / MEGAPIXEL), currency="USD")

    return price_of


OFFERS: Final = (
    Offer(
        id=DEFAULT_MODEL,
        title="FLUX.1 [schnell]",
        parameters=_flux(most_steps=12, steps=4, guidance=True),
        count="n",
        wire=_WIRE,
        price=Price(amount_micro=3_000, currency="USD", unit="megapixel"),
        price_of=_by_megapixel(3_000),
    ),
    Offer(
        id="fal-ai/flux/dev",
        title="FLUX.1 [dev]",
        parameters=_flux(most_steps=50, steps=28, guidance=True),
        count="n",
        wire=_WIRE,
        price=Price(amount_micro=25_000, currency="USD", unit="megapixel"),
        price_of=_by_megapixel(25_000),
    ),
)
