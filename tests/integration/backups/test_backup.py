"""Backups of a running system: whole, each picture once, proved, and never half."""

from __future__ import annotations

import asyncio
import base64
import stat
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.assets.opening import open_assets
from danqing_server.backup.errors import BackupError
from danqing_server.backup.manifest import Manifest
from danqing_server.backup.pruning import prune
from danqing_server.backup.reading import Run
from danqing_server.backup.repository import Repository
from danqing_server.backup.taking import take
from danqing_server.backup.verifying import verify
from danqing_server.clock import Clock
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.dumping import Dump, decoded, open_dump
from tests.integration.backups.conftest import Command
from tests.support.disks import CHUNK_BYTES, fill_but, small_disk
from tests.support.mongo_sets import run_replica_set
from tests.support.painting import painter
from tests.support.providers import picture
from tests.support.system import MakeSettings, System, running_system

ALL = Caller.local()
YEAR_S = 365 * 86400


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def _pictures(folder: Path) -> list[Path]:
    return _files(folder, "pictures/??/*")


def _open_to_others(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]


def _documents(folder: Path, collection: str, run: str | None = None) -> dict[str, Any]:
    """Return the documents of a backup by their ids."""
    read = Run.open(Repository.open(folder), run)
    sets = [each for each in read.manifest.sets if each.name == collection]
    found = [decoded(raw) for each in sets for raw in read.documents(each)]
    return {document["_id"]: document for document in found}


async def _taken(settings: Settings, folder: Path, clock: Clock) -> Manifest:
    async with (
        connect(settings) as database,
        aiohttp.ClientSession() as session,
        open_assets(settings, session) as assets,
    ):
        with Repository.make(folder).locked() as repository:
            return await take(repository, Dump(database), assets, clock, lambda _line: None)


class TestTaken:
    async def test_a_running_system_is_in_it_whole(self, system: System, danqing: Command, folder: Path) -> None:
        """Every task, and every picture that one names; the proof says that it is good."""
        taken = await danqing("backup", folder, "--json")
        assert (taken.code, taken.err) == (0, "")
        said = taken.json
        assert (said["pictures"], said["new_pictures"], said["lost"]) == (12, 12, 0)
        proved = await danqing("backup", "verify", folder, "--json")
        assert proved.code == 0
        assert (proved.json["good"], proved.json["pictures"], proved.json["wrong"]) == (True, 12, 0)
        assert len(_documents(folder, "danqing_tasks")) == 6
        assert [each["id"] for each in (await danqing("backup", "list", folder, "--json")).json] == [said["id"]]

    async def test_pictures_are_copied_once(self, system: System, danqing: Command, folder: Path) -> None:
        """A second backup has the same pictures, and copies only what is new since."""
        await danqing("backup", folder)
        before = {path: path.stat().st_mtime_ns for path in _pictures(folder)}
        await system.finished((await system.submit()).id)
        second = (await danqing("backup", folder, "--json")).json
        assert (second["pictures"], second["new_pictures"]) == (13, 1)
        assert {path: path.stat().st_mtime_ns for path in before} == before
        assert (await danqing("backup", "verify", folder)).code == 0

    async def test_references_and_uploads_are_in_it(self, system: System, danqing: Command, folder: Path) -> None:
        """A file whose document does not know its hash is read once, and never again."""
        body = picture(40)
        data_uri = "data:image/png;base64," + base64.b64encode(body).decode()
        task = await system.submit(image=data_uri)
        await system.finished(task.id)
        first = (await danqing("backup", folder, "--json")).json
        assert first["pictures"] == 14
        [reference] = (await system.get(task.id)).references
        lines = {line.key: line for line in Run.open(Repository.open(folder), None).lines()}
        held = lines[reference.asset or ""]
        assert Repository.open(folder).picture(held.sha256 or "").read_bytes() == body
        assert (await danqing("backup", folder, "--json")).json["new_pictures"] == 0

    async def test_nobody_else_can_read_it(self, system: System, danqing: Command, folder: Path) -> None:
        """Prompts and pictures are in it: files are their owner's alone."""
        await danqing("backup", folder)
        assert _open_to_others(folder) == []

    async def test_old_ones_go_with_their_pictures(self, system: System, danqing: Command, folder: Path) -> None:
        """`--keep` removes what only older backups name, and nothing else."""
        await danqing("backup", folder)
        tasks = _documents(folder, "danqing_tasks")
        await system.services.control.delete(next(iter(tasks)), ALL)
        kept = await danqing("backup", folder, "--keep", "1", "--json")
        assert (kept.code, len(kept.json["removed"])) == (0, 1)
        assert len(_pictures(folder)) == 10
        assert (await danqing("backup", "verify", folder, "--json")).json["pictures"] == 10

    @pytest.mark.parametrize("most_at_once", [1, 5, 100])
    async def test_pictures_go_however_many_are_looked_at_together(
        self, system: System, danqing: Command, folder: Path, most_at_once: int
    ) -> None:
        """In as many rounds as memory is bounded by; what any backup names stays."""
        await danqing("backup", folder)
        gone = {line.sha256 for line in Run.open(Repository.open(folder), None).lines()}
        await system.services.control.delete(next(iter(_documents(folder, "danqing_tasks"))), ALL)
        for _ in range(2):
            await danqing("backup", folder)
            await system.finished((await system.submit()).id)
        await danqing("backup", folder)
        with Repository.open(folder).locked() as repository:
            assert len(prune(repository, 2, most_at_once=most_at_once)) == 2
            runs = [Run.open(repository, run) for run in repository.runs()]
        named = {line.sha256 for run in runs for line in run.lines()}
        assert {path.parent.name + path.name for path in _pictures(folder)} == named
        assert len(gone - named) == 2
        assert len(named) == 12

    async def test_the_oldest_goes_though_the_clock_was_ahead_when_it_was_taken(
        self, system: System, settings: Settings, danqing: Command, folder: Path
    ) -> None:
        """The clock was put right since: the one just taken stays, and is what would be restored."""
        ahead = (await _taken(settings, folder, Clock(wall_s=lambda: time.time() + 10 * YEAR_S))).id
        for before in (ahead, *(f"{ahead}-{number}" for number in range(2, 12))):
            kept = (await danqing("backup", folder, "--keep", "1", "--json")).json
            assert kept["removed"] == [before]
            assert [each["id"] for each in (await danqing("backup", "list", folder, "--json")).json] == [kept["id"]]


class TestMeanwhile:
    """What happens while a backup is taken."""

    async def _taken(
        self, settings: Settings, folder: Path, meanwhile: Callable[[], Awaitable[object]], **most: int
    ) -> Manifest:
        """Take a backup; *meanwhile* comes between the documents and the pictures."""

        @attrs.define(eq=False)
        class Interrupted(Dump):
            async def documents(self, name: str) -> AsyncGenerator[bytes, None]:
                async for raw in Dump.documents(self, name):
                    yield raw
                if name == "danqing_tasks":
                    await meanwhile()

        async with (
            connect(settings) as database,
            aiohttp.ClientSession() as session,
            open_assets(settings, session) as assets,
        ):
            repository = Repository.make(folder)
            with repository.locked():
                return await take(repository, Interrupted(database), assets, Clock(), lambda _line: None, **most)

    async def test_a_task_is_deleted(self, system: System, settings: Settings, folder: Path) -> None:
        """It is struck from the backup: no document names a picture that is not there."""
        task = await system.finished((await system.submit(n=2)).id)
        manifest = await self._taken(settings, folder, lambda: system.services.control.delete(task.id, ALL))
        assert manifest.lost == ()
        assert task.id not in _documents(folder, "danqing_tasks")
        assert task.id in _documents(folder, "danqing_deleted")
        found = verify(Repository.open(folder), None, lambda _line: None)
        assert (found.good, found.pictures) == (True, 12)

    async def test_more_tasks_go_than_may_miss_a_picture(
        self, system: System, settings: Settings, folder: Path
    ) -> None:
        """Retention, or an erasure, lets go hundreds of thousands in a night: that is no other storage."""
        kept = await system.finished((await system.submit()).id)
        tasks = system.services.store.database["danqing_tasks"]
        gone = [each["_id"] async for each in tasks.find({"_id": {"$ne": kept.id}}, ["_id"])]

        async def let_go() -> None:
            for task_id in gone:
                await system.services.control.delete(task_id, ALL)

        manifest = await self._taken(settings, folder, let_go, most_missed=2)
        assert (len(gone), manifest.lost) == (6, ())
        assert set(_documents(folder, "danqing_tasks")) == {kept.id}
        assert verify(Repository.open(folder), None, lambda _line: None).good

    @pytest.mark.usefixtures("system")
    async def test_a_storage_of_something_else_is_refused(
        self, settings: Settings, folder: Path, tmp_path: Path
    ) -> None:
        """Where the tasks are there, and none of their pictures."""
        another = attrs.evolve(settings, assets_url=str(tmp_path / "another"))
        with pytest.raises(BackupError, match="the pictures of 6 documents are not in the storage"):
            await self._taken(another, folder, lambda: asyncio.sleep(0), most_missed=2)
        assert Repository.open(folder).runs() == []

    async def test_a_picture_is_deleted(self, system: System, settings: Settings, folder: Path) -> None:
        """Its task is in the backup as it is without it."""
        task = await system.finished((await system.submit(n=2)).id)
        manifest = await self._taken(settings, folder, lambda: system.services.pictures.delete(task.id, 0, ALL))
        assert manifest.lost == ()
        outputs = _documents(folder, "danqing_tasks")[task.id]["outputs"]
        assert [outputs[index]["state"] for index in "01"] == ["omitted", "kept"]
        found = verify(Repository.open(folder), None, lambda _line: None)
        assert (found.good, found.pictures) == (True, 13)

    async def test_tasks_are_made(self, system: System, settings: Settings, folder: Path) -> None:
        """Load from all sides while backups are taken one after the other: each is good."""
        stop = asyncio.Event()

        async def load() -> None:
            while not stop.is_set():
                task = await system.finished((await system.submit(n=2)).id)
                await system.services.control.delete(task.id, ALL)
                await system.finished((await system.submit()).id)

        loads = [asyncio.create_task(load()) for _ in range(4)]
        try:
            for _ in range(3):
                manifest = await self._taken(settings, folder, lambda: asyncio.sleep(0))
                assert manifest.lost == ()
                assert verify(Repository.open(folder), None, lambda _line: None).findings == ()
        finally:
            stop.set()
            await asyncio.gather(*loads)

    async def test_only_one_is_taken_at_a_time(self, system: System, danqing: Command, folder: Path) -> None:
        """The second is refused, and changes nothing."""
        with Repository.make(folder).locked():
            refused = await danqing("backup", folder)
        assert (refused.code, "another process" in refused.err) == (2, True)


class TestOneMoment:
    async def test_a_replica_set_is_read_as_of_one_moment(
        self, make_settings: MakeSettings, folder: Path, tmp_path: Path
    ) -> None:
        """What is written after the backup began is in none of its collections, in whatever order they are read."""
        (tmp_path / "rs").mkdir()
        with run_replica_set(tmp_path / "rs", secure=False) as replicas:
            settings = make_settings(mongo_url=replicas.url)
            async with (
                running_system(settings, [painter()]) as system,
                connect(settings) as database,
                aiohttp.ClientSession() as session,
                open_assets(settings, session) as assets,
                open_dump(database) as dump,
            ):
                early = await system.finished((await system.submit()).id)
                names = await dump.collections()
                first = [decoded(raw)["_id"] async for raw in dump.documents("danqing_tasks")]
                await system.finished((await system.submit()).id)
                assert [decoded(raw)["_id"] async for raw in dump.documents("danqing_tasks")] == first == [early.id]
                assert "danqing_tasks" in names
                repository = Repository.make(folder)
                with repository.locked():
                    manifest = await take(repository, dump, assets, Clock(), lambda _line: None)
        assert (manifest.cut, manifest.pictures.entries) == ("snapshot", 1)


class TestWrong:
    """What is found out, and refused."""

    async def test_a_damaged_picture(self, system: System, danqing: Command, folder: Path) -> None:
        """One flipped bit in one picture is found, and which task's it is."""
        await danqing("backup", folder)
        path = _pictures(folder)[3]
        body = bytearray(path.read_bytes())
        body[-5] ^= 1
        path.write_bytes(body)
        proved = await danqing("backup", "verify", folder, "--json")
        assert (proved.code, proved.json["wrong"]) == (1, 1)
        [finding] = proved.json["findings"]
        assert finding["kind"] == "damaged"
        assert finding["subject"].split()[1] in _documents(folder, "danqing_tasks")
        assert (await danqing("backup", "verify", folder, "--quick")).code == 0

    async def test_a_damaged_picture_is_brought_again(self, system: System, danqing: Command, folder: Path) -> None:
        """By the backup after the proof that found it, for all backups that name it."""
        first = (await danqing("backup", folder, "--json")).json["id"]
        path = _pictures(folder)[3]
        whole = path.read_bytes()
        path.write_bytes(whole[:-5] + b"noise")
        assert (await danqing("backup", "verify", folder)).code == 1
        assert (await danqing("backup", folder, "--json")).json["new_pictures"] == 1
        assert path.read_bytes() == whole
        assert (await danqing("backup", "verify", folder, "--run", first)).code == 0
        assert (await danqing("backup", folder, "--json")).json["new_pictures"] == 0

    async def test_a_missing_picture_and_damaged_documents(
        self, system: System, danqing: Command, folder: Path
    ) -> None:
        """Either is found; people read which file it is."""
        await danqing("backup", folder)
        _pictures(folder)[0].unlink()
        told = await danqing("backup", "verify", folder, "--quick")
        assert (told.code, "is missing" in told.out) == (1, True)
        [documents] = _files(folder, "runs/*/danqing_tasks.bson.gz")
        documents.write_bytes(documents.read_bytes()[:-9])
        told = await danqing("backup", "verify", folder)
        assert (told.code, "danqing_tasks.bson.gz" in told.out) == (1, True)

    async def test_a_picture_that_the_storage_lost(
        self, system: System, settings: Settings, danqing: Command, folder: Path
    ) -> None:
        """The backup is taken with all the rest, and says so, each time, where a cron job's mail is made of."""
        task = await system.finished((await system.submit()).id)
        asset = task.kept[0].asset
        assert asset is not None
        (settings.data_dir / "pictures" / asset.key).write_bytes(b"something else")
        taken = await danqing("backup", folder)
        assert (taken.code, task.id in taken.err) == (1, True)
        assert taken.out.count("\n") == 1
        proved = await danqing("backup", "verify", folder, "--json")
        assert [(each["kind"], each["subject"]) for each in proved.json["findings"]] == [
            ("lost", f"danqing_tasks {task.id}")
        ]

    async def test_a_disk_that_fills_up(self, system: System, danqing: Command, tmp_path: Path) -> None:
        """Wherever it is full: the line says so, the backup before stays the newest, the next one goes on."""
        with small_disk(tmp_path / "disk", 4) as disk:
            folder = disk / "backups"
            first = (await danqing("backup", folder, "--json")).json["id"]
            await system.finished((await system.submit(n=3)).id)
            for pages in range(0, 400, 7):
                filler = fill_but(disk, pages * CHUNK_BYTES)
                taken = await danqing("backup", folder, "--json")
                filler.unlink()
                if taken.code == 0:
                    break
                assert (taken.code, "No space left" in taken.err) == (2, True), taken.err
                assert Repository.open(folder).runs() == [first]
            assert pages
            assert (taken.code, taken.json["pictures"]) == (0, 15)
            for run in (first, taken.json["id"]):
                assert verify(Repository.open(folder), run, lambda _line: None).good
            assert not _files(folder, "runs/*.partial")

    async def test_folders_of_something_else(self, danqing: Command, tmp_path: Path) -> None:
        """A folder with other files in it is not touched; one without backups has none to prove."""
        strange = tmp_path / "strange"
        strange.mkdir()
        (strange / "letter.txt").write_text("dear")
        refused = await danqing("backup", strange)
        assert (refused.code, "letter.txt" in refused.err) == (2, True)
        assert [each.name for each in strange.iterdir()] == ["letter.txt"]
        assert (await danqing("backup", "verify", strange)).code == 2
        assert (await danqing("backup", tmp_path / "new", "--keep", "0")).code == 2
