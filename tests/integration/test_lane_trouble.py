"""E1's reach: one task's trouble is not its lane's, and a lane's trouble is not hidden."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from danqing_plugins import Job, Run
from danqing_server.clock import Clock
from danqing_server.errors import StoreUnavailable
from danqing_server.life.telling import entry_of
from danqing_server.queue.gates import Report
from danqing_server.records.tasks import Attempt, Status, Task
from danqing_server.store.changes import NO_MARKS, Change, Marks
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.lane import TROUBLE_AFTER_S, Lane
from tests.support.providers import ScriptedProvider
from tests.support.system import MakeSettings, System, running_system, until


@attrs.define(eq=False)
class Refusing(TaskStore):
    """A MongoDB that refuses to start some tasks for good, or anything for now, or to write any end for now."""

    unstartable: set[str] = attrs.field(factory=set)
    starts_nothing: bool = False
    ends_nothing: bool = False

    async def start(
        self, ids: Iterable[str], attempt: Attempt, deadline_at: datetime, marks: Marks = NO_MARKS
    ) -> list[Task]:
        chosen = list(ids)
        if self.starts_nothing:
            raise StoreUnavailable("away")
        if self.unstartable & set(chosen):
            raise StoreUnavailable("refused", permanent=True)
        return await super().start(chosen, attempt, deadline_at, marks)

    async def apply(self, change: Change) -> bool:
        if self.ends_nothing and change.transition_id is not None:
            raise StoreUnavailable("away")
        return await super().apply(change)


@attrs.define(eq=False)
class Bench:
    """The lane of a system, with a store that refuses and a clock that can be turned forward."""

    lane: Lane
    store: Refusing
    ahead_s: float = 0.0

    @classmethod
    def of(cls, system: System) -> Bench:
        """Put both into *system*'s lane."""
        assert system.workers is not None
        lane, store = system.workers.pool.lanes["scripted"], Refusing(system.services.store.database)
        bench = cls(lane, store)
        clock = Clock(monotonic_s=lambda: time.monotonic() + bench.ahead_s)
        register = attrs.evolve(lane.tools.register, store=store)
        lane.tools = attrs.evolve(lane.tools, store=store, register=register, clock=clock)
        return bench

    def has_trouble(self, words: str) -> bool:
        """Let half a minute pass, and tell whether the lane then has the trouble that *words* say."""
        self.ahead_s += TROUBLE_AFTER_S + 1
        return words in (self.lane.trouble or "")


class TestStart:
    async def test_a_task_that_cannot_be_started_holds_up_nobody(self, make_settings: MakeSettings) -> None:
        """E1: it is set apart, waiting where the sweep leaves it; the others of its batch are started."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            bench = Bench.of(system)
            bench.store.starts_nothing = True
            tasks = [await system.submit() for _ in range(4)]
            bench.store.unstartable = {tasks[1].id}
            bench.store.starts_nothing = False
            done = [await system.finished(task.id) for task in tasks if task is not tasks[1]]
            assert {task.status for task in done} == {Status.COMPLETED}
            queue, entry = system.services.queue, entry_of(tasks[1])

            async def apart() -> bool:
                return (await queue.position(entry)).state == "delayed"

            await until(apart)
            await queue.push(entry)  # as the sweep does
            assert await apart()
            assert bench.lane.trouble is None


class TestProbe:
    async def test_an_answered_call_opens_the_lane_before_its_pictures_are_here(
        self, make_settings: MakeSettings
    ) -> None:
        """One whose worker dies over a slow link must not have kept the lane shut for half a minute more."""
        answered = asyncio.Event()

        async def fetch_for_long(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "fingerprint"):
                pass
            await answered.wait()
            await run.omit(run.missing)

        async with running_system(make_settings(), [ScriptedProvider(fetch_for_long)]) as system:
            gates = system.services.gates
            for _ in range(10):
                await gates.report("scripted", Report.FAILURE, "provider_unavailable")
            assert (await gates.look("scripted")).state == "open"
            task = await system.submit()

            async def closed() -> bool:
                return (await gates.look("scripted")).state == "closed"

            try:
                await until(closed)
            finally:
                answered.set()
            await system.finished(task.id)


class TestHealth:
    async def test_ends_that_cannot_be_written_are_trouble(self, make_settings: MakeSettings) -> None:
        """E1: `/health` does not say ok while tasks hold their places for ever."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            bench = Bench.of(system)
            bench.store.ends_nothing = True
            task = await system.submit()
            await until(lambda: bench.has_trouble("the end of 1 tasks of scripted cannot be written"))
            assert system.workers is not None
            assert not system.workers.pool.healthy
            bench.store.ends_nothing = False
            assert (await system.finished(task.id)).status is Status.COMPLETED
            await until(lambda: bench.lane.trouble is None)

    async def test_a_lane_that_begins_nothing_is_trouble(self, make_settings: MakeSettings) -> None:
        """E1: though its loop runs."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            bench = Bench.of(system)
            assert bench.lane.trouble is None
            bench.store.starts_nothing = True
            task = await system.submit()
            await until(lambda: bench.has_trouble("scripted has begun nothing"))
            bench.store.starts_nothing = False
            assert (await system.finished(task.id)).status is Status.COMPLETED
            await until(lambda: bench.lane.trouble is None)

    async def test_a_full_lane_is_none(self, make_settings: MakeSettings) -> None:
        """Long tasks are no trouble."""
        released = False

        async def long(job: Any, run: Any) -> None:
            await until(lambda: released)

        async with running_system(make_settings(), [ScriptedProvider(long, concurrency=1)]) as system:
            bench = Bench.of(system)
            await system.submit()
            await until(lambda: bench.lane.running)
            bench.ahead_s += TROUBLE_AFTER_S + 1
            assert bench.lane.trouble is None
            released = True
