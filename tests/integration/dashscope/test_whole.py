"""Through the whole server, as its users meet it; and with its process killed on the way."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from danqing_server.records.tasks import Billed, Status, Task
from danqing_server.settings.server import Settings
from tests.support.provider_process import provider_process
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, System, running_system, until
from tests.support.whole import bought, only

pytestmark = pytest.mark.kills

PATIENCE_S = 60.0
SYNC, ORDERED = "qwen-image-2.0", "wan2.2-t2i-flash"


@pytest.fixture
def settings(make_settings: MakeSettings, own_sandbox: RunningServer) -> Settings:
    """A server whose only provider is DashScope, simulated."""
    return make_settings(**only("dashscope", own_sandbox), DANQING_DASHSCOPE_POLL_EVERY="0.1")


async def ended(door: System, task: Task) -> Task:
    """Return the task when it has ended."""
    return await door.finished(task.id, PATIENCE_S)


class TestWholeServer:
    """Submitted, queued, carried out, kept."""

    @pytest.mark.parametrize(("model", "count"), [(SYNC, 2), (ORDERED, 2), ("wan2.6-t2i", 1)])
    async def test_pictures(self, settings: Settings, own_sandbox: RunningServer, model: str, count: int) -> None:
        """Completed, priced, and bought once."""
        prompt = f"a red fox by {model}"
        async with running_system(settings, []) as system:
            task = await ended(system, await system.submit(prompt, model=model, n=count))
            assert task.status is Status.COMPLETED
            assert len(task.kept) == count
            for output in task.kept:
                assert output.asset is not None
                assert (await system.services.assets.read(output.asset.key)).startswith(b"\x89PNG")
        assert await bought(own_sandbox, prompt) == Counter(range(count))

    async def test_a_refusal_is_told(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """Moderation: final, unbilled, with the service's own code."""
        prompt = "a red fox [sandbox:moderation]"
        async with running_system(settings, []) as system:
            task = await ended(system, await system.submit(prompt, model=ORDERED))
        assert task.status is Status.FAILED
        assert task.error is not None
        assert (task.error.code, task.error.billed) == ("content_rejected", Billed.NO)
        assert not await bought(own_sandbox, prompt)


class TestKilled:
    """By SIGKILL, while the service is asked; other deaths are `tests/integration/test_providers_killed.py`'s."""

    async def test_before_an_order_was_answered(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """Its id never came: it is found by its prompt, and not placed again."""
        prompt = "a fox that nobody else asked for [sandbox:stall=60 x1]"
        async with running_system(settings, [], workers=False) as door:
            with provider_process(settings.environment) as first:
                task = await door.submit(prompt, model=ORDERED, n=2, on_ambiguous="fail")

                async def is_bought() -> bool:
                    return bool(await bought(own_sandbox, prompt))

                await until(is_bought, timeout_s=PATIENCE_S, what="its purchase")
                os.kill(first.pid, signal.SIGKILL)
            with provider_process(settings.environment):
                task = await ended(door, task)
        assert task.status is Status.COMPLETED
        assert await bought(own_sandbox, prompt) == Counter(range(2))

    async def test_before_an_answer_came(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """Without orders nothing can be asked for: `fail` buys nothing more, and says that it may have cost."""
        prompt = "a red fox [sandbox:stall=60]"
        async with running_system(settings, [], workers=False) as door:
            with provider_process(settings.environment) as first:
                task = await door.submit(prompt, model=SYNC, on_ambiguous="fail")

                async def is_bought() -> bool:
                    return bool(await bought(own_sandbox, prompt))

                await until(is_bought, timeout_s=PATIENCE_S, what="its purchase")
                os.kill(first.pid, signal.SIGKILL)
            with provider_process(settings.environment):
                task = await ended(door, task)
        assert task.status is Status.FAILED
        assert task.error is not None
        assert task.error.billed is Billed.UNKNOWN
        assert await bought(own_sandbox, prompt) == Counter([0])
