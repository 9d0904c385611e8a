"""Batches, as they are kept.

(staged) ── commit ──→ creating ──→ created
                           │           │      cancel: from either
                           └→ cancelling ←┘
                                  │
                                  └──→ cancelled
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

__all__ = ["Batch", "BatchStatus", "LineProblem", "Mode"]


class Mode(StrEnum):
    """What becomes of a batch of which some lines are wrong."""

    ALL_OR_NOTHING = "all_or_nothing"
    ACCEPT_VALID = "accept_valid"


class BatchStatus(StrEnum):
    """How far a batch is: whether its lines are tasks yet. How far these are is theirs to say."""

    CREATING = "creating"
    CREATED = "created"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class LineProblem:
    """One thing wrong with a field of a line; `value` as it may be shown."""

    line: int
    field: str
    message: str
    code: str | None = None
    value: object = None
    custom_id: str | None = None


@attrs.frozen(kw_only=True)
class Batch:
    """A batch that was taken in. `lines` were sent, `accepted` of them are or will be tasks: `made` so far.

    `made_to` is the last line that is dealt with. `problems` tell of `rejected` lines, of the first thousand or so.
    `token` names its staged lines, `fingerprint` is a hash of the request that made it.
    """

    id: str
    token: str
    fingerprint: str
    mode: Mode
    status: BatchStatus
    created_at: datetime
    updated_at: datetime
    lines: int
    accepted: int
    rejected: int
    owner: str | None = None
    made: int = 0
    made_to: int = 0
    problems: tuple[LineProblem, ...] = ()
