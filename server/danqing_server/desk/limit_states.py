"""How limits on money stand: what is left of one, and that most of it is gone."""

from __future__ import annotations

from datetime import datetime

import attrs

from danqing_server.errors import BudgetExceeded, Overloaded
from danqing_server.windows import Span

__all__ = ["WARN_AT_PERCENT", "BudgetWarning", "LimitState", "Shortage"]

WARN_AT_PERCENT = 80


@attrs.frozen(kw_only=True)
class BudgetWarning:
    """A limit of which four fifths are committed; `key` None: it is the project's.

    `id` is that of the limit's window: it is told once, or again under the same id.
    """

    id: str
    project: str | None
    key: str | None
    window: str
    currency: str
    limit_micro: int
    committed_micro: int
    at: datetime


@attrs.frozen(kw_only=True)
class LimitState:
    """A limit on money, and what is used of it. `key` None: it is the project's."""

    key: str | None
    span: Span
    currency: str
    limit_micro: int
    spent_micro: int
    reserved_micro: int
    resets_at: datetime

    @property
    def remaining_micro(self) -> int:
        """What is left, 0 at the least."""
        return max(0, self.limit_micro - self.spent_micro - self.reserved_micro)

    @property
    def is_near(self) -> bool:
        """Whether four fifths are used or set aside."""
        return (self.spent_micro + self.reserved_micro) * 100 >= self.limit_micro * WARN_AT_PERCENT


@attrs.frozen(kw_only=True)
class Shortage:
    """A limit that leaves no room: how it would be refused, and of one on money how it stands."""

    error: BudgetExceeded | Overloaded
    state: LimitState | None
