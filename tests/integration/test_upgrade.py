"""What an old release wrote opens and works: its data directory, and its processes beside ours under load."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from danqing_server.settings.server import Settings
from tests.support.old_release import install_old_release, old_releases, run_danqing
from tests.support.providers import picture
from tests.support.servers import RunningServer
from tests.support.serving import run_serving
from tests.support.system import MakeSettings, until

pytestmark = pytest.mark.processes

SECRET = "a-secret-of-the-old-release"
SHOP = {"Authorization": f"Bearer {SECRET}"}
SUBMIT = "/api/v1/ai/image/task"
PATIENCE_S = 120.0


@pytest.fixture(scope="module", params=old_releases())
def old_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an old release is installed."""
    return install_old_release(tmp_path_factory.mktemp("old"), request.param)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a base."""
    async with aiohttp.ClientSession(headers=SHOP) as found:
        yield found


async def ask(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> tuple[int, Any]:
    """Send one request; return its status, and its body's `data`."""
    async with session.request(method, url, **options) as answer:
        return answer.status, (await answer.json()).get("data")


async def submit(session: aiohttp.ClientSession, base: str, key: str | None = None, **body: Any) -> str:
    """Submit a picture and return its task's id."""
    headers = {} if key is None else {"Idempotency-Key": key}
    wanted = {"prompt": "a hill", "user_id": "u1", **body}
    status, data = await ask(session, "POST", base + SUBMIT, json=wanted, headers=headers)
    assert status in (200, 201), data
    return str(data["task_id"])


async def schedule(session: aiohttp.ClientSession, base: str, model: str) -> str:
    """Submit a task that is to be made in an hour."""
    body = {"type": "image", "model": model, "input": {"prompt": "a lake"}, "user_id": "u1", "delay": 3600}
    status, data = await ask(session, "POST", f"{base}/api/v1/ai/tasks", json=body)
    assert status == 201, data
    return str(data["id"])


async def shown(session: aiohttp.ClientSession, base: str, task_id: str) -> dict[str, Any]:
    """Return a task."""
    status, data = await ask(session, "GET", f"{base}/api/v1/tasks/{task_id}")
    assert status == 200, data
    found: dict[str, Any] = data
    return found


async def ended(
    session: aiohttp.ClientSession, base: str, task_id: str, status: str = "completed"
) -> dict[str, Any]:
    """Wait for a task's end."""

    async def look() -> dict[str, Any] | None:
        task = await shown(session, base, task_id)
        return task if task["status"] == status else None

    found: dict[str, Any] = await until(look, timeout_s=PATIENCE_S, what=f"{task_id} {status}")
    return found


async def hashes(session: aiohttp.ClientSession, base: str, task: Mapping[str, Any]) -> list[str]:
    """Return the hashes of a task's pictures, as they are served."""
    found = []
    for each in (task.get("result") or {}).get("images", ()):
        path = "/api/v1/assets/" + each["url"].partition("/api/v1/assets/")[2]
        async with session.get(base + path) as answer:
            assert answer.status == 200
            found.append(hashlib.sha256(await answer.read()).hexdigest())
    return found


def danqing(directory: Path, variables: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this release."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "danqing_server", *words]
    return subprocess.run(
        command, cwd=directory, env={**kept, **variables}, capture_output=True, text=True, check=False
    )


class TestData:
    async def test_an_old_data_directory(
        self, old_site: Path, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """Every task, picture, key and user reads as before, what waited is made, and a backup goes back whole."""
        data = {"DANQING_DATA_DIR": str(tmp_path / "data"), "DANQING_API_KEYS": f"shop:{SECRET}"}
        with run_danqing(tmp_path / "old", {**data, "PYTHONPATH": str(old_site)}) as old:
            base = old.base_url
            uri = "data:image/png;base64," + base64.b64encode(picture(640, 480)).decode()
            ids = [await submit(session, base, key=f"key-{number}", n=2) for number in range(3)]
            ids.append(await submit(session, base, options={"image": uri}))
            before = {each: await ended(session, base, each) for each in ids}
            pictures = {each: await hashes(session, base, task) for each, task in before.items()}
            model = before[ids[0]]["model"]
            cancelled = await schedule(session, base, model)
            assert (await ask(session, "POST", f"{base}/api/v1/tasks/{cancelled}/cancel"))[0] == 200
            before[cancelled] = await ended(session, base, cancelled, "cancelled")
            later = await schedule(session, base, model)
            person = {"email": "a@example.com", "name": "Ann"}
            assert (await ask(session, "POST", f"{base}/api/v1/users", json=person))[0] == 201
            waiting = [await submit(session, base, prompt=f"late {number}") for number in range(6)]
            old.send(signal.SIGTERM)
            old.until_ended(60)
        with run_danqing(tmp_path / "new", data) as new:
            base = new.base_url
            for task_id, task in before.items():
                now = await shown(session, base, task_id)
                assert {
                    name: now[name] for name in ("status", "created_at", "completed_at", "user_id", "model")
                } == {name: task[name] for name in ("status", "created_at", "completed_at", "user_id", "model")}
                assert await hashes(session, base, now) == pictures.get(task_id, [])
            assert await submit(session, base, key="key-1", n=2) == ids[1]
            assert (await shown(session, base, later))["status"] == "scheduled"
            assert (await ask(session, "GET", f"{base}/api/v1/users?email=a@example.com"))[1]["name"] == "Ann"
            for task_id in waiting:
                await ended(session, base, task_id)
            taken = await asyncio.to_thread(danqing, tmp_path, data, "backup", str(tmp_path / "backups"))
            assert (taken.returncode, taken.stderr) == (0, "")
        proved = await asyncio.to_thread(danqing, tmp_path, data, "backup", "verify", str(tmp_path / "backups"))
        assert proved.returncode == 0, proved.stdout
        other = {**data, "DANQING_DATA_DIR": str(tmp_path / "other")}
        put_back = await asyncio.to_thread(danqing, tmp_path, other, "restore", str(tmp_path / "backups"))
        assert (put_back.returncode, put_back.stderr) == (0, "")
        with run_danqing(tmp_path / "restored", other) as restored:
            base = restored.base_url
            for task_id, found in pictures.items():
                assert await hashes(session, base, await shown(session, base, task_id)) == found
            assert (await shown(session, base, later))["status"] == "scheduled"
            assert await submit(session, base, key="key-1", n=2) == ids[1]


class TestSideBySide:
    async def test_a_rolling_upgrade_under_load(
        self,
        old_site: Path,
        make_settings: MakeSettings,
        own_sandbox: RunningServer,
        session: aiohttp.ClientSession,
        tmp_path: Path,
    ) -> None:
        """Both releases carry tasks out, one is killed and the other goes on: all are made, each paid for once."""
        settings: Settings = make_settings(
            DANQING_SANDBOX_URL=own_sandbox.url,
            DANQING_DISABLED_PLUGINS="",
            DANQING_DEFAULT_PROVIDER="volcengine",
            DANQING_API_KEYS=f"shop:{SECRET}",
            DANQING_ON_AMBIGUOUS="fail",
            DANQING_STOP_GRACE="90",  # the sandbox paints as fast as the machine lets it
        )
        variables = dict(settings.environment)
        ids: list[str] = []
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()

        async def load(base: str, stop: asyncio.Event) -> None:
            while not stop.is_set():
                ids.append(await submit(session, base, user_id=f"u{len(ids) % 3}"))

        with run_serving(tmp_path / "b", variables) as new:
            newer, stop_newer = f"http://127.0.0.1:{new.port}", asyncio.Event()
            with run_serving(tmp_path / "a", {**variables, "PYTHONPATH": str(old_site)}) as old:
                older, stop_older = f"http://127.0.0.1:{old.port}", asyncio.Event()
                loads = [load(older, stop_older), load(newer, stop_newer), load(newer, stop_newer)]
                running = [asyncio.create_task(each) for each in loads]
                await until(lambda: len(ids) >= 60, timeout_s=PATIENCE_S, what="the load")
                for task_id in ids[:20]:  # whoever took it in, both show it
                    assert (await shown(session, older, task_id))["id"] == task_id
                    assert (await shown(session, newer, task_id))["id"] == task_id
                stop_older.set()
                await running[0]
                os.kill(old.pid, signal.SIGTERM)  # it ends what it has begun, or gives it back
                await until(lambda: len(ids) >= 90, timeout_s=PATIENCE_S, what="the load of the newer one")
                stop_newer.set()
                await asyncio.gather(*running)
                left = psutil.Process(old.pid)
                await until(lambda: left.status() == psutil.STATUS_ZOMBIE, timeout_s=PATIENCE_S, what="its end")
            for task_id in ids:
                await ended(session, newer, task_id)
        async with session.get(f"{own_sandbox.url}/sandbox/ledger?after=0") as answer:
            bills = await answer.json()
        assert bills["total"] == len(ids)
