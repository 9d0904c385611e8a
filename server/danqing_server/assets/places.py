"""Where pictures stand for good: a local folder (`folder`), or a bucket (`bucket`).

Reading goes through obstore for both; writing differs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import attrs
import obstore

from danqing_server.assets.spool import Spool
from danqing_server.errors import StorageUnavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

__all__ = ["LISTED_AT_ONCE", "Place", "Single", "Space", "StoredFile", "require_all"]

PERCENT = 100
LISTED_AT_ONCE = 1000


@attrs.frozen
class StoredFile:
    """A file, as the storage knows it."""

    key: str
    size_bytes: int
    modified_at: datetime

    @property
    def folder(self) -> str:
        """The task or the upload that it is of, by its name."""
        return self.key.partition("/")[0]


class Place(Protocol):
    """What differs between a folder and a bucket. Everything raises StorageUnavailable, and may be cancelled."""

    @property
    def store(self) -> ObjectStore:
        """The same place, for reading."""

    @property
    def parts(self) -> Sequence[Place]:
        """The places that this one is made of, itself when it is one."""

    async def put(self, spool: Spool, key: str) -> None:
        """Make the whole spooled content readable at *key*, synced; before that nothing is there."""

    async def head(self, key: str) -> ObjectMeta:
        """Return what is known of a file. Raises what obstore does, FileNotFoundError for none."""

    async def get(self, key: str) -> bytes:
        """Return a whole file. Raises what `head` does."""

    async def get_range(self, key: str, start: int, end: int) -> memoryview:
        """Return a part of a file, which has all of it. Raises what `head` does, and StorageUnavailable."""

    def files(self, folder: str | None) -> AsyncGenerator[StoredFile, None]:
        """Yield the files of a task or an upload, whoever named them; None: of all, mostly one after the other."""

    async def copy(self, key: str, other: str) -> None:
        """Make what stands at *key* readable at *other*, too, synced. Raises what reading does."""

    async def delete_task(self, task_id: str) -> None:
        """Remove every picture whose key begins with `task_id/`; idempotent."""

    async def delete(self, key: str) -> None:
        """Remove one file; idempotent."""

    async def ping(self) -> None:
        """Prove that a small write works."""

    async def space(self) -> Space | None:
        """Return how much room there is; None where that is not known."""


@attrs.frozen(kw_only=True)
class Space:
    """The room of a file system, in bytes; `free` is what we may still write.

    `used` and `free` are not `total` together: a file system keeps some for root.
    """

    free: int
    total: int
    used: int

    def is_fuller_than(self, percent: int) -> bool:
        """Tell whether more than *percent* are in use, as `df` counts: of what is used and may still be."""
        return self.used * PERCENT > percent * (self.used + self.free)


def require_all(given: int, wanted: int) -> None:
    """Raise StorageUnavailable unless all the bytes that were asked for came."""
    if given != wanted:
        raise StorageUnavailable(f"the storage gave {given} of {wanted} bytes")


class Single:
    """What a folder and a bucket have in common: both are read through obstore."""

    store: ObjectStore

    async def head(self, key: str) -> ObjectMeta:
        """See `Place.head`."""
        return await obstore.head_async(self.store, key)

    async def get(self, key: str) -> bytes:
        """See `Place.get`."""
        return bytes(await (await obstore.get_async(self.store, key)).bytes_async())

    async def get_range(self, key: str, start: int, end: int) -> memoryview:
        """See `Place.get_range`. Obstore believes whatever length an answer says that it has."""
        window = memoryview(await obstore.get_range_async(self.store, key, start=start, end=end))
        require_all(len(window), end - start)
        return window
