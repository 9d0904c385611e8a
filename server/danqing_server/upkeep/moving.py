"""Moves the pictures from one storage to another while the server serves them from both.

Each file for itself: copied, read back and compared by its hash, and only then removed from the old place. So
whoever dies on the way leaves every file at one of the two, or whole at both, and the next move goes on. A task
that is deleted meanwhile loses its files at the old place first: who has just copied one looks there once more. A
file that is not there any more may as well have been moved by another move, so the documents say which it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import TypeVar

import attrs
import obstore
from obstore.exceptions import BaseError

from danqing_server.assets.folder import Folder
from danqing_server.assets.holdings import files_in, is_there
from danqing_server.assets.paired import Pair
from danqing_server.assets.places import Place, StoredFile
from danqing_server.assets.spool import Spool
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.errors import SettingsError, StorageUnavailable
from danqing_server.ids import new_token
from danqing_server.loops.steps import step

__all__ = ["Moved", "Mover"]

AT_ONCE = 8
WINDOW_BYTES = 8 * 1024 * 1024
REPORT_EVERY = 1000

Report = Callable[[str], None]
T = TypeVar("T")


class _Unreadable(Exception):
    """A file is there, and its storage does not give it."""


@attrs.define(kw_only=True)
class Moved:
    """What came of a move. `copied` were not at the new place before; `gone` were deleted while they were moved.

    `differing` are files that are at both places with another content: both are left as they are. `unreadable` are
    at the old place, which does not give them, as a disk that dies.
    """

    files: int = 0
    size_bytes: int = 0
    copied: int = 0
    removed: int = 0
    gone: int = 0
    differing: list[str] = attrs.field(factory=list)
    unreadable: list[str] = attrs.field(factory=list)


@attrs.define(eq=False)
class Mover:
    """Moves what is at the old place of a pair; with *keep* it stays there, too. Raises StorageUnavailable.

    *is_orphan* tells of a key whether no document names it.
    """

    pair: Pair
    is_orphan: Callable[[str], Awaitable[bool]]
    report: Report
    keep: bool = False
    moved: Moved = attrs.field(factory=Moved, init=False)

    async def move(self) -> Moved:
        """Move every file, eight at a time. Raises SettingsError: the two places are one."""
        await self._require_two_places()
        some: list[StoredFile] = []
        async for file in files_in(self.pair.old):
            some.append(file)
            if len(some) == AT_ONCE:
                await self._move_all(some)
                some = []
        await self._move_all(some)
        if isinstance(self.pair.old, Folder) and not self.keep:
            await self.pair.old.remove_empty()
        return self.moved

    async def _require_two_places(self) -> None:
        """Refuse to move a place onto itself, by whatever two names: what is moved would be removed."""
        name, said = f".move-{new_token()}", new_token().encode()
        with storage_failures("comparing the two storages"):
            await obstore.put_async(self.pair.new.store, name, said)
            try:
                is_one = await _is_at(self.pair.old, name) and await self.pair.old.get(name) == said
            finally:
                await obstore.delete_async(self.pair.new.store, name)
        if is_one:
            raise SettingsError("DANQING_ASSETS_ALSO and DANQING_ASSETS_URL are one and the same storage")

    async def _move_all(self, files: Sequence[StoredFile]) -> None:
        with storage_failures("moving pictures"):
            await asyncio.gather(*map(self._move, files))
        if self.moved.files and self.moved.files % REPORT_EVERY < len(files):
            self.report(f"{self.moved.files} files, {self.moved.copied} copied")

    async def _move(self, file: StoredFile) -> None:
        key = file.key
        try:
            wanted = await self._copy(key)
            if wanted is None:
                wanted = await self._from_old(key, _hash_at(self.pair.old, key))
        except _Unreadable:
            self.moved.unreadable.append(key)
            return
        except FileNotFoundError:
            self.moved.gone += not await _is_at(self.pair.new, key)
            return
        except StorageUnavailable:
            # Deleted while it was copied: a bucket that puts it, and is then asked for it, has it no more.
            if await _is_at(self.pair.old, key) or not await self._let_go(key):
                raise
            return
        self.moved.files += 1
        self.moved.size_bytes += file.size_bytes
        if not await self._is_whole(key, wanted):
            return
        if not await _is_at(self.pair.old, key):
            await self._let_go(key)
        elif not self.keep:
            await self._remove(key)

    async def _let_go(self, key: str) -> bool:
        """Remove what was copied of a file that a deletion took away at the old place; False: another move did."""
        if not await self.is_orphan(key):
            return False
        await self.pair.new.delete(key)
        self.moved.gone += 1
        return True

    @step("move.copy")
    async def _copy(self, key: str) -> str | None:
        """Copy a file unless it is there already; returns its hash, None when it was. Raises FileNotFoundError."""
        if await _is_at(self.pair.new, key):
            return None
        spool = Spool.within(self.pair.spool)
        loop = asyncio.get_running_loop()
        try:
            size_bytes = (await self._from_old(key, self.pair.old.head(key)))["size"]
            for start in range(0, size_bytes, WINDOW_BYTES):
                end = min(start + WINDOW_BYTES, size_bytes)
                window = await self._from_old(key, self.pair.old.get_range(key, start, end))
                await loop.run_in_executor(self.pair.disk, spool.write, window)
            wanted = spool.sha256
            await self.pair.new.put(spool, key)
        finally:
            await loop.run_in_executor(self.pair.disk, spool.discard)
        self.moved.copied += 1
        return wanted

    async def _from_old(self, key: str, reading: Awaitable[T]) -> T:
        """Return what is read of a file at the old place. Raises FileNotFoundError, _Unreadable."""
        try:
            return await reading
        except FileNotFoundError:
            raise
        except (OSError, BaseError, StorageUnavailable) as error:
            if not await is_there(self.pair.old, key):
                raise FileNotFoundError(key) from error
            raise _Unreadable from error

    async def _is_whole(self, key: str, wanted: str) -> bool:
        """Read a file back from the new place, and note one that is not what it was."""
        try:
            found = await _hash_at(self.pair.new, key)
        except FileNotFoundError:  # deleted meanwhile, at both places
            self.moved.gone += 1
            return False
        if found != wanted:
            self.moved.differing.append(key)
        return found == wanted

    @step("move.remove")
    async def _remove(self, key: str) -> None:
        await self.pair.old.delete(key)
        self.moved.removed += 1


async def _is_at(place: Place, key: str) -> bool:
    try:
        await place.head(key)
    except FileNotFoundError:
        return False
    return True


async def _hash_at(place: Place, key: str) -> str:
    hashed, size_bytes = sha256(), (await place.head(key))["size"]
    for start in range(0, size_bytes, WINDOW_BYTES):
        hashed.update(await place.get_range(key, start, min(start + WINDOW_BYTES, size_bytes)))
    return hashed.hexdigest()
