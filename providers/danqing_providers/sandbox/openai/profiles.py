"""Services that are like OpenAI, and how each differs on the wire.

Sources: the vendors' own packages and pages (vercel/ai ed857f50, litellm 1.110.2, together 3.1.1, zai-sdk 0.2.3,
sglang 0.5.23, vllm-omni 0.30.0, stable-diffusion.cpp 97d29908, LocalAI 82c191af, docs.siliconflow.cn,
docs.bigmodel.cn), read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

__all__ = ["PROFILES", "Profile"]

_GENERATIONS: Final = "/images/generations"
_EDITS: Final = "/images/edits"
_LARGE: Final = 2_000_000
"""More pixels than a picture of 1K has, in any shape."""


@attrs.frozen(kw_only=True)
class Profile:
    """One service.

    `base` stands before its paths. `key_header` carries the key, behind `Bearer` unless it is another header;
    `needs_key` False: any or none. `size` is the field of a size (empty: `width` and `height`, or a ratio), `count`
    that of the number, at most `most` (`clamps`: more are cut in silence). `refused` has the words for fields that
    models whose name begins with `refusing` do not take. `inline` is how pictures come when nothing is asked for,
    `formats` the values of `response_format` that ask for bytes or links (None: it has no such field). `items` is
    the name of the list. `errors` names the form of its errors. `pictures` says how references come: `form`,
    `object`, `fields`, `list`; `reads` are the formats it can read, in Pillow's words (empty: any). `kept_s` is how
    long links live. `prices_micro` are those of one picture by model, of a large one where that is another.
    """

    name: str
    base: str = "/v1"
    generations: str = _GENERATIONS
    edits: str | None = None
    key_header: str = "Authorization"
    needs_key: bool = True
    models: tuple[str, ...] = ()
    size: str = "size"
    count: str = "n"
    most: int = 1
    clamps: bool = False
    refused: Mapping[str, str] = attrs.field(factory=dict)
    refusing: str = ""
    inline: bool = True
    formats: Mapping[str, bool] | None = None
    items: str = "data"
    file_form: str = "png"
    errors: str = "object"
    pictures: str = ""
    reads: tuple[str, ...] = ()
    kept_s: float = 86_400
    request_header: str = "x-request-id"
    prices_micro: Mapping[str, tuple[int, ...]] = attrs.field(factory=dict)
    currency: str = "USD"

    def price_micro(self, model: str, width: int, height: int) -> int | None:
        """Return what a picture costs in millionths, None where it is not known."""
        prices = self.prices_micro.get(model)
        return None if prices is None else prices[-1 if width * height > _LARGE else 0]


_EITHER: Final[Mapping[str, bool]] = {"b64_json": True, "url": False}

_ALL: Final = (
    Profile(
        name="azure",
        base="",
        generations="/openai/deployments/{deployment}/images/generations",
        edits="/openai/deployments/{deployment}/images/edits",
        key_header="api-key",
        most=10,
        refused={"model": "Unknown parameter: 'model'."},
        refusing="gpt-image-2",
        errors="azure",
        pictures="form",
        request_header="apim-request-id",
    ),
    Profile(
        name="xai",
        edits=_EDITS,
        models=("grok-imagine-image", "grok-imagine-image-2.0"),
        size="",
        most=10,
        refused={"size": "Argument not supported: size"},
        inline=False,
        formats=_EITHER,
        file_form="jpeg",
        errors="code_and_text",
        pictures="object",
        prices_micro={"grok-imagine-image": (20_000,), "grok-imagine-image-2.0": (40_000, 60_000)},
    ),
    Profile(
        name="together",
        models=("black-forest-labs/FLUX.1-schnell", "black-forest-labs/FLUX.1.1-pro"),
        size="",
        most=4,
        inline=False,
        formats={"base64": True, "url": False},
        file_form="jpeg",
        pictures="fields",
    ),
    Profile(
        name="siliconflow",
        models=(
            "Kwai-Kolors/Kolors",
            "Qwen/Qwen-Image",
            "Qwen/Qwen-Image-Edit-2509",
            "Qwen/Qwen-Image-Edit",
        ),
        size="image_size",
        count="batch_size",
        most=4,
        inline=False,
        items="images",
        errors="siliconflow",
        pictures="fields",
        kept_s=3600,
        request_header="x-siliconcloud-trace-id",
        currency="CNY",
    ),
    Profile(
        name="zhipu",
        base="/api/paas/v4",
        models=("cogview-4", "cogview-4-250304", "cogview-3-flash", "glm-image"),
        clamps=True,
        inline=False,
        errors="zhipu",
        kept_s=30 * 86_400,
        prices_micro={
            "cogview-4": (60_000,),
            "cogview-4-250304": (60_000,),
            "cogview-3-flash": (0,),
            "glm-image": (100_000,),
        },
        currency="CNY",
    ),
    Profile(
        name="localai",
        needs_key=False,
        most=100,
        inline=False,
        formats=_EITHER,
        pictures="list",
    ),
    Profile(
        name="vllm_omni",
        edits=_EDITS,
        needs_key=False,
        most=10,
        formats={"b64_json": True},
        errors="detail",
        pictures="form",
    ),
    Profile(
        name="sglang",
        edits=_EDITS,
        needs_key=False,
        most=10,
        clamps=True,
        inline=False,
        formats={"b64_json": True},
        errors="detail",
        pictures="form",
    ),
    Profile(
        name="sdcpp",
        edits=_EDITS,
        needs_key=False,
        most=100,
        errors="text",
        pictures="form",
        reads=("PNG", "JPEG"),
    ),
)
PROFILES: Final[Mapping[str, Profile]] = MappingProxyType({profile.name: profile for profile in _ALL})
