"""What is built is what lies in the commit: a wheel without its page has been released by others."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from release.contents import sdist_complaints, wheel_complaints
from release.licences import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
INFO = "danqing-1.0.dist-info"
TREE = {
    "server/danqing_server/a.py": b"1",
    "plugins/danqing_plugins/py.typed": b"",
    "clients/python/src/danqing_client/py.typed": b"",
    "LICENSE": b"MIT",
    "THIRD_PARTY_LICENSES": b"MIT, too",
}
WHEEL = {
    "danqing_server/a.py": b"1",
    "danqing_plugins/py.typed": b"",
    "danqing_client/py.typed": b"",
    f"{INFO}/licenses/LICENSE": b"MIT",
    f"{INFO}/licenses/THIRD_PARTY_LICENSES": b"MIT, too",
    f"{INFO}/METADATA": b"Version: 1.0\n",
    f"{INFO}/entry_points.txt": b"danqing = danqing_server.cli:main\n",
}


def _wheel(folder: Path, files: Mapping[str, bytes]) -> Path:
    path = folder / "danqing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def _sdist(folder: Path, files: Mapping[str, bytes]) -> Path:
    path = folder / "danqing-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, body in files.items():
            told = tarfile.TarInfo(f"danqing-1.0/{name}")
            told.size = len(body)
            archive.addfile(told, io.BytesIO(body))
    return path


class TestComplaints:
    def test_a_whole_one_has_none(self, tmp_path: Path) -> None:
        """Each package's files, the terms, the command."""
        assert wheel_complaints(_wheel(tmp_path, WHEEL), TREE, "1.0") == []
        assert sdist_complaints(_sdist(tmp_path, {**TREE, "PKG-INFO": b"x"}), TREE, "1.0") == []

    @pytest.mark.parametrize(
        ("name", "body", "said"),
        [
            ("danqing_server/a.py", b"2", "danqing_server/a.py: it is not as the tree's"),
            ("danqing_server/b.py", b"", "danqing_server/b.py: nobody meant it to be there"),
            ("danqing_server/test_a.py", b"", "danqing_server/test_a.py: it is a test"),
            (f"{INFO}/licenses/LICENSE", b"GPL", "LICENSE: it is not as the tree's"),
            (f"{INFO}/METADATA", b"Version: 0.9\n", "METADATA: version 0.9, allowed: 1.0"),
            (f"{INFO}/entry_points.txt", b"", "entry_points.txt: there is no command `danqing`"),
        ],
    )
    def test_a_wrong_one_is_told(self, tmp_path: Path, name: str, body: bytes, said: str) -> None:
        """By the file and what is wrong with it."""
        assert said in wheel_complaints(_wheel(tmp_path, {**WHEEL, name: body}), TREE, "1.0")

    @pytest.mark.parametrize("name", ["danqing_server/a.py", "danqing_plugins/py.typed"])
    def test_a_missing_file_is_told(self, tmp_path: Path, name: str) -> None:
        """It would be missing on every server."""
        wheel = _wheel(tmp_path, {other: body for other, body in WHEEL.items() if other != name})
        assert f"{name}: it is missing" in wheel_complaints(wheel, TREE, "1.0")

    def test_a_source_archive_with_more_is_told(self, tmp_path: Path) -> None:
        """A file of keys that lay in somebody's folder, say."""
        sdist = _sdist(tmp_path, {**TREE, "PKG-INFO": b"x", ".env": b"KEY=1"})
        assert sdist_complaints(sdist, TREE, "1.0") == [".env: nobody meant it to be there"]


@pytest.mark.processes
def test_wheel_of_this_tree_is_whole(tmp_path: Path) -> None:
    """As git has its files, changes included."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    [wheel] = tmp_path.glob("danqing-*.whl")
    listing = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    tree = {name: (ROOT / name).read_bytes() for name in listed if (ROOT / name).is_file()}
    assert wheel_complaints(wheel, tree, VERSION) == []
