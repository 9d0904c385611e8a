"""Commands that die in the middle: what was good before is good after, and the next one goes on."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from danqing_server.backup.repository import Repository
from danqing_server.backup.verifying import verify
from danqing_server.settings.server import Settings
from tests.integration.backups.conftest import Command
from tests.support.dying_command import run_command
from tests.support.system import System

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


def _left(folder: Path) -> list[Path]:
    """Return what stands there of what was cut."""
    return [*folder.glob("runs/*.partial"), *folder.glob("pictures/.new/*")]
