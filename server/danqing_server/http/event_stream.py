"""Server-sent events: an answer that goes on for as long as there is something to tell, and somebody to read it.

A client that does not read is cut off after `UNREAD_S`, and what is held for it until then is small. The permission
is looked at again with each heartbeat: who may no longer see is shown no more.
Source: WHATWG HTML §9.2 "Server-sent events" (an id without data is remembered and dispatches nothing; a client
connects again after anything but 204, an error or another type), read 2026-11-28.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import attrs
from sanic import HTTPResponse

from danqing_plugins import Message, Problem
from danqing_server.errors import DanqingError, InvalidSubmission, ServiceUnavailable
from danqing_server.http.entry import let_in_to_events
from danqing_server.http.requests import ApiRequest
from danqing_server.records.tenancy import Scope

__all__ = ["BAD_EVENT_ID", "EventStream", "event_stream", "head_of_stream", "last_event_id"]

CONTENT_TYPE = "text/event-stream"
HEADERS = {"cache-control": "no-cache, no-store", "x-accel-buffering": "no"}
UNSENT_BYTES = 16 * 1024
RETRY_MS = 2_000
LONGEST_ID = 300

BAD_EVENT_ID = Message(
    key="bad_event_id", zh="不是此接口发出的事件 id", en="is no id of an event that was sent here"
)


@attrs.define(eq=False)
class EventStream:
    """An answer that is under way. Each method raises RequestCancelled when the client is gone or does not read."""

    _request: ApiRequest
    _response: Any
    _heartbeat_s: float
    _sent_s: float = attrs.field(init=False)
    _permitted_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._sent_s = self._permitted_s = asyncio.get_running_loop().time()

    @property
    def heartbeat_s(self) -> float:
        """How long nothing may be sent."""
        return self._heartbeat_s

    async def send(self, event: str, data: bytes, id_: str | None = None) -> None:
        """Send one event. *data* has no line ends; without an id it is not where a client goes on from."""
        await self.send_all([(event, data, id_)])

    async def send_all(self, events: Iterable[tuple[str, bytes, str | None]]) -> None:
        """Send several at once, each as `send` takes it."""
        await self._write(b"".join(_encoded(*event) for event in events))

    async def mark(self, id_: str) -> None:
        """Say where to go on from, though nothing has happened yet."""
        await self._write(f"id: {id_}\n\n".encode())

    async def beat(self) -> bool:
        """Send a comment when nothing was sent for a while; False when the client may see no more."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._permitted_s >= self._heartbeat_s:
            self._permitted_s = now_s
            if not await self._is_permitted():
                return False
        if now_s - self._sent_s >= self._heartbeat_s:
            await self._write(b": \n\n")
        return True

    async def _is_permitted(self) -> bool:
        try:
            await let_in_to_events(self._request, Scope.READ)
        except ServiceUnavailable:
            return True
        except DanqingError:
            return False
        return True

    async def _write(self, data: bytes) -> None:
        await self._response.send(data)
        self._sent_s = asyncio.get_running_loop().time()


def _encoded(event: str, data: bytes, id_: str | None) -> bytes:
    head = f"event: {event}\n" if id_ is None else f"id: {id_}\nevent: {event}\n"
    return b"%bdata: %b\n\n" % (head.encode(), data)


@asynccontextmanager
async def event_stream(request: ApiRequest) -> AsyncIterator[EventStream]:
    """Begin to answer with events; at the end of the block the answer ends, and its client may come again."""
    protocol: Any = request.protocol
    transport = protocol.transport
    low, high = transport.get_write_buffer_limits()
    transport.set_write_buffer_limits(high=UNSENT_BYTES)
    response = await request.respond(status=200, headers=HEADERS, content_type=CONTENT_TYPE)
    await response.send(f"retry: {RETRY_MS}\n\n".encode())
    yield EventStream(request, response, request.app.config.HEARTBEAT_S)
    await response.eof()
    transport.set_write_buffer_limits(high=high, low=low)


def head_of_stream() -> HTTPResponse:
    """Return the answer to HEAD."""
    return HTTPResponse(status=200, headers=HEADERS, content_type=CONTENT_TYPE)


def last_event_id(request: ApiRequest) -> str | None:
    """Return the id of the last event that the client had: a browser's header, or the query where it has none.

    Raises:
        InvalidSubmission: it is too long.
    """
    found = request.headers.get("last-event-id") or request.args.get("last_event_id") or None
    if found is not None and len(found) > LONGEST_ID:
        raise InvalidSubmission([Problem(field="last_event_id", message=BAD_EVENT_ID())])
    return found
