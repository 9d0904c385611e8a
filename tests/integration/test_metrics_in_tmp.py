"""The counts of processes lie among temporary files, which a system may clean up by age."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.examples import serving

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="systemd-tmpfiles is missing"),
]


def test_they_outlive_a_cleaner(variables: dict[str, str], tmp_path: Path) -> None:
    """Without its lock a process's slot would be given to a second one, and both write over each other's counts."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp.conf").write_text(f"q {tmp_path}/tmp 1777 - - 0\n")  # whatever is there is old enough
    variables |= {
        "DANQING_METRICS": "on",
        "TMPDIR": str(tmp_path / "tmp"),
    }
    with serving(tmp_path, variables):
        stray = tmp_path / "tmp" / "stray"
        stray.touch()
        [folder] = (tmp_path / "tmp").glob("danqing-metrics-*")
        before = sorted(each.name for each in folder.iterdir())

        subprocess.run(["systemd-tmpfiles", "--clean", str(tmp_path / "tmp.conf")], check=True)

        assert not stray.exists()
        assert sorted(each.name for each in folder.iterdir()) == before
        assert "slot-0.lock" in before
