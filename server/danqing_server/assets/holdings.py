"""What a storage holds, file by file, for those who look after all of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from hashlib import sha256

from obstore.exceptions import BaseError

from danqing_plugins import OutputKind, Source
from danqing_server.assets.keys import check_key
from danqing_server.assets.places import Place, StoredFile
from danqing_server.assets.storage import Assets
from danqing_server.errors import NotFound, PictureRejected, SourceUnavailable

__all__ = ["bring_back", "files_in", "hash_of", "is_there"]


async def files_in(place: Place) -> AsyncGenerator[StoredFile, None]:
    """Yield every file at *place* whose name we may have given, those of one task mostly together.

    Raises StorageUnavailable.
    """
    async for file in place.files(None):
        if _is_ours(file.key):
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


def _is_ours(path: str) -> bool:
    try:
        check_key(path)
    except NotFound:
        return False
    return True
