"""How a call outlasts what cuts connections on which nothing comes: nginx after 60 s, Cloudflare after 100 to 120.

- By redirects, unless the operator wants it otherwise: after a while the answer is a 303 to where the call goes on
  waiting, a plain GET of a task that goes on whoever looks. Every client that was tried follows nine of them, and
  at the end is the true status.
- By blanks: JSON may begin with white space. The status is 200 before anything is known, so a failure is told by
  cutting the connection; the repeat is answered with it.
- Silently, for who has no proxy.

Sources: openai-python, openai-node, ai, requests, urllib, aiohttp, axios, got, node-fetch and curl, tried on
loopback 2026-11-28: hops allowed are 10 at the least.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

from sanic import HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.openai.answering import pictures_of
from danqing_server.doors.openai.attending import Attendance, Way
from danqing_server.doors.openai.refusing import RETRY_HEADER, envelope
from danqing_server.http.answers import JSON, NO_STORE, json_answer
from danqing_server.http.connection import stay_connected
from danqing_server.http.downloads import Downloads
from danqing_server.http.edge import hang_up_after
from danqing_server.http.entry import payer_of
from danqing_server.http.messages import ENGLISH
from danqing_server.models import Status, Task
from danqing_server.settings.server import Settings

__all__ = ["MOST_HOPS", "WAIT_PATH", "way_of"]

WAIT_PATH = "/v1/images/wait/"
MOST_HOPS = 9
SEE_OTHER, TIMED_OUT = 303, 504
BLANK_EVERY_S = 12.0
UNTIL_LOST_S = 5.0

STILL_RUNNING = Message(
    key="openai_still_running",
    en="The picture is still being made. Send the same request again: it goes on waiting for the same task.",
    zh="图片仍在生成中。请重新发送相同的请求，将继续等待同一任务",
)


def way_of(settings: Settings) -> Way:
    """Return how calls wait that did not ask for events."""
    return {"303": _by_redirects, "whitespace": _by_blanks}.get(settings.sync_mode, _silently)


async def _by_redirects(call: Attendance, task_id: str) -> bool:
    task = await _finished(call, task_id, call.services.settings.sync_wait_s)
    if task is not None:
        await call.show(task)
        return True
    if call.hop >= MOST_HOPS:
        return await _give_up(call)
    if call.visit is not None:
        await call.services.visits.send_away(call.visit)
    if call.services.draining:
        hang_up_after(call.request)
    await call.send(HTTPResponse(status=SEE_OTHER, headers={**NO_STORE, "location": _next(call, task_id)}))
    return False


def _next(call: Attendance, task_id: str) -> str:
    """Return where to go on. The count keeps the addresses apart: urllib visits none a fourth time."""
    told = {"i": str(call.hop + 1), "f": call.manner.form.value}
    if call.manner.output_format is not None:
        told["o"] = call.manner.output_format
    if call.visit is not None:
        told["v"] = call.visit.id
    return f"{WAIT_PATH}{task_id}?{urlencode(told)}"


async def _silently(call: Attendance, task_id: str) -> bool:
    for _ in range(1 + MOST_HOPS):
        task = await _finished(call, task_id, call.services.settings.sync_wait_s)
        if task is not None:
            await call.show(task)
            return True
        if call.services.draining:
            break
        stay_connected(call.request)
    return await _give_up(call)


async def _give_up(call: Attendance) -> bool:
    """Have the client ask anew: its repeat joins."""
    call.lose()
    body = envelope(TIMED_OUT, "still_running", STILL_RUNNING.to(ENGLISH))
    await call.send(json_answer(body, TIMED_OUT, {RETRY_HEADER: "true", "retry-after": "1"}))
    return False


async def _by_blanks(call: Attendance, task_id: str) -> bool:
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
        await downloads.send(call.request, response, call.gallery(task).body())
        await response.eof()
    return True


async def _cut(call: Attendance) -> None:
    """Cut the connection: under a status of 200 no library takes an error for one."""
    protocol: Any = call.request.protocol
    protocol.transport.abort()
    await asyncio.sleep(UNTIL_LOST_S)  # the lost connection cancels this task


async def _finished(call: Attendance, task_id: str, within_s: float) -> Task | None:
    return await call.services.watchers.finished(task_id, call.caller, within_s)
