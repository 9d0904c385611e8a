"""Backups in a folder that cannot be written, as in a snapshot of a file system."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from danqing_server.settings.server import Settings
from tests.integration.backups.conftest import Command
from tests.support.disks import small_disk
from tests.support.painting import painter
from tests.support.system import running_system


async def test_one_is_proved_and_put_back(settings: Settings, danqing: Command, tmp_path: Path) -> None:
    """Nothing of it has to be written for that; to take another is refused."""
    with small_disk(tmp_path / "disk", 4) as disk:
        async with running_system(settings, [painter()]) as system:
            task = await system.finished((await system.submit()).id)
        assert (await danqing("backup", disk / "backups")).code == 0
        await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", disk], check=True)

        assert (await danqing("backup", "verify", disk / "backups")).code == 0
        refused = await danqing("backup", disk / "backups")
        done = await danqing("restore", disk / "backups", "--overwrite")

    assert (refused.code, "Read-only file system" in refused.err) == (2, True), refused.err
    assert done.code == 0, done.err
    async with running_system(settings, [painter()], workers=False) as system:
        assert await system.services.store.get(task.id) is not None
