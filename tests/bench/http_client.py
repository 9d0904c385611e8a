"""A small, fast HTTP/1.1 client over raw sockets, for exact numbers of requests and their latencies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import NamedTuple, cast

import orjson

__all__ = ["API_KEY", "Answer", "Connection", "drive", "get_request", "submission", "submitted_id"]


API_KEY = "bench-key-0123456789"
"""Sent to every contender, `submit.lua` and `poll.lua` do so too: only who knows keys looks at it."""
WHO = f"Host: localhost\r\nAuthorization: Bearer {API_KEY}\r\n"


class Answer(NamedTuple):
    """Status and body of one answer."""

    status: int
    body: bytes


def submission(number: int, type_: str = "text") -> bytes:
    """Return the request that submits task *number*; fifty users take turns."""
    body = orjson.dumps(
        {
            "type": type_,
            "model": "bench",
            "user_id": f"user-{number % 50}",
            "input": {"prompt": f"a small boat on a wide river, study {number}", "size": "2K"},
        }
    )
    head = f"POST /api/v1/ai/tasks HTTP/1.1\r\n{WHO}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get_request(path: str) -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\n{WHO}\r\n".encode()


def submitted_id(answer: Answer) -> str:
    """Return the id of the task that an answer acknowledges. Raises AssertionError for any other answer."""
    assert answer.status == 201, f"{answer.status}: {answer.body[:500]!r}"
    task_id: str = orjson.loads(answer.body)["data"]["id"]
    return task_id


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """Connect."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own classes are not subclasses

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and return its answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        at = head.lower().find(b"content-length:")
        length = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self._received = rest[length:]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(int(head[9:12]), rest[:length]))

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


async def drive(
    host: str,
    port: int,
    requests: Iterable[bytes],
    connections: int,
    take: Callable[[Answer, float], None],
    before: Callable[[], Awaitable[None]] | None = None,
) -> float:
    """Send all *requests* over that many connections, as fast as answers come; return the seconds it took.

    *take* hears of each answer and of the seconds it took; *before*, if given, is awaited before each request.
    """
    waiting: Iterator[bytes] = iter(requests)
    opened = [await Connection.open(host, port) for _ in range(connections)]

    async def work(connection: Connection) -> None:
        for request in waiting:
            if before is not None:
                await before()
            began_s = time.perf_counter()
            answer = await connection.exchange(request)
            take(answer, time.perf_counter() - began_s)

    began_s = time.perf_counter()
    try:
        await asyncio.gather(*(work(connection) for connection in opened))
    finally:
        for connection in opened:
            connection.close()
    return time.perf_counter() - began_s
