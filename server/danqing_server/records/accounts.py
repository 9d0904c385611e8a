"""What the books hold of money: postings, which are only ever added, each with its lines. All values are frozen.

Money is whole millionths of one currency; amounts of two are never added.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from danqing_plugins.billing import Billed

__all__ = ["COSTS", "LineKind", "Posting", "PostingLine"]


class LineKind(StrEnum):
    """What a line says.

    `reserve`: so much was set aside of a limit when a task was accepted; `release`: that is over. `settle`: what
    became of a call, or of the task; `adjust`: it turned out otherwise.
    """

    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"
    ADJUST = "adjust"


COSTS = (LineKind.SETTLE, LineKind.ADJUST)
"""The kinds whose amounts are what was, or may have been, paid."""


@attrs.frozen(kw_only=True)
class PostingLine:
    """One line. `at` is the moment whose day and month it counts to: when its task was accepted, or tried again.

    `amount_micro` and `pictures` are added to what stands there already; `billed` yes is what was paid, unknown
    what may have been. `currency` None: nobody named a price. `estimated`: the service did not say what it cost.
    `call` None: the line is about the task. `status` is how the task ended, for a line that counts it: `tasks` is 1
    then, or -1 when it is not so any more. `hold` names what a `reserve` or `release` is about. `simulated`: nobody
    paid for it, its provider was a simulator; None in lines of releases that did not say.
    """

    kind: LineKind
    at: datetime
    provider: str
    model: str
    billed: Billed = Billed.NO
    currency: str | None = None
    amount_micro: int = 0
    pictures: int = 0
    call: str | None = None
    estimated: bool = False
    status: str | None = None
    tasks: int = 0
    hold: str | None = None
    simulated: bool | None = None


@attrs.frozen(kw_only=True)
class Posting:
    """What one look at a task added to the books, all or nothing; the task's postings are numbered from 0.

    `project` None is the local one. `key` is the id of the key that the task came with, None without.
    """

    task: str
    number: int
    at: datetime
    project: str | None
    key: str | None
    user: str
    lines: tuple[PostingLine, ...]
