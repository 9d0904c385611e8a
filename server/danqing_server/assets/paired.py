"""Two places of pictures while they are moved: written to the new one, read from whichever has it.

A file is at the old place until it is at the new one, so who finds it at neither has looked while it moved, and
looks once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs

from danqing_server.assets.places import Place, Space, StoredFile, require_all
from danqing_server.assets.spool import Spool
from danqing_server.errors import StorageUnavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

__all__ = ["Pair"]

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Pair:
    """The place where pictures are kept from now on, and the `old` one of those that are still to be moved."""

    new: Place
    old: Place
    spool: Path
    disk: Executor

    @property
    def store(self) -> ObjectStore:
        """The new place's."""
        return self.new.store

    @property
    def parts(self) -> Sequence[Place]:
        """Both."""
        return (self.new, self.old)

    async def put(self, spool: Spool, key: str) -> None:
        """See `Place.put`."""
        await self.new.put(spool, key)

    async def head(self, key: str) -> ObjectMeta:
        """See `Place.head`."""
        return await self._from_either(lambda place: place.head(key))

    async def get(self, key: str) -> bytes:
        """See `Place.get`."""
        return await self._from_either(lambda place: place.get(key))

    async def get_range(self, key: str, start: int, end: int) -> memoryview:
        """See `Place.get_range`."""
        return await self._from_either(lambda place: place.get_range(key, start, end))

    async def files(self, folder: str | None) -> AsyncGenerator[StoredFile, None]:
        """See `Place.files`. What is at both places comes twice."""
        for place in self.parts:
            async for file in place.files(folder):
                yield file

    async def copy(self, key: str, other: str) -> None:
        """See `Place.copy`. What is at the old place comes through here."""
        try:
            await self.new.copy(key, other)
        except FileNotFoundError:
            body = await self.get(key)
            require_all(len(body), (await self.head(key))["size"])
            await self._put_body(body, other)

    async def delete_task(self, task_id: str) -> None:
        """See `Place.delete_task`. The old place first: who moves a file looks there after it has."""
        await self.old.delete_task(task_id)
        await self.new.delete_task(task_id)

    async def delete(self, key: str) -> None:
        """See `Place.delete`."""
        await self.old.delete(key)
        await self.new.delete(key)

    async def ping(self) -> None:
        """See `Place.ping`."""
        await self.new.ping()

    async def space(self) -> Space | None:
        """See `Place.space`."""
        return await self.new.space()

    async def _from_either(self, read: Callable[[Place], Awaitable[T]]) -> T:
        """Read from whichever has the file. A new place that is away keeps nobody from what the old one has."""
        try:
            return await read(self.new)
        except (FileNotFoundError, StorageUnavailable):
            pass
        try:
            return await read(self.old)
        except FileNotFoundError:
            return await read(self.new)

    async def _put_body(self, body: bytes, key: str) -> None:
        spool = Spool.within(self.spool)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self.disk, spool.write, body)
            await self.new.put(spool, key)
        finally:
            await loop.run_in_executor(self.disk, spool.discard)
