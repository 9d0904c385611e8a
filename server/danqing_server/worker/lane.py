"""One lane in one process: reserve, start, launch, as many as there are free slots."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import attrs

from danqing_server.errors import ServiceUnavailable, StoreUnavailable
from danqing_server.ids import new_token
from danqing_server.log import get_logger
from danqing_server.loops.batching import GATHER_S
from danqing_server.queue.entries import Entry, Pushed, Rates
from danqing_server.records.tasks import Attempt, Task
from danqing_server.worker.attempt import Execution
from danqing_server.worker.failures import Interruption
from danqing_server.worker.keeping import Slots
from danqing_server.worker.tools import Tools

__all__ = ["RECONCILE_EVERY_S", "Lane"]

LARGEST_RESERVATION = 256
RECONCILE_EVERY_S = 10.0
LEASE_CHECK_S = 0.2
LONGEST_PAUSE_S = 1.0
ASK_AGAIN_S = 0.2
APART_S = 300.0
TROUBLE_AFTER_S = 30.0
HALTED_S = 0.3
START_S = 6.0
"""How long a start under way may take when the grace time is shorter."""

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class _Batch:
    """Ids that are reserved and about to be started under one attempt id."""

    attempt_id: str
    ids: tuple[str, ...]


@attrs.define(eq=False)
class Lane:
    """The tasks of one lane in this process: at most `concurrency` at once.

    A task whose end is being written no longer counts, so that the next one need not wait for MongoDB; of those
    there are at most as many again.
    """

    name: str
    concurrency: int
    rates: Rates
    tools: Tools
    download_slots: Slots
    running: dict[str, Execution] = attrs.field(factory=dict, init=False)
    _asking: set[str] = attrs.field(factory=set, init=False)
    _taking: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _closing: bool = attrs.field(default=False, init=False)
    _changed: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _nonce: str | None = attrs.field(default=None, init=False)
    _batch: _Batch | None = attrs.field(default=None, init=False)
    _ending: dict[str, float] = attrs.field(factory=dict, init=False)
    _fine_at_s: float | None = attrs.field(default=None, init=False)
    _reconciled_at_s: float = attrs.field(default=0.0, init=False)
    _waits: bool = attrs.field(default=False, init=False)
    _beginning: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    async def fetch(self) -> None:
        """Reserve and start tasks for ever, as many as there are free slots."""
        if self._fine_at_s is None:
            self._fine_at_s = self.tools.clock.monotonic_s()
        while True:
            await self._reconcile_when_due()
            if self._free <= 0:
                await self._wait_for_a_slot()
            elif self._halted:
                self._fine_at_s = self.tools.clock.monotonic_s()
                await asyncio.sleep(HALTED_S)
            elif not self.tools.lease.fresh:
                await self.tools.lease.until_fresh(LEASE_CHECK_S)
            else:
                async with self._taking:  # in which `push` may have begun something while this waited for it
                    pause_s = await self._take(self._most) if self._free > 0 or self._has_reserved else 0.0
                if pause_s is None:
                    await self._wait_for_tasks()
                else:
                    await asyncio.sleep(pause_s)  # 0 too: calls go out before the next reservation does

    @property
    def waits(self) -> bool:
        """Whether nothing was waiting here when this process looked last, and it could begin a task at once."""
        if self._closing or self._taking.locked() or self._has_reserved:
            return False
        return self._waits and self._free > 0 and self.tools.lease.fresh and not self._may_not_begin

    @property
    def _halted(self) -> bool:
        """Whether nothing is to begin, and nothing was reserved before that is still to be started."""
        return not self._has_reserved and self._may_not_begin

    @property
    def _has_reserved(self) -> bool:
        """Whether something was, or may have been, reserved that is still to be started."""
        return self._nonce is not None or self._batch is not None

    @property
    def _may_not_begin(self) -> bool:
        """Whether a person paused the lane, or there is no room for more than what runs."""
        return self.tools.headroom.is_scarce or self.tools.pauses.halts(self.name)

    async def push(self, entries: Sequence[Entry]) -> Pushed:
        """Queue new tasks of this lane, which must be one that `waits`, and begin what comes back reserved.

        Raises QueueUnavailable; `fetch` asks again for what may have been reserved all the same.
        """
        async with self._taking:
            self._nonce = new_token()
            pushed, reserved = await self.tools.queue.push_and_reserve(
                entries, self.tools.lease.worker, self._most, self._nonce, self.rates
            )
            self._nonce = None
            if reserved.ids:
                self._batch = _Batch(attempt_id=new_token(), ids=reserved.ids)
                self._beginning = asyncio.create_task(self._begin())
        return pushed

    async def _begin(self) -> None:
        """Start what `push` reserved; should MongoDB not answer, `fetch` tries again."""
        async with self._taking:
            if self._batch is not None:
                with suppress(ServiceUnavailable):
                    await self._take(0)

    @property
    def _free(self) -> int:
        return min(self.concurrency - len(self._asking), 2 * self.concurrency - len(self.running))

    @property
    def _most(self) -> int:
        return max(0, min(self._free, LARGEST_RESERVATION))

    async def _wait_for_tasks(self) -> None:
        self._waits = True
        try:
            await self.tools.queue.wait(self.name)
        finally:
            self._waits = False

    async def close(self, within_s: float) -> None:
        """Let the tasks about to be started be started, and hand them straight back; nothing is taken after that.

        A start that was cut might be on MongoDB's disk with nobody to carry it out: the call it announces would
        count as one that may have been billed. The loop `fetch` is to be cancelled next.
        """
        self._closing = True
        try:
            async with asyncio.timeout(max(within_s, START_S)):
                await self._taking.acquire()
                if self._beginning is not None:
                    self._beginning.cancel()  # it has ended, or waits for what is ours for good now
                while self._batch is not None:  # the answer to its start was lost
                    await self._ask_again()
        except TimeoutError:
            log.warning("closed_while_starting", lane=self.name)
        except Exception:  # whatever it is, the others are still to be stopped in order
            log.exception("start_given_up", lane=self.name)

    async def _ask_again(self) -> None:
        try:
            await self._take(0)
        except ServiceUnavailable:
            await asyncio.sleep(ASK_AGAIN_S)

    async def _wait_for_a_slot(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(RECONCILE_EVERY_S):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _take(self, count: int) -> float | None:
        """Reserve up to *count* tasks and start those that are still to be done.

        Returns after how many seconds to come again, None when nothing waits. Who got several lets more gather.

        Whatever cuts the exchange with Redis or MongoDB, the next try repeats the same step: the nonce brings the
        same reservation, the batch's attempt id the same starts.
        """
        if self._batch is None:
            self._nonce = self._nonce or new_token()
            reserved = await self.tools.queue.reserve(
                self.name, self.tools.lease.worker, count, self._nonce, self.rates
            )
            self._nonce = None
            if not reserved.ids:
                self._fine_at_s = self.tools.clock.monotonic_s()
                return min(LONGEST_PAUSE_S, reserved.wait_ms / 1000) if reserved.wait_ms else None
            self._batch = _Batch(attempt_id=new_token(), ids=reserved.ids)
        started, refused = await self._start_what_can_be(self._batch)
        ours = {
            task.id for task in started if task.lane == self.name
        }  # others left this lane while they stood in it
        stale = set(self._batch.ids) - ours - refused
        self._batch = None
        self._fine_at_s = self.tools.clock.monotonic_s()
        for task in started:
            self._launch(task)
        worker = self.tools.lease.worker
        await asyncio.gather(*(self.tools.queue.acknowledge(self.name, worker, task_id) for task_id in stale))
        return GATHER_S if len(started) > 1 else 0.0

    async def _start_what_can_be(self, batch: _Batch) -> tuple[list[Task], set[str]]:
        """Start a batch; return the tasks that are ours, and the ids MongoDB will never start.

        These are found one by one when the whole batch is refused for good, and set apart for five minutes: they
        may hold up neither the others nor the lane.
        """
        try:
            return await self._start(batch), set()
        except StoreUnavailable as error:
            if not error.permanent:
                raise
        started, refused = [], set()
        for task_id in batch.ids:
            try:
                started += await self._start(attrs.evolve(batch, ids=(task_id,)))
            except StoreUnavailable as error:
                if not error.permanent:
                    raise
                log.exception("task_cannot_be_started", lane=self.name, task_id=task_id)
                refused.add(task_id)
        await self.tools.queue.give_back(self.name, self.tools.lease.worker, refused, delay_s=APART_S)
        return started, refused

    async def _start(self, batch: _Batch) -> list[Task]:
        now = self.tools.clock.now()
        attempt = Attempt(id=batch.attempt_id, worker=self.tools.lease.worker, started_at=now)
        deadline_at = now + timedelta(seconds=self.tools.task_timeout_s)
        wanted = [id_ for id_ in batch.ids if id_ not in self.running]
        return await self.tools.register.start(wanted, attempt, deadline_at)

    def _launch(self, task: Task) -> None:
        execution = Execution(task, self.tools, self.download_slots, self._asked, self._ended)
        if self._closing:
            execution.interrupt(Interruption.GIVEN_BACK)
        self._asking.add(task.id)
        self.running[task.id] = execution
        execution.start()

    @property
    def _is_busy(self) -> bool:
        return len(self._asking) >= self.concurrency

    def _asked(self, execution: Execution) -> None:
        self._ending[execution.task.id] = self.tools.clock.monotonic_s()
        self._leave_place(execution)

    def _ended(self, execution: Execution) -> None:
        del self.running[execution.task.id]
        self._ending.pop(execution.task.id, None)
        self._leave_place(execution)

    def _leave_place(self, execution: Execution) -> None:
        if self._is_busy:
            self._fine_at_s = self.tools.clock.monotonic_s()
        self._asking.discard(execution.task.id)
        self._changed.set()

    @property
    def trouble(self) -> str | None:
        """What keeps this lane from working though its loop runs, None for nothing.

        Ends of tasks that cannot be written for a while, or a lane that could neither look for tasks nor begin one
        though it has places.
        """
        now_s = self.tools.clock.monotonic_s()
        oldest_s = min(self._ending.values(), default=now_s)
        if now_s - oldest_s > TROUBLE_AFTER_S:
            return f"the end of {len(self._ending)} tasks of {self.name} cannot be written"
        if self._fine_at_s is not None and not self._is_busy and now_s - self._fine_at_s > TROUBLE_AFTER_S:
            return f"{self.name} has begun nothing for {now_s - self._fine_at_s:.0f} s"
        return None

    async def emptied(self) -> None:
        """Return when nothing runs; the loop `fetch` must have ended."""
        while self.running:
            self._changed.clear()
            await self._changed.wait()

    async def _reconcile_when_due(self) -> None:
        """Give back what Redis thinks we hold and we know nothing of: a cut reservation, a lost acknowledgement."""
        now_s = self.tools.clock.monotonic_s()
        if now_s - self._reconciled_at_s < RECONCILE_EVERY_S or self._has_reserved:
            return
        self._reconciled_at_s = now_s
        worker = self.tools.lease.worker
        held = await self.tools.queue.held(self.name, worker)
        unknown = held - self.running.keys()
        if unknown:
            log.warning("reservations_given_back", lane=self.name, count=len(unknown))
            await self.tools.queue.give_back(self.name, worker, unknown)
