"""The bound on request bodies that one process holds at once."""

from __future__ import annotations

import attrs

from danqing_plugins import Message
from danqing_server.errors import Overloaded

__all__ = ["BodyBudget", "Holding"]

RETRY_AFTER_S = 1

TOO_MANY_BODIES = Message(
    key="too_many_bodies",
    en="too many request bodies are being read; try again in a moment",
    zh="正在接收的请求体过多，请稍后重试",
)


@attrs.define(eq=False)
class BodyBudget:
    """How many bytes of bodies are held, of `limit_bytes` at most."""

    limit_bytes: int
    held_bytes: int = 0

    def holding(self, size_bytes: int) -> Holding:
        """Hold *size_bytes*, and more as it arrives, until released. Raises Overloaded when there is no room."""
        holding = Holding(self)
        holding.add(size_bytes)
        return holding


@attrs.define(eq=False)
class Holding:
    """What one request holds of the budget."""

    _budget: BodyBudget
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Hold more. Raises Overloaded when there is no room; what is held stays."""
        if self._budget.held_bytes + size_bytes > self._budget.limit_bytes:
            raise Overloaded(TOO_MANY_BODIES(), retry_after_s=RETRY_AFTER_S, server_wide=True)
        self._budget.held_bytes += size_bytes
        self.size_bytes += size_bytes

    def release(self) -> None:
        """Give it all back; a second time changes nothing."""
        self._budget.held_bytes -= self.size_bytes
        self.size_bytes = 0
