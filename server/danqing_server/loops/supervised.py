"""Loops that run as long as the process: started again when they die, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import attrs

from danqing_server.errors import ServiceUnavailable
from danqing_server.log import get_logger
from danqing_server.loops.cancellation import is_cancelled

__all__ = ["Supervised", "every", "once"]

RESTART_AFTER_S = 1.0
CANCEL_AGAIN_S = 1.0

log = get_logger(__name__)


@attrs.define(eq=False)
class Supervised:
    """A loop that is started again when it dies; `deaths` counts how often that was."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]
    restart_after_s: float = RESTART_AFTER_S
    deaths: int = attrs.field(default=0, init=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    @property
    def alive(self) -> bool:
        """Whether the loop is being kept running."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin to run the loop."""
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    async def stop(self) -> None:
        """Cancel the loop and wait for it.

        Asked for again until it obeys: a client library that is cancelled at the very moment its own timeout
        strikes may take the one for the other.
        """
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CANCEL_AGAIN_S)

    async def _keep_running(self) -> None:
        while True:
            try:
                await self.run()
            except ServiceUnavailable as error:
                log.warning("loop_paused", loop=self.name, reason=str(error))
            except (Exception, asyncio.CancelledError):  # a loop that died unheard would be a silent worker
                if is_cancelled():
                    raise
                self.deaths += 1
                log.exception("loop_died", loop=self.name)
            await asyncio.sleep(self.restart_after_s)


def once(step: Callable[[], Awaitable[object]]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a loop that does *step*, again where that fails, and nothing after that."""

    async def loop() -> None:
        await step()
        await asyncio.Event().wait()

    return loop


def every(pause_s: float, step: Callable[[], Awaitable[object]]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a loop that does *step* after each *pause_s* seconds."""

    async def loop() -> None:
        while True:
            await asyncio.sleep(pause_s)
            await step()

    return loop
