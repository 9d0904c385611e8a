"""Two releases on one database and one Redis, under load: the one before goes on beside the one after."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from danqing_server.settings.server import Settings
from danqing_server.store.client import Database, connect
from danqing_server.store.reading import SCHEMA_VERSION
from tests.integration.api.conftest import Client, opened
from tests.support.next_release import MOST_HELD, NEXT_VERSION, scripted
from tests.support.system import until
from tests.support.worker_process import DEAD_AFTER_S

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
USERS = tuple(f"u{number}" for number in range(5))
NEXT_TASKS, LATER_NEXT_TASKS = 160, 16
TASKS, LATER_TASKS = 100, 40
STRANGE = ("urgent", "shape", "call")
PATIENCE_S = 40.0


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The database that both releases use."""
    async with connect(settings) as found:
        yield found


@contextmanager
def next_release(settings: Settings, log: Path, *, tasks: int, holds: bool) -> Iterator[int]:
    """Run a process of the next release while the block lasts; yield its id."""
    variables = {"TASKS": str(tasks), "HOLDS": str(int(holds)), "PATH": os.environ["PATH"]}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.next_release"],
            cwd=ROOT,
            env={**settings.environment, **variables},
            stderr=stream,
        )
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


async def found(database: Database, **wanted: Any) -> list[Mapping[str, Any]]:
    """Return documents of tasks as they are stored."""
    documents: list[Mapping[str, Any]] = await database["danqing_tasks"].find(wanted).to_list(None)
    return documents


def is_strange(document: Mapping[str, Any]) -> bool:
    """Tell whether this release may be unable to read a task: the next one was to write it so."""
    return document["v"] == NEXT_VERSION and not set(STRANGE).isdisjoint(document["input"]["prompt"].split())


async def holding(database: Database) -> list[Mapping[str, Any]]:
    """Return the tasks at whose last picture a process of the next release is."""
    wanted = {"status": "processing", "input.prompt": {"$regex": "hold"}}
    return [task for task in await found(database, **wanted) if len(task.get("calls", ())) == task["images"]]


async def is_holding(database: Database) -> bool:
    """Tell whether it holds as many as it is to hold."""
    return len(await holding(database)) == MOST_HELD


async def are_left(database: Database, held: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether of *held* this release took over all that it can read, and left the others where they were."""
    worker = held[0]["attempt"]["worker"]
    left = {task["_id"] for task in await found(database, **{"attempt.worker": worker})}
    return all((task["_id"] in left) is is_strange(task) for task in held)


async def has_submitted(database: Database, count: int) -> bool:
    """Tell whether the next release has got *count* tasks of its own."""
    return len(await found(database, v=NEXT_VERSION)) == count


async def are_ended(database: Database, *, strange: bool) -> bool:
    """Tell whether the tasks that this release can read, or really all, are completed."""
    unfinished = await found(database, status={"$ne": "completed"})
    return all(is_strange(task) and not strange for task in unfinished)


async def submit(client: Client, count: int) -> None:
    """Submit tasks to this release."""
    for number in range(count):
        body = {"type": "image", "model": "one", "input": {"prompt": "plain"}, "user_id": USERS[number % 5]}
        assert (await client.ask("POST", "/api/v1/ai/tasks", json=body)).status == 201


async def look(client: Client, database: Database, seen: Counter[tuple[str, int]]) -> None:
    """Ask this release for its health, its lists and every kind of task, again and again."""
    while True:
        seen["health", (await client.ask("GET", "/health")).status] += 1
        for user in USERS:
            seen["list", (await client.ask("GET", f"/api/v1/tasks/user/{user}?limit=10")).status] += 1
        for document in (await found(database))[::40]:
            reply = await client.ask("GET", f"/api/v1/tasks/{document['_id']}")
            assert reply.status == 200 or (reply.status == 503 and is_strange(document))
            seen["poll", reply.status] += 1
        await asyncio.sleep(0.2)


class TestSideBySide:
    async def test_the_release_before_goes_on_beside_the_one_after(
        self, settings: Settings, database: Database, tmp_path: Path
    ) -> None:
        """Both get tasks, one of the newer dies holding some: all complete, and nothing of the newer is lost."""
        seen: Counter[tuple[str, int]] = Counter()
        with ExitStack() as newer:
            first = newer.enter_context(
                next_release(settings, tmp_path / "first.txt", tasks=NEXT_TASKS, holds=True)
            )
            await until(lambda: is_holding(database), timeout_s=PATIENCE_S)
            held = await holding(database)
            async with opened(settings, scripted(), workers=True, dead_after_s=DEAD_AFTER_S) as client:
                client.services.store.unreadable_pause = timedelta(seconds=0.5)
                looking = asyncio.create_task(look(client, database, seen))
                await submit(client, TASKS)
                await until(lambda: has_submitted(database, NEXT_TASKS), timeout_s=PATIENCE_S)
                os.kill(first, signal.SIGKILL)
                await until(lambda: are_left(database, held), timeout_s=PATIENCE_S)
                for task in held:
                    reply = await client.ask("GET", f"/api/v1/tasks/{task['_id']}")
                    expected = (503, "task_unreadable") if is_strange(task) else (200, None)
                    assert (reply.status, reply.json.get("code")) == expected
                newer.enter_context(
                    next_release(settings, tmp_path / "second.txt", tasks=LATER_NEXT_TASKS, holds=False)
                )
                await submit(client, LATER_TASKS)
                await until(lambda: are_ended(database, strange=False), timeout_s=PATIENCE_S)
                looking.cancel()
                assert isinstance(
                    (await asyncio.gather(looking, return_exceptions=True))[0], asyncio.CancelledError
                )
                assert client.system.workers is not None
                assert client.system.workers.pool.healthy
            await until(lambda: has_submitted(database, NEXT_TASKS + LATER_NEXT_TASKS), timeout_s=PATIENCE_S)
            await until(lambda: are_ended(database, strange=True), timeout_s=PATIENCE_S)
        assert {status for what, status in seen if what != "poll"} == {200}
        tasks = {task["_id"]: task for task in await found(database)}
        assert sum(task["v"] == SCHEMA_VERSION for task in tasks.values()) == TASKS + LATER_TASKS
        newest = [task for task in tasks.values() if task["v"] == NEXT_VERSION]
        assert [task for task in newest if task["outlet"] != {"marks": ["submitted"]}] == []
        for task in held:
            check_survived(task, tasks[task["_id"]])


def check_survived(held: Mapping[str, Any], ended: Mapping[str, Any]) -> None:
    """A task that was taken over has all that its dead worker wrote, and its cut call is in doubt."""
    for id_, call in held["calls"].items():
        assert ended["calls"][id_]["region"] == call["region"]
    for index, output in held.get("outputs", {}).items():
        assert ended["outputs"][index] == output
    assert [call["outcome"] for call in ended["calls"].values()].count("unknown") == 1
