"""One client's connection: Sanic's own, with a shorter way for what is asked most.

Three things are done differently. A poll that repeats another to the byte is answered before it is parsed
(`replay`). An answer is finished (`edge`) and written where it leaves, in one go. Nobody is waited for without an
end, and a head is read once, and not believed where two readers could read it in two ways (`heads`). Everything
else is Sanic's.
Source: sanic 25.12.1, `sanic/http/http1.py` and `sanic/server/protocols/http_protocol.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from time import monotonic
from typing import Any, cast

from sanic.exceptions import BadRequest, ExpectationFailed, PayloadTooLarge, RequestCancelled, RequestTimeout
from sanic.headers import format_http1_response
from sanic.http import Http, Stage
from sanic.response import BaseHTTPResponse
from sanic.server import HttpProtocol

from danqing_server.errors import HostNotAllowed
from danqing_server.http.answers import STATUS_LINES, Repeatable
from danqing_server.http.edge import finish
from danqing_server.http.heads import END_OF_HEAD, Head, check_chunk_head, read_head, whole_number
from danqing_server.http.hosts import Hosts
from danqing_server.http.links import is_near
from danqing_server.http.replay import Replays
from danqing_server.http.requests import ApiRequest

__all__ = ["Connection", "stay_connected"]

BODILESS = (204, 304)
AT_ONCE_BYTES = 128 * 1024
"""Of a larger answer no more is given to the transport before its client has read most of what it was given."""

LEFTOVER_S = 2.0
LINE_BREAK = b"\r\n"


def stay_connected(request: ApiRequest) -> None:
    """Give an answer that is still to come another RESPONSE_TIMEOUT."""
    protocol: Any = request.protocol
    protocol.wait_on()


class _Exchange(Http):
    """The requests of one connection and their answers."""

    __slots__ = ("leftover_until_s",)
    leftover_until_s: float | None
    request_body: Any  # Sanic declares bytes, and keeps a word in it

    def __init__(self, protocol: Any) -> None:
        super().__init__(protocol)  # type: ignore[no-untyped-call]  # Sanic's
        self.init_for_request()  # type: ignore[no-untyped-call]  # Sanic's

    async def http1_request_header(self) -> None:
        """Receive a request's head, and refuse it before anything else of the request is read.

        Raises:
            RequestTimeout: it did not come in time, however steadily its bytes did.
            PayloadTooLarge: it is too large.
            BadRequest: it is malformed.
            ExpectationFailed: it expects what nobody here does.
            HostNotAllowed: it asks another host than this one.
        """
        self.leftover_until_s = None
        end = self.recv_buffer.find(END_OF_HEAD)
        if end < 0:
            end = await self._rest_of_head()
        if not 0 <= end < self.HEADER_MAX_SIZE:
            raise PayloadTooLarge("the head is too large")
        received = bytes(self.recv_buffer[:end])
        head = read_head(received)
        self.url, self.head_only, self.keep_alive = head.url, head.method == "HEAD", head.keeps_alive
        request = self._request_of(head, received)
        self._await_body(head)
        chunked = head.length_bytes is None  # then the line break before the first chunk stays
        del self.recv_buffer[: end + (len(LINE_BREAK) if chunked else len(END_OF_HEAD))]
        self.request, request.stream = request, self
        self.protocol.state["requests_count"] += 1
        hosts: Hosts = request.app.ctx.hosts
        if not hosts.admit(request.headers.get("host")):
            raise HostNotAllowed("the request names a host that is not this server's")

    def _request_of(self, head: Head, received: bytes) -> ApiRequest:
        """Return the request that begins so. Raises BadRequest: its URL makes no sense."""
        if not head.url.isascii():
            raise BadRequest("the URL is not ASCII")
        protocol: Any = self.protocol
        return ApiRequest(
            head.url.encode(),
            headers=head.headers,
            head=received,
            version=head.version,
            method=head.method,
            transport=protocol.transport,
            app=protocol.app,
        )

    def _await_body(self, head: Head) -> None:
        """Expect what the head announces; an empty body is none. Raises ExpectationFailed."""
        self.request_bytes_left = self.request_bytes = head.length_bytes or 0
        if head.length_bytes == 0:
            return
        self.request_body = "chunked" if head.length_bytes is None else True
        expected = head.headers.get("expect")
        if expected is not None:
            if expected.lower() != "100-continue":
                raise ExpectationFailed(f"Unknown Expect: {expected}")
            self.expecting_continue = True

    async def _rest_of_head(self) -> int:
        """Return where the head ends; -1 when it is larger than Sanic reads."""
        buffer, end = cast("bytearray", self.recv_buffer), -1
        most = self.HEADER_MAX_SIZE + len(END_OF_HEAD)
        try:
            async with asyncio.timeout(self.protocol.request_timeout):
                while (end := buffer.find(END_OF_HEAD)) < 0 and len(buffer) < most:
                    await self._receive_more()
        except TimeoutError as error:
            raise RequestTimeout("the head came too slowly") from error
        return end

    def read(self) -> Coroutine[Any, Any, bytes | None]:
        """Read some of the body. Raises BadRequest: it is malformed, or what nobody asked for does not end."""
        if self.stage is Stage.IDLE:
            return self._read_leftover()
        if not self.request_bytes_left:
            if self.request_body == "chunked":
                return self._read_chunk()
            self._listen_on()
        return super().read()

    async def _read_chunk(self) -> bytes | None:
        await self._expect_chunk()
        piece = await super().read()
        if piece is None:
            self._listen_on()
        return piece

    def _listen_on(self) -> None:
        """Hear of a client that hangs up while its answer is awaited.

        Sanic stops to read a connection on which 64 KiB wait, and begins again where it wants more: not behind the
        last of a body.
        """
        transport = self.protocol.transport
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    async def _read_leftover(self) -> bytes | None:
        """Read what is left of a body whose request is answered, for a moment."""
        if self.leftover_until_s is None:
            self.leftover_until_s = asyncio.get_running_loop().time() + LEFTOVER_S
        try:
            async with asyncio.timeout_at(self.leftover_until_s):
                return await super().read()
        except TimeoutError as error:
            raise BadRequest("the rest of the body came too slowly") from error

    async def _expect_chunk(self) -> None:
        try:
            while not check_chunk_head(self.recv_buffer):
                await self._receive_more()
        except BadRequest:
            self.keep_alive = False
            raise

    @staticmethod
    def _safe_int(value: str, base: int = 10) -> int:
        return whole_number(value, base)

    async def http1_response_header(self, data: bytes, end_stream: bool) -> None:
        """Send an answer's head, and its body when it is whole."""
        request, response = cast("ApiRequest", self.request), self.response
        if self.expecting_continue:  # the client is spared its body, and what it sends next is nobody's guess
            self.expecting_continue, self.request_body, self.keep_alive = False, None, False
        finish(request, response)
        body: bytes = data or getattr(response, "body", None) or b""
        whole = body and (end_stream or not data) and response.status not in BODILESS
        plain = whole and not self.head_only
        head = self._head(response, len(body)) if plain else None
        if not whole and not end_stream and self._knows_no_chunks():
            await self._begin_until_closed(data)
            return
        if head is None:
            await super().http1_response_header(data, end_stream)
            return
        self.response_size = len(body)
        self.response_func = None  # type: ignore[assignment]  # Sanic's own word for "nothing more to send"
        if len(body) > AT_ONCE_BYTES:
            await self._send_large(head, body)
            return
        answer = head + body
        await self._send(answer)
        self.stage = Stage.IDLE
        if self.keep_alive and isinstance(response, Repeatable):
            protocol: Any = self.protocol
            protocol.replays.keep(protocol.near, request, response, answer)

    async def _send_large(self, head: bytes, body: bytes) -> None:
        """Send a large answer as fast as it is read: what nobody reads is held once, not for each connection."""
        self.stage = Stage.RESPONSE  # should it break off, no other answer follows
        await self._send(head)
        for at in range(0, len(body), AT_ONCE_BYTES):
            await self._send(body[at : at + AT_ONCE_BYTES])
        self.stage = Stage.IDLE

    def _knows_no_chunks(self) -> bool:
        """Tell whether a streamed answer, of a length that nobody knows yet, is for a client of HTTP/1.0."""
        request, response = cast("ApiRequest", self.request), self.response
        has_body = not self.head_only and response.status not in BODILESS
        return request.version == "1.0" and has_body and "content-length" not in response.headers

    async def _begin_until_closed(self, data: bytes) -> None:
        """Begin an answer that ends with its connection. Source: RFC 9112 §6.1 and §6.3, read 2026-11-30."""
        self.keep_alive = False
        self.response.headers["connection"] = "close"
        self.response_func = self._go_on_until_closed
        await self._send(format_http1_response(self.response.status, self.response.processed_headers) + data)
        self.stage = Stage.RESPONSE

    async def _go_on_until_closed(self, data: bytes, end_stream: bool) -> None:
        if data:
            await self._send(data)
        if end_stream:
            self.response_func = None  # type: ignore[assignment]  # Sanic's own word for "nothing more to send"
            self.stage = Stage.IDLE

    def _head(self, response: BaseHTTPResponse, size_bytes: int) -> bytes | None:
        """Return the head; None when a header, or the status, is not what it seems, which is left to Sanic."""
        headers, status = response.headers, STATUS_LINES.get(response.status)
        if "transfer-encoding" in headers or status is None:  # 499, to who hung up, is no status of HTTP's
            return None
        headers["content-length"] = size_bytes
        headers["connection"] = "keep-alive" if self.keep_alive else "close"
        if "content-type" not in headers:
            headers["content-type"] = response.content_type
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
            return None
        return status + lines.encode(errors="surrogateescape") + b"\r\n"


class Connection(HttpProtocol):
    """A connection as the event loop knows it. `app.ctx.services` is there before the server listens."""

    HTTP_CLASS = _Exchange
    __slots__ = ("near", "replays")

    def connection_made(self, transport: Any) -> None:
        """Begin to serve."""
        self._http = None  # Sanic sets it a moment later
        self.replays: Replays = self.app.ctx.services.replays
        super().connection_made(transport)  # type: ignore[no-untyped-call]  # Sanic's own has no annotations
        if len(self.connections) > self.app.ctx.most_connections:
            self._make_room()
        self.near = self.conn_info is not None and is_near(self.conn_info.client_ip)

    def _make_room(self) -> None:
        """Hang up on one that waits for its client, any of them; on the new one when all are at work.

        Whoever opens thousands has most of them, so that it is mostly one of theirs.
        """
        waiting = (each for each in self.connections if each is not self and each.waits_for_its_client)
        next(waiting, self).close()

    @property
    def waits_for_its_client(self) -> bool:
        """Whether no whole request is here."""
        http, transport = self._http, self.transport
        if http is None or transport is None or transport.is_closing():
            return False
        return http.stage in (Stage.IDLE, Stage.REQUEST)

    def wait_on(self) -> None:
        """Begin the time anew that an answer may take."""
        self._time = monotonic()

    def send(self, data: bytes) -> Coroutine[Any, Any, None]:
        """Write *data* once the client has read enough of what was written before. Raises RequestCancelled."""
        writable = self._can_write.is_set()
        sent: Coroutine[Any, Any, None] = super().send(data) if writable else self._send_later(data)  # type: ignore[no-untyped-call]  # Sanic's
        return sent

    async def _send_later(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self.app.config.UNREAD_S):
                await self.drained()
        except TimeoutError as error:
            if self.transport is not None:
                self.transport.abort()
            raise RequestCancelled("the client does not read") from error
        await super().send(data)  # type: ignore[no-untyped-call]  # Sanic's

    async def drained(self) -> None:
        """Wait until the transport holds no more than its limit allows."""
        await self._can_write.wait()

    def data_received(self, data: bytes) -> None:
        """Answer a request that is known when nothing else is under way here; else leave it to Sanic."""
        http = self._http
        if (
            not self.recv_buffer
            and http is not None
            and http.stage is Stage.IDLE
            and http.keep_alive
            and http.request is None  # else what comes belongs to a request, whatever it looks like
            and self._can_write.is_set()
            and self.transport is not None
        ):
            answer = self.replays.find(self.near, data)
            if answer is not None:
                self._time = monotonic()
                self.transport.write(answer)
                return
        super().data_received(data)
