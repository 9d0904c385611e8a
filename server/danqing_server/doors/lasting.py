"""How a call outlasts what cuts connections on which nothing comes: nginx after 60 s, Cloudflare after 100 to 120.

One rule for every door that holds calls, as the operator wants it:

- By redirects, unless told otherwise (`doors.holding`).
- By blanks: JSON may begin with white space. The status is 200 before anything is known, so a failure is told by
  cutting the connection; the repeat is answered with it.
- Silently, for who has no proxy.

Sources: openai-python, openai-node, ai, requests, urllib, aiohttp, axios, got, node-fetch and curl, tried on
loopback 2026-11-28.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from danqing_server.doors.encoding import Piece, place_for, written
from danqing_server.doors.holding import MOST_HOPS, Call, Voice, by_redirects, give_up
from danqing_server.http.answers import JSON, NO_STORE
from danqing_server.http.connection import stay_connected
from danqing_server.records.tasks import Status, Task
from danqing_server.settings.server import Settings

__all__ = ["Way", "open_for_s", "way_of"]

BLANK_EVERY_S = 12.0
UNTIL_LOST_S = 5.0

Way = Callable[[Call[Voice], str], Awaitable[bool]]


def way_of(settings: Settings) -> Way:
    """Return how calls wait that did not ask for events."""
    ways: Mapping[str, Way] = {"303": by_redirects, "whitespace": _by_blanks}
    return ways.get(settings.sync_mode, _silently)


def open_for_s(settings: Settings) -> float | None:
    """Return how long such a call may be open at most, its whole time; None for one that is redirected."""
    return None if settings.sync_mode == "303" else settings.sync_wait_s * (1 + MOST_HOPS)


async def _silently(call: Call[Voice], task_id: str) -> bool:
    for _ in range(1 + MOST_HOPS):
        task = await _finished(call, task_id, call.services.settings.sync_wait_s)
        if task is not None:
            await call.show(task)
            return True
        if call.services.draining:
            break
        stay_connected(call.request)
    return await give_up(call)


async def _by_blanks(call: Call[Voice], task_id: str) -> bool:
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
    pieces: Sequence[Piece] = []
    if task is not None and task.status is Status.COMPLETED and task.kept:
        pieces = call.voice.pieces(call, task)
    if not pieces:
        await _cut(call)
        return False
    async with place_for(call.request, pieces) as downloads:
        await downloads.send(call.request, response, written(call.services.assets, pieces))
        await response.eof()
    return True


async def _cut(call: Call[Voice]) -> None:
    """Cut the connection: under a status of 200 no library takes an error for one."""
    await call.dismiss()
    protocol: Any = call.request.protocol
    protocol.transport.abort()
    await asyncio.sleep(UNTIL_LOST_S)  # the lost connection cancels this task


async def _finished(call: Call[Voice], task_id: str, within_s: float) -> Task | None:
    return await call.services.watchers.finished(task_id, call.caller, within_s)
