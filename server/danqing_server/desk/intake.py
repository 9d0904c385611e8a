"""New tasks go in together: those of one moment are stored in one write and queued in one push.

While a batch is queued the next one is stored, so that MongoDB does not wait for Redis.

A task whose insert was not acknowledged, or that could not be queued, is voided: it will not run. Until MongoDB has
taken that, Redis knows it too, for whoever is there when this process is not; while neither can be told, its client
waits for a moment. One that waited too long for its batch, because MongoDB hangs, is refused before it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import attrs

from danqing_plugins import Message
from danqing_server.clock import Clock
from danqing_server.desk.limits import QueueLimits
from danqing_server.desk.voids import until_known, when_possible
from danqing_server.errors import Conflict, InvalidSubmission, QueueUnavailable, StoreUnavailable
from danqing_server.ids import new_token
from danqing_server.life.cancelled import Voided
from danqing_server.life.moves import Created, claimed
from danqing_server.life.register import Register
from danqing_server.life.telling import entry_of
from danqing_server.life.unconfirmed import unconfirmed
from danqing_server.log import get_logger
from danqing_server.loops.batching import Batcher
from danqing_server.loops.shared import CarriedThrough
from danqing_server.loops.steps import step
from danqing_server.queue.entries import Entry, Pushed
from danqing_server.queue.lanes import Queue
from danqing_server.queue.owed import OwedVoids
from danqing_server.records.tasks import Status, Task
from danqing_server.store.task_documents import Document, encode
from danqing_server.store.tasks import TaskStore

__all__ = ["Intake", "LocalWorkers"]

EXISTS = Message(key="task_exists", en="the task exists already", zh="任务已存在")
PATIENCE_S = 2.0
"""How long a task may wait for a batch; under load it is milliseconds, only a hanging MongoDB makes it longer."""
REJOIN_S = 0.002
"""How long the batch after one of several gathers at least: until that is queued, and whom it answered sends again.

Else a crowd that sends again once it is answered stays in halves, each of which comes while the other is stored.
"""

_BEGUN = frozenset({Status.PROCESSING, Status.COMPLETED, Status.FAILED})

log = get_logger(__name__)


class LocalWorkers(Protocol):
    """What carries tasks out in this process."""

    async def push(self, entries: Sequence[Entry]) -> Pushed | None:
        """Queue new tasks and begin them, if there is nothing to wait for; None: they are still to be queued.

        Raises QueueUnavailable.
        """


@attrs.frozen(eq=False)
class _New:
    """A task, the document it is stored as, and since when it waits."""

    task: Task
    document: Document
    since_s: float


class _Unsettled(Exception):
    """Of a task it is not known to whoever sweeps that it will not run; *why* it is refused, and its *voiding*."""

    def __init__(self, why: Exception, voiding: asyncio.Task[bool | None]) -> None:
        super().__init__(str(why))
        self.why, self.voiding = why, voiding


@attrs.define(eq=False)
class Intake:
    """Stores and queues new tasks. What is begun is carried through, whether or not its caller still waits.

    `workers` is None where none are: another process will carry the tasks out.
    """

    store: TaskStore
    queue: Queue
    register: Register
    clock: Clock
    limits: QueueLimits
    workers: LocalWorkers | None = None
    _owed: OwedVoids = attrs.field(init=False)
    _batches: Batcher[_New, None] = attrs.field(init=False)
    _voids: CarriedThrough = attrs.field(factory=CarriedThrough, init=False)

    def __attrs_post_init__(self) -> None:
        self._owed = OwedVoids(self.queue.connection)
        self._batches = Batcher(self._take_batch, gather_s=REJOIN_S)

    async def take(self, task: Task) -> None:
        """Store and queue *task*.

        Raises:
            InvalidSubmission: it cannot be stored; nothing was kept.
            Conflict: its id is taken.
            StoreUnavailable: it is not known to be safe; should it have been stored, it is voided.
            QueueUnavailable: it could not be queued, and was voided.
        """
        document = encode(task, self.register.outlet.marks(Created(task=task)))
        try:
            await self._batches.submit(_New(task, document, self.clock.monotonic_s()))
        except _Unsettled as unsettled:
            if not await self._runs_all_the_same(task, unsettled.voiding):
                raise unsettled.why from None
            self._tell([task])

    async def promise(self, task: Task) -> bool:
        """Have a stored *task*, which waits, run whatever was said of it before; False when it changed meanwhile.

        Whoever answered 503 for it knows another transition id, and voids it no more. One that was not to run is
        not to run until this is known to be taken: who does not hear of it says 503, too.

        Raises:
            StoreUnavailable, QueueUnavailable: it is not known to be so.
        """
        claim = claimed(task)
        owed = [(task.id, claim.transition_id)] if await self._is_owed(task) and claim.transition_id else []
        await self._owed.note(owed)
        applied = await self.store.apply(claim)
        await self._owed.settle(owed)
        return applied

    async def is_promised(self, task: Task) -> bool:
        """Tell whether *task*, as it is, is not one of which a client was told that it will not run."""
        return await self._is_owed(task) is False

    async def _is_owed(self, task: Task) -> bool | None:
        """Tell whether *task*, as it is, is not to run; None: Redis cannot be asked."""
        try:
            return task.transition_id in (await self._owed.among([task.id])).get(task.id, ())
        except QueueUnavailable:
            return None

    async def drain(self) -> None:
        """Wait for what is being taken in, and for voids still owed."""
        await self._batches.drain()
        await self._voids.drain()

    async def _take_batch(self, batch: Sequence[_New]) -> Coroutine[Any, Any, list[Exception | None]]:
        """Store a batch; what is returned queues it, while the next one is stored."""
        oldest_s = self.clock.monotonic_s() - PATIENCE_S
        timely = [new for new in batch if new.since_s >= oldest_s]
        return self._finish(batch, timely, await self._insert(timely) if timely else ())

    async def _insert(self, batch: Sequence[_New]) -> Sequence[bool | Exception]:
        try:
            return await self.store.insert_many([new.document for new in batch])
        except StoreUnavailable as error:
            return [error] * len(batch)

    async def _finish(
        self, batch: Sequence[_New], timely: Sequence[_New], outcomes: Sequence[bool | Exception]
    ) -> list[Exception | None]:
        """Queue what was stored of *timely*, and say for each of *batch* why it will not run."""
        stored = [new for new, outcome in zip(timely, outcomes, strict=True) if outcome is True]
        if self.workers is not None:
            for new in stored:
                self.store.hold(new.task, new.document)
        is_noted = await self._note_owed(
            [new.task for new, outcome in zip(timely, outcomes, strict=True) if _may_have_landed(outcome)]
        )
        unqueued = await self._queue([new.task for new in stored]) if stored else {}
        answers = {
            new: self._settle(new.task, was, unqueued, is_noted=is_noted)
            for new, was in zip(timely, outcomes, strict=True)
        }
        late = StoreUnavailable("MongoDB is too slow: nothing was stored")
        return [answers.get(new, late) for new in batch]

    def _settle(
        self, task: Task, outcome: bool | Exception, unqueued: dict[str, Exception], *, is_noted: bool
    ) -> Exception | None:
        if isinstance(outcome, Exception):  # it may have landed all the same
            return self._void_later(task, outcome, is_noted=is_noted)
        return unqueued.get(task.id) if outcome else Conflict(EXISTS())

    @step("submit.push")
    async def _queue(self, tasks: Sequence[Task]) -> dict[str, Exception]:
        """Queue stored tasks; return why not for each that will not run."""
        try:
            pushed = await self._push([entry_of(task) for task in tasks])
        except QueueUnavailable as error:
            refused = await asyncio.gather(*(self._void_or_owe(task, error) for task in tasks))
            unqueued = {task.id: why for task, why in zip(tasks, refused, strict=True) if why is not None}
            self._tell([task for task in tasks if task.id not in unqueued])
            return unqueued
        for task in tasks:
            self.limits.note(task.lane, task.owner, task.user_id, pushed.waiting[task.id])
        self._tell(tasks)
        return {}

    def _tell(self, tasks: Sequence[Task]) -> None:
        if self.register.outlet.is_watched:
            for task in tasks:
                self.register.outlet.tell(Created(task=task))

    async def _push(self, entries: Sequence[Entry]) -> Pushed:
        begun = await self.workers.push(entries) if self.workers is not None else None
        return begun or await self.queue.push_many(entries)

    async def _void_or_owe(self, task: Task, why: QueueUnavailable) -> Exception | None:
        """Void a stored task, now or when MongoDB is back; None when it was taken up before and is on its way."""
        try:
            return why if await self._void(task) else None
        except StoreUnavailable:
            return self._void_later(task, why, is_noted=await self._note_owed([task]))

    def _void_later(self, task: Task, why: Exception, *, is_noted: bool) -> Exception:
        """Void a task as soon as MongoDB answers; its client is told *why* at once if that is noted, else soon."""
        voiding = self._voids.begin(self._void_when_possible(task))
        return why if is_noted else _Unsettled(why, voiding)

    async def _runs_all_the_same(self, task: Task, voiding: asyncio.Task[bool | None]) -> bool:
        """Wait until it is noted or done that *task* will not run, for a moment; True when it was begun before."""
        await until_known(voiding, partial(self._note_owed, [task]), self.clock)
        return voiding.done() and voiding.result() is False and await self._has_begun(task)

    async def _has_begun(self, task: Task) -> bool:
        with suppress(StoreUnavailable):
            found = await self.store.look(task.id)
            return isinstance(found, Task) and found.status in _BEGUN
        return False

    async def _note_owed(self, tasks: Sequence[Task]) -> bool:
        """Note, before it is told, that *tasks* will not run: should this process not live to see to it."""
        try:
            await self._owed.note([(task.id, task.transition_id) for task in tasks])
        except QueueUnavailable:
            return False
        return True

    async def _void(self, task: Task) -> bool:
        """Make sure *task*, stored or still to land, will not run; False when it runs, or was claimed since.

        The tombstone takes the id, so that an insert still under way finds it taken.
        """
        now = self.clock.now()
        error = unconfirmed()
        tombstone = task.changed(
            status=Status.CANCELLED,
            transition_id=new_token(),
            waiting=None,
            run_at=None,
            completed_at=now,
            error=error,
            hold=None,
        )
        with suppress(InvalidSubmission):  # a little larger than the task, the tombstone may be too large
            if await self.store.insert(tombstone):
                return True
        return await self.register.carry_out(Voided(task=task, at=now, error=error))

    async def _void_when_possible(self, task: Task) -> bool | None:
        """Do what `_void` does as soon as MongoDB answers; None when it has not for an hour."""
        voided = await when_possible(partial(self._void, task))
        if voided is None:
            log.error("task_not_voided", task_id=task.id)
            return None
        log.warning("task_not_acknowledged", task_id=task.id, voided=voided)
        with suppress(QueueUnavailable):
            await self._owed.settle([(task.id, task.transition_id)])
        return voided


def _may_have_landed(outcome: bool | Exception) -> bool:
    """Say whether an insert may have landed, whatever was said of it."""
    return isinstance(outcome, StoreUnavailable)
