"""A picture that the storage has and does not give, as from a disk that dies: the others are looked after."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from danqing_server.settings.server import Settings
from tests.integration.backups.conftest import Said
from tests.support.painting import painter
from tests.support.system import MakeSettings, running_system

ROOT = Path(__file__).parents[3]
TASKS = 3


@pytest.fixture(autouse=True)
def may_be_refused() -> None:
    """Root may read everything, unless it gives that up."""
    if shutil.which("setpriv") is None or os.geteuid() != 0:
        pytest.skip("needs root, and setpriv of util-linux")


def without_all_rights(environment: Mapping[str, str], *words: object) -> Said:
    """Run a command as root who may not read what nobody may."""
    dropped = "-dac_override,-dac_read_search"
    ended = subprocess.run(
        ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}", sys.executable, "-m", "danqing_server"]
        + [str(word) for word in words],
        cwd=ROOT,
        env={**environment, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


async def made(settings: Settings) -> list[str]:
    """Make tasks of one picture each; returns their keys. The first cannot be read any more."""
    async with running_system(settings, [painter()]) as system:
        tasks = [await system.finished((await system.submit()).id) for _ in range(TASKS)]
        keys = [task.outputs["0"].asset.key for task in tasks if task.outputs["0"].asset is not None]
        root = Path(settings.assets_url or settings.data_dir / "pictures")
        (root / keys[0]).chmod(0)
        return keys


async def test_a_backup_is_taken_without_it(settings: Settings, tmp_path: Path) -> None:
    """With all others, and says of which task it lacks one."""
    keys = await made(settings)

    taken = await asyncio.to_thread(without_all_rights, settings.environment, "backup", tmp_path / "b", "--json")

    assert taken.code == 1, taken.err
    assert (taken.json["pictures"], taken.json["lost"], taken.json["new_pictures"]) == (TASKS, 1, TASKS - 1)
    proved = await asyncio.to_thread(without_all_rights, settings.environment, "backup", "verify", tmp_path / "b")
    assert keys[0].partition("/")[0] in proved.out


async def test_the_proof_of_the_storage_names_it(settings: Settings) -> None:
    """As one that is damaged, and looks at the others."""
    keys = await made(settings)

    proved = await asyncio.to_thread(without_all_rights, settings.environment, "assets", "verify", "--json")

    assert (proved.code, proved.json["damaged"], proved.json["files"]) == (1, 1, TASKS), proved.err
    assert [each["key"] for each in proved.json["findings"]] == [keys[0]]


@pytest.mark.parametrize("strange", ["lost+found", "Icon\r"])
async def test_what_is_not_ours_keeps_nothing_from_being_listed(
    make_settings: MakeSettings, tmp_path: Path, strange: str
) -> None:
    """A disk has a folder of its own, which nobody may read, and macOS leaves names behind that others refuse."""
    old, new = tmp_path / "old", tmp_path / "new"
    before = make_settings(DANQING_ASSETS_URL=str(old))
    async with running_system(before, [painter()]) as system:
        await system.finished((await system.submit()).id)
    (old / strange).mkdir(0)
    (old / "loop").symlink_to(old)
    listed = await asyncio.to_thread(without_all_rights, before.environment, "assets", "orphans", "--json")
    assert (listed.code, listed.json["orphans"]) == (0, []), listed.err
    during = make_settings(DANQING_ASSETS_URL=str(new), DANQING_ASSETS_ALSO=str(old))
    moved = await asyncio.to_thread(without_all_rights, during.environment, "assets", "move", "--json")
    assert (moved.code, moved.json["removed"]) == (0, 1), moved.err


async def test_a_move_takes_the_others(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Off the disk that dies, and names what is left there."""
    old, new = tmp_path / "old", tmp_path / "new"
    keys = await made(make_settings(DANQING_ASSETS_URL=str(old)))
    during = make_settings(DANQING_ASSETS_URL=str(new), DANQING_ASSETS_ALSO=str(old))

    moved = await asyncio.to_thread(without_all_rights, during.environment, "assets", "move", "--json")

    assert (moved.code, moved.json["removed"], moved.json["unreadable"]) == (1, TASKS - 1, [keys[0]]), moved.err
    assert [(old / key).exists() for key in keys] == [True, False, False]
    assert [(new / key).exists() for key in keys] == [False, True, True]
