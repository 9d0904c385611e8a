"""Sending an answer's bytes: whole, or broken as a fault asks."""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import web

from danqing_providers.arksim.faults import Fault

__all__ = ["reset", "send"]

_STALL_S = 3600.0
_SLOW_S = 5.0
_PIECES = 20


def reset(request: web.Request) -> web.StreamResponse:
    """Reset the TCP connection at once; the returned answer reaches nobody."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        # Linger 0 makes closing send RST, as a crashed peer or a NAT box would, instead of an orderly FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


async def send(request: web.Request, body: bytes, content_type: str, fault: Fault | None) -> web.StreamResponse:
    """Send *body*; a fault of the kinds `…truncate`, `stall` and `…slow` breaks it."""
    if fault is None:
        return web.Response(body=body, headers={"Content-Type": content_type})
    response = web.StreamResponse(headers={"Content-Type": content_type})
    response.content_length = len(body)
    await response.prepare(request)
    if fault.kind.endswith("slow"):
        await _dribble(response, body, _SLOW_S if fault.seconds is None else fault.seconds)
        return response
    await response.write(body[: len(body) // 2])
    if fault.kind == "stall":
        await asyncio.sleep(_STALL_S if fault.seconds is None else fault.seconds)
    if request.transport is not None:
        request.transport.close()
    return response


async def _dribble(response: web.StreamResponse, body: bytes, seconds: float) -> None:
    step = max(1, -(-len(body) // _PIECES))
    for start in range(0, len(body), step):
        await asyncio.sleep(seconds / _PIECES)
        await response.write(body[start : start + step])
    await response.write_eof()
