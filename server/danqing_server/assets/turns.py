"""Places for work that clients cause, as much of it as they like: callers take turns at them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

__all__ = ["Turns"]


@attrs.define(eq=False)
class Turns:
    """So many `places` at once. Those that are left go round among the callers who wait, one to each."""

    places: int
    _lines: dict[str, deque[asyncio.Future[None]]] = attrs.field(factory=dict, init=False)
    """Of each caller what waits, the oldest first; the callers in the order of their turns."""

    def waiting(self, caller: str) -> int:
        """Return how many of *caller* wait."""
        return len(self._lines.get(caller, ()))

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Hold a place, waiting for it."""
        await self._take(caller)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, caller: str) -> None:
        if self.places > 0:
            self.places -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(caller, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given a place in this very moment
                self._give_back()
            raise

    def _give_back(self) -> None:
        while self._lines:
            caller = next(iter(self._lines))
            line = self._lines.pop(caller)
            turn = line.popleft()
            if line:
                self._lines[caller] = line  # behind all others
            if not turn.done():  # else whoever waited has left
                turn.set_result(None)
                return
        self.places += 1
