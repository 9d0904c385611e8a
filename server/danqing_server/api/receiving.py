"""Request bodies, received: within the bounds of size, time and memory."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from sanic import Request
from sanic.exceptions import PayloadTooLarge, RequestTimeout
from sanic.http import Http

from danqing_plugins import Problem
from danqing_server.api.limits import BodyBudget
from danqing_server.codec import parse_json_object
from danqing_server.errors import BodyTooLarge, InvalidSubmission

__all__ = ["discard_body", "received_object"]

LARGE_BYTES = 1024 * 1024
MOST_VALUES = 100_000
SHORTEST_WAIT_S = 15.0
LINGER_S = 2.0
SLOWEST_BYTES_PER_S = 256 * 1024


@asynccontextmanager
async def received_object(request: Request[Any, Any]) -> AsyncIterator[dict[str, Any]]:
    """Receive the body, whatever its content type, and yield it as a JSON object; it counts while the block lasts.

    Raises:
        Overloaded: the process holds too many bodies; nothing was read.
        BodyTooLarge, RequestTimeout: the body is too large, or too slow.
        InvalidSubmission: it is no JSON object.
    """
    budget: BodyBudget = request.app.ctx.body_budget
    announced = _announced_bytes(request)
    limit: int = request.app.config.REQUEST_MAX_SIZE
    if announced > limit:
        await _linger(request)
        raise BodyTooLarge(limit)
    with budget.holding(announced) as holding:
        body = await _receive(request, holding.add)
        if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
            raise InvalidSubmission(
                [Problem(field="request_body", message=f"holds more than {MOST_VALUES} values")]
            )
        if len(body) > LARGE_BYTES:
            value = await asyncio.to_thread(parse_json_object, body)
        else:
            value = parse_json_object(body)
        del body
        yield value


async def discard_body(request: Request[Any, Any]) -> None:
    """Read and drop the body of a request that needs none."""
    stream = request.stream
    if isinstance(stream, Http):
        async for _ in stream:
            pass


async def _linger(request: Request[Any, Any]) -> None:
    """Drop what still comes for a moment: a client that sends before it reads would never see the answer."""
    stream = request.stream
    if not isinstance(stream, Http) or stream.expecting_continue:
        return
    stream.request_max_size = sys.maxsize
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            async for _ in stream:
                pass


def _announced_bytes(request: Request[Any, Any]) -> int:
    """Return the announced length; 0 for a chunked body, which counts as it arrives."""
    announced = request.headers.get("content-length")
    return int(announced) if announced is not None and announced.isdecimal() else 0


async def _receive(request: Request[Any, Any], count: Callable[[int], None]) -> bytes:
    """Return the whole body; *count* hears of each piece that was not announced."""
    stream = request.stream
    if not isinstance(stream, Http):
        return b""
    announced = _announced_bytes(request)
    expected = announced or request.app.config.REQUEST_MAX_SIZE
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(SHORTEST_WAIT_S + expected / SLOWEST_BYTES_PER_S):
            async for piece in stream:
                if not announced:
                    count(len(piece))
                pieces.append(piece)
    except TimeoutError as error:
        raise RequestTimeout("the body came too slowly") from error
    except PayloadTooLarge as error:
        await _linger(request)
        raise BodyTooLarge(request.app.config.REQUEST_MAX_SIZE) from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
