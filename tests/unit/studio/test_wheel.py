"""What is installed is what lies in the checkout: a wheel without its page has been released by others."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.unit.studio.test_files import ROOT, STUDIO

pytestmark = pytest.mark.processes


def test_wheel_holds_the_studio_whole(tmp_path: Path) -> None:
    """Every file of the folder, with the very same bytes, and no other beside them."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("danqing-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        prefix = "danqing_server/studio/"
        built = {
            name.removeprefix(prefix): archive.read(name) for name in archive.namelist() if name.startswith(prefix)
        }
    assert built == {
        path.relative_to(STUDIO).as_posix(): path.read_bytes() for path in STUDIO.rglob("*") if path.is_file()
    }
