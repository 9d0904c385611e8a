"""Voids that follow: clients were told that something will not run while MongoDB did not answer.

Until MongoDB has taken one, a note in Redis says so to whoever is there when this process is not; while neither can
be told, the client waits for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from danqing_server.clock import Clock
from danqing_server.errors import StoreUnavailable

__all__ = ["until_known", "when_possible"]

TRIES = 7200
PAUSE_S = 0.5
UNSETTLED_S = 10.0
"""How long who cannot be told for certain whether something will run waits for MongoDB or Redis to be reached."""
NOTE_AGAIN_S = 0.5

T = TypeVar("T")


async def when_possible(void: Callable[[], Awaitable[T]]) -> T | None:
    """Return what *void* does as soon as MongoDB answers; None when it has not for an hour."""
    for _ in range(TRIES):
        try:
            return await void()
        except StoreUnavailable:
            await asyncio.sleep(PAUSE_S)
    return None


async def until_known(voiding: asyncio.Task[Any], note: Callable[[], Awaitable[bool]], clock: Clock) -> None:
    """Wait until *note* is taken, or *voiding* is done, for a moment."""
    until_s = clock.monotonic_s() + UNSETTLED_S
    while not voiding.done() and clock.monotonic_s() < until_s and not await note():
        await asyncio.wait({voiding}, timeout=NOTE_AGAIN_S)
