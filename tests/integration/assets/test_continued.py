"""Downloads that are cut: they go on where they broke off, by range, and never mix two files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import attrs
import pytest
from aiohttp import web
from obstore.store import MemoryStore

from danqing_plugins import Job, OutputKind, Run, Source
from danqing_server.assets.bucket import Bucket
from danqing_server.assets.opening import open_assets
from danqing_server.assets.sources import DownloadLimits
from danqing_server.assets.spool import Spool
from danqing_server.assets.storage import Assets
from danqing_server.errors import SourceUnavailable, StorageUnavailable
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from tests.integration.assets.conftest import eventually, files_below
from tests.integration.sandbox.serving import served
from tests.support.films import film
from tests.support.providers import ScriptedProvider
from tests.support.proxy import running_proxy
from tests.support.system import HASTY, MakeSettings, running_system
from tests.unit.assets.pictures import picture

BODY = picture("png", 900, 700)
OTHER = picture("png", 901, 701)
LIMITS = DownloadLimits(max_bytes=64 * 1024 * 1024, stall_s=1.0, total_s=10.0)


@attrs.define
class Cutting:
    """A file host that cuts each answer after its bytes in `cuts`, the rest after none.

    `ranges` is what it was asked for; `validators` are the headers by which it tells its file from another.
    """

    body: bytes = BODY
    cuts: list[int] = attrs.field(factory=list)
    validators: dict[str, str] = attrs.field(factory=lambda: {"ETag": '"one"'})
    takes_ranges: bool = True
    ranges: list[tuple[str | None, str | None]] = attrs.field(factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a range of the very file with it, anything else with the whole."""
        wanted, condition = request.headers.get("Range"), request.headers.get("If-Range")
        self.ranges.append((wanted, condition))
        start, headers = 0, dict(self.validators)
        if self.takes_ranges and wanted is not None and condition in self.validators.values():
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.body):
                return web.Response(status=416)
            headers["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        response.content_length = len(self.body) - start
        await response.prepare(request)
        cut = self.cuts.pop(0) if self.cuts else None
        await response.write(self.body[start:] if cut is None else self.body[start : start + cut])
        if cut is not None:
            await asyncio.sleep(0.01)  # let what was written leave before the reset
            assert request.transport is not None
            request.transport.abort()
        return response


@pytest.fixture
async def host() -> AsyncIterator[Cutting]:
    """A file host."""
    cutting = Cutting()
    app = web.Application()
    app.router.add_get("/file", cutting.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cutting.url = f"http://127.0.0.1:{runner.addresses[0][1]}/file"
    yield cutting
    await runner.cleanup()


@pytest.fixture
async def patient(settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Assets]:
    """A storage with time."""
    async with open_assets(settings, session, limits=LIMITS) as assets:
        yield assets


class TestContinued:
    async def test_it_goes_on_where_it_broke_off(self, patient: Assets, host: Cutting) -> None:
        """By the tag that came first; no byte is fetched twice."""
        host.cuts = [100_000, 200_000, 70_000]
        asset = await patient.keep("t", 0, Source.from_url(host.url))
        assert await patient.read(asset.key) == BODY
        assert host.ranges == [
            (None, None),
            ("bytes=100000-", '"one"'),
            ("bytes=300000-", '"one"'),
            ("bytes=370000-", '"one"'),
        ]

    async def test_a_date_will_do(self, patient: Assets, host: Cutting) -> None:
        """Where there is no strong tag."""
        date = "Sat, 28 Nov 2026 10:00:00 GMT"
        host.validators, host.cuts = {"ETag": 'W/"weak"', "Last-Modified": date}, [100_000]
        asset = await patient.keep("t", 0, Source.from_url(host.url))
        assert await patient.read(asset.key) == BODY
        assert host.ranges[1] == ("bytes=100000-", date)

    async def test_a_source_without_ranges_is_fetched_anew(self, patient: Assets, host: Cutting) -> None:
        """It answers 200, with all of it."""
        host.takes_ranges, host.cuts = False, [100_000]
        asset = await patient.keep("t", 0, Source.from_url(host.url))
        assert await patient.read(asset.key) == BODY

    async def test_a_source_that_names_nothing_is_left_to_the_keeper(
        self, patient: Assets, host: Cutting, tmp_path: Path
    ) -> None:
        """Nothing would tell that the rest belongs to the beginning."""
        host.validators, host.cuts = {}, [100_000]
        with pytest.raises(SourceUnavailable):
            await patient.keep("t", 0, Source.from_url(host.url))
        assert files_below(tmp_path) == []
        assert len(host.ranges) == 1

    async def test_two_files_are_never_mixed(self, patient: Assets, host: Cutting) -> None:
        """The source has another file by then: what was here is forgotten."""

        host.cuts = [100_000, 0]
        async with patient.partial() as partial:
            with pytest.raises(SourceUnavailable):
                await patient.keep("t", 0, Source.from_url(host.url), partial=partial)
            assert partial.size_bytes == 100_000
            host.body, host.validators = OTHER, {"ETag": '"two"'}
            asset = await patient.keep("t", 0, Source.from_url(host.url), partial=partial)
        assert await patient.read(asset.key) == OTHER

    async def test_the_next_try_goes_on_with_what_is_here(self, patient: Assets, host: Cutting) -> None:
        """A source that is silent for a while costs no byte of what came before."""
        host.cuts = [100_000, 0]
        async with patient.partial() as partial:
            with pytest.raises(SourceUnavailable):
                await patient.keep("t", 0, Source.from_url(host.url), partial=partial)
            asset = await patient.keep("t", 0, Source.from_url(host.url), partial=partial)
        assert await patient.read(asset.key) == BODY
        assert [wanted for wanted, _ in host.ranges] == [None, "bytes=100000-", "bytes=100000-"]

    async def test_what_cannot_go_on_leaves_no_file(self, patient: Assets, host: Cutting, tmp_path: Path) -> None:
        """Though a caller holds its place."""
        host.validators, host.cuts = {}, [100_000]
        async with patient.partial() as partial:
            with pytest.raises(SourceUnavailable):
                await patient.keep("t", 0, Source.from_url(host.url), partial=partial)
            assert files_below(tmp_path) == []


@attrs.frozen(kw_only=True)
class Refusing(Bucket):
    """A bucket that takes nothing for as many times as there are `refusals`."""

    refusals: list[str]

    async def put(self, spool: Spool, key: str) -> None:
        """See `Place.put`."""
        if self.refusals:
            raise StorageUnavailable(self.refusals.pop())
        await Bucket.put(self, spool, key)


class TestRefused:
    """What is here, whole, and the storage does not take for now: its link may be dead by then."""

    @pytest.fixture
    async def refusing(self, settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Assets]:
        """A storage that refuses twice."""
        place = Refusing(store=MemoryStore(), refusals=["away"] * 2)
        async with open_assets(settings, session, limits=LIMITS, place=place) as assets:
            yield assets

    @pytest.mark.parametrize("validators", [{"ETag": '"one"'}, {}])
    async def test_it_is_not_fetched_again(
        self, refusing: Assets, host: Cutting, validators: dict[str, str], tmp_path: Path
    ) -> None:
        """However its source calls it."""
        host.validators = validators
        async with refusing.partial() as partial:
            for _ in range(2):
                with pytest.raises(StorageUnavailable):
                    await refusing.keep("t", 0, Source.from_url(host.url), partial=partial)
            asset = await refusing.keep("t", 0, Source.from_url(host.url), partial=partial)
        assert await refusing.read(asset.key) == BODY
        assert len(host.ranges) == 1
        assert files_below(tmp_path) == []

    async def test_the_next_attempt_has_it(self, refusing: Assets, host: Cutting, tmp_path: Path) -> None:
        """In whatever process."""
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                await refusing.keep("t", 0, Source.from_url(host.url))
        asset = await refusing.keep("t", 0, Source.from_url(host.url))
        assert await refusing.read(asset.key) == BODY
        assert len(host.ranges) == 1
        assert files_below(tmp_path) == []


class TestWhole:
    async def test_a_video_that_is_cut_is_bought_once(self, make_settings: MakeSettings, host: Cutting) -> None:
        """Cut on its way, and then silent: the same link is asked for the rest."""
        host.body = film(frames=240, size=(640, 360)) + bytes(300_000)
        host.cuts = [100_000, 0, 50_000, 0]

        async def link(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_url(host.url))

        provider = ScriptedProvider(link, kind=OutputKind.VIDEO)
        async with running_system(make_settings(), [provider], link_patience=HASTY) as system:
            done = await system.finished((await system.submit()).id)
            assert (done.status, len(done.calls), done.attempts) == (Status.COMPLETED, 1, 1)
            asset = done.outputs["0"].asset
            assert asset is not None
            assert await system.services.assets.read(asset.key) == host.body
        assert [wanted for wanted, _ in host.ranges] == [None, *["bytes=100000-"] * 2, *["bytes=150000-"] * 2]

    async def test_a_link_of_the_sandbox_goes_on_too(self, patient: Assets, tmp_path: Path) -> None:
        """The connection is reset in the middle of a picture."""
        async with served(tmp_path / "sandbox") as ark:
            (link,) = await ark.links(size="4K")
            _, whole = await ark.get(link)
            with running_proxy(ark.url) as proxy:
                proxy.delay_s = 0.02
                through = link.replace(ark.url, f"http://127.0.0.1:{proxy.port}")
                async with patient.partial() as partial:
                    keeping = asyncio.create_task(patient.keep("t", 0, Source.from_url(through), partial=partial))
                    await eventually(lambda: partial.size_bytes > 200_000)
                    proxy.cut()
                    asset = await keeping
            assert await patient.read(asset.key) == whole
            assert proxy.cuts
