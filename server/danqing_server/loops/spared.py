"""What is asked at most so often, however often somebody wants to know."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import attrs

from danqing_server.clock import Clock
from danqing_server.errors import DanqingError

__all__ = ["Spared"]


@attrs.define(eq=False)
class Spared:
    """Asks again only `for_s` after the last answer; until then that holds, also where it was an error.

    Who is cancelled while asking had no answer, and the next one asks. Raises what `ask` does.
    """

    ask: Callable[[], Awaitable[None]]
    clock: Clock
    for_s: float
    _until_s: float = attrs.field(default=-math.inf, init=False)
    _error: DanqingError | None = attrs.field(default=None, init=False)

    async def __call__(self) -> None:
        """Return when all is well."""
        if self.clock.monotonic_s() >= self._until_s:
            self._error = await self._asked()
            self._until_s = self.clock.monotonic_s() + self.for_s
        if self._error is not None:
            raise self._error.with_traceback(None)  # else each one that is told makes it longer

    async def _asked(self) -> DanqingError | None:
        try:
            await self.ask()
        except DanqingError as error:
            return error
        return None
