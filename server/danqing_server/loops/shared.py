"""What is carried through whether or not anybody still waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import attrs

__all__ = ["CarriedThrough", "outcome_of"]

Found = TypeVar("Found")


@attrs.define(eq=False)
class CarriedThrough:
    """What is under way beside all else, until it is over."""

    _running: set[asyncio.Task[Any]] = attrs.field(factory=set, init=False)

    def begin(self, steps: Coroutine[Any, Any, Found]) -> asyncio.Task[Found]:
        """Carry *steps* through, whatever becomes of the caller."""
        running = asyncio.create_task(steps)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return running

    async def drain(self) -> None:
        """Wait for all of it."""
        while self._running:
            await asyncio.wait(self._running)


async def outcome_of(begun: asyncio.Future[Found]) -> Found:
    """Return what *begun* returns, or raise what it raises. Who is cancelled while waiting leaves it as it is.

    `asyncio.shield` would do, but since Python 3.14 it has the event loop report as an error what fails once its
    client hung up. Source: `Lib/asyncio/tasks.py` of 3.14.8, read 2026-11-30.
    """
    if not begun.done():
        await asyncio.wait({begun})
    return begun.result()
