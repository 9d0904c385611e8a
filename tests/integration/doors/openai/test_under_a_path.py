"""Long calls behind a proxy that has this server under a path of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.integration.api.conftest import Client
from tests.integration.doors.openai.conftest import OpenDoor, Studio
from tests.integration.doors.openai.test_joining import bought
from tests.support.system import until

MOUNT = "/danqing"
CHAT = [{"role": "user", "content": "a fox"}]


@asynccontextmanager
async def mounted(door: Client, seen: list[str]) -> AsyncIterator[str]:
    """Yield where *door* is found under a path, which is not passed on; *seen* are the paths that are asked for."""

    async def pass_on(request: web.Request) -> web.Response:
        seen.append(request.path)
        path = request.path_qs.removeprefix(MOUNT)
        async with door.session.request(
            request.method, door.base + path, data=await request.read(), allow_redirects=False
        ) as answer:
            told = {name: answer.headers[name] for name in ("Location", "X-Danqing-Task") if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=told)

    app = web.Application()
    app.router.add_route("*", MOUNT + "/{rest:.*}", pass_on)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{MOUNT}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images/generations", {"prompt": "a fox"}),
        ("/v1/images/generations/", {"prompt": "a fox"}),
        ("/v1/chat/completions", {"messages": CHAT}),
        ("/api/v3/images/generations", {"model": "one", "prompt": "a fox"}),
        ("/sdapi/v1/txt2img", {"prompt": "a fox"}),
    ],
)
async def test_redirects_stay_under_it(
    open_door: OpenDoor, studio: Studio, path: str, body: dict[str, Any]
) -> None:
    """From the call to the hops, and from hop to hop, at every door."""
    studio.gate.clear()
    seen: list[str] = []
    async with (
        open_door(DANQING_SYNC_WAIT="0.1") as door,
        mounted(door, seen) as base,
        aiohttp.ClientSession() as session,
    ):
        call = asyncio.create_task(session.post(base + path, json=body))
        await bought(studio, 1)
        await until(lambda: len(seen) > 2, what="a second hop")
        studio.gate.set()
        async with await call as answer:
            assert (answer.status, studio.bought) == (200, 1)
