"""How many round trips a task costs under load: nobody takes the batching out by accident. Nothing is timed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from danqing_plugins import Job, Result, Run
from danqing_server.models import Status
from danqing_server.settings import Settings
from danqing_server.store.client import connect
from danqing_server.store.tasks import COLLECTION
from tests.support.providers import ScriptedProvider
from tests.support.system import System, running_system, until

CLIENTS = 64
TASKS = 1280
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


class TestIndexes:
    async def test_every_query_on_the_hot_path_uses_an_index(self, settings: Settings) -> None:
        """No plan scans the collection."""
        now_ms = 2**40
        waiting = [{"waiting": {"$gt": 5}}, {"waiting": 5, "_id": {"$gt": "a"}}]
        queries: list[dict[str, Any]] = [
            {"_id": {"$in": ["a", "b"]}},
            {"_id": {"$in": ["a"]}, "status": {"$in": ["pending", "scheduled"]}},
            {"_id": {"$in": ["a"]}, "attempt.id": "x"},
            {"_id": "a", "status": "processing", "attempt.id": "x"},
            {"waiting": {"$gte": 5, "$lte": now_ms}, "$or": waiting},
            {"attempt.worker": "w"},
            {"attempt.worker": {"$exists": True}},
            {"user_id": "u"},
        ]
        async with (
            running_system(settings, [ScriptedProvider()], workers=False) as system,
            connect(settings) as database,
        ):
            await system.submit()
            for query in queries:
                plan = await database[COLLECTION].find(query).explain()
                assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), query
