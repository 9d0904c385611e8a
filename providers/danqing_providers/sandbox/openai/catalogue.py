"""OpenAI's image models: what each takes, what it costs, and when it ends.

Sources: openai 3.57.0; openai/openai-openapi f85dbe22; price table of litellm 1.110.2; OpenAI's guide, deprecations
page and recorded answers; read 2026-11-28.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import attrs

__all__ = ["DEFAULT_MODEL", "MODELS", "Model", "Rates", "count_of", "find_model"]

DEFAULT_MODEL: Final = "gpt-image-2"
"""The model of a request that names none. OpenAI's own changed over time: name it."""

PARTIAL_TOKENS: Final = 100
REFERENCE_TOKENS: Final = 1_000
"""What one reference counts; OpenAI's own depends on its size and is not published."""

_FIXED: Final = ("1024x1024", "1024x1536", "1536x1024")
_LARGE: Final = 0.13
"""How much more a picture costs for each megapixel above the first: 1.9 times at 3840x2160."""


@attrs.frozen(kw_only=True)
class Rates:
    """US dollars for a million tokens, which is millionths of a dollar for one."""

    text_in: float = 5.0
    image_in: float = 8.0
    image_out: float = 30.0


@attrs.frozen(kw_only=True)
class Model:
    """One model. `output_tokens` is a picture of 1024x1024 by quality; `ends` None: no end is announced."""

    id: str
    free_sizes: bool = True
    qualities: tuple[str, ...] = ("low", "medium", "high")
    fidelities: tuple[str, ...] = ()
    transparent_edits: bool = True
    complexity: bool = False
    output_tokens: Mapping[str, int] = attrs.field(factory=dict)
    rates: Rates = Rates()
    ends: datetime | None = None

    def lives(self, now_s: float) -> bool:
        """Say whether it is still there at *now_s*, seconds since the epoch."""
        return self.ends is None or now_s < self.ends.timestamp()


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


_NEW: Final = {"low": 200, "medium": 1770, "high": 7030, "xhigh": 14_060, "max": 28_120}
"""`xhigh` and `max` are not published: twice and four times `high`."""

_OLD: Final = {"low": 272, "medium": 1056, "high": 4160}
_TWO: Final = {name: _NEW[name] for name in ("low", "medium", "high")}
_ALL: Final = tuple(_NEW)
_END_OF_ONE: Final = _day(2026, 12, 1)
_END_OF_DALL_E: Final = _day(2026, 5, 12)

_MODELS: Final = (
    Model(id="gpt-image-2", output_tokens=_TWO, transparent_edits=False),
    Model(id="gpt-image-2-2026-04-21", output_tokens=_TWO, transparent_edits=False),
    *(
        Model(id=f"gpt-image-2.5-{name}{date}", output_tokens=_NEW, qualities=_ALL)
        for name in ("sunburst", "flare")
        for date in ("", "-2026-09-08")
    ),
    *(
        Model(id=f"gpt-image-2.6-{name}", output_tokens=_NEW, qualities=_ALL, complexity=True)
        for name in ("sunburst", "flare")
    ),
    Model(
        id="gpt-image-1.5",
        free_sizes=False,
        fidelities=("low", "high"),
        output_tokens=_OLD,
        rates=Rates(image_out=32.0),
        ends=_END_OF_ONE,
    ),
    Model(
        id="chatgpt-image-latest",
        free_sizes=False,
        output_tokens=_OLD,
        rates=Rates(image_out=32.0),
        ends=_END_OF_ONE,
    ),
    Model(
        id="gpt-image-1-mini",
        free_sizes=False,
        fidelities=("low",),
        output_tokens=_OLD,
        rates=Rates(text_in=2.0, image_in=2.5, image_out=8.0),
        ends=_END_OF_ONE,
    ),
    Model(id="gpt-image-1", free_sizes=False, output_tokens=_OLD, ends=_day(2026, 10, 23)),
    Model(id="dall-e-3", free_sizes=False, ends=_END_OF_DALL_E),
    Model(id="dall-e-2", free_sizes=False, ends=_END_OF_DALL_E),
)
MODELS: Final[Mapping[str, Model]] = MappingProxyType({model.id: model for model in _MODELS})


def find_model(name: str) -> Model | None:
    """Return the model called *name*, also one that has ended."""
    return MODELS.get(name)


def count_of(model: Model, quality: str, width: int, height: int) -> int:
    """Return the output tokens of one picture."""
    base = model.output_tokens[quality]
    if not model.free_sizes:
        return base if width == height else base * 3 // 2
    return math.ceil(base * max(0.7, 1 + _LARGE * (width * height / 2**20 - 1)))
