"""Downloads that outlive their process: the next one goes on with them, and trusts nothing that is not proved."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import attrs
import pytest
from aiohttp import web

from danqing_plugins import Job, Run, Source
from danqing_server.assets.opening import open_assets
from danqing_server.assets.sources import DownloadLimits
from danqing_server.assets.storage import Assets
from danqing_server.errors import PictureRejected, SourceUnavailable
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from tests.integration.assets.conftest import eventually, files_below
from tests.support.providers import ScriptedProvider
from tests.support.system import HASTY, MakeSettings, running_system
from tests.unit.assets.pictures import picture

pytestmark = pytest.mark.kills

BODY = picture("png", 500, 400)
OTHER = picture("png", 501, 401)
LIMITS = DownloadLimits(max_bytes=8 * 1024 * 1024, stall_s=5.0, total_s=30.0)
PIECE_BYTES = 20_000

CHILD = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    import aiohttp
    from danqing_plugins import Source
    from danqing_server.assets.opening import open_assets
    from danqing_server.settings.server import Settings

    async def main():
        async with aiohttp.ClientSession() as session:
            async with open_assets(Settings(data_dir=Path(sys.argv[1])), session) as assets:
                await assets.keep("t", 0, Source.from_url(sys.argv[2]))

    asyncio.run(main())
    """
)


@attrs.define
class SlowHost:
    """A file host that sends a piece every tenth of a second unless `quick`; `ranges` is what it was asked for."""

    body: bytes = BODY
    tag: str = '"one"'
    takes_ranges: bool = True
    quick: bool = False
    status: int = 200
    ranges: list[str | None] = attrs.field(factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a range of the very file with it, anything else with the whole."""
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        if self.status != 200:
            return web.Response(status=self.status)
        start, headers = 0, {"ETag": self.tag}
        if self.takes_ranges and wanted and request.headers.get("If-Range") == self.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        response.content_length = len(self.body) - start
        await response.prepare(request)
        for at in range(start, len(self.body), PIECE_BYTES):
            await response.write(self.body[at : at + PIECE_BYTES])
            if not self.quick:
                await asyncio.sleep(0.1)
        return response


@pytest.fixture
async def host() -> AsyncIterator[SlowHost]:
    """A slow file host."""
    slow = SlowHost()
    app = web.Application()
    app.router.add_get("/file", slow.answer)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slow.url = f"http://127.0.0.1:{runner.addresses[0][1]}/file?signature=secret"
    yield slow
    await runner.cleanup()


@contextmanager
def quickly(host: SlowHost) -> Iterator[None]:
    """Have the host send all at once, and forget what it was asked for before."""
    host.quick = True
    host.ranges.clear()
    yield


def left_in(folder: Path) -> list[Path]:
    """Return the downloads that somebody can go on with."""
    return sorted((folder / "pictures" / ".spool").glob("left.*"))


async def killed_in_the_middle(folder: Path, host: SlowHost, more_than: int = 0) -> int:
    """Kill a process that downloads once more than *more_than* bytes would outlive it, and return how many do."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, str(folder), host.url)
    try:
        await eventually(lambda: any(each.stat().st_size > more_than for each in left_in(folder)), within_s=20)
    finally:
        child.send_signal(signal.SIGKILL)
        await child.wait()
    (left,) = left_in(folder)
    return left.stat().st_size


@pytest.fixture
async def next_one(settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Assets]:
    """The storage of the process that is there afterwards; the others start while it runs."""
    async with open_assets(settings, session, limits=LIMITS) as assets:
        yield assets


class TestKilled:
    """`kill -9` in the middle of a slow download."""

    async def test_the_next_process_goes_on(self, tmp_path: Path, host: SlowHost, next_one: Assets) -> None:
        """After two deaths, each further than the last; no byte that is here is fetched again."""
        first = await killed_in_the_middle(tmp_path, host)
        second = await killed_in_the_middle(tmp_path, host, more_than=first)
        asset = await next_one.keep("t", 0, Source.from_url(host.url))
        assert await next_one.read(asset.key) == BODY
        assert host.ranges == [None, f"bytes={first}-", f"bytes={second}-"]
        assert left_in(tmp_path) == []

    async def test_a_start_leaves_it(
        self, tmp_path: Path, host: SlowHost, settings: Settings, session: aiohttp.ClientSession
    ) -> None:
        """The process that is started in the dead one's place clears up, but not this."""
        size = await killed_in_the_middle(tmp_path, host)
        with quickly(host):
            async with open_assets(settings, session, limits=LIMITS) as assets:
                await assets.keep("t", 0, Source.from_url(host.url))
        assert host.ranges == [f"bytes={size}-"]

    async def test_another_file_by_now(self, tmp_path: Path, host: SlowHost, next_one: Assets) -> None:
        """Two files are never mixed: it is fetched anew."""
        await killed_in_the_middle(tmp_path, host)
        host.body, host.tag = OTHER, '"two"'
        with quickly(host):
            asset = await next_one.keep("t", 0, Source.from_url(host.url))
        assert await next_one.read(asset.key) == OTHER
        assert left_in(tmp_path) == []

    async def test_a_host_that_ignores_ranges(self, tmp_path: Path, host: SlowHost, next_one: Assets) -> None:
        """It is fetched anew."""
        await killed_in_the_middle(tmp_path, host)
        host.takes_ranges = False
        with quickly(host):
            asset = await next_one.keep("t", 0, Source.from_url(host.url))
        assert await next_one.read(asset.key) == BODY
        assert left_in(tmp_path) == []

    async def test_a_damaged_beginning_is_found_out(self, tmp_path: Path, host: SlowHost, next_one: Assets) -> None:
        """By what proves every picture; then it is forgotten, and the next try begins anew."""
        await killed_in_the_middle(tmp_path, host)
        with left_in(tmp_path)[0].open("r+b") as file:
            file.seek(PIECE_BYTES)
            file.write(os.urandom(1000))
        with quickly(host):
            with pytest.raises(PictureRejected) as caught:
                await next_one.keep("t", 0, Source.from_url(host.url))
            assert caught.value.code == "truncated"
            asset = await next_one.keep("t", 0, Source.from_url(host.url))
        assert await next_one.read(asset.key) == BODY

    async def test_a_dead_link_whose_file_is_here(self, tmp_path: Path, host: SlowHost, next_one: Assets) -> None:
        """A process died between the last byte and the check: nothing is asked for."""
        await killed_in_the_middle(tmp_path, host)
        with left_in(tmp_path)[0].open("ab") as file:
            file.write(BODY[file.tell() :])
        host.status = 403
        with quickly(host):
            asset = await next_one.keep("t", 0, Source.from_url(host.url))
        assert await next_one.read(asset.key) == BODY
        assert host.ranges == []

    async def test_one_that_lives_keeps_its_own(
        self, tmp_path: Path, host: SlowHost, next_one: Assets, session: aiohttp.ClientSession, settings: Settings
    ) -> None:
        """Who comes while another still downloads begins anew, and takes nothing away."""
        async with open_assets(settings, session, limits=LIMITS) as living:
            keeping = asyncio.create_task(living.keep("t", 0, Source.from_url(host.url)))
            await eventually(lambda: left_in(tmp_path) != [])
            with quickly(host):
                asset = await next_one.keep("t", 0, Source.from_url(host.url))
            assert host.ranges == [None]
            first = await keeping
        assert await next_one.read(asset.key) == await next_one.read(first.key) == BODY


class TestAlive:
    """A try that ends without a death."""

    async def test_what_had_just_begun_leaves_nothing(
        self, tmp_path: Path, host: SlowHost, next_one: Assets
    ) -> None:
        """What is quick knows nothing of all this."""
        keeping = asyncio.create_task(next_one.keep("t", 0, Source.from_url(host.url)))
        await eventually(lambda: host.ranges != [])
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert files_below(tmp_path) == []

    async def test_a_refusal_forgets_nothing(self, tmp_path: Path, host: SlowHost, next_one: Assets) -> None:
        """A signed link that answers 403 may answer better the next time."""
        size = await killed_in_the_middle(tmp_path, host)
        host.status = 403
        with quickly(host), pytest.raises(SourceUnavailable):
            await next_one.keep("t", 0, Source.from_url(host.url))
        host.status = 200
        with quickly(host):
            await next_one.keep("t", 0, Source.from_url(host.url))
        assert host.ranges == [f"bytes={size}-"]


class TestWhole:
    """A task whose server is stopped while its picture comes."""

    async def test_the_next_attempt_goes_on(self, make_settings: MakeSettings, host: SlowHost) -> None:
        """The link is saved, and so is what came of it; nothing is bought again."""

        async def link(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_url(host.url))

        settings = make_settings(DANQING_STOP_GRACE="0")
        async with running_system(settings, [ScriptedProvider(link)], link_patience=HASTY) as system:
            task = await system.submit()
            await eventually(lambda: left_in(settings.data_dir) != [], within_s=20)
        (left,) = left_in(settings.data_dir)
        size = left.stat().st_size
        with quickly(host):
            async with running_system(settings, [ScriptedProvider(link)], link_patience=HASTY) as system:
                done = await system.finished(task.id)
        assert (done.status, len(done.calls)) == (Status.COMPLETED, 1)
        assert host.ranges == [f"bytes={size}-"]
        assert left_in(settings.data_dir) == []
