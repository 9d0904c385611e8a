"""Answers that go wrong on the wire: reset, cut, silent, slow."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from aiohttp import web

from danqing_providers.sandbox.faults import Fault, FaultKind

__all__ = ["cut", "keep_silent", "misbehave", "page", "reset", "send_slowly", "send_truncated"]

_PAGE: Final = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n"
    "<center><h1>{0}</h1></center>\r\n<hr><center>istio-envoy</center>\r\n</body>\r\n</html>\r\n"
)
_LINGER_NOT: Final = struct.pack("ii", 1, 0)
_SLICE_S: Final = 0.5
_GARBLE: Final = b"\x00\xff\x1f{]"


def page(status: int) -> str:
    """Return the HTML page that a gateway sends with *status*."""
    known = status in {each.value for each in HTTPStatus}
    return _PAGE.format(f"{status} {HTTPStatus(status).phrase}" if known else str(status))


def reset(request: web.Request) -> web.Response:
    """Break the connection with a TCP reset; what is returned is never sent."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        transport.abort()
    return web.Response()


def cut(request: web.Request) -> None:
    """Send what is buffered, then close the connection in the middle of the answer."""
    if request.transport is not None:
        request.transport.close()


async def misbehave(request: web.Request, fault: Fault, content: bytes, content_type: str) -> web.StreamResponse:
    """Answer with *content* in the manner of *fault*, one of `AFTER_BILLING`."""
    if fault.kind is FaultKind.RESET_AFTER_BILLING:
        return reset(request)
    if fault.kind is FaultKind.TRUNCATE:
        return await send_truncated(request, content, content_type)
    if fault.kind is FaultKind.SLOW:
        return await send_slowly(request, content, content_type, fault.seconds)
    if fault.kind is FaultKind.GARBLED:
        return web.Response(body=_GARBLE + content[: len(content) // 3], headers={"Content-Type": content_type})
    return await _stall(request, content, content_type, fault.seconds)


async def _start(
    request: web.Request,
    content: bytes,
    content_type: str,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> web.StreamResponse:
    told = {**headers, "Content-Type": content_type, "Content-Length": str(len(content))}
    answer = web.StreamResponse(status=status, headers=told)
    await answer.prepare(request)
    return answer


async def send_truncated(request: web.Request, content: bytes, content_type: str) -> web.StreamResponse:
    """Announce all of *content*, send half of it, and close."""
    answer = await _start(request, content, content_type)
    await answer.write(content[: len(content) // 2])
    cut(request)
    return answer


async def send_slowly(
    request: web.Request,
    content: bytes,
    content_type: str,
    pause_s: float,
    *,
    piece_bytes: int = 1,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> web.StreamResponse:
    """Send *content* in pieces with *pause_s* between; ends early when the client has gone."""
    answer = await _start(request, content, content_type, status, headers)
    for at in range(0, len(content), piece_bytes):
        if not _is_connected(request):
            return answer
        await answer.write(content[at : at + piece_bytes])
        await asyncio.sleep(pause_s)
    return answer


async def _stall(request: web.Request, content: bytes, content_type: str, silence_s: float) -> web.StreamResponse:
    answer = await _start(request, content, content_type)
    await answer.write(b"")
    await keep_silent(request, silence_s)
    cut(request)
    return answer


async def keep_silent(request: web.Request, silence_s: float) -> None:
    """Return after *silence_s* seconds, or soon after the client has gone."""
    end_s = time.monotonic() + silence_s
    # In slices: a handler is not told when its client leaves.
    while _is_connected(request) and (left_s := end_s - time.monotonic()) > 0:  # noqa: ASYNC110 - as said above
        await asyncio.sleep(min(_SLICE_S, left_s))


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()
