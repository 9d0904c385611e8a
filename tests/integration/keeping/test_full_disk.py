"""A disk that fills up: nothing new is taken in before anything breaks, and what was paid for is stored."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from danqing_plugins import Job, Run, Source
from danqing_server.assets.headroom import Headroom, reserve_of
from danqing_server.assets.places import Space
from danqing_server.desk.request import Repeat
from danqing_server.errors import StorageFull
from danqing_server.records.tasks import Status
from danqing_server.settings.retention import RetentionRule
from tests.integration.api.conftest import opened
from tests.integration.keeping.test_retention import Stock
from tests.support.disks import fill_but, reserving_disk, small_disk
from tests.support.providers import ScriptedProvider, picture
from tests.support.shelf import Shelf
from tests.support.system import MakeSettings, System, running_system, until

MB = 1024 * 1024
RESERVE = {"DANQING_DISK_RESERVE_MB": "4"}
LARGE = picture(700, 700)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    with small_disk(tmp_path / "disk", 16) as folder:
        yield folder


@attrs.define
class LateDisk:
    """A storage whose file system tells what it was last told to."""

    told: Space

    async def space(self) -> Space:
        """Return it."""
        return self.told


class Gate:
    """A provider whose paid calls last until a test lets them go."""

    def __init__(self) -> None:
        self.sent = 0
        self.open = asyncio.Event()

    async def __call__(self, _job: Job, run: Run) -> None:
        async with run.call(run.missing, "f"):
            self.sent += 1
            await self.open.wait()
            for index in run.missing:
                await run.deliver(index, Source.from_bytes(LARGE))


async def fill(system: System, disk: Path, left_bytes: int) -> Path:
    """Leave only so much of the disk, and let the process see it."""
    filler = fill_but(disk, left_bytes)
    await system.services.headroom.look()
    return filler


class TestNearlyFull:
    async def test_what_is_under_way_is_stored_and_nothing_else_begins(
        self, make_settings: MakeSettings, disk: Path
    ) -> None:
        """The reserve is for what was paid for; once there is room all goes on by itself."""
        gate = Gate()
        provider = ScriptedProvider(gate, concurrency=2)
        settings = make_settings(DANQING_DATA_DIR=str(disk), **RESERVE)
        async with running_system(settings, [provider]) as system:
            paid = [await system.submit(), await system.submit()]
            await until(lambda: gate.sent == 2)
            waiting = await system.submit()
            filler = await fill(system, disk, MB)
            with pytest.raises(StorageFull):
                await system.submit()
            gate.open.set()
            for task in paid:
                done = await system.finished(task.id)
                assert done.status is Status.COMPLETED
                assert done.outputs["0"].asset is not None
                assert await system.services.assets.read(done.outputs["0"].asset.key) == LARGE
            assert (gate.sent, (await system.get(waiting.id)).status) == (2, Status.PENDING)
            filler.unlink()
            await system.services.headroom.look()
            assert (await system.finished(waiting.id)).status is Status.COMPLETED
            await system.submit()

    async def test_what_was_accepted_is_answered_again(self, make_settings: MakeSettings, disk: Path) -> None:
        """A repeat makes nothing new."""
        settings = make_settings(DANQING_DATA_DIR=str(disk), **RESERVE)
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            repeat = Repeat(key="k", fingerprint="f")
            task = await system.submit(repeat=repeat)
            await fill(system, disk, MB)
            assert (await system.submit(repeat=repeat)).id == task.id

    async def test_a_disk_without_inodes_is_full(self, make_settings: MakeSettings, tmp_path: Path) -> None:
        """Small files leave half of its bytes free, and no picture could be stored that is bought now."""
        with small_disk(tmp_path / "few", 64, inodes=1000) as disk:
            settings = make_settings(DANQING_DATA_DIR=str(disk), **RESERVE)
            async with running_system(settings, [ScriptedProvider()], workers=False) as system:
                await system.submit()
                texts = disk / "texts"
                texts.mkdir()
                for number in range(os.statvfs(disk).f_favail - 40):
                    (texts / str(number)).touch()
                await system.services.headroom.look()
                assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize > 60 * MB
                with pytest.raises(StorageFull):
                    await system.submit()
                for number in range(60):
                    (texts / str(number)).unlink()
                await system.services.headroom.look()
                await system.submit()

    async def test_the_disk_of_the_embedded_servers_counts_too(
        self, make_settings: MakeSettings, disk: Path, tmp_path: Path
    ) -> None:
        """Pictures have room elsewhere: MongoDB would have none for their tasks."""
        settings = make_settings(
            DANQING_DATA_DIR=str(disk), DANQING_ASSETS_URL=str(tmp_path / "pictures"), **RESERVE
        )
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            await fill(system, disk, MB)
            with pytest.raises(StorageFull, match="the server's data"):
                await system.submit()

    async def test_clients_are_told_when_to_come_again(self, make_settings: MakeSettings, disk: Path) -> None:
        """503 at every door for what is new; reading, cancelling and deleting work."""
        settings = make_settings(DANQING_DATA_DIR=str(disk), **RESERVE)
        async with opened(settings, ScriptedProvider(), workers=True) as api:
            body = {"type": "image", "model": "one", "input": {"prompt": "a cat"}, "user_id": "u1"}
            task_id = (await api.ask("POST", "/api/v1/ai/tasks", json=body)).json["data"]["id"]
            done = await api.system.finished(task_id)
            assert done.outputs["0"].asset is not None
            await fill(api.system, disk, MB)
            refused = await api.ask("POST", "/api/v1/ai/tasks", json=body)
            assert (refused.status, refused.json["code"], refused.json["retryable"]) == (503, "disk_full", True)
            assert refused.headers["retry-after"] == "60"
            upload = await api.ask("POST", "/api/v1/uploads", data=LARGE, headers={"content-type": "image/png"})
            assert (upload.status, upload.json["code"]) == (503, "disk_full")
            line = b'{"type":"image","model":"one","input":{"prompt":"x"},"user_id":"u1"}\n'
            ndjson = {"content-type": "application/x-ndjson"}
            batch = await api.ask("POST", "/api/v1/batches", data=line, headers=ndjson)
            assert (batch.status, batch.json["code"]) == (503, "disk_full")
            openai = await api.ask("POST", "/v1/images/generations", json={"model": "one", "prompt": "x"})
            assert (openai.status, openai.headers["retry-after"]) == (503, "60")
            assert (await api.ask("GET", f"/api/v1/assets/{done.outputs['0'].asset.key}")).status == 200
            assert (await api.ask("GET", f"/api/v1/tasks/{task_id}")).status == 200
            assert (await api.ask("DELETE", f"/api/v1/tasks/{task_id}")).status == 200

    async def test_retention_makes_room(self, make_settings: MakeSettings, disk: Path) -> None:
        """The oldest go, and no more than has to."""
        settings = make_settings(DANQING_DATA_DIR=str(disk), **RESERVE)
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            stock = Stock(system, Shelf(system.services.store, system.services.assets))
            for number in range(40):
                await stock.put(f"t{number:02}", 100 - number)
                (disk / "pictures" / f"t{number:02}" / "0-ab-w256.webp").write_bytes(bytes(200 * 1024))
            rule = RetentionRule(keep_disk_below=40, disk_spares_s=3600)
            gone = await stock.retention(rule).make_room()
            used = os.statvfs(disk)
            assert 1 - used.f_bavail / used.f_blocks <= 0.4
            assert 8 <= gone <= 24
            assert await stock.left() == [f"t{number:02}" for number in range(gone, 40)]

    async def test_a_disk_that_tells_late_what_was_freed_costs_no_more(self, make_settings: MakeSettings) -> None:
        """As btrfs, after half a minute: until then the disk looks as full as before, however much went."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            stock = Stock(system, Shelf(system.services.store, system.services.assets))
            for number in range(40):
                await stock.put(f"t{number:02}", 100 - number)
            size = len(picture())
            disk = LateDisk(Space(free=50 * size, used=50 * size, total=100 * size))
            retention = stock.retention(RetentionRule(keep_disk_below=40, disk_spares_s=3600))
            retention.assets = cast("Any", disk)
            assert await retention.make_room() == 16  # of the ten that have to go, eight at a time
            assert await retention.make_room() == 0
            disk.told = Space(free=66 * size, used=34 * size, total=100 * size)
            assert await retention.make_room() == 0
            assert await stock.left() == [f"t{number:02}" for number in range(16, 40)]
            disk.told = Space(free=40 * size, used=60 * size, total=100 * size)
            assert await retention.make_room() > 0

    async def test_what_is_kept_for_root_is_not_in_use(self, make_settings: MakeSettings, tmp_path: Path) -> None:
        """An ext4 keeps a twentieth, or what its owner set: nothing goes for the sake of room that nobody uses."""
        with reserving_disk(tmp_path / "ext4", 64, 50) as folder:
            settings = make_settings(DANQING_ASSETS_URL=str(folder / "pictures"), **RESERVE)
            async with running_system(settings, [ScriptedProvider()], workers=False) as system:
                stock = Stock(system, Shelf(system.services.store, system.services.assets))
                for number in range(3):
                    await stock.put(f"t{number:02}", 100 - number)
                rule = RetentionRule(keep_disk_below=40, disk_spares_s=3600)
                assert await stock.retention(rule).make_room() == 0
                assert len(await stock.left()) == 3
                fill_but(folder, 8 * MB)
                assert await stock.retention(rule).make_room() == 3


class TestMarks:
    @pytest.mark.parametrize(
        ("setting", "total", "reserve"),
        [
            (None, 1000 * 1024 * MB, 1024 * MB),
            (None, 1000 * MB, 50 * MB),
            (10 * MB, 1000 * MB, 10 * MB),
            (0, 1000 * MB, 0),
        ],
    )
    def test_the_usual_reserve_suits_small_disks(self, setting: int | None, total: int, reserve: int) -> None:
        """1 GiB, or a twentieth of the disk."""
        assert reserve_of(setting, total) == reserve

    async def test_a_disk_at_its_edge_does_not_flutter(self, disk: Path) -> None:
        """It is back a tenth above the mark."""
        with ThreadPoolExecutor(1) as pool:
            room = Headroom(disk, disk, 4 * MB, pool)

            async def with_free(free: int) -> tuple[bool, bool]:
                (disk / "filler").unlink(missing_ok=True)
                fill_but(disk, free)
                await room.look()
                return _is_short(room), room.is_scarce

            assert await with_free(5 * MB) == (False, False)
            assert await with_free(3 * MB) == (True, False)
            assert await with_free(4 * MB + 64 * 1024) == (True, False)
            assert await with_free(MB) == (True, True)
            assert await with_free(2 * MB + 64 * 1024) == (True, True)
            assert await with_free(3 * MB) == (True, False)
            assert await with_free(5 * MB) == (False, False)

    async def test_what_is_not_there_is_not_full(self, tmp_path: Path) -> None:
        """A bucket has no disk, and a folder that is away says so itself."""
        with ThreadPoolExecutor(1) as pool:
            room = Headroom(None, tmp_path / "gone", 10**18, pool)
            await room.look()
            room.require()


def _is_short(room: Headroom) -> bool:
    try:
        room.require()
    except StorageFull:
        return True
    return False
