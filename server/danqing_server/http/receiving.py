"""Request bodies, received: within the bounds of size, time and memory."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import attrs
from sanic.exceptions import PayloadTooLarge, RequestTimeout
from sanic.http import Http

from danqing_plugins import Message, Problem
from danqing_server.codec.bodies import parse_json_object
from danqing_server.errors import BodyTooLarge, InvalidSubmission
from danqing_server.http.entry import payer_of
from danqing_server.http.limits import BodyBudget, Holding
from danqing_server.http.pace import Pace
from danqing_server.http.requests import ApiRequest

__all__ = ["ReceivedObject", "body_at_hand", "discard_body", "holding_of", "read_object", "receive_body"]

LARGE_BYTES = 1024 * 1024
MOST_VALUES = 100_000
LINGER_S = 2.0
SMALL_BYTES = 64 * 1024
AT_HAND_S = 0.25
STEP_BYTES = 256 * 1024  # within BODY_STEP_S, or the body is not waited for

Parse = Callable[[bytes], dict[str, Any]]

TOO_MANY_VALUES = Message(
    key="too_many_values", en="holds more than {most} values", zh="包含的值过多，最多 {most} 个"
)


@attrs.define(eq=False)
class ReceivedObject:
    """A request's body, whatever its content type, as a JSON object; it counts while the block lasts.

    *optional*: no body is an object without members. *parse* reads the bytes.

    Entering raises:
        Overloaded: the process, or this caller, holds too many bodies.
        BodyTooLarge, RequestTimeout: the body is too large, or too slow.
        InvalidSubmission: it is no JSON object.
    """

    request: ApiRequest
    most_values: int = MOST_VALUES
    optional: bool = attrs.field(default=False, kw_only=True)
    parse: Parse = attrs.field(default=parse_json_object, kw_only=True)
    _holding: Holding = attrs.field(init=False)

    async def __aenter__(self) -> dict[str, Any]:
        announced = await _announced(self.request)
        self._holding = holding_of(self.request)
        try:
            body = await _receive(self.request, announced, self._holding)
            return {} if self.optional and not body else await read_object(body, self.most_values, self.parse)
        except BaseException:
            self._holding.release()
            raise

    async def __aexit__(self, *_error: object) -> None:
        self._holding.release()


async def read_object(
    body: bytes, most_values: int = MOST_VALUES, parse: Parse = parse_json_object
) -> dict[str, Any]:
    """Read a JSON object, a large one beside the event loop. Raises InvalidSubmission: it is none, or too rich."""
    if body.count(b",") + body.count(b"[") + body.count(b"{") > most_values:
        raise InvalidSubmission([Problem(field="request_body", message=TOO_MANY_VALUES(most=most_values))])
    if len(body) > LARGE_BYTES:
        return await asyncio.to_thread(parse, body)
    return parse(body)


def holding_of(request: ApiRequest) -> Holding:
    """Begin to count what is held of a request's body; whoever does releases it."""
    budget: BodyBudget = request.app.ctx.body_budget
    return budget.holding(payer_of(request))


async def receive_body(request: ApiRequest, take: Callable[[bytes], Awaitable[None]]) -> None:
    """Give a body to *take* as it comes; what is held of it is for the caller to count (`holding_of`).

    Raises:
        BodyTooLarge, RequestTimeout: the body is too large, or too slow.
    """
    await _announced(request)
    if isinstance(request.stream, Http):
        await _take_all(request, request.stream, take)


async def body_at_hand(request: ApiRequest) -> bytes | None:
    """Return a body that is small and comes within a moment, of a request that is refused; None for any other."""
    stream = request.stream
    if not isinstance(stream, Http) or stream.expecting_continue:
        return None
    announced: int = stream.request_bytes or 0
    if not 0 < announced <= SMALL_BYTES or stream.request_bytes_left != announced:  # large, chunked, or begun
        return None
    gathered = bytearray()
    with suppress(TimeoutError):
        async with asyncio.timeout(AT_HAND_S):
            async for piece in stream:
                gathered.extend(piece)
    return bytes(gathered) if len(gathered) == announced else None


async def discard_body(request: ApiRequest) -> None:
    """Read and drop the body of a request that needs none. Raises RequestTimeout, BodyTooLarge."""
    stream = request.stream
    if isinstance(stream, Http) and stream.request_body:
        await _take_all(request, stream, lambda _: None)


async def _linger(request: ApiRequest) -> None:
    """Drop what still comes for a moment: a client that sends before it reads would never see the answer."""
    stream = request.stream
    if not isinstance(stream, Http) or stream.expecting_continue:
        return
    stream.request_max_size = sys.maxsize
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            async for _ in stream:
                pass


async def _announced(request: ApiRequest) -> int:
    """Return the announced length; 0 for a chunked body, which counts as it arrives. Raises BodyTooLarge."""
    stream, limit = request.stream, request.app.config.REQUEST_MAX_SIZE
    announced: int = (stream.request_bytes or 0) if isinstance(stream, Http) else 0
    if announced > limit:
        await _linger(request)
        raise BodyTooLarge(limit)
    return announced


async def _receive(request: ApiRequest, announced: int, holding: Holding) -> bytes:
    """Return the whole body, counted as it arrives."""
    stream = request.stream
    if not isinstance(stream, Http):
        return b""
    if 0 < announced <= len(stream.recv_buffer):
        holding.add(announced)
        body = await stream.read() or b""  # it is there: nothing to wait for
        await stream.read()
        return body
    gathered = bytearray()  # in a list, a piece of one byte takes forty

    def keep(piece: bytes) -> None:
        holding.add(len(piece))
        gathered.extend(piece)

    await _take_all(request, stream, keep)
    return bytes(gathered)


async def _take_all(request: ApiRequest, stream: Http, take: Callable[[bytes], Awaitable[None] | None]) -> None:
    """Give a body to *take* as it comes. Raises RequestTimeout, BodyTooLarge, and what *take* raises."""
    try:
        async with Pace(STEP_BYTES, request.app.config.BODY_STEP_S) as pace:
            async for piece in stream:
                taken = take(piece)
                if taken is not None:
                    await taken
                pace.note(len(piece))
    except TimeoutError as error:
        raise RequestTimeout("the body came too slowly") from error
    except PayloadTooLarge as error:
        await _linger(request)
        raise BodyTooLarge(request.app.config.REQUEST_MAX_SIZE) from error
