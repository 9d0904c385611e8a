"""Batches whose server dies while it takes them in, or makes tasks of them: no line is lost or doubled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from danqing_server.settings.server import Settings
from tests.support.serving import run_serving
from tests.support.system import MakeSettings, until

pytestmark = pytest.mark.kills

LINES = 450
"""Of which slices are made: five as they are taken in, three as they become tasks."""

BODY = b"".join(orjson.dumps({"prompt": f"cat {number}"}) + b"\n" for number in range(1, LINES + 1))
HEADERS = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "the-same"}
DYING = "tests.support.dying_serving"


@pytest.fixture
def settings(make_settings: MakeSettings, sandbox_url: str) -> Settings:
    """Settings of a process that takes tasks in, and carries none out."""
    return make_settings(
        DANQING_SANDBOX_URL=sandbox_url,
        DANQING_DISABLED_PLUGINS="",
        DANQING_DEFAULT_PROVIDER="volcengine",
        DANQING_ROLE="api",
    )


async def _send(session: aiohttp.ClientSession, port: int) -> str | None:
    """Send the batch; None when the server died of it."""
    url = f"http://127.0.0.1:{port}/api/v1/batches?user_id=u1"
    try:
        async with session.post(url, data=BODY, headers=HEADERS) as answer:
            assert answer.status == 201, await answer.text()
            return str((await answer.json())["data"]["id"])
    except aiohttp.ClientError:
        return None


async def _get(session: aiohttp.ClientSession, port: int, path: str) -> Any:
    async with session.get(f"http://127.0.0.1:{port}/api/v1/{path}") as answer:
        return (await answer.json())["data"]


async def _made(session: aiohttp.ClientSession, port: int, batch_id: str) -> list[int]:
    """Return the lines that are tasks, once all of the batch is made."""

    async def made() -> bool:
        return bool((await _get(session, port, f"batches/{batch_id}"))["status"] != "creating")

    await until(made, timeout_s=60)
    async with session.get(f"http://127.0.0.1:{port}/api/v1/batches/{batch_id}/results") as answer:
        return [orjson.loads(line)["line"] for line in (await answer.read()).splitlines()]


@pytest.mark.parametrize(
    ("point", "time"),
    [
        ("before:batch.stage", 1),
        ("after:batch.stage", 3),
        ("before:batch.commit", 1),
        ("after:batch.commit", 1),
        ("before:batch.make", 1),
        ("after:batch.make", 1),
        ("before:batch.mark", 2),
        ("after:batch.mark", 2),
    ],
)
async def test_no_line_is_lost_or_doubled(settings: Settings, tmp_path: Path, point: str, time: int) -> None:
    """The process dies there; the client repeats its request at another one, which goes on where the first was."""
    variables = {**settings.environment, "DIES_AT": point, "DIES_ON": str(time)}
    async with aiohttp.ClientSession() as session:
        with run_serving(tmp_path, variables, DYING) as dying:
            first = await _send(session, dying.port)
            await until(lambda: not _is_there(dying.pid))
        with run_serving(tmp_path, settings.environment) as healthy:
            batch_id = await _send(session, healthy.port)
            assert batch_id is not None
            assert first in (None, batch_id)
            assert await _made(session, healthy.port, batch_id) == list(range(1, LINES + 1))
            batch = await _get(session, healthy.port, f"batches/{batch_id}")
            assert (batch["created"], batch["tasks"]["pending"]) == (LINES, LINES)
            listed = await _get(session, healthy.port, "tasks?count=true&limit=1")
            assert listed["total"] == LINES
            stats = await _get(session, healthy.port, "queue/stats")
            assert _queued(stats) == LINES


async def test_what_was_valid_is_made_without_its_client(settings: Settings, tmp_path: Path) -> None:
    """Nobody repeats the request: the next process finds the batch by itself."""
    variables = {**settings.environment, "DIES_AT": "after:batch.mark"}
    async with aiohttp.ClientSession() as session:
        with run_serving(tmp_path, variables, DYING) as dying:
            await _send(session, dying.port)
            await until(lambda: not _is_there(dying.pid))
        with run_serving(tmp_path, settings.environment) as healthy:
            (batch,) = (await _get(session, healthy.port, "batches"))["batches"]
            lines = await _made(session, healthy.port, batch["id"])
            assert Counter(lines) == Counter(range(1, LINES + 1))


def _queued(stats: Any) -> int:
    return sum(int(lane["queued"]) for lane in stats["lanes"].values())


def _is_there(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"
