"""Group commit: concurrent calls of one process are gathered into one command each waits for.

There is no timer. While two batches are under way the next one gathers, so an idle system answers in one round
trip and a busy one fills its batches. Two batches of at most 256 worked best on two cores.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import attrs

__all__ = ["Batcher"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")

LARGEST_BATCH = 256
IN_FLIGHT = 2


@attrs.define(eq=False)
class Batcher(Generic[Item, Answer]):
    """Gather items for *flush*, which is given a list and returns one answer or exception per item, in order.

    An exception that *flush* raises reaches every caller of that batch. Cancelling a caller does not stop the
    batch: its write may still land.
    """

    flush: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]]
    largest: int = LARGEST_BATCH
    in_flight: int = IN_FLIGHT
    _gathered: deque[tuple[Item, asyncio.Future[Answer]]] = attrs.field(factory=deque, init=False)
    _runners: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _active: int = attrs.field(default=0, init=False)

    async def submit(self, item: Item) -> Answer:
        """Add *item* to the next batch and return its answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._gathered.append((item, future))
        if self._active < self.in_flight:
            self._active += 1
            runner = asyncio.create_task(self._run())
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)
        return await future

    async def drain(self) -> None:
        """Wait until everything submitted so far is answered."""
        while self._runners:
            await asyncio.wait(self._runners)

    async def _run(self) -> None:
        try:
            while self._gathered:
                count = min(self.largest, len(self._gathered))
                batch = [self._gathered.popleft() for _ in range(count)]
                await self._answer(batch)
        finally:
            # At once, not in a callback: what is submitted before a callback ran would wait for ever.
            self._active -= 1

    async def _answer(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self.flush([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 — handed to every caller, which raises it
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
