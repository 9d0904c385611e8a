"""The worker pool of one process: its lanes, the tasks under way, and an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import attrs

from danqing_plugins import Limits
from danqing_server.errors import ServiceUnavailable, StoreUnavailable, Unreadable
from danqing_server.log import get_logger
from danqing_server.loops.supervised import Supervised
from danqing_server.queue.entries import Entry, Pushed, Rates
from danqing_server.records.tasks import Status, Task
from danqing_server.worker.attempt import Execution
from danqing_server.worker.failures import Interruption
from danqing_server.worker.keeping import Slots
from danqing_server.worker.lane import RECONCILE_EVERY_S, Lane
from danqing_server.worker.takeover import take_over, trying
from danqing_server.worker.tools import Tools

__all__ = ["Pool"]

UNWIND_S = 5.0
UNWRITTEN_S = 30.0
IDLE_SIGN_OFF_S = 0.8
"""How long a pool in which nothing runs tries to leave in order; then it leaves as a worker that died."""

log = get_logger(__name__)


def _rates_of(limits: Limits) -> Rates:
    return Rates(images_per_min=limits.outputs_per_minute or 0, calls_per_min=limits.calls_per_minute or 0)


@attrs.define(eq=False)
class Pool:
    """All lanes of a process. Use `start` once, then `stop`."""

    tools: Tools
    lanes: dict[str, Lane] = attrs.field(init=False)
    _loops: list[Supervised] = attrs.field(factory=list, init=False)
    _hearing: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    @classmethod
    def with_lanes(cls, tools: Tools, concurrency: int | None) -> Pool:
        """Return a pool with every lane of the providers; *concurrency* None takes each lane's own wish."""
        pool = cls(tools)
        slots = Slots.of_process()
        pool.lanes = {
            name: Lane(name, concurrency or limits.concurrency, _rates_of(limits), tools, slots)
            for name, limits in tools.registry.lanes.items()
        }
        return pool

    @property
    def healthy(self) -> bool:
        """Whether every loop runs, the lease is good, and every lane can begin tasks and write down their ends."""
        troubles = [trouble for lane in self.lanes.values() if (trouble := lane.trouble)]
        if troubles:
            log.warning("lanes_in_trouble", troubles=troubles)
        writes = self.tools.insisting.longest_s < UNWRITTEN_S
        return all(loop.alive for loop in self._loops) and self.tools.lease.fresh and writes and not troubles

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
        ran = self.running_count() > 0
        await self._wait_for_running(max(0.0, until_s - self.tools.clock.monotonic_s()))
        for lane in self.lanes.values():
            for execution in list(lane.running.values()):
                execution.interrupt(Interruption.GIVEN_BACK)
        await self._wait_for_running(UNWIND_S)
        for hearing in self._hearing:
            hearing.cancel()
        return await self._sign_off(None if ran else IDLE_SIGN_OFF_S)

    async def _sign_off(self, within_s: float | None) -> bool:
        """Give back what is reserved and take over our own strays; False if some may be left."""
        try:
            async with asyncio.timeout(within_s):
                given_back = await asyncio.gather(*(self._give_back(lane) for lane in self.lanes.values()))
                return await self._leave_no_strays() and all(given_back)
        except TimeoutError:
            log.warning("not_signed_off", after_s=within_s)
            return False

    async def _give_back(self, lane: Lane) -> bool:
        try:
            await self.tools.queue.give_back(lane.name, self.tools.lease.worker)
        except ServiceUnavailable as error:
            log.warning("not_given_back", lane=lane.name, reason=str(error))
            return False
        return True

    async def _leave_no_strays(self) -> bool:
        try:
            return await self._settle_strays(await self._find_strays())
        except ServiceUnavailable as error:
            log.warning("strays_not_settled", reason=str(error))
            return False

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
        held = await self.tools.sweeps.ids_held_by(self.tools.lease.worker)
        return held - {task_id for lane in self.lanes.values() for task_id in lane.running}

    async def push(self, entries: Sequence[Entry]) -> Pushed | None:
        """Queue new tasks and begin them at once; None, and nothing done, unless they are of one lane that waits.

        Raises QueueUnavailable.
        """
        lane = self.lanes.get(entries[0].lane)
        if lane is None or not lane.waits or any(entry.lane != lane.name for entry in entries):
            return None
        return await lane.push(entries)

    async def _settle_strays(self, ids: set[str]) -> bool:
        """Take each over that is ours still; False if one cannot be ended."""
        return all([await trying(self._settle_stray(task_id), task_id) for task_id in ids])

    async def _settle_stray(self, task_id: str) -> bool:
        task = await self.tools.store.look(task_id)
        if isinstance(task, Task) and task.attempt and task.attempt.worker == self.tools.lease.worker:
            await take_over(task, self.tools)
        return True

    def hear(self, task_id: str) -> None:
        """Somebody says that a task was cancelled or deleted: end its attempt here, if there is one, and it was."""
        for lane in self.lanes.values():
            found = lane.running.get(task_id)
            if found is not None:
                hearing = asyncio.create_task(self._heed(found))
                self._hearing.add(hearing)
                hearing.add_done_callback(self._hearing.discard)

    async def _heed(self, execution: Execution) -> None:
        """The word may have come late, and the task been tried again since: then it is of another attempt."""
        with suppress(StoreUnavailable):  # MongoDB will not tell: the attempt finds out by its next write
            found = await self.tools.insisting.on(partial(self.tools.store.look, execution.task.id))
            if not _is_carried_out(found, execution.task):
                execution.cancel()


def _is_carried_out(found: Task | Unreadable | None, ours: Task) -> bool:
    """Tell whether a task, as it was *found*, is still that of the attempt that *ours* has."""
    if not isinstance(found, Task) or found.attempt is None or ours.attempt is None:
        return False
    return found.status is Status.PROCESSING and found.attempt.id == ours.attempt.id
