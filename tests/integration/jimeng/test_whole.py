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
MODEL = "jimeng_t2i_v31"


@pytest.fixture
def settings(make_settings: MakeSettings, own_sandbox: RunningServer) -> Settings:
    """A server whose only provider is 即梦, simulated."""
    return make_settings(**only("jimeng", own_sandbox))


async def ended(door: System, task: Task) -> Task:
    """Return the task when it has ended."""
    return await door.finished(task.id, PATIENCE_S)


class TestKilled:
    """By SIGKILL, while the service is asked; other deaths are `tests/integration/test_providers_killed.py`'s."""

    async def test_before_an_answer_came(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """Nobody can tell what became of it: `fail` buys nothing more, and says that it may have cost."""
        prompt = "a red fox [sandbox:stall=60]"
        async with running_system(settings, [], workers=False) as door:
            with provider_process(settings.environment) as first:
                task = await door.submit(prompt, model=MODEL, on_ambiguous="fail", size="512x512")

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
