"""Indexes of a collection that is large already: MongoDB takes long over them, and nobody waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ExecutionTimeout, NetworkTimeout

from danqing_server.records.tasks import Status
from danqing_server.store.client import client_options
from danqing_server.store.late_indexes import LateIndexes
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.tasks import COLLECTION, INDEXES, TaskStore
from danqing_server.store.untold import Untold
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, running_system, until
from tests.unit.api.tasks import make_task

HURRIED_MS = 300
"""Less than `ensure` waits for a build: whatever this limit of time ends has ended when it returns."""


@pytest.fixture
async def database(slow_mongod: RunningServer, database_name: str) -> AsyncIterator[Any]:
    """A database that holds a task: an empty collection's indexes are there at once."""
    client: Any = AsyncIOMotorClient(slow_mongod.url, **client_options(HURRIED_MS))
    await TaskStore(client[database_name]).insert(make_task("t1", Status.PENDING, waiting=1))
    yield client[database_name]
    client.close()


@asynccontextmanager
async def held_up(database: Any) -> AsyncIterator[None]:
    """Let no index be ready while the block lasts."""
    admin, point = database.client.admin, "hangAfterStartingIndexBuild"
    await admin.command({"configureFailPoint": point, "mode": "alwaysOn"})
    try:
        yield
    finally:
        await admin.command({"configureFailPoint": point, "mode": "off"})


async def builds(database: Any) -> list[Any]:
    """Return the commands under way that make indexes in *database*."""
    stages = [{"$currentOp": {}}, {"$match": {"command.createIndexes": COLLECTION, "command.$db": database.name}}]
    return [each["opid"] async for each in database.client.admin.aggregate(stages)]


async def uses_index(database: Any, condition: dict[str, Any]) -> bool:
    """Tell whether MongoDB would look into an index for *condition*: one that is being made is none."""
    plan = await database[COLLECTION].find(condition).explain()
    return "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])


async def all_ready(database: Any) -> bool:
    questions: list[dict[str, Any]] = [
        {"user_id": "u1"},
        {"owner": "one", "user_id": "u1"},
        {"waiting": {"$gte": 0}},
        {"attempt.worker": "w"},
    ]
    return all([await uses_index(database, question) for question in questions])


class TestBuilds:
    async def test_a_start_waits_for_no_index_of_a_large_collection(self, database: Any) -> None:
        """It goes on in the background, beyond the limit of time of every other operation."""
        store = TaskStore(database)
        async with held_up(database):
            await store.ensure_indexes()
            assert await builds(database)
            assert not await all_ready(database)
            assert await store.insert(make_task("t2", Status.PENDING, waiting=2))
            assert await store.get("t2") is not None
        await until(lambda: all_ready(database), what="the indexes")
        await store.drain()

    async def test_a_build_that_was_given_up_is_begun_again(self, database: Any) -> None:
        """By a server that ended, or an operator."""
        indexes = LateIndexes(database[COLLECTION], pause_s=0.01)
        async with held_up(database):
            await indexes.ensure(INDEXES)
            first = await builds(database)
            await database.client.admin.command("killOp", 1, op=first[0])

            async def begun_again() -> bool:
                found = await builds(database)
                return bool(found) and found != first

            await until(begun_again, what="another try")
        await until(lambda: all_ready(database), what="the indexes")
        await indexes.drain()

    async def test_who_joins_and_gives_up_ends_no_build(self, database: Any) -> None:
        """A process of the release before, which asks within a limit of time, does not undo the work."""
        store = TaskStore(database)
        async with held_up(database):
            await store.ensure_indexes()
            with pytest.raises((NetworkTimeout, ExecutionTimeout)):
                await database[COLLECTION].create_indexes(INDEXES)
            assert len(await builds(database)) >= 1
        await until(lambda: all_ready(database), what="the indexes")
        await store.drain()

    @pytest.mark.parametrize("kind", [SweepStore, Untold])
    async def test_what_is_switched_on_later_starts_as_well(self, database: Any, kind: type) -> None:
        """Routes and listeners have indexes of their own on the same tasks."""
        store = kind(database)
        ensure = store.ensure_route_index if kind is SweepStore else store.ensure_indexes
        async with held_up(database):
            await ensure()
            assert await builds(database)
        await until(lambda: _none_building(database), what="the index")
        await store.drain()

    async def test_a_whole_process_serves_meanwhile(
        self, database: Any, slow_mongod: RunningServer, make_settings: MakeSettings
    ) -> None:
        """Tasks are taken, carried out and seen while the indexes are being made."""
        settings = make_settings(mongo_url=slow_mongod.url)
        async with held_up(database), running_system(settings, [ScriptedProvider(deliver_all)]) as system:
            task = await system.submit()
            assert (await system.finished(task.id)).status is Status.COMPLETED
            assert not await all_ready(database)


async def _none_building(database: Any) -> bool:
    return not await builds(database)
