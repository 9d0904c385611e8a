"""Which lanes there are. A lane is what shares limits: a provider's models, or those that name a lane's word.

A lane is called `provider`, or `provider:word`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from danqing_plugins import Limits, ProviderInfo

__all__ = ["check_lanes", "lane_name", "lane_word_of", "lanes_of"]

_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")


def lane_name(provider: str, word: str | None) -> str:
    """Return what a lane is called; *word* None: the provider's own."""
    return provider if word is None else f"{provider}:{word}"


def lanes_of(info: ProviderInfo) -> Mapping[str, Limits]:
    """Return the lanes of a provider with their limits, its own first."""
    own = Limits(
        concurrency=info.concurrency,
        outputs_per_minute=info.images_per_minute,
        calls_per_minute=info.calls_per_minute,
    )
    return {info.name: own, **{lane_name(info.name, word): limits for word, limits in info.lanes.items()}}


def lane_word_of(info: ProviderInfo, model: str) -> str | None:
    """Return the word of the lane that tasks of *model*, an id, go through; None for the provider's own."""
    if not info.lanes:
        return None
    return next((each.lane for each in info.models if each.id == model), None)


def check_lanes(info: ProviderInfo) -> None:
    """Raise ValueError when a lane has no word that can name one, or a model names a lane that is not there."""
    for word in info.lanes:
        if not _WORD.fullmatch(word):
            raise ValueError(f"provider {info.name!r}: lane {word!r}: lower-case letters, digits and _, at most 32")
    for model in info.models:
        if model.lane is not None and model.lane not in info.lanes:
            known = ", ".join(info.lanes) or "none"
            raise ValueError(
                f"provider {info.name!r}: model {model.id!r} names lane {model.lane!r}; known: {known}"
            )
