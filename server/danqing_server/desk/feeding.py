"""Makes tasks of what batches were taken in with, a slice of each in turn, as fast as their lanes have room.

Whatever dies in the middle, the next process goes on: a slice that is inserted again changes nothing, since ids
depend on batch and line alone. No batch waits for another's lane, and none takes more than half of a lane: single
submissions find room beside it, and the queue gives its turns by owner and user as it does to all.

Who took a batch in, and heard that it is valid, begins at once. Others wait for a moment: its client may be told
that it will not run, though it is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import attrs

from danqing_server.access.caller import Caller
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.desk.control import Control
from danqing_server.desk.limits import QueueLimits
from danqing_server.errors import Conflict, DanqingError, NotFound, QueueUnavailable
from danqing_server.ids import new_token
from danqing_server.life.moves import Created
from danqing_server.life.register import Register
from danqing_server.life.telling import entry_of
from danqing_server.log import get_logger
from danqing_server.loops.steps import step
from danqing_server.queue.lanes import Queue
from danqing_server.queue.owed import OwedVoids
from danqing_server.records.batches import Batch, BatchStatus
from danqing_server.records.tasks import Task
from danqing_server.store.batches import BatchStore
from danqing_server.store.task_documents import encode
from danqing_server.store.tasks import TaskStore

__all__ = ["Feeder"]

SLICE = 200
CANCELLED_AT_ONCE = 50
LOOK_EVERY_S = 15.0
PAUSE_S = 0.5
HELD_S = 20.0
SWEEP_EVERY_S = 600.0
ABANDONED_AFTER = timedelta(hours=1)
HEARD_WITHIN = timedelta(seconds=5)
"""How long who takes a batch in may not know whether it is valid; should it say no, it has noted that by then."""

log = get_logger(__name__)


@attrs.define(eq=False)
class Feeder:
    """One per process; each open batch is held by one of them at a time."""

    store: BatchStore
    tasks: TaskStore
    queue: Queue
    register: Register
    control: Control
    limits: QueueLimits
    assets: Assets
    clock: Clock
    heard_within: timedelta = HEARD_WITHIN
    name: str = attrs.field(factory=new_token)
    _owed: OwedVoids = attrs.field(init=False)
    _awake: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _own: set[str] = attrs.field(factory=set, init=False)
    _swept_at_s: float = attrs.field(default=float("-inf"), init=False)

    def __attrs_post_init__(self) -> None:
        self._owed = OwedVoids(self.queue.connection)

    def wake(self) -> None:
        """Look at once: there is something to be done."""
        self._awake.set()

    def begin(self, batch_id: str) -> None:
        """Go on at once with a batch that this process knows to be valid."""
        self._own.add(batch_id)
        self.wake()

    async def run(self) -> None:
        """Go on with every open batch, for ever."""
        while True:
            self._awake.clear()
            open_, progressed = await self.round()
            if not progressed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_S if open_ else LOOK_EVERY_S):
                        await self._awake.wait()

    async def round(self) -> tuple[bool, bool]:
        """Do one slice of each open batch; return whether any is open, and whether anything was done."""
        await self._sweep_now_and_then()
        own = self._own.copy()
        open_, progressed = await self.store.open_since(), False
        self._own -= own.difference(open_)
        before = self.clock.now() - self.heard_within
        for batch_id, made_at in open_.items():
            if made_at > before and batch_id not in own:
                continue
            try:
                progressed |= await self.go_on(batch_id)
            except DanqingError as error:  # no batch waits for another's trouble
                log.warning("batch_paused", batch_id=batch_id, reason=type(error).__name__)
        return bool(open_), progressed

    async def go_on(self, batch_id: str) -> bool:
        """Do one slice of an open batch; False when nothing was done, which another process may be about to."""
        since_s = self.clock.monotonic_s()
        batch = await self.store.hold(batch_id, self.name, self.clock.now())
        if batch is None:
            return False
        if batch.status is BatchStatus.CANCELLING:
            return await self._cancel(batch)
        if batch_id not in self._own and not batch.made and await self._is_not_to_run(batch):
            return await self._void(batch)
        return await self._feed(batch, since_s)

    async def _is_not_to_run(self, batch: Batch) -> bool:
        """Tell whether its client was told so, by a process that may be dead. Raises QueueUnavailable."""
        return batch.token in (await self._owed.among([batch.id])).get(batch.id, ())

    async def _void(self, batch: Batch) -> bool:
        cancelled = await self.store.cancel(batch.id, self.clock.now())
        log.warning("batch_not_acknowledged", batch_id=batch.id)
        await self._owed.settle([(batch.id, batch.token)])
        return cancelled

    async def _feed(self, batch: Batch, since_s: float) -> bool:
        """Make tasks of the next lines; False when their lanes have no room."""
        staged = await self.store.staged_after(batch, SLICE)
        if not staged:
            done = await self.store.finish(batch, BatchStatus.CREATED, self.clock.now())
            log.info("batch_created", batch_id=batch.id, made=batch.made, accepted=batch.accepted)
            return done
        fitting = staged[: await self._room_for(staged)]
        if not fitting or self.clock.monotonic_s() - since_s > HELD_S:
            return False
        gone = await self.store.buried_among([task.id for task in fitting])
        now = self.clock.now()  # what was staged long ago happens now, for who follows and for who comes again
        await self._make([task.changed(updated_at=now) for task in fitting if task.id not in gone])
        last = fitting[-1].batch
        made_to = last.line if last is not None else batch.made_to
        return await self.store.mark(batch, made_to, batch.made + len(fitting), self.clock.now())

    async def _room_for(self, tasks: Sequence[Task]) -> int:
        """Return how many of *tasks*, the first of them, may wait now."""
        rooms: dict[tuple[str | None, ...], int] = {}
        for number, task in enumerate(tasks):
            for bound in ((task.lane,), (task.lane, task.owner, task.user_id)):
                if bound not in rooms:
                    rooms[bound] = await self._room_in(task, whole_lane=len(bound) == 1)
                rooms[bound] -= 1
                if rooms[bound] < 0:
                    return number
        return len(tasks)

    async def _room_in(self, task: Task, *, whole_lane: bool) -> int:
        if whole_lane:
            depth = await self.queue.depth(task.lane)
            return self.limits.most_in_lane // 2 - depth.queued - depth.due_soon
        return self.limits.most_of_user - await self.queue.waiting_of(task.lane, task.owner, task.user_id)

    @step("batch.make")
    async def _make(self, tasks: Sequence[Task]) -> None:
        """Store and queue *tasks*; those that are there already, by an earlier try, are left as they are."""
        if not tasks:
            return
        outlet = self.register.outlet
        outcomes = await self.tasks.insert_many([encode(task, outlet.marks(Created(task=task))) for task in tasks])
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        new = [task for task, outcome in zip(tasks, outcomes, strict=True) if outcome is True]
        if new:
            with suppress(QueueUnavailable):  # the janitor's sweep queues whatever waits and is not queued
                pushed = await self.queue.push_many([entry_of(task) for task in new])
                for task in new:
                    self.limits.note(task.lane, task.owner, task.user_id, pushed.waiting[task.id])
        if outlet.is_watched:
            for task in new:
                outlet.tell(Created(task=task))

    async def _cancel(self, batch: Batch) -> bool:
        """Cancel some of the tasks that are not finished; False when none of them would be."""
        ids = await self.store.unfinished_of(batch.id, CANCELLED_AT_ONCE)
        if not ids:
            return await self.store.finish(batch, BatchStatus.CANCELLED, self.clock.now())
        return any(await asyncio.gather(*map(self._cancel_task, ids)))

    async def _cancel_task(self, task_id: str) -> bool:
        try:
            await self.control.cancel(task_id, Caller.local())
        except (Conflict, NotFound):  # it finished, or was deleted, meanwhile
            return False
        return True

    async def _sweep_now_and_then(self) -> None:
        """Remove what was staged by requests that came to nothing."""
        now_s = self.clock.monotonic_s()
        if now_s - self._swept_at_s < SWEEP_EVERY_S:
            return
        self._swept_at_s = now_s
        await self.sweep(ABANDONED_AFTER)

    async def sweep(self, older_than: timedelta) -> None:
        """Remove what was staged that long ago and became no batch, with its reference pictures.

        With these alone, by name: the same batch may be on its way again, and its lines have the ids that they had.
        """
        while (found := await self.store.abandoned(self.clock.now() - older_than)) is not None:
            token, missing = found
            if missing is not None:
                for key in await self.store.staged_pictures(token):
                    await self.assets.delete(key)
            await self.store.discard(token)
            log.info("batch_lines_removed", batch_id=missing)
