"""Group commit: concurrent calls of one process are gathered into one command each waits for.

While a batch is under way the next one gathers, so an idle system answers in one round trip and a busy one fills
its batches. One at a time, of at most 256, worked best on two cores: two in flight were half as large, and cost a
fifth more processor time for each submission. Only a second step, which asks another server, goes on beside the
next batch.

A busy batcher may also pause between its batches, for a command costs as much processor time as ten of the writes
it carries. Where some milliseconds matter to nobody that is `GATHER_S`: of 10, 20, 30 and 50 ms, 30 was the first
that filled the batches (the steady state was 8 +- 2 % faster than with 10). Where clients wait it is what brings a
crowd together again that fell into halves (`desk.intake`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import attrs

__all__ = ["GATHER_S", "LARGEST_BATCH", "Batcher"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Found = TypeVar("Found")
Answers = Sequence[Answer | Exception]
_Batch = list[tuple[Item, asyncio.Future[Answer]]]

LARGEST_BATCH = 256
ENOUGH = 128
GATHER_S = 0.03


@attrs.define(eq=False)
class Batcher(Generic[Item, Answer]):
    """Gather items for *flush*, which is given a list and returns one answer or exception per item, in order.

    It may also return a coroutine that will return these: a second step, beside which the next batch is flushed.
    Second steps are taken one after another, in the order of their batches.

    An exception that either step raises reaches every caller of that batch. Cancelling a caller does not stop the
    batch: its write may still land. *gather_s* is how long the next batch gathers at least after one of several
    items, unless `ENOUGH` are there by then; an idle batcher never waits.
    """

    flush: Callable[[Sequence[Item]], Awaitable[Answers[Answer] | Coroutine[Any, Any, Answers[Answer]]]]
    largest: int = LARGEST_BATCH
    gather_s: float = 0.0
    _gathered: deque[tuple[Item, asyncio.Future[Answer]]] = attrs.field(factory=deque, init=False)
    _runner: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _second_step: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """Add *item* to the next batch; the future brings its answer. Cancelling it does not take the item out."""
        if self._runner is None or self._runner.done():  # done: cancelled before it began
            self._runner = asyncio.create_task(self._run())
        future: asyncio.Future[Answer] = self._runner.get_loop().create_future()
        self._gathered.append((item, future))
        return future

    async def drain(self) -> None:
        """Wait until everything submitted so far is answered."""
        while busy := {task for task in (self._runner, self._second_step) if task is not None and not task.done()}:
            await asyncio.wait(busy)

    async def _run(self) -> None:
        try:
            while self._gathered:
                count = min(self.largest, len(self._gathered))
                await self._answer([self._gathered.popleft() for _ in range(count)])
                if self.gather_s and count > 1 and len(self._gathered) < ENOUGH:
                    await asyncio.sleep(self.gather_s)
        finally:
            # At once, not in a callback: what is submitted before a callback ran would wait for ever.
            self._runner = None

    async def _answer(self, batch: _Batch[Item, Answer]) -> None:
        answers = await _caught(self.flush([item for item, _ in batch]), len(batch))
        if not isinstance(answers, Coroutine):
            _hand_out(batch, answers)
            return
        if self._second_step is not None:
            await asyncio.wait({self._second_step})
        self._second_step = asyncio.create_task(self._take_second_step(batch, answers))

    async def _take_second_step(
        self, batch: _Batch[Item, Answer], step: Coroutine[Any, Any, Answers[Answer]]
    ) -> None:
        try:
            _hand_out(batch, await _caught(step, len(batch)))
        finally:
            self._second_step = None


async def _caught(step: Awaitable[Found], count: int) -> Found | list[Exception]:
    """Return what *step* returns, or what it raises as the answer of each of *count* callers."""
    try:
        return await step
    except Exception as error:  # noqa: BLE001 — handed to every caller, which raises it
        return [error] * count


def _hand_out(batch: _Batch[Item, Answer], answers: Answers[Answer]) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
