"""Videos through the whole server, as its users meet it; and with its process killed on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from danqing_server.models import Billed, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.supervision.embedded.servers import free_port
from tests.support.installed import all_but
from tests.support.provider_process import provider_process
from tests.support.servers import RunningServer, run_sandbox
from tests.support.system import MakeSettings, System, running_system, until

pytestmark = pytest.mark.kills

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

    async def test_a_refusal_is_told(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """Moderation of what was made: final, unbilled, after the order had been taken."""
        prompt = "a red fox [sandbox:moderation-output]"
        async with running_system(settings, []) as system:
            task = await order(system, prompt)
            task = await system.finished(task.id, PATIENCE_S)
        assert task.status is Status.FAILED
        assert task.error is not None
        assert (task.error.code, task.error.billed) == ("content_rejected", Billed.NO)
        assert await bought(own_sandbox, prompt) == []

    async def test_a_lost_answer_is_found(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """The order was taken, and its answer cut: it is not placed again, whatever the policy."""
        prompt = "a red fox [sandbox:reset-after-billing x1]"
        async with running_system(settings, []) as system:
            task = await order(system, prompt, on_ambiguous="fail")
            task = await system.finished(task.id, PATIENCE_S)
        assert task.status is Status.COMPLETED, task.error
        assert len(await bought(own_sandbox, prompt)) == 1

    async def test_a_text(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """The old server's `translation` again."""
        async with running_system(settings, []) as system:
            task = await system.submit("spring is here", type="translation", target_language="zh")
            task = await system.finished(task.id, PATIENCE_S)
        assert task.status is Status.COMPLETED, task.error
        assert task.result == {"text": "【译文】spring is here"}
        assert len(await bought(own_sandbox, "spring is here")) == 1


class TestKilled:
    """By SIGKILL, at a step of the way: the task completes, and was bought once."""

    @pytest.mark.parametrize(
        "point",
        [
            "before:work.send",
            "after:work.send",
            "before:work.deliver",
            "after:work.deliver",
            "before:work.keep",
            "after:work.keep",
            "before:work.conclude",
            "after:work.conclude",
        ],
    )
    async def test_at(self, settings: Settings, own_sandbox: RunningServer, tmp_path: Path, point: str) -> None:
        """Order, delivery, download, finish."""
        prompt = f"a red fox {point}"
        armed = tmp_path / "armed"
        armed.write_text(point)
        async with running_system(settings, [], workers=False) as door:
            with provider_process(settings.environment, armed) as first:
                task = await order(door, prompt, return_last_frame=True)
                await until(lambda: first.poll() is not None, timeout_s=PATIENCE_S, what="its death")
            with provider_process(settings.environment):
                task = await door.finished(task.id, PATIENCE_S)
        assert task.status is Status.COMPLETED, task.error
        assert len(task.kept) == 2
        assert len(await bought(own_sandbox, prompt)) == 1

    @pytest.mark.parametrize("word", ["running=2", "reset-after-billing x1"])
    async def test_while_it_is_made(self, settings: Settings, own_sandbox: RunningServer, word: str) -> None:
        """Between two questions, or while a lost order is looked for: it goes on without us."""
        prompt = f"a red fox [sandbox:{word}] [sandbox:running=2]"
        async with running_system(settings, [], workers=False) as door:
            with provider_process(settings.environment) as first:
                task = await order(door, prompt)

                async def is_ordered() -> bool:
                    return bool((await door.get(task.id)).saved)

                await until(is_ordered, timeout_s=PATIENCE_S, what="its order")
                os.kill(first.pid, signal.SIGKILL)
            with provider_process(settings.environment):
                task = await door.finished(task.id, PATIENCE_S)
        assert task.status is Status.COMPLETED, task.error
        assert len(await bought(own_sandbox, prompt)) == 1

    @pytest.mark.parametrize("point", ["before:work.conclude", "after:work.send"])
    async def test_a_text(self, settings: Settings, own_sandbox: RunningServer, tmp_path: Path, point: str) -> None:
        """What was answered is there."""
        prompt = f"hello {point}"
        armed = tmp_path / "armed"
        armed.write_text(point)
        async with running_system(settings, [], workers=False) as door:
            with provider_process(settings.environment, armed) as first:
                task = await door.submit(prompt, type="text")
                await until(lambda: first.poll() is not None, timeout_s=PATIENCE_S, what="its death")
            with provider_process(settings.environment):
                task = await door.finished(task.id, PATIENCE_S)
        assert task.status is Status.COMPLETED, task.error
        assert task.result["text"].endswith(prompt)
        assert len(await bought(own_sandbox, prompt)) == 1
