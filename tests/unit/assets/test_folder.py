"""What a folder of pictures holds, whatever else stands there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from danqing_server.assets.folder import Folder, open_folder
from danqing_server.assets.holdings import files_in
from danqing_server.errors import StorageUnavailable

KEYS = ["t1/0-00.png", "t1/1-00.png", "t2/0-00.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """Three pictures of two tasks."""
    for key in KEYS:
        (tmp_path / "pictures" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / key).write_bytes(key.encode())
    (tmp_path / "spool").mkdir()
    with ThreadPoolExecutor() as disk:
        yield open_folder(tmp_path / "pictures", tmp_path / "spool", disk)


async def listed(folder: Folder) -> list[str]:
    """Return the keys of what may be ours."""
    return sorted([file.key async for file in files_in(folder)])


class TestListed:
    @pytest.mark.parametrize("name", ["Icon\r", "图片", "lost+found", ".DS_Store", "\udccd\udcbc", "t1/Icon\r"])
    async def test_what_is_not_ours_is_passed_over(self, folder: Folder, name: str) -> None:
        """A disk's own folder, what macOS leaves behind, and names of any encoding."""
        (folder.root / name).write_bytes(b"")
        assert await listed(folder) == KEYS

    async def test_links(self, folder: Folder) -> None:
        """One to what holds it, one to nowhere, and a task's folder that was put elsewhere."""
        (folder.root / "loop").symlink_to(folder.root)
        (folder.root / "nowhere").symlink_to(folder.root / "none")
        (folder.root / "t2").rename(folder.spool / "t2")
        (folder.root / "t2").symlink_to(folder.spool / "t2")
        assert await listed(folder) == KEYS

    async def test_of_one_task_whoever_named_it(self, folder: Folder) -> None:
        """With what is no key of ours; nothing outside is ever looked at."""
        (folder.root / "t1" / "注").write_bytes(b"")
        found = [file.key async for file in folder.files("t1")]
        assert sorted(found) == ["t1/0-00.png", "t1/1-00.png", "t1/注"]
        for name in ("none", "..", "../spool", "t1/..", ""):
            assert [file async for file in folder.files(name)] == []

    async def test_a_place_that_is_away_is_not_empty(self, folder: Folder) -> None:
        """As a disk that is not mounted."""
        folder.root.rename(folder.root.with_name("elsewhere"))
        with pytest.raises(StorageUnavailable):
            await listed(folder)
