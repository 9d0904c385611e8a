"""A restore over what is there: it is removed for a backup that is whole, and for no other."""

from __future__ import annotations

import shutil
from pathlib import Path

from danqing_server.settings.server import Settings
from tests.integration.backups.conftest import Command
from tests.support.painting import painter
from tests.support.system import running_system


async def test_a_backup_that_lacks_a_picture_takes_the_place_of_nothing(
    settings: Settings, danqing: Command, folder: Path
) -> None:
    """It is refused, and the server goes on with what it had; told to leave the picture out, it is restored."""
    async with running_system(settings, [painter()]) as system:
        first = await system.finished((await system.submit()).id)
        await danqing("backup", folder)
        later = await system.finished((await system.submit()).id)
    _damage(folder)
    shutil.rmtree(settings.data_dir / "pictures" / first.id)

    refused = await danqing("restore", folder, "--overwrite")

    assert (refused.code, "--skip-damaged" in refused.err) == (2, True)
    async with running_system(settings, [painter()], workers=False) as system:
        assert await system.services.store.get(first.id) is not None
        assert await system.services.store.get(later.id) is not None
    done = await danqing("restore", folder, "--overwrite", "--skip-damaged", "--json")
    assert (done.code, done.json["damaged"]) == (1, 1)
    async with running_system(settings, [painter()], workers=False) as system:
        assert await system.services.store.get(first.id) is not None
        assert await system.services.store.get(later.id) is None


def _damage(folder: Path) -> None:
    """Damage the one picture of the backups."""
    [picture] = folder.glob("pictures/??/*")
    picture.write_bytes(b"no picture")
