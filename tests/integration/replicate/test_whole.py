"""Through the whole server, as its users meet it; and with its process killed on the way."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from danqing_server.models import Status, Task
from danqing_server.settings.server import Settings
from danqing_server.supervision.embedded.servers import free_port
from tests.support.installed import all_but
from tests.support.provider_process import provider_process
from tests.support.servers import RunningServer, run_sandbox
from tests.support.system import MakeSettings, System, running_system, until

pytestmark = pytest.mark.kills

PATIENCE_S = 60.0
MODEL = "black-forest-labs/flux-schnell"


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A simulator whose ledger is these tests' own; orders take a moment."""
    arguments = ("--latency-s", "0", "--queued-s", "0.1", "--running-s", "0.3")
    with run_sandbox(tmp_path_factory.mktemp("sandbox"), port=free_port(), arguments=arguments) as server:
        yield server


@pytest.fixture
def settings(make_settings: MakeSettings, own_sandbox: RunningServer) -> Settings:
    """A server whose only provider is Replicate, simulated."""
    return make_settings(
        DANQING_DISABLED_PLUGINS=all_but("replicate"),
        DANQING_DEFAULT_PROVIDER="replicate",
        DANQING_SANDBOX_URL=own_sandbox.url,
    )


async def bought(sandbox: RunningServer, prompt: str) -> Counter[int]:
    """Return how often each output of *prompt* was billed."""
    async with aiohttp.ClientSession() as session, session.get(f"{sandbox.url}/sandbox/ledger") as answer:
        entries: list[dict[str, Any]] = (await answer.json())["entries"]
    return Counter(entry["image_index"] for entry in entries if entry["prompt"] == prompt)


async def ended(door: System, task: Task) -> Task:
    """Return the task when it has ended."""
    return await door.finished(task.id, PATIENCE_S)


class TestKilled:
    """By SIGKILL, at a step of the way: the task completes, and each picture was bought once."""

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
                task = await door.submit(prompt, model=MODEL, num_outputs=2, megapixels="0.25")
                await until(lambda: first.poll() is not None, timeout_s=PATIENCE_S, what="its death")
            with provider_process(settings.environment):
                task = await ended(door, task)
        assert task.status is Status.COMPLETED
        assert len(task.kept) == 2
        assert await bought(own_sandbox, prompt) == Counter(range(2))

    async def test_between_two_polls(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """The order goes on without us, and is asked for again."""
        prompt = "a red fox [sandbox:running=3]"
        async with running_system(settings, [], workers=False) as door:
            with provider_process(settings.environment) as first:
                task = await door.submit(prompt, model=MODEL, num_outputs=2, megapixels="0.25")

                async def is_ordered() -> bool:
                    return bool((await door.get(task.id)).saved)

                await until(is_ordered, timeout_s=PATIENCE_S, what="its order")
                await asyncio.sleep(0.8)  # some questions are asked meanwhile
                os.kill(first.pid, signal.SIGKILL)
            with provider_process(settings.environment):
                task = await ended(door, task)
        assert task.status is Status.COMPLETED
        assert await bought(own_sandbox, prompt) == Counter(range(2))

    async def test_before_an_answer_came(self, settings: Settings, own_sandbox: RunningServer) -> None:
        """The prediction is found by the seed of its task, whatever `on_ambiguous` says."""
        prompt = "a red fox [sandbox:stall=60 x1]"
        async with running_system(settings, [], workers=False) as door:
            with provider_process(settings.environment) as first:
                task = await door.submit(prompt, model=MODEL, on_ambiguous="fail", megapixels="0.25")

                async def is_bought() -> bool:
                    return bool(await bought(own_sandbox, prompt))

                await until(is_bought, timeout_s=PATIENCE_S, what="its purchase")
                os.kill(first.pid, signal.SIGKILL)
            with provider_process(settings.environment):
                task = await ended(door, task)
        assert task.status is Status.COMPLETED
        assert await bought(own_sandbox, prompt) == Counter([0])
