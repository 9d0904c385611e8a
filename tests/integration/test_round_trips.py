"""How many round trips a task costs under load: nobody takes the batching out by accident. Nothing is timed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from danqing_plugins import Job, Result, Run
from danqing_server.access.caller import Caller
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.reach import Reach
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.task_documents import encode
from danqing_server.store.tasks import COLLECTION, MOST_COUNTED, TaskStore
from danqing_server.worker.attempt import Execution
from tests.support.providers import Generate, ScriptedProvider, deliver_all
from tests.support.system import System, running_system, until
from tests.unit.api.tasks import NOW, make_task

CLIENTS = 64
TASKS = 1280
ONE, TWO = Reach.of("one"), Reach.of("two")
MOMENT = timedelta(milliseconds=1)
HOT_COMMANDS = ("insert", "update", "find", "getMore", "delete", "aggregate", "findAndModify")


async def answer(_job: Job, run: Run) -> Result:
    """Make one paid call that answers with data."""
    async with run.call([], "f"):
        return Result(output={"text": "hello"})


class Counter:
    """Counts what both servers were asked to do."""

    def __init__(self, database: Any, redis_url: str) -> None:
        self.database = database
        self.redis_url = redis_url

    async def mongodb(self) -> int:
        """Return the commands that touched documents so far."""
        status: Mapping[str, Any] = await self.database.client.admin.command("serverStatus")
        commands = status["metrics"]["commands"]
        return sum(int(commands[name]["total"]) for name in HOT_COMMANDS)

    async def redis(self) -> int:
        """Return the scripts that were run so far: a script is one round trip, whatever it calls inside."""
        async with Redis.from_url(self.redis_url) as client:
            stats = await client.info("commandstats")
        return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))


async def run_through(system: System) -> None:
    """Submit and finish all tasks, with as many clients at once as the rule names."""

    async def client() -> None:
        for _ in range(TASKS // CLIENTS):
            await system.submit(n=0)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


class TestMemory:
    @pytest.mark.parametrize(("handler", "outputs"), [(answer, 0), (deliver_all, 2)])
    async def test_what_carried_a_task_out_goes_with_its_end(
        self, settings: Settings, handler: Generate, outputs: int
    ) -> None:
        """At once: left to the garbage collector, thousands a second cost a tenth of all that is done."""
        async with running_system(settings, [ScriptedProvider(handler)]) as system:
            gc.collect()
            others = _executions()  # what other tests left, and something still holds
            gc.disable()
            try:
                task = await system.submit(n=outputs)
                assert (await system.finished(task.id)).status is Status.COMPLETED
                await until(lambda: all(any(each is other for other in others) for each in _executions()))
            finally:
                gc.enable()


def _executions() -> list[Any]:
    return [each for each in gc.get_objects() if type(each) is Execution]


class TestUnderLoad:
    async def test_a_task_costs_a_fraction_of_a_command(self, settings: Settings) -> None:
        """At most 0.2 MongoDB commands and 0.2 Redis round trips for a task's whole life, submission included."""
        provider = ScriptedProvider(answer, single_call=True, concurrency=256)
        async with running_system(settings, [provider]) as system, connect(settings) as database:
            counter = Counter(database, settings.redis_url or "")
            before = await counter.mongodb(), await counter.redis()
            await run_through(system)
            await until(lambda: len(provider.jobs) == TASKS)

            async def all_finished() -> bool:
                finished = await database[COLLECTION].count_documents({"status": Status.COMPLETED.value})
                return bool(finished == TASKS)

            await until(all_finished)
            after = await counter.mongodb(), await counter.redis()
        polled = after[0] - before[0]
        assert polled / TASKS <= 0.2, f"{polled} MongoDB commands for {TASKS} tasks"
        assert (after[1] - before[1]) / TASKS <= 0.2, f"{after[1] - before[1]} scripts for {TASKS} tasks"


class TestAlone:
    async def test_a_lone_task_costs_two_round_trips_to_redis(self, settings: Settings) -> None:
        """One queues and reserves it, one acknowledges its end; beside these the lane looks once a second."""
        async with running_system(settings, [ScriptedProvider(answer, single_call=True)]) as system:
            assert system.workers is not None
            lane = system.workers.pool.lanes["scripted"]
            counter = Counter(None, settings.redis_url or "")
            before = await counter.redis()
            for _ in range(20):
                await until(lambda: lane.waits)
                await system.finished((await system.submit(n=0)).id)
            assert await counter.redis() - before <= 20 * 2.5


class TestIndexes:
    async def test_nothing_scans_the_collection(self, settings: Settings) -> None:
        """MongoDB's own profiler finds an index under everything that is asked of tasks in their whole life."""
        async with (
            running_system(settings, [ScriptedProvider(answer, single_call=True)]) as system,
            connect(settings) as database,
        ):
            await database.command("profile", 2)
            await live_through_everything(system)
            await database.command("profile", 0)
            looked_at = {"ns": f"{database.name}.{COLLECTION}", "planSummary": {"$exists": True}}
            seen = await database["system.profile"].find(looked_at).to_list(None)
        plans = {(entry["op"], entry["planSummary"]) for entry in seen}
        assert {op for op, _ in plans} >= {"query", "update", "remove", "command"}
        assert not [plan for plan in plans if "COLLSCAN" in plan[1]]


class TestLists:
    async def test_a_list_costs_its_page(self, settings: Settings) -> None:
        """E14: not what other keys have under the same name, nor what was made since the cursor's task."""
        async with connect(settings) as database:
            store = TaskStore(database)
            await store.ensure_indexes()
            stored = [
                encode(make_task(f"t{n:05}", owner="two" if n % 100 else "one", created_at=NOW + n * MOMENT))
                for n in range(11_000)
            ]
            for at in range(0, len(stored), 500):
                await store.insert_many(stored[at : at + 500])
            await database.command("profile", 2)
            page = {"limit": 20, "offset": 0}
            own = await store.list_for_user("u1", ONE, **page, before=None)
            last = own[-1]
            more = await store.list_for_user("u1", ONE, **page, before=(last.created_at, last.id))
            any_key = await store.list_for_user("u1", Reach.everybody(), **page, before=None)
            counted = [await store.count_for_user("u1", reach) for reach in (ONE, TWO, Reach.everybody())]
            await database.command("profile", 0)
            asked = {"ns": f"{database.name}.{COLLECTION}", "docsExamined": {"$exists": True}}
            seen = await database["system.profile"].find(asked).to_list(None)
        assert [len(listed) for listed in (own, more, any_key)] == [20, 20, 20]
        assert counted == [110, MOST_COUNTED, MOST_COUNTED]
        assert len(seen) == 6
        assert max(entry["docsExamined"] for entry in seen if entry["op"] == "query") <= 21
        assert max(entry["keysExamined"] for entry in seen) <= MOST_COUNTED + 1


async def live_through_everything(system: System) -> None:
    """Have the server ask every question it has about tasks."""
    assert system.workers is not None
    services, janitor = system.services, system.workers.janitor
    finished = [await system.finished((await system.submit(n=0)).id) for _ in range(3)]
    later = await system.submit(n=0, delay_s=3600)
    cursor = (finished[0].created_at, finished[0].id)
    for before in (None, cursor):
        await services.store.list_for_user("u1", Reach.everybody(), limit=2, offset=0, before=before)
    await services.store.count_for_user("u1", Reach.everybody())
    await services.control.cancel(later.id, Caller.local())
    await services.control.retry(later.id, Caller.local())
    await services.control.delete(finished[0].id, Caller.local())
    await SweepStore(services.store.database).held_by(system.workers.tools.lease.worker, 10)
    await SweepStore(services.store.database).ids_held_by(system.workers.tools.lease.worker)
    await SweepStore(services.store.database).running_workers()
    await SweepStore(services.store.database).waiting_after((0, ""), 2**50, 10)
    await services.store.note_late_answer(finished[1].id, next(iter(finished[1].calls.values())))
    await janitor.watch()
    await janitor.sweep()
