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
    """How many bytes of bodies have arrived and are held: of `limit_bytes` at most, and per caller of fewer.

    What is announced does not count: who sends nothing takes nothing from anybody.
    """

    limit_bytes: int
    limit_per_caller_bytes: int
    held_bytes: int = 0
    _callers: dict[str, int] = attrs.field(factory=dict, init=False)

    def holding(self, caller: str) -> Holding:
        """Begin to hold what *caller* sends, until released."""
        return Holding(self, caller)

    def take(self, caller: str, size_bytes: int) -> None:
        """Hold more. Raises Overloaded when there is no room; what is held stays."""
        own = self._callers.get(caller, 0) + size_bytes
        if self.held_bytes + size_bytes > self.limit_bytes or own > self.limit_per_caller_bytes:
            raise Overloaded(TOO_MANY_BODIES(), retry_after_s=RETRY_AFTER_S, server_wide=True)
        self._callers[caller] = own
        self.held_bytes += size_bytes

    def give_back(self, caller: str, size_bytes: int) -> None:
        """Hold that much less."""
        self.held_bytes -= size_bytes
        left = self._callers.get(caller, 0) - size_bytes
        if left > 0:
            self._callers[caller] = left
        else:
            self._callers.pop(caller, None)


@attrs.define(eq=False)
class Holding:
    """What one request holds of the budget."""

    _budget: BodyBudget
    _caller: str
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Hold more. Raises Overloaded when there is no room; what is held stays."""
        self._budget.take(self._caller, size_bytes)
        self.size_bytes += size_bytes

    def drop(self, size_bytes: int) -> None:
        """Hold that much less."""
        self._budget.give_back(self._caller, size_bytes)
        self.size_bytes -= size_bytes

    def release(self) -> None:
        """Give it all back; a second time changes nothing."""
        self._budget.give_back(self._caller, self.size_bytes)
        self.size_bytes = 0
