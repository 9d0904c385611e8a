"""E7: what downloads cost, in the memory of a real serving process and in its places.

With E7_DOWNLOADS=2000 and E7_STOPPED=600 in the environment it measures the figures that the fault was found by.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from danqing_plugins import Source
from danqing_server.doors import docs_pages
from danqing_server.records.outputs import Asset
from danqing_server.settings.server import Settings
from tests.integration.api.conftest import Client
from tests.support.serving import ServingProcess, run_serving
from tests.support.system import until

Open = Callable[..., Any]

MIB = 1024 * 1024
DOWNLOADS = int(os.environ.get("E7_DOWNLOADS", "200"))
STOPPED = int(os.environ.get("E7_STOPPED", "60"))
MOST_MIB = 400
PLACES = 512
SMALL, LARGE = "t1/0-small.png", "t1/0-large.png"
BUNDLE = "/docs/swagger-ui-bundle.js"
BUNDLE_BYTES = (docs_pages.FOLDER / "swagger-ui-bundle.js").stat().st_size


@pytest.fixture
def serving(settings: Settings, tmp_path: Path) -> Iterator[ServingProcess]:
    """A serving process with a picture of 2 MB and one of 20 MB."""
    for key, size in ((SMALL, 2 * MIB), (LARGE, 20 * MIB)):
        path = tmp_path / "pictures" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    with run_serving(tmp_path, {**settings.environment, "DANQING_ROLE": "api"}) as process:
        yield process


@asynccontextmanager
async def watched(serving: ServingProcess) -> AsyncIterator[list[int]]:
    """Note how much memory the process holds while the block lasts, in MiB."""
    seen: list[int] = []

    async def watch() -> None:
        while True:
            seen.append((serving.resident_bytes() or 0) // MIB)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(watch())
    yield seen
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def ask(port: int, key: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a picture, and read no more than the answer's head."""
    return await ask_path(port, f"/api/v1/assets/{key}", "close")


async def ask_path(port: int, path: str, connection: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n".encode())
    return reader, writer


async def fetch(port: int, key: str) -> tuple[bytes, int]:
    """Return the status line of a download and how many bytes followed its head."""
    return await fetch_path(port, f"/api/v1/assets/{key}")


async def fetch_path(port: int, path: str) -> tuple[bytes, int]:
    reader, writer = await ask_path(port, path, "close")
    head = await reader.readuntil(b"\r\n\r\n")
    size = 0
    while piece := await reader.read(MIB):
        size += len(piece)
    writer.close()
    return head.split(b"\r\n")[0], size


@pytest.fixture(autouse=True)
def many_files() -> None:
    """Let this process hold as many connections as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory of another process is read from /proc")
class TestMemory:
    async def test_many_downloads_at_once_cost_little(self, serving: ServingProcess) -> None:
        """E7: every one is whole, and together they hold less than 400 MB."""
        async with watched(serving) as seen, asyncio.timeout(300):
            done = await asyncio.gather(*(fetch(serving.port, SMALL) for _ in range(DOWNLOADS)))
        print(f"{DOWNLOADS} downloads of 2 MiB: {seen[0]} MiB before, {max(seen)} MiB at most")
        assert set(done) == {(b"HTTP/1.1 200 OK", 2 * MIB)}
        assert max(seen) < MOST_MIB
        assert max(seen) - seen[0] < 60 + DOWNLOADS // 5

    async def test_readers_that_stop_cost_little(self, serving: ServingProcess) -> None:
        """E7: half of the places are theirs at most, and together they hold less than 400 MB."""
        async with watched(serving) as seen, asyncio.timeout(60):
            stopped = await asyncio.gather(*(ask(serving.port, LARGE) for _ in range(STOPPED)))
            begun = [asyncio.create_task(reader.readuntil(b"\r\n\r\n")) for reader, _ in stopped]
            await until(lambda: sum(task.done() for task in begun) >= min(STOPPED, PLACES))
            await until(lambda: max(seen[-25:]) - min(seen[-25:]) < 2, what="a steady state")
        print(f"{STOPPED} readers of nothing in 20 MiB: {seen[0]} MiB before, {max(seen)} MiB at most")
        for task, (_, writer) in zip(begun, stopped, strict=True):
            task.cancel()
            writer.transport.abort()
        assert max(seen) < MOST_MIB
        assert max(seen) - seen[0] < 40 + STOPPED // 4

    @pytest.mark.parametrize("connection", ["keep-alive", "close"])
    async def test_a_page_that_nobody_reads_costs_little(self, serving: ServingProcess, connection: str) -> None:
        """The documentation is there for who has no key, too: 1.7 MB for each connection were whole in memory."""
        async with watched(serving) as seen, asyncio.timeout(60):
            stopped = [await ask_path(serving.port, BUNDLE, connection) for _ in range(STOPPED)]
            for reader, _ in stopped:
                await reader.readuntil(b"\r\n\r\n")
            await until(lambda: max(seen[-25:]) - min(seen[-25:]) < 2, what="a steady state")
        print(f"{STOPPED} readers of nothing in 1.7 MB: {seen[0]} MiB before, {max(seen)} MiB at most")
        for _, writer in stopped:
            writer.transport.abort()
        assert max(seen) - seen[0] < 20 + STOPPED // 4


class TestLargeAnswers:
    async def test_who_stops_reading_is_cut_off(self, api: Client) -> None:
        """As with a picture; nothing is logged of a client that went away."""
        api.app.config.UNREAD_S = 0.2
        reader, writer = await ask_path(api.port, BUNDLE, "keep-alive")
        await until(api.waiting_to_write)
        await until(lambda: not api.waiting_to_write(), what="the end of the answer")
        got = 0
        with suppress(ConnectionError):
            while piece := await reader.read(MIB):
                got += len(piece)
        assert got < BUNDLE_BYTES
        writer.close()

    async def test_who_reads_slowly_gets_all_of_it(self, api: Client) -> None:
        """Twice on one connection, and on one that is to be closed; of HEAD the head alone."""
        reader, writer = await ask_path(api.port, BUNDLE, "keep-alive")
        for following in ("GET", "HEAD"):
            assert f"content-length: {BUNDLE_BYTES}\r\n".encode() in await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(BUNDLE_BYTES)
            writer.write(f"{following} {BUNDLE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert f"content-length: {BUNDLE_BYTES}\r\n".encode() in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        assert await fetch_path(api.port, BUNDLE) == (b"HTTP/1.1 200 OK", BUNDLE_BYTES)


@pytest.fixture
async def stored(api: Client) -> Asset:
    """A picture that is larger than what a kernel takes."""
    return await store_large(api)


async def store_large(api: Client) -> Asset:
    path = Path(api.services.settings.data_dir) / "large.png"
    Image.new("RGB", (3000, 3000)).save(path, "PNG", compress_level=0)
    return await api.services.assets.keep("t2", 0, Source.from_bytes(path.read_bytes()))


class TestPlaces:
    async def test_who_stops_reading_is_cut_off(self, api: Client, stored: Asset) -> None:
        """E7: its place is free again, and its connection ends before the picture does."""
        api.app.ctx.downloads.step_s = 0.2
        reader, writer = await ask(api.port, stored.key)
        await until(lambda: api.app.ctx.downloads.sending == 1)
        await until(lambda: api.app.ctx.downloads.sending == 0, what="the end of the download")
        got = 0
        with suppress(ConnectionError):
            while piece := await reader.read(MIB):
                got += len(piece)
        assert got < stored.size_bytes
        writer.close()

    async def test_full_house_makes_wait_and_then_refuses(self, open_api: Open) -> None:
        """E7: half of the places are one address'; who finds none in time is told when to come again."""
        async with open_api(DANQING_MAX_DOWNLOADS="4") as api:
            stored = await store_large(api)
            downloads = api.app.ctx.downloads
            stopped = [await ask(api.port, stored.key) for _ in range(2)]
            await until(lambda: downloads.sending == 2)
            waiting = asyncio.create_task(api.ask("GET", f"/api/v1/assets/{stored.key}"))
            await until(lambda: downloads.waiting == 1)
            downloads.wait_s = 0.1
            refused = await api.ask("GET", f"/api/v1/assets/{stored.key}")
            assert (refused.status, refused.json["code"]) == (503, "overloaded")
            assert int(refused.headers["Retry-After"]) >= 1
            assert (await api.ask("HEAD", f"/api/v1/assets/{stored.key}")).status == 200
            for _, writer in stopped:
                writer.transport.abort()
            assert len((await waiting).body) == stored.size_bytes
            assert downloads.sending == 0
