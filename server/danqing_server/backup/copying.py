"""Brings pictures from the storage into a repository: each content once, and none whose hash is not what it was."""

from __future__ import annotations

import asyncio

import attrs

from danqing_server.assets.holdings import is_there
from danqing_server.assets.storage import Assets
from danqing_server.backup.files import digest_of
from danqing_server.backup.names import KnownNames
from danqing_server.backup.repository import Repository
from danqing_server.errors import NotFound, StorageUnavailable
from danqing_server.store.named import NamedFile

__all__ = ["Copied", "Copier"]

AT_ONCE = 8


@attrs.frozen
class Copied:
    """A file as the repository has it. `sha256` None: the storage does not have it, or `damaged`, not as it was.

    Damaged is also what cannot be read, as from a disk that dies: one file must not keep all others out.
    """

    key: str
    sha256: str | None
    size_bytes: int = 0
    damaged: bool = False


@attrs.define(eq=False)
class Copier:
    """One backup's copying, eight files at a time, a window of each in memory. Raises StorageUnavailable."""

    repository: Repository
    assets: Assets
    known: KnownNames
    copied: int = 0
    copied_bytes: int = 0
    _suspects: frozenset[str] = attrs.field(init=False)
    _places: asyncio.Semaphore = attrs.field(factory=lambda: asyncio.Semaphore(AT_ONCE), init=False)

    def __attrs_post_init__(self) -> None:
        self._suspects = self.repository.found_damaged()

    async def bring(self, file: NamedFile) -> Copied:
        """Have the repository hold *file*, and return what it is."""
        known = self._known(file)
        if known is not None and await self._has(*known):
            return Copied(file.key, *known)
        async with self._places:
            return await self._copy(file)

    async def _has(self, sha256: str, size_bytes: int) -> bool:
        """Tell whether the repository has a picture; one that was found damaged is read."""
        if not self.repository.has_picture(sha256, size_bytes):
            return False
        if sha256 not in self._suspects:
            return True
        found, _ = await asyncio.to_thread(digest_of, self.repository.picture(sha256))
        return found == sha256

    def _known(self, file: NamedFile) -> tuple[str, int] | None:
        if file.sha256 is not None and file.size_bytes is not None:
            return file.sha256, file.size_bytes
        return self.known.find(file.key)

    async def _copy(self, file: NamedFile) -> Copied:
        spool = self.repository.spool()
        try:
            stat = await self.assets.describe(file.key)
            async for chunk in self.assets.stream(file.key, 0, stat.size_bytes):
                await asyncio.to_thread(spool.write, chunk)
            if not spool.size_bytes:
                await asyncio.to_thread(spool.write, b"")
            found = Copied(file.key, spool.sha256, spool.size_bytes)
            if file.sha256 not in (None, found.sha256):
                return Copied(file.key, None, found.size_bytes, damaged=True)
            await asyncio.to_thread(self.repository.keep, spool)
        except NotFound:
            return Copied(file.key, None)
        except StorageUnavailable:
            return Copied(file.key, None, damaged=await is_there(self.assets.place, file.key))
        finally:
            await asyncio.to_thread(spool.discard)
        self.copied += 1
        self.copied_bytes += found.size_bytes
        if file.sha256 is None:
            self.known.note(file.key, found.sha256 or "", found.size_bytes)
        return found
