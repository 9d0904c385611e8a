"""The worker pool of one process: a fetch loop per lane, the tasks under way, and an orderly end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import attrs

from danqing_plugins import ProviderInfo
from danqing_server.batching import GATHER_S
from danqing_server.errors import ServiceUnavailable
from danqing_server.ids import new_token
from danqing_server.log import get_logger
from danqing_server.loops import Supervised
from danqing_server.models import Attempt, Task
from danqing_server.queue.lanes import Rates
from danqing_server.worker.attempt import Execution
from danqing_server.worker.failures import Interruption
from danqing_server.worker.takeover import take_over
from danqing_server.worker.tools import Tools

__all__ = ["Lane", "Pool"]

LARGEST_RESERVATION = 256
RECONCILE_EVERY_S = 10.0
DOWNLOADS_AT_ONCE = 32
LEASE_CHECK_S = 0.2
LONGEST_PAUSE_S = 1.0
ASK_AGAIN_S = 0.2
START_S = 6.0
"""How long a start under way may take when the grace time is shorter."""
UNWIND_S = 5.0

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class _Batch:
    """Ids that are reserved and about to be started under one attempt id."""

    attempt_id: str
    ids: tuple[str, ...]


@attrs.define(eq=False)
class Lane:
    """The tasks of one provider in this process: at most `concurrency` at once.

    A task whose end is being written no longer counts, so that the next one need not wait for MongoDB; of those
    there are at most as many again.
    """

    name: str
    concurrency: int
    rates: Rates
    tools: Tools
    download_slots: asyncio.Semaphore
    running: dict[str, Execution] = attrs.field(factory=dict, init=False)
    _asking: set[str] = attrs.field(factory=set, init=False)
    _taking: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _closing: bool = attrs.field(default=False, init=False)
    _changed: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _nonce: str | None = attrs.field(default=None, init=False)
    _batch: _Batch | None = attrs.field(default=None, init=False)
    _reconciled_at_s: float = attrs.field(default=0.0, init=False)

    async def fetch(self) -> None:
        """Reserve and start tasks for ever, as many as there are free slots."""
        while True:
            await self._reconcile_when_due()
            free = min(self.concurrency - len(self._asking), 2 * self.concurrency - len(self.running))
            if free <= 0:
                await self._wait_for_a_slot()
            elif not self.tools.lease.fresh:
                await asyncio.sleep(LEASE_CHECK_S)
            else:
                async with self._taking:
                    pause_s = await self._take(min(free, LARGEST_RESERVATION))
                if pause_s is None:
                    await self.tools.queue.wait(self.name)
                else:
                    await asyncio.sleep(pause_s)  # 0 too: calls go out before the next reservation does

    async def close(self, within_s: float) -> None:
        """Let the tasks about to be started be started, and hand them straight back; nothing is taken after that.

        A start that was cut might be on MongoDB's disk with nobody to carry it out: the call it announces would
        count as one that may have been billed. The loop `fetch` is to be cancelled next.
        """
        self._closing = True
        try:
            async with asyncio.timeout(max(within_s, START_S)):
                await self._taking.acquire()
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
            await asyncio.wait_for(self._changed.wait(), RECONCILE_EVERY_S)
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
                return min(LONGEST_PAUSE_S, reserved.wait_ms / 1000) if reserved.wait_ms else None
            self._batch = _Batch(attempt_id=new_token(), ids=reserved.ids)
        started = await self._start(self._batch)
        stale = set(self._batch.ids) - {task.id for task in started}
        self._batch = None
        for task in started:
            self._launch(task)
        worker = self.tools.lease.worker
        await asyncio.gather(*(self.tools.queue.acknowledge(self.name, worker, task_id) for task_id in stale))
        return GATHER_S if len(started) > 1 else 0.0

    async def _start(self, batch: _Batch) -> list[Task]:
        now = self.tools.clock.now()
        attempt = Attempt(id=batch.attempt_id, worker=self.tools.lease.worker, started_at=now)
        deadline_at = now + timedelta(seconds=self.tools.task_timeout_s)
        wanted = [id_ for id_ in batch.ids if id_ not in self.running]
        return await self.tools.store.start(wanted, attempt, deadline_at)

    def _launch(self, task: Task) -> None:
        execution = Execution(task, self.tools, self.download_slots, self._asked, self._ended)
        if self._closing:
            execution.interrupt(Interruption.GIVEN_BACK)
        self._asking.add(task.id)
        self.running[task.id] = execution
        execution.start()

    def _asked(self, execution: Execution) -> None:
        self._asking.discard(execution.task.id)
        self._changed.set()

    def _ended(self, execution: Execution) -> None:
        del self.running[execution.task.id]
        self._asked(execution)

    async def emptied(self) -> None:
        """Return when nothing runs; the loop `fetch` must have ended."""
        while self.running:
            self._changed.clear()
            await self._changed.wait()

    async def _reconcile_when_due(self) -> None:
        """Give back what Redis thinks we hold and we know nothing of: a cut reservation, a lost acknowledgement."""
        now_s = self.tools.clock.monotonic_s()
        if now_s - self._reconciled_at_s < RECONCILE_EVERY_S or self._nonce or self._batch:
            return
        self._reconciled_at_s = now_s
        worker = self.tools.lease.worker
        held = await self.tools.queue.held(self.name, worker)
        unknown = held - self.running.keys()
        if unknown:
            log.warning("reservations_given_back", lane=self.name, count=len(unknown))
            await self.tools.queue.give_back(self.name, worker, unknown)


def _rates_of(info: ProviderInfo) -> Rates:
    return Rates(
        images_per_min=info.images_per_minute or 0,
        calls_per_min=info.calls_per_minute or 0,
    )


@attrs.define(eq=False)
class Pool:
    """All lanes of a process. Use `start` once, then `stop`."""

    tools: Tools
    lanes: dict[str, Lane] = attrs.field(init=False)
    _loops: list[Supervised] = attrs.field(factory=list, init=False)

    @classmethod
    def with_lanes(cls, tools: Tools, concurrency: int | None) -> Pool:
        """Return a pool with a lane for every provider; *concurrency* None takes each provider's own wish."""
        pool = cls(tools)
        slots = asyncio.Semaphore(DOWNLOADS_AT_ONCE)
        pool.lanes = {
            info.name: Lane(info.name, concurrency or info.concurrency, _rates_of(info), tools, slots)
            for info in tools.registry.providers.values()
        }
        return pool

    @property
    def healthy(self) -> bool:
        """Whether every loop runs and the lease is good."""
        return all(loop.alive for loop in self._loops) and self.tools.lease.fresh

    def start(self) -> None:
        """Begin to take tasks."""
        self._loops = [Supervised(f"fetch {lane.name}", lane.fetch) for lane in self.lanes.values()]
        self._loops.append(Supervised("strays", self._watch_for_strays))
        for loop in self._loops:
            loop.start()

    def running_count(self) -> int:
        """Return how many tasks are under way."""
        return sum(len(lane.running) for lane in self.lanes.values())

    async def stop(self, grace_s: float) -> bool:
        """Take nothing new, let what runs end in *grace_s*, give back the rest; False if some may be left."""
        until_s = self.tools.clock.monotonic_s() + grace_s
        await asyncio.gather(*(lane.close(grace_s) for lane in self.lanes.values()))
        for loop in self._loops:
            await loop.stop()
        await self._wait_for_running(max(0.0, until_s - self.tools.clock.monotonic_s()))
        for lane in self.lanes.values():
            for execution in list(lane.running.values()):
                execution.interrupt(Interruption.GIVEN_BACK)
        await self._wait_for_running(UNWIND_S)
        given_back = [await self._give_back(lane) for lane in self.lanes.values()]
        return await self._leave_no_strays() and all(given_back)

    async def _give_back(self, lane: Lane) -> bool:
        try:
            await self.tools.queue.give_back(lane.name, self.tools.lease.worker)
        except ServiceUnavailable as error:
            log.warning("not_given_back", lane=lane.name, reason=str(error))
            return False
        return True

    async def _leave_no_strays(self) -> bool:
        try:
            await self._settle_strays(await self._find_strays())
        except ServiceUnavailable as error:
            log.warning("strays_not_settled", reason=str(error))
            return False
        return True

    async def _wait_for_running(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for lane in self.lanes.values():
                    await lane.emptied()

    async def _watch_for_strays(self) -> None:
        """Take over tasks that are ours in MongoDB and run nowhere: their coroutine died, or never began."""
        suspects: set[str] = set()
        while True:
            await asyncio.sleep(RECONCILE_EVERY_S)
            strays = await self._find_strays()
            await self._settle_strays(strays & suspects)
            suspects = strays

    async def _find_strays(self) -> set[str]:
        held = await self.tools.store.ids_held_by(self.tools.lease.worker)
        return held - {task_id for lane in self.lanes.values() for task_id in lane.running}

    async def _settle_strays(self, ids: set[str]) -> None:
        for task_id in ids:
            task = await self.tools.store.get(task_id)
            if task is not None and task.attempt and task.attempt.worker == self.tools.lease.worker:
                await take_over(task, self.tools)

    def cancel(self, task_id: str) -> None:
        """A task was cancelled or deleted: end its attempt if it is under way here."""
        for lane in self.lanes.values():
            found = lane.running.get(task_id)
            if found is not None:
                found.cancel()
