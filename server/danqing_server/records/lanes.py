"""Which lanes there are. A lane is what shares limits: a provider's models, or those that name a lane's word.

A lane is called `provider`, or `provider:word`. What people did with it is kept in MongoDB; see `LaneRecord`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from danqing_plugins import Limits, ProviderInfo

__all__ = [
    "LaneAct",
    "LaneActKind",
    "LaneRecord",
    "Pause",
    "check_lanes",
    "lane_name",
    "lane_word_of",
    "lanes_of",
]

_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")


@attrs.frozen(kw_only=True)
class Pause:
    """A person's wish that nothing of a lane begins: who, with which key, when, why.

    `until` None: until somebody resumes it.
    """

    by: str
    key: str
    at: datetime
    reason: str
    until: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        """Tell whether it still counts."""
        return self.until is None or now < self.until


class LaneActKind(StrEnum):
    """What a person did with a lane."""

    PAUSED = "paused"
    RESUMED = "resumed"
    OPENED = "opened"
    PROBED = "probed"


@attrs.frozen(kw_only=True)
class LaneAct:
    """Something a person did with a lane, kept for a while to be shown; for good it is in the audit log."""

    at: datetime
    kind: LaneActKind
    by: str
    reason: str | None = None
    until: datetime | None = None


@attrs.frozen(kw_only=True)
class LaneRecord:
    """What people said of a lane, the truth of it. `revision` counts their acts; the latest act stands last."""

    id: str
    revision: int
    pause: Pause | None = None
    acts: tuple[LaneAct, ...] = ()

    def pause_at(self, now: datetime) -> Pause | None:
        """Return the pause that counts at *now*, None for none."""
        return self.pause if self.pause is not None and self.pause.lasts(now) else None


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
    for name, limits in lanes_of(info).items():
        if limits.concurrency < 1:
            raise ValueError(
                f"provider {info.name!r}: concurrency of lane {name!r} is {limits.concurrency}, not 1 or more"
            )
    for word in info.lanes:
        if not _WORD.fullmatch(word):
            raise ValueError(f"provider {info.name!r}: lane {word!r}: lower-case letters, digits and _, at most 32")
    for model in info.models:
        if model.lane is not None and model.lane not in info.lanes:
            known = ", ".join(info.lanes) or "none"
            raise ValueError(
                f"provider {info.name!r}: model {model.id!r} names lane {model.lane!r}; known: {known}"
            )
