"""What is here of an output that is still on its way, kept from one try to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

import attrs

from danqing_server.assets.sources import Origin
from danqing_server.assets.spool import Spool
from danqing_server.assets.storage_failures import storage_failures

__all__ = ["Partial"]

T = TypeVar("T")


@attrs.define(eq=False)
class Partial:
    """The spooled beginning of an output; a `Sink` (see `sources`). `disk` runs what blocks.

    A write that failed, or whose caller was cancelled, may have been made in part or may still be made: what is
    here is then no beginning to go on with.
    """

    folder: Path
    disk: Executor
    origin: Origin | None = None
    spool: Spool = attrs.field(init=False)
    _torn: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.spool = Spool.within(self.folder)

    @property
    def size_bytes(self) -> int:
        """How many bytes are here."""
        return self.spool.size_bytes

    @property
    def continues(self) -> bool:
        """Whether the next try may go on with what is here."""
        return self.origin is not None and not self._torn

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append *chunk*. Raises StorageUnavailable."""
        spool = self.spool
        try:
            with storage_failures("spooling an output"):
                await self._on_disk(lambda: spool.write(chunk))
        except BaseException:
            self._torn = True
            raise

    async def restart(self) -> None:
        """Forget what is here. Another file takes its place: a write that is still under way spoils none."""
        old, self.spool = self.spool, Spool.within(self.folder)
        self.origin, self._torn = None, False
        await self._on_disk(old.discard)

    async def discard(self) -> None:
        """Remove the file unless it was moved; shielded, since a second cancellation must not leave it behind."""
        await asyncio.shield(self._on_disk(self.spool.discard))

    def _on_disk(self, function: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self.disk, function)
