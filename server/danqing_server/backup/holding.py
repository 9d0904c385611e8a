"""Ends what was open in a backup, where it may have been paid for since: `life.held` says what becomes of which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from danqing_plugins import TaskEventKind
from danqing_server.clock import Clock
from danqing_server.errors import BatchUnreadable, Unreadable
from danqing_server.life.held import Fate, fate_of, fetching, held, held_error
from danqing_server.loops.steps import step
from danqing_server.records.batches import Batch, BatchStatus
from danqing_server.records.tasks import Status, Task
from danqing_server.store.batches import BatchStore
from danqing_server.store.changes import NO_MARKS, mark, marks_as_sets
from danqing_server.store.reach import Reach
from danqing_server.store.restoring import RestoreStore
from danqing_server.store.task_documents import encode
from danqing_server.store.tasks import TaskStore

__all__ = ["Holder"]

SLICE = 200
MARGIN = timedelta(seconds=60)
_TOLD_AS: Mapping[Status, TaskEventKind] = {
    Status.COMPLETED: TaskEventKind.COMPLETED,
    Status.FAILED: TaskEventKind.FAILED,
    Status.CANCELLED: TaskEventKind.CANCELLED,
}


@attrs.define(eq=False)
class Holder:
    """Goes over a database whose documents are all back. Every method may be repeated; raises StoreUnavailable.

    *tells*: somebody may be listening to tasks that have no webhook of their own and came without a key.
    """

    store: RestoreStore
    tasks: TaskStore
    batches: BatchStore
    clock: Clock
    timeout_s: float
    tells: bool

    @step("restore.hold")
    async def hold(self) -> Counter[Fate]:
        """End what is open, and return how many tasks became what."""
        for batch_id in await self.batches.open_since():
            await self._unfold(batch_id)
        fates: Counter[Fate] = Counter()
        async for found in self.store.open_tasks():
            fates[await self._end(found)] += 1
        return fates

    async def tell_again(self, since: datetime) -> None:
        """Have what ended at *since* or later be told again, under the ids that it had.

        The books and the deliveries were read after the tasks: they may hold less than the tasks say.
        """
        async for task in self.store.ended_since(since - MARGIN):
            if self._is_heard(task):
                told = mark(_TOLD_AS[task.status], task.updated_at, task.error.code if task.error else None)
                await self.store.mark_untold({task.id: marks_as_sets({task.transition_id: told})})

    async def _unfold(self, batch_id: str) -> None:
        """Make tasks of the lines that a batch still had: whether they became tasks since is not known either."""
        try:
            batch = await self.batches.find(batch_id, Reach.everybody())
        except BatchUnreadable:
            return
        if batch is None or batch.status is not BatchStatus.CREATING:
            return  # one that is being cancelled makes nothing any more
        while staged := await self.batches.staged_after(batch, SLICE):
            gone = await self.batches.buried_among([task.id for task in staged])
            made = [encode(task) for task in staged if task.id not in gone]
            outcomes = await self.tasks.insert_many(made) if made else []
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome
            batch = await self._note(batch, staged)
        await self.batches.finish(batch, BatchStatus.CREATED, self.clock.now())

    async def _note(self, batch: Batch, made: Sequence[Task]) -> Batch:
        last = made[-1].batch
        made_to = batch.made_to if last is None else last.line
        await self.batches.mark(batch, made_to, batch.made + len(made), self.clock.now())
        return attrs.evolve(batch, made_to=made_to, made=batch.made + len(made))

    async def _end(self, found: Task | Unreadable) -> Fate:
        now = self.clock.now()
        if isinstance(found, Unreadable):
            await self.tasks.end_unreadable(found.task_id, now, held_error())
            return Fate.HELD
        fate = fate_of(found, now)
        if fate is Fate.FETCHES:
            await self.tasks.apply(fetching(found, now, self.timeout_s))
        elif fate is Fate.HELD:
            move = held(found, now)
            told = (
                {move.transition_id: mark(move.kind, now, move.error_code)} if self._is_heard(found) else NO_MARKS
            )
            await self.tasks.apply(move.change(told))
        return fate

    def _is_heard(self, task: Task) -> bool:
        return self.tells or task.owner is not None or task.webhook is not None
