"""Closes the gaps: tasks of dead workers, tasks that never reached the queue, a queue that was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import attrs

from danqing_server.errors import StoreUnavailable, Unreadable
from danqing_server.life.decision import ends_at
from danqing_server.life.telling import entry_of
from danqing_server.log import get_logger
from danqing_server.loops.steps import step
from danqing_server.queue.entries import Entry
from danqing_server.records.tasks import NOBODY, WAITING, Status, Task
from danqing_server.store.leases import WorkerBeat, WorkerStore
from danqing_server.store.processes import has_died
from danqing_server.store.waiting import WaitingTask
from danqing_server.worker.takeover import drop_order, end_overdue, take_over, trying
from danqing_server.worker.tools import Tools
from danqing_server.worker.vigil import Vigil
from danqing_server.worker.voiding import void_owed

__all__ = ["DEAD_AFTER_S", "OVERDUE_EVERY_S", "Janitor"]

DEAD_AFTER_S = 20.0
BLIND_AFTER_S = 10.0
"""So long without a renewal of one's own, two beats with their timeouts, and others may not have been able to."""
WATCH_EVERY_S = 2.0
SWEEP_EVERY_S = 1.0
SWEEP_LEASE_S = 10
SWEEP_MIN_AGE_MS = 5000
CALM_AFTER_OUTAGE_S = 5.0
SWEEP_BATCH = 1000
TAKEOVER_BATCH = 200
LATE_LEASE_S = 60
FORGET_EVERY_S = 600.0
HOLDERS_EVERY_S = 10.0
OVERDUE_EVERY_S = 15.0
OVERDUE_GRACE = timedelta(seconds=60)
START = (-1, "")

log = get_logger(__name__)


@attrs.define(eq=False)
class Janitor:
    """One per process; any number may run, since whatever they change they change by compare-and-set."""

    tools: Tools
    workers: WorkerStore
    dead_after_s: float = DEAD_AFTER_S
    blind_after_s: float = BLIND_AFTER_S
    overdue_grace: timedelta = OVERDUE_GRACE
    _overdue: dict[tuple[str, str], float] = attrs.field(factory=dict, init=False)
    _vigil: Vigil = attrs.field(factory=Vigil, init=False)
    _cursor: tuple[int, str] = attrs.field(default=START, init=False)
    _forgot_at_s: float = attrs.field(default=float("-inf"), init=False)
    _looked_for_holders_at_s: float = attrs.field(default=float("-inf"), init=False)
    _outage_seen_at_s: float = attrs.field(default=float("-inf"), init=False)

    async def watch(self) -> None:
        """Look once at every worker's beat, and take over from those that stood still for long enough.

        One of this machine whose process is gone is dead at once.

        An outage of MongoDB begins every count anew: a worker that could not renew is not dead. That is seen by our
        own renewals, for a primary that has lost its majority may answer whoever reads. A look that goes without
        an answer does not count, and no more: on a busy machine every tenth may.
        """
        try:
            beats = await self.workers.beats()
            named = [worker for worker in await self.tools.sweeps.running_workers() if worker != NOBODY]
        except StoreUnavailable:
            self._vigil.miss()
            self._outage_seen_at_s = self.tools.clock.monotonic_s()
            raise
        last = {beat.id: beat.beat for beat in beats}
        for worker in {*self._judge(beats, named), *(beat.id for beat in beats if has_died(beat.process))}:
            beat = last.get(worker)
            # It may be back by now: then it goes on, else it never does. Without a document it cannot come back.
            if beat is None or await self.workers.condemn(worker, beat):
                await self._take_over(worker)

    def _judge(self, beats: Sequence[WorkerBeat], named: Sequence[str]) -> list[str]:
        """Return the workers, with a document or only named by a task, whose beat has not changed for too long."""
        if self.tools.lease.unrenewed_s > self.blind_after_s:
            self._vigil.begin_anew()
            return []
        seen: dict[str, int | None] = dict.fromkeys(named)
        seen.update({beat.id: beat.beat for beat in beats})
        return self._vigil.look(seen, self.tools.clock.monotonic_s(), self.dead_after_s)

    async def _take_over(self, worker: str) -> None:
        """Put a dead worker's tasks back, or end those that may not be tried again; then forget the worker.

        What is left of them waits as long as a worker is watched before it counts as dead.
        """
        log.warning("worker_dead", worker=worker)
        left: set[str] = set()
        while tasks := await self.tools.sweeps.held_by(worker, TAKEOVER_BATCH, left):
            waiting = [task for task in tasks if not _is_cancelled(task)]
            taken = [await trying(self._take_task_over(task), _id_of(task)) for task in waiting]
            # Those run no more, and their late pictures take time: none waits for another's.
            late = [task for task in tasks if _is_cancelled(task)]
            taken += await asyncio.gather(*(trying(self._take_task_over(task), _id_of(task)) for task in late))
            left.update(_id_of(task) for task, done in zip((*waiting, *late), taken, strict=True) if not done)
        self._vigil.forget(worker)
        for lane in self.tools.registry.lanes:
            await self.tools.queue.give_back(lane, worker)
        await self.workers.remove(worker)

    async def fetch_late(self) -> None:
        """Ask again for what is left to fetch of cancelled tasks; one process of all does so at a time.

        A link that fails is asked for seconds: what the dead held does not wait for that.
        """
        left: set[str] = set()
        while await self.tools.queue.claim_sweep(self.tools.lease.worker, LATE_LEASE_S, "late"):
            tasks = await self.tools.sweeps.held_by(NOBODY, TAKEOVER_BATCH, left)
            if not tasks:
                await self._drop_left()
                return
            await asyncio.gather(*(trying(self._take_task_over(task), _id_of(task)) for task in tasks))
            left.update(map(_id_of, tasks))

    async def _drop_left(self) -> None:
        """Have orders dropped that deleted tasks left open, unless a living process works at them: it does so."""
        deletions = self.tools.register.eraser.deletions
        orders = await deletions.orders(TAKEOVER_BATCH)
        if not orders:
            return
        living = {beat.id for beat in await self.workers.beats()}

        async def drop(left: Task) -> None:
            is_held = left.attempt is not None and left.attempt.worker in living
            if is_held or await trying(drop_order(left, self.tools), left.id):
                await deletions.let_order_go(left.id)

        await asyncio.gather(*map(drop, orders))

    @step("heal.take_over")
    async def _take_task_over(self, task: Task | Unreadable) -> bool:
        """A task that cannot be read is left to a process of a newer release, until its deadline has passed."""
        if isinstance(task, Task):
            return await take_over(task, self.tools)
        deadline_at = task.deadline_at
        if deadline_at is None or deadline_at > self.tools.clock.now() - self.overdue_grace:
            return False
        return await end_overdue(task, self.tools)

    async def end_overdue(self) -> None:
        """End the tasks that are being carried out, and whose deadline passed a while ago: their worker does not.

        Whether it passed is asked of the worker's own clock, which its beat tells: clocks of two machines differ.
        And since clocks are set, too, nothing is ended before this process has seen the same attempt late for as
        long as a task may take.
        """
        now_s = self.tools.clock.monotonic_s()
        seen: dict[tuple[str, str], float] = {}
        for beat in await self.workers.beats():
            before = beat.seen_at - self.overdue_grace
            for attempt_id, task in await self.tools.sweeps.overdue(beat.id, before, TAKEOVER_BATCH):
                if not self._is_over(task, before):
                    continue
                this = (_id_of(task), attempt_id)
                seen[this] = self._overdue.get(this, now_s)
                if now_s - seen[this] >= self.tools.task_timeout_s:
                    await self._end_overdue(task)
        self._overdue = seen

    async def _end_overdue(self, task: Task | Unreadable) -> None:
        log.warning("task_overdue", task_id=_id_of(task))
        if await trying(end_overdue(task, self.tools), _id_of(task)):
            await self.tools.queue.announce(_id_of(task))  # whoever still works on it may stop

    async def sweep(self) -> bool:
        """Push the next batch of waiting tasks that the queue may have lost; True when the round is complete.

        Only one process sweeps at a time. When Redis was emptied the whole round is made without a pause. Right
        after an outage of MongoDB nothing is swept: those who answered 503 void their tasks first.
        """
        if self.tools.clock.monotonic_s() - self._outage_seen_at_s < CALM_AFTER_OUTAGE_S:
            return True
        if not await self.tools.queue.claim_sweep(self.tools.lease.worker, SWEEP_LEASE_S):
            return True
        await self._forget_older_layouts()
        if not await self.tools.queue.mark_known(self.tools.registry.lanes):
            log.info("queue_compared_with_store")
            self._cursor = START
            while not await self._sweep_batch():
                await self.tools.queue.claim_sweep(self.tools.lease.worker, SWEEP_LEASE_S)
            return True
        await self._give_back_what_nobody_holds()
        return await self._sweep_batch()

    async def _give_back_what_nobody_holds(self) -> None:
        """Now and then: have queued again what Redis holds for workers that MongoDB does not know.

        They are dead and were taken over from. Redis may know less: a replica that took its master's place is as it
        was some seconds before, and who was judged dead may have reserved once more before it ended.
        """
        now_s = self.tools.clock.monotonic_s()
        if now_s - self._looked_for_holders_at_s < HOLDERS_EVERY_S:
            return
        queue = self.tools.queue
        holders = {lane: await queue.holders(lane) for lane in self.tools.registry.lanes}
        living = {beat.id for beat in await self.workers.beats()}  # after: who holds is written down before
        for lane, workers in holders.items():
            for worker in workers - living:
                if count := await queue.give_back(lane, worker):
                    log.warning("reservations_of_the_dead_given_back", lane=lane, worker=worker, count=count)
        self._looked_for_holders_at_s = now_s

    async def _forget_older_layouts(self) -> None:
        """Now and then: an old process may go on for a while beside this one."""
        now_s = self.tools.clock.monotonic_s()
        if now_s - self._forgot_at_s >= FORGET_EVERY_S:
            self._forgot_at_s = now_s
            for lane in self.tools.registry.lanes:
                await self.tools.queue.forget_older_layouts(lane)

    async def _sweep_batch(self) -> bool:
        youngest = self.tools.clock.now_ms() - SWEEP_MIN_AGE_MS
        try:
            tasks = await self.tools.sweeps.waiting_after(self._cursor, youngest, SWEEP_BATCH)
        except StoreUnavailable:
            self._outage_seen_at_s = self.tools.clock.monotonic_s()
            raise
        over = await void_owed(tasks, self.tools) | await self._end_overdue_among(tasks)
        lanes = self.tools.registry.lanes
        due = [task for task in tasks if task.provider in lanes and task.id not in over]
        entries = [_entry_of(task, lanes) for task in due]
        pushed = await self.tools.queue.push_many(entries)
        if pushed.new:
            log.info("waiting_tasks_pushed", count=pushed.new)
        complete = len(tasks) < SWEEP_BATCH
        self._cursor = START if complete else (tasks[-1].waiting, tasks[-1].id)
        return complete

    async def _end_overdue_among(self, waiting: Sequence[WaitingTask]) -> set[str]:
        """End those that wait for another try beyond their deadline, and return their ids."""
        before: datetime = self.tools.clock.now() - self.overdue_grace
        over = set()
        for waits in waiting:
            if waits.deadline_at is None or waits.deadline_at >= before:
                continue
            found = await self.tools.store.look(waits.id)
            if isinstance(found, Task) and not self._is_over(found, before):
                continue
            over.add(waits.id)
            if isinstance(found, Unreadable) or (found is not None and found.status in WAITING):
                await self._end_overdue(found)
        return over

    def _is_over(self, task: Task | Unreadable, before: datetime) -> bool:
        ends = task.deadline_at if isinstance(task, Unreadable) else ends_at(task, self.tools.policy)
        return ends is not None and ends < before


def _entry_of(task: WaitingTask, lanes: Collection[str]) -> Entry:
    """Return what the queue keeps of *task*; one whose lane is gone goes through its provider's own."""
    entry = entry_of(task)
    return entry if entry.lane in lanes else attrs.evolve(entry, lane=task.provider)


def _is_cancelled(task: Task | Unreadable) -> bool:
    return isinstance(task, Task) and task.status is Status.CANCELLED


def _id_of(task: Task | Unreadable) -> str:
    return task.task_id if isinstance(task, Unreadable) else task.id
