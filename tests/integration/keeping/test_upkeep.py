"""The commands that prove the storage, find what nobody names, and show what is left."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from danqing_plugins import Source
from danqing_server.access.caller import Caller
from danqing_server.desk.request import Submission
from danqing_server.records.batches import Mode
from danqing_server.records.outputs import Asset
from danqing_server.records.tasks import Task
from danqing_server.settings.server import Settings
from tests.integration.backups.conftest import Command
from tests.integration.keeping.test_deleting import go_on
from tests.support.lines import unnamed
from tests.support.painting import painter
from tests.support.providers import ScriptedProvider, picture
from tests.support.scripts import Ledger, link_host, provider_of, with_link
from tests.support.system import System, running_system, until

DAY_S = 86400


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[System]:
    """A running system with two tasks of two pictures."""
    async with running_system(settings, [painter()]) as running:
        for _ in range(2):
            await running.finished((await running.submit(n=2)).id)
        yield running


async def tasks_of(system: System) -> list[Task]:
    """Return all tasks."""
    found = system.services.store.database["danqing_tasks"].find({}, ["_id"])
    return [await system.get(each["_id"]) async for each in found]


def asset_of(task: Task, index: int = 0) -> Asset:
    """Return what is known of a picture."""
    asset = task.outputs[str(index)].asset
    assert asset is not None
    return asset


def path_of(settings: Settings, key: str) -> Path:
    """Return where a file stands."""
    return settings.data_dir / "pictures" / key


def age(path: Path, days: float) -> None:
    """Make a file as old as that."""
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))


def _of_upload(upload_id: str) -> Submission:
    """Return a submission with an upload as its reference picture."""
    input_ = {"prompt": "a cat", "image": upload_id}
    return Submission(provider=None, type="image", model=None, input=input_, user_id="u1", caller=Caller.local())


class TestVerify:
    async def test_all_is_good(self, system: System, danqing: Command) -> None:
        """Every file, against the hash that its task knows."""
        said = await danqing("assets", "verify", "--json")
        assert said.code == 0, said.err
        assert (said.json["files"], said.json["good"], said.json["findings"]) == (4, True, [])
        assert (await danqing("assets", "verify")).out.startswith("good: 2 documents, 4 files")

    async def test_a_changed_byte_and_a_lost_file_are_named(
        self, system: System, settings: Settings, danqing: Command
    ) -> None:
        """Of the right length, and gone; sizes alone show but one."""
        first, second = await tasks_of(system)
        damaged, lost = asset_of(first).key, asset_of(second, 1).key
        path = path_of(settings, damaged)
        body = bytearray(path.read_bytes())
        body[-20] ^= 1
        path.write_bytes(body)
        path_of(settings, lost).unlink()
        said = await danqing("assets", "verify", "--json")
        found = {each["key"]: (each["trouble"], each["id"], each["repaired"]) for each in said.json["findings"]}
        assert (said.code, said.json["good"]) == (1, False)
        assert found == {damaged: ("damaged", first.id, False), lost: ("missing", second.id, False)}
        quick = await danqing("assets", "verify", "--quick", "--json")
        assert [each["key"] for each in quick.json["findings"]] == [lost]

    async def test_what_was_deleted_is_not_missed(self, system: System, danqing: Command) -> None:
        """A task that goes takes its files along."""
        first, _ = await tasks_of(system)
        await system.services.control.delete(first.id, Caller.local())
        assert (await danqing("assets", "verify")).code == 0


class TestRepair:
    async def test_the_upstream_brings_back_just_what_was_there(self, settings: Settings, danqing: Command) -> None:
        """A lost and a damaged file; nothing is bought for it."""
        ledger = Ledger()
        async with link_host() as links:
            provider = provider_of(ledger, with_link(links.link("0")), with_link(links.link("1")))
            async with running_system(settings, [provider]) as system:
                task = await system.finished((await system.submit(n=2)).id)
                bought = len(ledger.bills)
                keys = [asset_of(task, index).key for index in range(2)]
                bodies = [path_of(settings, key).read_bytes() for key in keys]
                path_of(settings, keys[0]).unlink()
                path_of(settings, keys[1]).write_bytes(b"nonsense")
                said = await danqing("assets", "verify", "--repair", "--json")
                assert (said.code, said.json["repaired"], said.json["good"]) == (0, 2, True)
                assert [path_of(settings, key).read_bytes() for key in keys] == bodies
                assert len(ledger.bills) == bought

    async def test_another_picture_behind_the_link_is_not_taken(self, settings: Settings, danqing: Command) -> None:
        """Only what has the very hash that the task knows."""
        async with link_host() as links:
            provider = provider_of(Ledger(), with_link(links.link("0")))
            async with running_system(settings, [provider]) as system:
                task = await system.finished((await system.submit()).id)
                key = asset_of(task).key
                path_of(settings, key).unlink()
                database = system.services.store.database
                other = {"$set": {"outputs.0.asset.sha256": "0" * 64}}
                await database["danqing_tasks"].update_one({"_id": task.id}, other)
                said = await danqing("assets", "verify", "--repair", "--json")
                assert (said.code, said.json["missing"], said.json["repaired"]) == (1, 1, 0)
                assert not path_of(settings, key).exists()


class TestOrphans:
    async def test_what_nobody_names_is_listed_and_removed_after_its_grace(
        self, system: System, settings: Settings, danqing: Command
    ) -> None:
        """A folder without a task, and the slower of two that raced for a picture; thumbnails stay."""
        first, second = await tasks_of(system)
        await system.services.thumbnails.find(asset_of(second).key, 256)
        pictures = settings.data_dir / "pictures"
        gone, stray, young = f"{'x' * 8}/0-aa.png", f"{first.id}/0-bb.png", f"{first.id}/1-cc.png"
        for key in (gone, stray, young):
            path_of(settings, key).parent.mkdir(exist_ok=True)
            path_of(settings, key).write_bytes(picture())
        for path in (each for each in pictures.rglob("*") if each.is_file() and each != path_of(settings, young)):
            age(path, 2)
        said = await danqing("assets", "orphans", "--json")
        assert {each["key"]: each["why"] for each in said.json["orphans"]} == {gone: "no_task", stray: "not_named"}
        assert path_of(settings, gone).exists()
        removed = await danqing("assets", "orphans", "--remove")
        assert removed.code == 0
        assert removed.out.splitlines()[-1].startswith("removed: 2 files")
        assert not path_of(settings, gone).exists()
        assert path_of(settings, young).exists()
        assert (await danqing("assets", "verify")).code == 0

    async def test_none_is_removed_for_a_database_that_is_empty(
        self, system: System, settings: Settings, danqing: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is another one than that of the pictures, in all likelihood: every file would go."""
        paths = [path_of(settings, asset_of(task).key) for task in await tasks_of(system)]
        for path in paths:
            age(path, 2)
        monkeypatch.setenv("DANQING_DATABASE", f"{settings.database}_other")
        said = await danqing("assets", "orphans", "--remove")
        assert (said.code, "DANQING_DATABASE" in said.err) == (2, True)
        assert all(path.exists() for path in paths)

    async def test_a_running_task_and_an_upload_keep_theirs(
        self, settings: Settings, danqing: Command, tmp_path: Path
    ) -> None:
        """Whatever is still to be written down stays."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            async with system.services.uploads.receiving() as incoming:
                await incoming.write(picture())
                upload, _ = await system.services.uploads.keep(incoming, Caller.local())
            waiting = await system.submit()
            asset = await system.services.assets.keep(waiting.id, 0, Source.from_bytes(picture()))
            for key in (upload.key, asset.key):
                age(path_of(settings, key), 2)
            assert (await danqing("assets", "orphans", "--json")).json["orphans"] == []

    async def test_the_copy_of_an_old_upload_is_as_young_as_its_task(
        self, settings: Settings, danqing: Command
    ) -> None:
        """Of a batch that is still being sent no document names what its first line has of an upload."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            async with system.services.uploads.receiving() as incoming:
                await incoming.write(picture())
                upload, _ = await system.services.uploads.keep(incoming, Caller.local())
            age(path_of(settings, upload.key), 2)
            staging = await system.services.batches.begin(Caller.local(), Mode.ALL_OR_NOTHING, None)
            await staging.take(1, unnamed(lambda: _of_upload(upload.id)))
            assert (await danqing("assets", "orphans", "--remove")).code == 0
            batch, _ = await staging.commit("fingerprint")
            [key] = await system.services.batches.store.staged_pictures(batch.token)
            assert await system.services.assets.read(key) == picture()

    async def test_the_grace_is_an_hour_at_least(self, settings: Settings, danqing: Command) -> None:
        """A file is there before its task says so."""
        said = await danqing("assets", "orphans", "--older-than", "10s")
        assert (said.code, said.out) == (2, "")
        assert "at least 1h" in said.err


class TestRemains:
    async def test_a_task_a_user_and_then_nothing(
        self, system: System, settings: Settings, danqing: Command
    ) -> None:
        """Before its deletion all is listed; then, that it is not over yet; in the end nothing is left."""
        first, second = await tasks_of(system)
        before = await danqing("remains", first.id, "--json")
        assert (before.code, before.json["nothing_left"]) == (1, False)
        assert len(before.json["files"]) == 2
        assert (await danqing("remains", "--user", "u1")).code == 1
        for task in (first, second):
            await system.services.control.delete(task.id, Caller.local())
        at_once = await danqing("remains", first.id)
        assert at_once.code == 1
        assert "looked at once more a minute after it" in at_once.out

        async def is_clean() -> bool:
            await go_on(system)
            return (await danqing("remains", first.id)).code == 0

        await until(is_clean)
        assert (await danqing("remains", "--user", "u1")).code == 0
        after = await danqing("remains", first.id)
        assert after.out.splitlines()[-1] == f"nothing is left of {first.id}"

    async def test_one_thing_is_looked_for(self, settings: Settings, danqing: Command) -> None:
        """What it means is not guessed."""
        assert (await danqing("remains")).code == 2
        assert (await danqing("remains", "x", "--user", "y")).code == 2
