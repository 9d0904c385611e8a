"""One client's connection: Sanic's own, with a shorter way for what is asked most.

Two things are done differently: a poll that repeats another to the byte is answered before it is parsed (`replay`),
and an answer is finished (`edge`) and written where it leaves, in one go. Everything else is Sanic's.
Source: sanic 25.12.1, `sanic/http/http1.py` and `sanic/server/protocols/http_protocol.py`.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, cast

from sanic.http import Http, Stage
from sanic.response import BaseHTTPResponse
from sanic.server import HttpProtocol

from danqing_server.api.answers import STATUS_LINES, Repeatable
from danqing_server.api.edge import ApiRequest, finish
from danqing_server.api.hosts import Hosts
from danqing_server.api.links import is_near
from danqing_server.api.replay import Replays
from danqing_server.errors import HostNotAllowed

__all__ = ["Connection"]

BODILESS = (204, 304)


class _Exchange(Http):
    """The requests of one connection and their answers."""

    __slots__ = ()

    def __init__(self, protocol: Any) -> None:
        super().__init__(protocol)  # type: ignore[no-untyped-call]  # Sanic's
        self.init_for_request()  # type: ignore[no-untyped-call]  # Sanic's

    async def http1_request_header(self) -> None:
        """Receive a request's head. Raises HostNotAllowed before anything else of it is read."""
        await super().http1_request_header()  # type: ignore[no-untyped-call]  # Sanic's
        request = cast("ApiRequest", self.request)
        hosts: Hosts = request.app.ctx.hosts
        if not hosts.admit(request.headers.get("host")):
            raise HostNotAllowed("the request names a host that is not this server's")

    async def http1_response_header(self, data: bytes, end_stream: bool) -> None:
        """Send an answer's head, and its body when it is whole."""
        request, response = cast("ApiRequest", self.request), self.response
        finish(request, response)
        body: bytes = data or getattr(response, "body", None) or b""
        whole = body and (end_stream or not data) and response.status not in BODILESS
        plain = whole and not self.head_only and not self.expecting_continue
        head = self._head(response, len(body)) if plain else None
        if head is None:
            await super().http1_response_header(data, end_stream)
            return
        self.response_size = len(body)
        self.response_func = None  # type: ignore[assignment]  # Sanic's own word for "nothing more to send"
        answer = head + body
        await self._send(answer)
        self.stage = Stage.IDLE
        if isinstance(response, Repeatable):
            protocol: Any = self.protocol
            protocol.replays.keep(protocol.near, request, response, answer)

    def _head(self, response: BaseHTTPResponse, size_bytes: int) -> bytes | None:
        """Return the head; None when a header is not what it seems, which is left to Sanic."""
        headers = response.headers
        if "transfer-encoding" in headers or not self.keep_alive:
            return None
        headers["content-length"] = size_bytes
        headers["connection"] = "keep-alive"
        if "content-type" not in headers:
            headers["content-type"] = response.content_type
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
            return None
        return STATUS_LINES[response.status] + lines.encode(errors="surrogateescape") + b"\r\n"


class Connection(HttpProtocol):
    """A connection as the event loop knows it. `app.ctx.services` is there before the server listens."""

    HTTP_CLASS = _Exchange
    __slots__ = ("near", "replays")

    def connection_made(self, transport: Any) -> None:
        """Begin to serve."""
        self._http = None  # Sanic sets it a moment later
        self.replays: Replays = self.app.ctx.services.replays
        super().connection_made(transport)  # type: ignore[no-untyped-call]  # Sanic's own has no annotations
        self.near = self.conn_info is not None and is_near(self.conn_info.client_ip)

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
