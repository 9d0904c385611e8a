"""Videos through the whole server, as its users meet it; and with its process killed on the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from danqing_server.records.tasks import Billed, Status, Task
from danqing_server.settings.server import Settings
from tests.support.provider_process import provider_process
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, System, running_system, until
from tests.support.whole import bills_of, bought, only

pytestmark = pytest.mark.kills

PATIENCE_S = 90.0
MODEL = "doubao-seedance-1-0-pro-fast-251015"
SMALL = {"resolution": "480p", "duration": 2, "ratio": "16:9"}


@pytest.fixture
def settings(make_settings: MakeSettings, own_sandbox: RunningServer) -> Settings:
    """A server whose only provider is Volcengine, simulated."""
    return make_settings(**only("volcengine", own_sandbox), DANQING_VOLCENGINE_VIDEO_POLL_EVERY="0.1")


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
        (entry,) = await bills_of(own_sandbox, prompt)
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
        assert not await bought(own_sandbox, prompt)

    async def test_a_lost_answer_is_found(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """The order was taken, and its answer cut: it is not placed again, whatever the policy."""
        prompt = "a red fox [sandbox:reset-after-billing x1]"
        async with running_system(settings, []) as system:
            task = await order(system, prompt, on_ambiguous="fail")
            task = await system.finished(task.id, PATIENCE_S)
        assert task.status is Status.COMPLETED, task.error
        assert (await bought(own_sandbox, prompt)).total() == 1

    async def test_a_text(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """The old server's `translation` again."""
        async with running_system(settings, []) as system:
            task = await system.submit("spring is here", type="translation", target_language="zh")
            task = await system.finished(task.id, PATIENCE_S)
        assert task.status is Status.COMPLETED, task.error
        assert task.result == {"text": "【译文】spring is here"}
        assert (await bought(own_sandbox, "spring is here")).total() == 1


class TestKilled:
    """By SIGKILL, at a step of the way: the task completes, and was bought once."""

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
        assert (await bought(own_sandbox, prompt)).total() == 1

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
        assert (await bought(own_sandbox, prompt)).total() == 1
