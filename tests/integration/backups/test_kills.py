"""Commands that die in the middle: what was good before is good after, and the next one goes on."""

from __future__ import annotations

import asyncio
import signal
import uuid
from pathlib import Path

import pytest

from danqing_server.backup.reading import Run
from danqing_server.backup.repository import Repository
from danqing_server.backup.verifying import verify
from danqing_server.errors import SettingsError
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from danqing_server.store.dumping import decoded
from tests.integration.backups.conftest import Command
from tests.support.dying_command import run_command
from tests.support.painting import painter
from tests.support.system import MakeSettings, System, running_system

pytestmark = pytest.mark.kills

BACKUP_POINTS = [
    f"{when}:backup.{name}" for name in ("documents", "pictures", "publish") for when in ("before", "after")
]


class TestBackup:
    @pytest.mark.parametrize("point", BACKUP_POINTS)
    async def test_the_last_good_one_stays(
        self, point: str, system: System, settings: Settings, danqing: Command, folder: Path
    ) -> None:
        """What was cut is no backup; the next one takes over its pictures, and is good."""
        first = (await danqing("backup", folder, "--json")).json["id"]
        await system.finished((await system.submit(n=3)).id)
        died = await asyncio.to_thread(run_command, settings, "backup", str(folder), dies_at=point)
        assert died == -signal.SIGKILL
        runs = Repository.open(folder).runs()
        assert runs == [first] if point != "after:backup.publish" else len(runs) == 2
        for run in runs:
            assert verify(Repository.open(folder), run, lambda _line: None).good
        again = await danqing("backup", folder, "--keep", "1", "--json")
        assert (again.code, again.json["pictures"]) == (0, 15)
        kept = point in ("after:backup.pictures", "before:backup.publish", "after:backup.publish")
        assert again.json["new_pictures"] == (0 if kept else 3)
        assert (await danqing("backup", "verify", folder)).code == 0
        assert not _left(folder)


RESTORE_POINTS = [
    f"{when}:restore.{name}" for name in ("pictures", "insert", "hold", "finish") for when in ("before", "after")
]


class TestRestore:
    @pytest.fixture
    def target(self, make_settings: MakeSettings, tmp_path: Path) -> Settings:
        """Settings of a server of which nothing is there yet."""
        names = {"DANQING_DATABASE": f"test_{uuid.uuid4().hex[:16]}", "DANQING_DATA_DIR": str(tmp_path / "other")}
        return make_settings(**names)

    async def test_it_goes_on(
        self, system: System, target: Settings, danqing: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Wherever it dies nothing is served; made again it goes on, and at the end all of it is there.

        One target dies at each step in turn: each run goes on from where the one before was cut.
        """
        waiting = await system.submit(delay_s=5)
        taken = (await danqing("backup", folder, "--json")).json
        for point in RESTORE_POINTS:
            died = await asyncio.to_thread(run_command, target, "restore", str(folder), dies_at=point)
            assert died == -signal.SIGKILL, point
            if point == "after:restore.finish":
                break
            if point != "before:restore.pictures":
                with pytest.raises(SettingsError, match="not finished"):
                    async with running_system(target, [painter()]):
                        pass
        async with running_system(target, [painter()], workers=False) as restored:
            for task_id in _tasks(folder):
                task = await restored.get(task_id)
                for output in task.kept:
                    assert output.asset is not None
                    assert (await restored.services.assets.describe(output.asset.key)).size_bytes
            held = await restored.get(waiting.id)
            assert (held.status, taken["pictures"]) == (Status.FAILED, 12)

    @pytest.mark.parametrize("point", ["before:restore.clear", "after:restore.clear"])
    async def test_what_it_takes_the_place_of_goes(
        self, point: str, settings: Settings, danqing: Command, folder: Path
    ) -> None:
        """Cut before what was there is removed, the restore that is made again removes it, with the flag or not."""
        async with running_system(settings, [painter()]) as system:
            first = await system.finished((await system.submit()).id)
            await danqing("backup", folder)
            later = await system.finished((await system.submit()).id)
        died = await asyncio.to_thread(run_command, settings, "restore", str(folder), "--overwrite", dies_at=point)
        assert died == -signal.SIGKILL
        again = await danqing("restore", folder)
        assert again.code == 0, again.err
        async with running_system(settings, [painter()], workers=False) as system:
            assert await system.services.store.get(later.id) is None
            assert await system.services.store.get(first.id) is not None

    async def test_what_is_half_there_is_neither_kept_nor_looked_after(
        self, settings: Settings, danqing: Command, folder: Path
    ) -> None:
        """A backup of it would be the newest and be proved good, and half of the pictures would be nobody's."""
        async with running_system(settings, [painter()]) as system:
            await system.finished((await system.submit()).id)
        first = (await danqing("backup", folder, "--json")).json["id"]
        words = ("restore", str(folder), "--overwrite")
        assert await asyncio.to_thread(run_command, settings, *words, dies_at="before:restore.insert") == -9
        for refused in (("backup", folder), ("assets", "orphans", "--remove"), ("assets", "verify")):
            said = await danqing(*refused)
            assert (said.code, "not finished" in said.err) == (2, True), refused
        assert Repository.open(folder).runs() == [first]
        assert (await danqing("restore", folder)).code == 0
        assert (await danqing("assets", "verify")).code == 0


def _tasks(folder: Path) -> list[str]:
    """Return the ids of the tasks of the newest backup."""
    run = Run.open(Repository.open(folder), None)
    [tasks] = [each for each in run.manifest.sets if each.name == "danqing_tasks"]
    found = [decoded(raw)["_id"] for raw in run.documents(tasks)]
    assert len(found) == 7
    return found


def _left(folder: Path) -> list[Path]:
    """Return what stands there of what was cut."""
    return [*folder.glob("runs/*.partial"), *folder.glob("pictures/.new/*")]
