"""The bound on request bodies that one process holds at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from danqing_server.errors import Overloaded

__all__ = ["BodyBudget", "Holding"]

RETRY_AFTER_S = 1


@attrs.define(eq=False)
class BodyBudget:
    """How many bytes of bodies are held, of `limit_bytes` at most."""

    limit_bytes: int
    held_bytes: int = 0

    @contextmanager
    def holding(self, size_bytes: int) -> Iterator[Holding]:
        """Hold *size_bytes* while the block lasts; more can be added as more arrives.

        Raises:
            Overloaded: there is no room.
        """
        holding = Holding(self)
        try:
            holding.add(size_bytes)
            yield holding
        finally:
            self.held_bytes -= holding.size_bytes


@attrs.define(eq=False)
class Holding:
    """What one request holds of the budget."""

    _budget: BodyBudget
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Hold more. Raises Overloaded when there is no room."""
        if self._budget.held_bytes + size_bytes > self._budget.limit_bytes:
            raise Overloaded(
                "too many request bodies are being read", retry_after_s=RETRY_AFTER_S, server_wide=True
            )
        self._budget.held_bytes += size_bytes
        self.size_bytes += size_bytes
