"""What a storage holds, file by file, for those who look after all of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from hashlib import sha256

import attrs
import obstore
from obstore.exceptions import BaseError

from danqing_plugins import OutputKind, Source
from danqing_server.assets.keys import check_key
from danqing_server.assets.places import Place
from danqing_server.assets.storage import Assets
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.errors import NotFound, PictureRejected, SourceUnavailable

__all__ = ["StoredFile", "bring_back", "files_in", "files_of", "hash_of", "is_there"]

LISTED_AT_ONCE = 1000


@attrs.frozen
class StoredFile:
    """A file of ours, as the storage knows it."""

    key: str
    size_bytes: int
    modified_at: datetime

    @property
    def folder(self) -> str:
        """The task or the upload that it is of, by its name."""
        return self.key.partition("/")[0]


async def files_in(place: Place) -> AsyncGenerator[StoredFile, None]:
    """Yield every file at *place* whose name we may have given, those of one task mostly together.

    Raises StorageUnavailable.
    """
    async for file in _listed(place, None):
        if _is_ours(file.key):
            yield file


async def files_of(place: Place, folder: str) -> AsyncGenerator[StoredFile, None]:
    """Yield every file of a task or an upload, whoever named it. Raises StorageUnavailable."""
    async for file in _listed(place, folder):
        yield file


async def is_there(place: Place, key: str) -> bool:
    """Tell whether *place* has a file that it does not give: one that cannot be read, as from a disk that dies.

    Raises StorageUnavailable: it is the place that is away.
    """
    try:
        await place.head(key)
    except FileNotFoundError:
        return False
    except (OSError, BaseError):
        await place.ping()
    return True


async def hash_of(assets: Assets, key: str) -> tuple[str, int]:
    """Return the hash of a file, in hexadecimal, and its size, with one window of it in memory.

    Raises:
        NotFound: nothing is stored there.
        StorageUnavailable: it cannot be read now.
    """
    hashed, size_bytes = sha256(), (await assets.describe(key)).size_bytes
    async for chunk in assets.stream(key, 0, size_bytes):
        hashed.update(chunk)
    return hashed.hexdigest(), size_bytes


async def bring_back(assets: Assets, key: str, source: Source, provider: str, wanted: str) -> bool:
    """Fetch what *key* was made of once more and put it there; False when its source does not give just that.

    Raises StorageUnavailable.
    """
    async with assets.partial() as partial:
        try:
            await assets.arrivals.fetch(source, partial, provider, OutputKind.FILE)
        except (SourceUnavailable, PictureRejected):
            return False
        if partial.spool.sha256 != wanted:
            return False
        await assets.place.put(partial.spool, check_key(key))
    return True


async def _listed(place: Place, prefix: str | None) -> AsyncGenerator[StoredFile, None]:
    with storage_failures("listing the picture storage"):
        for part in place.parts:
            async for found in obstore.list(part.store, prefix, chunk_size=LISTED_AT_ONCE):
                for each in found:
                    yield StoredFile(each["path"], each["size"], each["last_modified"])


def _is_ours(path: str) -> bool:
    try:
        check_key(path)
    except NotFound:
        return False
    return True
