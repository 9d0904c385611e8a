"""The models of Replicate that are described here; the operator names others.

Source: replicate.com/black-forest-labs (the input schemas of flux-schnell and flux-dev), read 2026-11-28. Replicate
bills these by the output, but no answer names a price, and none is assumed.
"""

from __future__ import annotations

from typing import Final

from danqing_plugins import Text
from danqing_plugins.kit.offers import Offer
from danqing_plugins.kit.parameters import Choice, Flag, Number, Parameters, Prompt, Seed, Whole

__all__ = ["DEFAULT_MODEL", "LARGEST_SEED", "OFFERS"]

DEFAULT_MODEL: Final = "black-forest-labs/flux-schnell"
LARGEST_SEED: Final = 2**31 - 1
_RATIOS: Final = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")


def _flux(*, most_steps: int, steps: int, guidance: bool) -> Parameters:
    own = [
        Number(
            "guidance",
            title=Text("Guidance", "引导强度"),
            description=Text("How closely the prompt is followed", "遵循提示词的程度"),
            least=0,
            most=10,
            step=0.5,
            default=3,
        )
    ]
    return Parameters(
        Prompt(most=10_000),
        Choice(
            "aspect_ratio",
            title=Text("Aspect ratio", "宽高比"),
            description=Text("Width to height", "宽与高之比"),
            allowed=_RATIOS,
            default="1:1",
            group="main",
        ),
        Whole(
            "num_outputs",
            title=Text("Pictures", "张数"),
            description=Text("How many are made", "生成的图片数量"),
            least=1,
            most=4,
            default=1,
            group="main",
        ),
        Seed(most=LARGEST_SEED),
        Whole(
            "num_inference_steps",
            title=Text("Steps", "步数"),
            description=Text("More steps take longer and show more detail", "步数越多越慢，细节越丰富"),
            least=1,
            most=most_steps,
            default=steps,
        ),
        *(own if guidance else ()),
        Choice(
            "output_format",
            title=Text("Format", "格式"),
            description=Text("Of the picture's file", "图片文件格式"),
            allowed=("webp", "jpg", "png"),
            default="webp",
        ),
        Whole(
            "output_quality",
            title=Text("Quality", "画质"),
            description=Text("Of the file, 0 to 100; png has none", "图片文件的质量，0 到 100；png 不适用"),
            least=0,
            most=100,
            default=80,
        ),
        Choice(
            "megapixels",
            title=Text("Megapixels", "百万像素"),
            description=Text("The approximate size of the picture", "图片的大致像素数"),
            allowed=("1", "0.25"),
            default="1",
        ),
        Flag(
            "go_fast",
            title=Text("Fast", "加速"),
            description=Text(
                "Runs with fewer bits: faster; the same seed gives another picture",
                "以较低精度更快运行；相同种子的结果会不同",
            ),
            default=True,
        ),
    )


OFFERS: Final = (
    Offer(
        id=DEFAULT_MODEL,
        title="FLUX.1 [schnell]",
        parameters=_flux(most_steps=4, steps=4, guidance=False),
        count="num_outputs",
        finds_orders=True,
    ),
    Offer(
        id="black-forest-labs/flux-dev",
        title="FLUX.1 [dev]",
        parameters=_flux(most_steps=50, steps=28, guidance=True),
        count="num_outputs",
        finds_orders=True,
    ),
)
