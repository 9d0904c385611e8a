"""Videos of tier flex, which are done when Ark finds the time: longer than a task may take otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from danqing_server.records.tasks import Billed, Status, Task
from danqing_server.settings.server import Settings
from tests.integration.sandbox.serving import Served, served
from tests.support.installed import all_but
from tests.support.system import MakeSettings, System, running_system, until

DAY_S = 86_400.0
PROMPT = "a red fox [sandbox:queued=90000]"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    """Yield a simulator whose clock the test moves."""
    async with served(tmp_path / "sandbox", queued_s=0.0, running_s=0.0) as running:
        yield running


@pytest.fixture
def settings(make_settings: MakeSettings, sandbox: Served) -> Settings:
    """A server whose only provider is Volcengine, simulated."""
    return make_settings(
        DANQING_DISABLED_PLUGINS=all_but("volcengine"),
        DANQING_DEFAULT_PROVIDER="volcengine",
        DANQING_SANDBOX_URL=sandbox.url,
        DANQING_VOLCENGINE_VIDEO_POLL_EVERY="0.1",
        DANQING_MAX_ATTEMPTS="1",
    )


async def ordered(system: System, **fields: object) -> Task:
    """Return a task whose order was placed, and waits for more than a day."""
    model = "doubao-seedance-1-0-pro-fast-251015"
    small = {"resolution": "480p", "duration": 2, "ratio": "16:9"}
    task = await system.submit(PROMPT, type="video", model=model, **small, **fields)
    return await placed(system, task)


async def placed(system: System, task: Task) -> Task:
    """Return *task* once a worker sees to its order."""

    async def look() -> Task | None:
        found = await system.get(task.id)
        return found if found.saved and found.status is Status.PROCESSING else None

    found: Task = await until(look, timeout_s=20, what="its order")
    return found


def time_left(system: System, task: Task) -> timedelta:
    """Return how long the task may still take."""
    assert task.deadline_at is not None
    return task.deadline_at - system.services.clock.now()


class TestOffline:
    """By the simulator's clock."""

    async def test_it_may_take_as_long_as_its_order(self, settings: Settings, sandbox: Served) -> None:
        """A server that was stopped and started meanwhile asks for the same order, with the same time."""
        async with running_system(settings, []) as system:
            task = await ordered(system, service_tier="flex")
            assert time_left(system, task) > timedelta(hours=48)
        async with running_system(settings, []) as system:

            async def has_time() -> bool:
                return time_left(system, await placed(system, task)) > timedelta(hours=48)

            await until(has_time, timeout_s=20, what="its time")
            sandbox.now_s[0] += 1.1 * DAY_S
            task = await system.finished(task.id, 60)
        assert task.status is Status.COMPLETED, task.error
        assert len(await sandbox.ledger()) == 1

    async def test_it_is_given_up_when_its_order_is(self, settings: Settings, sandbox: Served) -> None:
        """Nobody says whether it was billed, so `fail` buys no other."""
        async with running_system(settings, []) as system:
            fields = {"service_tier": "flex", "execution_expires_after": 7200, "on_ambiguous": "fail"}
            task = await ordered(system, **fields)
            assert timedelta(hours=2) < time_left(system, task) < timedelta(hours=3)
            sandbox.now_s[0] += 7300
            task = await system.finished(task.id, 60)
        assert task.error is not None
        assert (task.error.provider_code, task.error.billed) == ("order_expired", Billed.UNKNOWN)
        assert len(task.calls) == 1

    async def test_others_have_the_server_s_time(self, settings: Settings) -> None:
        """However long Ark would let them wait."""
        async with running_system(settings, []) as system:
            task = await ordered(system)
            assert time_left(system, task) < timedelta(seconds=settings.task_timeout_s + 1)
