"""Videos through the whole server, as its users meet it; and with its process killed on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from danqing_server.models import Status, Task
from danqing_server.settings.server import Settings
from danqing_server.supervision.embedded.servers import free_port
from tests.support.installed import all_but
from tests.support.servers import RunningServer, run_sandbox
from tests.support.system import MakeSettings, System, running_system

PATIENCE_S = 90.0
MODEL = "doubao-seedance-1-0-pro-fast-251015"
SMALL = {"resolution": "480p", "duration": 2, "ratio": "16:9"}


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A simulator whose ledger is these tests' own; orders take a moment."""
    arguments = ("--latency-s", "0", "--queued-s", "0.1", "--running-s", "0.3")
    with run_sandbox(tmp_path_factory.mktemp("sandbox"), port=free_port(), arguments=arguments) as server:
        yield server


@pytest.fixture
def settings(make_settings: MakeSettings, own_sandbox: RunningServer) -> Settings:
    """A server whose only provider is Volcengine, simulated."""
    return make_settings(
        DANQING_DISABLED_PLUGINS=all_but("volcengine"),
        DANQING_DEFAULT_PROVIDER="volcengine",
        DANQING_SANDBOX_URL=own_sandbox.url,
        DANQING_VOLCENGINE_VIDEO_POLL_EVERY="0.1",
    )


async def bought(sandbox: RunningServer, prompt: str) -> list[dict[str, Any]]:
    """Return what was billed for *prompt*."""
    async with aiohttp.ClientSession() as session, session.get(f"{sandbox.url}/sandbox/ledger") as answer:
        entries: list[dict[str, Any]] = (await answer.json())["entries"]
    return [entry for entry in entries if entry["prompt"] == prompt]


async def order(door: System, prompt: str, **fields: Any) -> Task:
    """Submit a small video."""
    return await door.submit(prompt, type="video", model=MODEL, **{**SMALL, **fields})


class TestWholeServer:
    """Submitted, queued, ordered, fetched, kept."""

    async def test_a_video_and_its_last_frame(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """Both are kept, with a poster, and cost what Ark counted."""
        prompt = "a red fox runs"
        async with running_system(settings, []) as system:
            task = await order(system, prompt, return_last_frame=True)
            task = await system.finished(task.id, PATIENCE_S)
        assert task.status is Status.COMPLETED, task.error
        kinds = [output.asset.kind for output in task.kept if output.asset is not None]
        assert kinds == ["video", "image"]
        (entry,) = await bought(own_sandbox, prompt)
        assert [call.cost_micro for call in task.calls.values()] == [entry["cost_micro"]]
