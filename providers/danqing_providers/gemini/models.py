"""The models, and what each takes.

Sources, read 2026-11-28: ai.google.dev/gemini-api/docs/image-generation, and the price table of litellm 1.110.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_plugins import Price, Text
from danqing_plugins.kit.parameters import Choice, Parameters, Prompt, References, Whole

__all__ = ["MODELS", "MOST_PICTURES", "Model", "parameters_of", "price_of", "takers"]

MIB: Final = 1024 * 1024
MOST_PICTURES: Final = 8
LARGEST_INLINE_BYTES: Final = 20 * MIB
_TEN: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_FOURTEEN: Final = (*_TEN, "1:4", "4:1", "1:8", "8:1")


@attrs.frozen(kw_only=True)
class Model:
    """One model. `sizes` empty: it makes one size. `prices` are USD in millionths by size, "" where there is one.

    What a token costs is in millionths of USD, as many as a million of them cost dollars: `token_micro` one of a
    picture, `word_micro` one of words and thoughts, `read_micro` one of what was asked.
    """

    id: str
    title: str
    ratios: tuple[str, ...]
    references: int
    sizes: tuple[str, ...] = ()
    prices: Mapping[str, int] = attrs.field(factory=dict)
    token_micro: float = 30
    word_micro: float
    read_micro: float
    thinks: bool = False


MODELS: Final = (
    Model(
        id="gemini-2.5-flash-image",
        title="Gemini 2.5 Flash Image",
        ratios=_TEN,
        references=3,
        prices={"": 39_000},
        word_micro=2.5,
        read_micro=0.3,
    ),
    Model(
        id="gemini-3.1-flash-lite-image",
        title="Gemini 3.1 Flash Lite Image",
        ratios=_FOURTEEN,
        references=3,
        sizes=("1K",),
        prices={"1K": 33_600},
        word_micro=1.5,
        read_micro=0.25,
    ),
    Model(
        id="gemini-3.1-flash-image",
        title="Gemini 3.1 Flash Image (Nano Banana 2)",
        ratios=_FOURTEEN,
        references=14,
        sizes=("512", "1K", "2K", "4K"),
        prices={"512": 45_000, "1K": 67_000},
        token_micro=60,
        word_micro=3,
        read_micro=0.5,
    ),
    Model(
        id="gemini-3-pro-image",
        title="Gemini 3 Pro Image (Nano Banana Pro)",
        ratios=_TEN,
        references=14,
        sizes=("1K", "2K", "4K"),
        prices={"1K": 134_000, "2K": 134_000, "4K": 240_000},
        token_micro=120,
        word_micro=12,
        read_micro=2,
    ),
    Model(
        id="gemini-nano-banana-2.1",
        title="Nano Banana 2.1",
        ratios=_FOURTEEN,
        references=10,
        sizes=("1K", "2K", "4K"),
        prices={"1K": 33_600},
        word_micro=7.5,
        read_micro=1.5,
        thinks=True,
    ),
)


def parameters_of(model: Model) -> Parameters:
    """Return what *model* takes, in the order of its form."""
    parts: list[Any] = [
        Prompt(most=20_000),
        References(
            most=model.references,
            formats=("jpeg", "png", "webp", "heic", "heif"),
            most_encoded_bytes=LARGEST_INLINE_BYTES,
        ),
        Choice(
            "aspect_ratio",
            title=Text("Shape", "宽高比"),
            description=Text("Width to height; the model chooses unless named", "图片的宽高比，默认由模型决定"),
            allowed=model.ratios,
            group="main",
        ),
        Whole(
            "n",
            title=Text("Pictures", "张数"),
            description=Text(
                "How many pictures to make, each by a call of its own", "生成的图片数量，每张单独调用"
            ),
            least=1,
            most=MOST_PICTURES,
            default=1,
            group="main",
        ),
    ]
    if model.sizes:
        parts.append(
            Choice(
                "image_size",
                title=Text("Size", "尺寸"),
                description=Text("About so many pixels a side", "图片边长的档位"),
                allowed=model.sizes,
                default="1K",
                group="main",
            )
        )
    if model.thinks:
        parts.append(
            Choice(
                "thinking_level",
                title=Text("Thinking", "思考程度"),
                description=Text(
                    "How long to plan the picture; thinking is charged", "作画前思考的程度，思考也计费"
                ),
                allowed=("minimal", "medium", "high"),
                labels={
                    "minimal": Text("Little", "少"),
                    "medium": Text("Some", "中"),
                    "high": Text("Much", "多"),
                },
                default="medium",
            )
        )
    return Parameters(*parts)


def price_of(model: Model, size: str | None) -> Price | None:
    """Return what a picture of *size* costs; None: not confirmed."""
    amount = model.prices.get((size or "1K") if model.sizes else "")
    return None if amount is None else Price(amount_micro=amount, currency="USD")


def takers() -> dict[str, list[str]]:
    """Return the ids of the models that take each parameter."""
    found: dict[str, list[str]] = {}
    for model in MODELS:
        for name in parameters_of(model).names:
            found.setdefault(name, []).append(model.id)
    return found
