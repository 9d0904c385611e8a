"""A storage in a folder of the test's own, and an HTTP server that misbehaves as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import attrs
import pytest

from danqing_server.assets.opening import open_assets
from danqing_server.assets.sources import DownloadLimits
from danqing_server.assets.storage import Assets
from danqing_server.settings.server import Settings

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[..., Awaitable["Upstream"]]

LIMITS = DownloadLimits(max_bytes=8 * 1024 * 1024, stall_s=0.5, total_s=2.0)


@attrs.define
class Upstream:
    """One loopback server; `requests` are the heads it received, `connections` counts those that were opened."""

    port: int
    requests: list[str] = attrs.field(factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """A URL with a signature that must arrive as it is written."""
        return f"http://127.0.0.1:{self.port}/a%2Fb_0.jpeg?X-Tos-Signature=a%2bB%7E&b="


def respond(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> Answer:
    """Answer with *body*; *length* is what `Content-Length` claims, when it is not the truth."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        announced = len(body) if length is None else length
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {announced}", "Connection: close", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return answer


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers that give the nth answer to the nth request, the last one ever after."""
    servers: list[asyncio.Server] = []
    answering: set[asyncio.Task[None]] = set()  # the loop itself holds them weakly

    async def start(*answers: Answer) -> Upstream:
        upstream = Upstream(port=0)

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            upstream.connections += 1
            answering.add(asyncio.create_task(_answer(upstream, answers, reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        servers.append(server)
        upstream.port = server.sockets[0].getsockname()[1]
        return upstream

    yield start
    for server in servers:
        server.close()
    for task in answering:
        task.cancel()
    await asyncio.gather(*answering, return_exceptions=True)


async def _answer(
    upstream: Upstream,
    answers: tuple[Answer, ...],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    # The client may leave at any moment; that is what some tests are about.
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        try:
            upstream.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await answers[min(len(upstream.requests), len(answers)) - 1](writer)
            await writer.drain()
        finally:
            writer.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session as the server's own."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with their data in a folder of the test's own."""
    return Settings.read({"DANQING_DATA_DIR": str(tmp_path)})


@pytest.fixture
async def assets(settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Assets]:
    """A local storage with short limits."""
    async with open_assets(settings, session, limits=LIMITS) as opened:
        yield opened


def files_below(folder: Path) -> list[str]:
    """Return every file below *folder*, by its path."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def eventually(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait until *condition* holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for are files, made by other processes too
            await asyncio.sleep(0.005)
