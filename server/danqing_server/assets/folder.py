"""Pictures that stand in a local folder.

obstore's local store renames without fsync, so a picture is written and synced in the spool and then renamed into
place, which also saves the second copy. Its walk ends at a disk's own `lost+found`, which nobody may read, and at a
link to what holds it, so files are listed here as well.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

import attrs
from obstore.store import LocalStore

from danqing_server.assets.keys import is_folder
from danqing_server.assets.places import LISTED_AT_ONCE, Place, Single, Space, StoredFile
from danqing_server.assets.spool import Spool, sync_folder
from danqing_server.assets.storage_failures import storage_failures

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["PRIVATE_MODE", "Folder", "local_folder", "open_folder"]

T = TypeVar("T")

PRIVATE_MODE = 0o700
COPIED_BYTES = 1024 * 1024


@attrs.frozen(kw_only=True)
class Folder(Single):
    """Pictures in `root/<task_id>/`, on the same file system as the spool; `disk` runs what blocks."""

    root: Path
    spool: Path
    disk: Executor
    store: ObjectStore

    @property
    def parts(self) -> Sequence[Place]:
        """Itself."""
        return (self,)

    async def remove_empty(self) -> None:
        """Remove the folders of tasks that have no file."""
        with storage_failures("removing empty folders"):
            await self._run(self._remove_empty)

    async def put(self, spool: Spool, key: str) -> None:
        """See `Place.put`."""
        with storage_failures("writing a picture"):
            await self._run(lambda: self._put(spool, self.root / key))

    async def files(self, folder: str | None) -> AsyncGenerator[StoredFile, None]:
        """See `Place.files`. What stands in no folder that we may have made is not ours, and not looked at."""
        found = self._files() if folder is None else self._files_of(folder)
        with storage_failures("listing the picture storage"):
            while some := await self._run(lambda: list(islice(found, LISTED_AT_ONCE))):
                for each in some:
                    yield each

    async def copy(self, key: str, other: str) -> None:
        """See `Place.copy`. A second name for the same bytes, where the file system has such."""
        await self._run(lambda: self._copy(self.root / key, self.root / other))

    async def delete_task(self, task_id: str) -> None:
        """See `Place.delete_task`."""
        with storage_failures("deleting pictures"):
            await self._run(lambda: self._delete(self.root / task_id))

    async def delete(self, key: str) -> None:
        """See `Place.delete`."""
        with storage_failures("deleting a file"):
            await self._run(lambda: (self.root / key).unlink(missing_ok=True))

    async def ping(self) -> None:
        """See `Place.check`."""
        with storage_failures("writing to the picture storage"):
            await self._run(self._probe)

    async def space(self) -> Space | None:
        """See `Place.space`."""
        with storage_failures("asking for the room of the picture storage"):
            usage = await self._run(lambda: shutil.disk_usage(self.root))
        return Space(free=usage.free, total=usage.total, used=usage.used)

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.disk, function)

    def _put(self, spool: Spool, target: Path) -> None:
        while not self._move(spool, target):
            pass
        # Both, always: another picture of the task may have made the folder and not yet synced its name.
        with suppress(FileNotFoundError):  # its task is deleted since, and it with it
            sync_folder(target.parent)
        sync_folder(self.root)

    def _move(self, spool: Spool, target: Path) -> bool:
        """Give a file its name; False when its task was deleted, and its folder gone, right before it."""
        _make_folder(target.parent)
        try:
            spool.move_to(target)
        except FileNotFoundError:
            if not spool.path.exists():
                raise
            return False
        return True

    def _copy(self, source: Path, target: Path) -> None:
        _make_folder(target.parent)
        try:
            os.utime(source)  # both names have one age: what nobody names yet must not look like what nobody names
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:  # no links here, or too many
            self._copy_bytes(source, target)
        sync_folder(target.parent)
        sync_folder(self.root)

    def _copy_bytes(self, source: Path, target: Path) -> None:
        spool = Spool.within(self.spool)
        try:
            with source.open("rb") as file:
                while chunk := file.read(COPIED_BYTES):
                    spool.write(chunk)
            spool.move_to(target)
        finally:
            spool.discard()

    def _delete(self, folder: Path) -> None:
        while folder.exists():
            with suppress(FileNotFoundError):  # someone else deletes the same task
                shutil.rmtree(folder)
        sync_folder(self.root)

    def _files(self) -> Iterator[StoredFile]:
        with os.scandir(self.root) as entries:
            for entry in entries:
                if is_folder(entry.name) and entry.is_dir():
                    yield from self._files_of(entry.name)

    def _files_of(self, folder: str) -> Iterator[StoredFile]:
        if not is_folder(folder):
            return
        with suppress(FileNotFoundError), os.scandir(self.root / folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    if entry.is_file():
                        stat = entry.stat()
                        name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
                        at = datetime.fromtimestamp(stat.st_mtime, UTC)
                        yield StoredFile(f"{folder}/{name}", stat.st_size, at)

    def _remove_empty(self) -> None:
        with os.scandir(self.root) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    with suppress(OSError):  # it has files
                        os.rmdir(entry.path)

    def _probe(self) -> None:
        spool = Spool.within(self.spool)
        try:
            spool.write(bytes(4096))
            spool.sync()
        finally:
            spool.discard()


def _make_folder(path: Path) -> None:
    """Make a task's folder, unless it is there; another may delete it at any moment."""
    while True:
        try:
            path.mkdir(PRIVATE_MODE, exist_ok=True)
        except FileExistsError:  # pathlib found it, and when it looked what it is, it was gone
            if path.exists():
                raise
        else:
            return


def local_folder(assets_url: str | None, data_dir: Path) -> Path | None:
    """Return the folder that the setting means; None when it is a bucket's URL."""
    if assets_url is None:
        return data_dir / "pictures"
    if "://" not in assets_url:
        return Path(assets_url)
    parts = urlsplit(assets_url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def open_folder(root: Path, spool: Path, disk: Executor) -> Folder:
    """Take *root* as the place; both folders exist. Blocks; raises OSError.

    Other accounts of the machine are shut out at the top, so that nothing below, which may be millions of files of
    an earlier release, has to be looked at.
    """
    with suppress(PermissionError):  # another account's folder, given to us: its owner decides
        if root.stat().st_mode & 0o077:
            root.chmod(PRIVATE_MODE)
    sync_folder(root)
    sync_folder(root.parent)
    return Folder(root=root, spool=spool, disk=disk, store=LocalStore(root))
