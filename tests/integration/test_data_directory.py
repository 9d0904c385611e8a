"""A data directory that somebody else has: who wants it comes again, and is not refused for good."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from danqing_server.supervision.embedded.directory import DataDirectory
from tests.support.examples import run_command

pytestmark = pytest.mark.processes

UNIT = Path(__file__).parents[2] / "deploy" / "danqing.service"


def test_a_server_that_starts_during_a_backup_is_started_again(tmp_path: Path) -> None:
    """After a boot a backup that was missed may be first: for its exit code the unit does not give up."""
    with DataDirectory.claim(tmp_path / "data"):
        done = run_command(
            [sys.executable, "-m", "danqing_server", "serve"],
            tmp_path,
            {"DANQING_DATA_DIR": str(tmp_path / "data"), "PORT": "0"},
        )

    assert done.returncode == 7, done.stderr
    assert "in use by another" in done.stderr
    assert "danqing backup" in done.stderr
    [prevented] = re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert "7" not in prevented.split()
