"""Brings pictures of a repository back into a storage, each proved by its hash on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import attrs

from danqing_server.assets.keys import check_key
from danqing_server.assets.storage import Assets
from danqing_server.backup.files import CHUNK_BYTES, grouped
from danqing_server.backup.listing import Line
from danqing_server.backup.repository import Repository
from danqing_server.errors import NotFound
from danqing_server.loops.steps import step

__all__ = ["Bringer"]

AT_ONCE = 8


@attrs.define(eq=False)
class Bringer:
    """One restore's pictures. Raises StorageUnavailable."""

    repository: Repository
    assets: Assets
    brought: int = 0
    there: int = 0
    damaged: list[Line] = attrs.field(factory=list)

    @step("restore.pictures")
    async def bring(self, lines: Iterator[Line]) -> None:
        """Have the storage hold what *lines* name; `damaged` are those that the repository does not have whole."""
        for group in grouped(lines, AT_ONCE):
            await asyncio.gather(*(self._bring(line) for line in group if line.sha256 is not None))

    async def _bring(self, line: Line) -> None:
        if await self._is_there(line):
            self.there += 1
            return
        async with self.assets.partial() as partial:
            try:
                for chunk in _chunks(self.repository.picture(line.sha256 or "")):
                    await partial.write(chunk)
            except OSError:
                self.damaged.append(line)
                return
            if partial.spool.sha256 != line.sha256:
                self.damaged.append(line)
                return
            await self.assets.place.put(partial.spool, check_key(line.key))
        self.brought += 1

    async def _is_there(self, line: Line) -> bool:
        """Tell whether the storage has the picture already, whole: from before, or from a restore that was cut."""
        try:
            stat = await self.assets.describe(line.key)
            if stat.size_bytes != line.size_bytes:
                return False
            sha256 = hashlib.sha256()
            async for chunk in self.assets.stream(line.key, 0, stat.size_bytes):
                sha256.update(chunk)
        except NotFound:
            return False
        return sha256.hexdigest() == line.sha256


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
