"""A task of several pictures that is cancelled: the calls that are under way go on, and what they bring is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig
from danqing_server.access.caller import Caller
from danqing_server.records.outputs import OutputState
from tests.support.installed import all_but
from tests.support.system import MakeSettings, running_system, until

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SENT = 4


class Gate:
    """Lets one call after another through; `waiting` counts those that have come."""

    def __init__(self) -> None:
        self.passes = asyncio.Semaphore(0)
        self.waiting = 0

    async def hold(self) -> None:
        """Wait to be let through."""
        self.waiting += 1
        await self.passes.acquire()


@pytest.fixture
def gate() -> Gate:
    """What stands before the service."""
    return Gate()


@pytest.fixture
async def url(tmp_path: Path, gate: Gate) -> AsyncIterator[str]:
    """The address of a simulator behind the gate."""

    @web.middleware
    async def gated(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith(":generateContent"):
            await gate.hold()
        return await handler(request)

    app = create_app(SandboxConfig(data_dir=tmp_path, latency_s=0))
    app.middlewares.insert(0, gated)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_the_calls_under_way_bring_their_pictures(make_settings: MakeSettings, url: str, gate: Gate) -> None:
    """The fifth picture's call is not made; that must not cut those of the others."""
    settings = make_settings(
        DANQING_DISABLED_PLUGINS=all_but("gemini"),
        DANQING_DEFAULT_PROVIDER="gemini",
        GEMINI_API_KEY="a-key",
        DANQING_GEMINI_ENDPOINT=f"{url}/gemini",
    )
    async with running_system(settings, []) as system:
        task = await system.submit(provider="gemini", n=SENT + 1)
        await until(lambda: gate.waiting == SENT)
        await system.services.control.cancel(task.id, Caller.local())
        gate.passes.release()

        async def one_came() -> bool:
            return bool((await system.get(task.id)).late)

        await until(one_came)
        for _ in range(SENT):
            gate.passes.release()

        async def let_go() -> bool:
            return (await system.get(task.id)).attempt is None

        await until(let_go)
        cancelled = await system.get(task.id)
        assert [output.state for output in cancelled.late.values()] == [OutputState.KEPT] * SENT
        assert [call.outcome.value for call in cancelled.calls.values()] == ["delivered"] * SENT
