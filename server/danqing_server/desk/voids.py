"""Voids that follow: clients were told that something will not run while MongoDB did not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import attrs

from danqing_server.errors import StoreUnavailable

__all__ = ["Voids", "when_possible"]

TRIES = 7200
PAUSE_S = 0.5

T = TypeVar("T")


@attrs.define(eq=False)
class Voids:
    """What a process still owes, carried out beside all else."""

    _running: set[asyncio.Task[Any]] = attrs.field(factory=set, init=False)

    def begin(self, steps: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Carry *steps* out, whatever becomes of the caller."""
        running = asyncio.create_task(steps)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return running

    async def drain(self) -> None:
        """Wait for all of them."""
        while self._running:
            await asyncio.wait(self._running)


async def when_possible(void: Callable[[], Awaitable[T]]) -> T | None:
    """Return what *void* does as soon as MongoDB answers; None when it has not for an hour."""
    for _ in range(TRIES):
        try:
            return await void()
        except StoreUnavailable:
            await asyncio.sleep(PAUSE_S)
    return None
