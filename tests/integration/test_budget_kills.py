"""Deaths while something is set aside of a limit: it is never passed, and nothing stays lost of it."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from danqing_server.clock import Clock
from danqing_server.records.tenancy import Limits, Project
from danqing_server.settings.server import Settings
from danqing_server.store.projects import ProjectStore
from tests.support.serving import run_serving
from tests.support.system import MakeSettings, until

pytestmark = pytest.mark.kills

ALICE = "a" * 20
BODY = {"prompt": "a cat", "user_id": "u1"}
DYING = "tests.support.dying_serving"
TEN = 10


@pytest.fixture
def settings(make_settings: MakeSettings, sandbox_url: str) -> Settings:
    """Settings of a process that takes tasks in, and carries none out."""
    return make_settings(
        DANQING_SANDBOX_URL=sandbox_url,
        DANQING_DISABLED_PLUGINS="",
        DANQING_DEFAULT_PROVIDER="volcengine",
        DANQING_ROLE="api",
        DANQING_API_KEYS=f"alice:{ALICE}",
    )


async def _ask(session: aiohttp.ClientSession, port: int, count: int) -> list[int]:
    """Ask *count* times at once for one picture; 0 is the death of the server."""

    async def ask() -> int:
        url, headers = f"http://127.0.0.1:{port}/api/v1/ai/image/task", {"Authorization": f"Bearer {ALICE}"}
        try:
            async with session.post(url, json=BODY, headers=headers) as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0

    return await asyncio.gather(*(ask() for _ in range(count)))


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


async def _age(database: Any) -> None:
    """Let what was set aside before look as old as it will be."""
    for counter in await database["danqing_budgets"].find({}).to_list(None):
        old = Clock().now() - timedelta(minutes=5)
        aged = {f"pending.{hold}.at": old for hold in counter.get("pending", {})}
        if aged:
            await database["danqing_budgets"].update_one({"_id": counter["_id"]}, {"$set": aged})


@pytest.mark.parametrize(
    "point",
    [
        "before:submit.hold",
        "after:submit.hold",
        "before:submit.insert",
        "after:submit.insert",
        "before:books.count",
        "after:books.count",
    ],
)
async def test_a_death_neither_passes_a_limit_nor_eats_of_it(
    settings: Settings, tmp_path: Path, point: str
) -> None:
    """Whatever was set aside and came to nothing is there again; what came to be a task counts."""
    client: Any = AsyncIOMotorClient(settings.mongo_url, tz_aware=True)
    database = client[settings.database]
    limited = Project(
        id="alice",
        name="alice",
        created_at=Clock().now(),
        created_by="test",
        limits=Limits(pictures_in_flight=TEN),
    )
    await ProjectStore(database).insert(limited)
    async with aiohttp.ClientSession() as session:
        with run_serving(tmp_path, {**settings.environment, "DIES_AT": point, "DIES_ON": "1"}, DYING) as dying:
            await _ask(session, dying.port, 4)
            await until(lambda: not _is_there(dying.pid), what="its death")
        with run_serving(tmp_path, settings.environment) as healthy:
            await _ask(session, healthy.port, 16)
            assert await database["danqing_tasks"].count_documents({}) <= TEN
            await _age(database)
            assert set(await _ask(session, healthy.port, 16)) <= {201, 429}
            assert await database["danqing_tasks"].count_documents({}) == TEN
    client.close()
