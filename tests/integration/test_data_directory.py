"""A data directory that cannot be had just now: who wants it comes again, and is not refused for good."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import pytest

from danqing_server.supervision.embedded.directory import DataDirectory
from tests.support.disks import fill_but, small_disk
from tests.support.examples import run_command

pytestmark = pytest.mark.processes

NOBODY = pwd.getpwnam("nobody")
UNIT = Path(__file__).parents[2] / "deploy" / "danqing.service"


def serve(cwd: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Start a server that ends by itself."""
    command = [sys.executable, "-m", "danqing_server", "serve"]
    return run_command(command, cwd, {"DANQING_DATA_DIR": str(data), "PORT": "0"})


def test_a_server_that_starts_during_a_backup_is_started_again(tmp_path: Path) -> None:
    """After a boot a backup that was missed may be first: for its exit code the unit does not give up."""
    with DataDirectory.claim(tmp_path / "data"):
        done = serve(tmp_path, tmp_path / "data")

    assert done.returncode == 7, done.stderr
    assert "in use by another" in done.stderr
    assert "danqing backup" in done.stderr
    [prevented] = re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert "7" not in prevented.split()


@pytest.mark.parametrize(("left_kib", "said"), [(0, "No space left"), (64, "is full: mongod ended")])
def test_a_server_that_starts_on_a_full_disk_is_started_again(tmp_path: Path, left_kib: int, said: str) -> None:
    """It may have room in a minute, as when a log is rotated; whether it or MongoDB finds out that it has none."""
    with small_disk(tmp_path / "disk", 8) as disk:
        fill_but(disk, left_kib * 1024)

        done = serve(tmp_path, disk / "data")

    assert done.returncode == 7, done.stderr
    assert said in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write into what belongs to another account")
@pytest.mark.parametrize("command", [["serve"], ["backup", "backups"], ["upgrade", "--check"]], ids=" ".join)
def test_root_writes_nothing_where_another_account_serves(tmp_path: Path, command: list[str]) -> None:
    """A file of root's among MongoDB's keeps the server from ever starting again as who it is."""
    data = tmp_path / "data"
    (data / "mongodb").mkdir(parents=True)
    for folder in (data, data / "mongodb"):
        os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)

    done = run_command(
        [sys.executable, "-m", "danqing_server", *command], tmp_path, {"DANQING_DATA_DIR": str(data), "PORT": "0"}
    )

    assert done.returncode == 2, done.stderr
    assert f"belongs to the account {NOBODY.pw_name!r}" in done.stderr
    assert f"sudo -u {NOBODY.pw_name}" in done.stderr
    assert list((data / "mongodb").iterdir()) == []
