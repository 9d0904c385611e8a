"""Pictures as a stream of events, for clients that asked for one.

A comment goes ahead and every few seconds: it keeps proxies from cutting the connection, and libraries skip it.
An error after that is an event with a member `error`, which the libraries raise.
Source: OpenAI's API reference (image streaming), openai-python 3.57.0 and openai-node 7.59.0, tried 2026-11-28.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from typing import Any

from sanic.response import BaseHTTPResponse

from danqing_plugins import Message
from danqing_server.assets.storage import Assets
from danqing_server.codec.bodies import dump_json
from danqing_server.delivery.watchers import Watch
from danqing_server.doors.encoding import Piece, place_for, written
from danqing_server.doors.fitting import AUTOMATIC
from danqing_server.doors.openai.answering import Gallery
from danqing_server.doors.openai.failing import error_of
from danqing_server.doors.openai.reading import Form
from danqing_server.doors.openai.refusing import envelope, refusal_of
from danqing_server.doors.openai.speaking import OpenAICall, gallery_of
from danqing_server.doors.output_views import pictures_of
from danqing_server.errors import DanqingError, NotFound, Overloaded
from danqing_server.http.messages import ENGLISH
from danqing_server.http.reports import report_of
from danqing_server.records.outputs import Asset
from danqing_server.records.tasks import FINISHED, Status, Task

__all__ = ["by_events"]

EVENT_STREAM = "text/event-stream; charset=utf-8"
STREAM_HEADERS = {"cache-control": "no-cache, no-store", "x-accel-buffering": "no"}
COMMENT = b": waiting\n\n"
COMMENT_EVERY_S = 15.0

BACKGROUNDS = ("transparent", "opaque")
QUALITIES = ("low", "medium", "high", "xhigh", "max")

STOPPED = Message(
    key="openai_stream_stopped",
    en="The server is stopping. Send the same request again: it goes on waiting for the same task.",
    zh="服务器正在停止。请重新发送相同的请求，将继续等待同一任务",
)


async def by_events(call: OpenAICall, task_id: str) -> bool:
    """Answer with events, from the first comment to the last picture.

    Raises, before anything was sent:
        NotFound: the task is gone.
        Overloaded: too many wait.
    """
    task = await call.services.control.find(task_id, call.caller)
    with call.services.watchers.watch(task, call.caller) as watch:
        response = await call.request.respond(
            status=200, headers={**STREAM_HEADERS, **call.headers}, content_type=EVENT_STREAM
        )
        await response.send(COMMENT)
        try:
            found = await _until_finished(call, task, watch, response)
        except NotFound as error:  # deleted meanwhile
            await _break_off(call, response, error)
            return True
    if found is None:
        await call.dismiss()
        await response.send(_event("error", dump_json(envelope(503, "draining", STOPPED.to(ENGLISH)))))
        await response.eof()
        return False
    gallery = gallery_of(call, found)
    pictures = [gallery.picture(asset) for asset in pictures_of(found)]
    try:
        async with place_for(call.request, pictures) as downloads:
            await downloads.send(call.request, response, _finished_events(call.services.assets, gallery))
            await response.eof()
    except Overloaded as error:
        await call.dismiss()
        await _break_off(call, response, error)
        return False
    return True


async def _until_finished(call: OpenAICall, task: Task, watch: Watch, response: BaseHTTPResponse) -> Task | None:
    """Return the task when it is finished, having shown how far it is; None when the process stops before.

    Raises:
        NotFound: it is gone.
    """
    shown: set[str] = set()
    while task.status not in FINISHED:
        changed = await watch.change(COMMENT_EVERY_S)
        if changed is None and call.services.draining:
            return None
        if changed is None:
            await response.send(COMMENT)
            continue
        task = changed
        partial = await _partial(call.services.assets, gallery_of(call, task), shown)
        if partial is not None:
            await response.send(partial)
    return task


async def _break_off(call: OpenAICall, response: Any, error: DanqingError) -> None:
    """End with *error* as an event: an end without one would be taken for the end of all pictures."""
    refusal = refusal_of(report_of(error, ENGLISH), call.request.trace_id)
    await response.send(_event("error", dump_json(refusal.body)))
    await response.eof()


async def _partial(assets: Assets, gallery: Gallery, shown: set[str]) -> bytes | None:
    """Return how far a picture is, if there is something new and the client wants as many."""
    preview, manner = gallery.task.preview, gallery.manner
    if preview is None or len(shown) >= manner.partial_images or preview.asset.key in shown:
        return None
    try:
        pieces = [each async for each in written(assets, [gallery.picture(preview.asset)])]
    except DanqingError:  # it is gone as soon as the picture itself is there
        return None
    name = f"{manner.event}.partial_image"
    told = {
        "type": name,
        "partial_image_index": len(shown),
        **_facts(gallery, preview.asset),
        "b64_json": b"".join(pieces).decode(),
    }
    shown.add(preview.asset.key)
    return _event(name, dump_json(told))


async def _finished_events(assets: Assets, gallery: Gallery) -> AsyncGenerator[bytes, None]:
    """Yield an event for each picture of a completed task, which are sent as they are read; or its error."""
    pictures = pictures_of(gallery.task)
    if gallery.task.status is not Status.COMPLETED or not pictures:
        yield _event("error", dump_json(envelope(*error_of(gallery.task))))
        return
    if gallery.manner.form is Form.CHAT:
        yield b"data: " + dump_json(gallery.chat("chat.completion.chunk", "delta")) + b"\n\ndata: [DONE]\n\n"
        return
    for asset in pictures:
        async with aclosing(written(assets, _completed(gallery, asset))) as chunks:
            async for chunk in chunks:
                yield chunk


def _completed(gallery: Gallery, asset: Asset) -> list[Piece]:
    name = f"{gallery.manner.event}.completed"
    told: dict[str, Any] = {"type": name, **_facts(gallery, asset), "usage": gallery.usage}
    if gallery.manner.form is not Form.B64:
        told["url"] = gallery.link(asset)
    head = f"event: {name}\ndata: ".encode() + dump_json(told)[:-1]
    if gallery.manner.form is Form.URL:
        return [head + b"}\n\n"]
    return [head + b',"b64_json":"', gallery.picture(asset), b'"}\n\n']


def _facts(gallery: Gallery, asset: Asset) -> dict[str, Any]:
    """Return what stands in every event: the libraries' classes have no member that was not sent."""
    task = gallery.task
    moment, asked = task.completed_at or task.created_at, task.input
    return {
        "created_at": int(moment.timestamp()),
        **gallery.facts(asset),
        "background": _word(asked.get("background"), BACKGROUNDS),
        "quality": _word(asked.get("quality"), QUALITIES),
    }


def _word(asked: object, known: Collection[str]) -> str:
    """Return what was asked of the model, where OpenAI has that word."""
    return asked if isinstance(asked, str) and asked in known else AUTOMATIC


def _event(name: str, data: bytes) -> bytes:
    return f"event: {name}\ndata: ".encode() + data + b"\n\n"
