"""How a call outlasts what cuts connections on which nothing comes: nginx after 60 s, Cloudflare after 100 to 120.

- By redirects, as in every door that holds calls, unless the operator wants it otherwise (`doors.holding`).
- By blanks: JSON may begin with white space. The status is 200 before anything is known, so a failure is told by
  cutting the connection; the repeat is answered with it.
- Silently, for who has no proxy.

Sources: openai-python, openai-node, ai, requests, urllib, aiohttp, axios, got, node-fetch and curl, tried on
loopback 2026-11-28.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from danqing_server.doors.encoding import written
from danqing_server.doors.holding import MOST_HOPS, by_redirects, give_up
from danqing_server.doors.openai.speaking import OpenAICall, gallery_of
from danqing_server.doors.output_views import pictures_of
from danqing_server.http.answers import JSON, NO_STORE
from danqing_server.http.connection import stay_connected
from danqing_server.http.downloads import Downloads
from danqing_server.http.entry import payer_of
from danqing_server.models import Status, Task
from danqing_server.settings.server import Settings

__all__ = ["Way", "way_of"]

BLANK_EVERY_S = 12.0
UNTIL_LOST_S = 5.0

Way = Callable[[OpenAICall, str], Awaitable[bool]]


def way_of(settings: Settings) -> Way:
    """Return how calls wait that did not ask for events."""
    ways: Mapping[str, Way] = {"303": by_redirects, "whitespace": _by_blanks}
    return ways.get(settings.sync_mode, _silently)


async def _silently(call: OpenAICall, task_id: str) -> bool:
    for _ in range(1 + MOST_HOPS):
        task = await _finished(call, task_id, call.services.settings.sync_wait_s)
        if task is not None:
            await call.show(task)
            return True
        if call.services.draining:
            break
        stay_connected(call.request)
    return await give_up(call)


async def _by_blanks(call: OpenAICall, task_id: str) -> bool:
    wait_s = call.services.settings.sync_wait_s
    task = await _finished(call, task_id, wait_s)
    if task is not None:
        await call.show(task)
        return True
    headers = {**NO_STORE, "x-accel-buffering": "no", **call.headers}
    response = await call.request.respond(status=200, headers=headers, content_type=JSON)
    every_s = min(BLANK_EVERY_S, wait_s)
    left_s = MOST_HOPS * wait_s
    while task is None and left_s > 0 and not call.services.draining:
        await response.send(" ")
        task = await _finished(call, task_id, every_s)
        left_s -= every_s
    if task is None or task.status is not Status.COMPLETED or not pictures_of(task):
        await _cut(call)
        return False
    downloads: Downloads = call.request.app.ctx.downloads
    async with downloads.place(payer_of(call.request)):
        pieces = gallery_of(call, task).pieces
        await downloads.send(call.request, response, written(call.services.assets, pieces))
        await response.eof()
    return True


async def _cut(call: OpenAICall) -> None:
    """Cut the connection: under a status of 200 no library takes an error for one."""
    protocol: Any = call.request.protocol
    protocol.transport.abort()
    await asyncio.sleep(UNTIL_LOST_S)  # the lost connection cancels this task


async def _finished(call: OpenAICall, task_id: str, within_s: float) -> Task | None:
    return await call.services.watchers.finished(task_id, call.caller, within_s)
