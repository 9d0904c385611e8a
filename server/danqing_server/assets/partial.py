"""What is here of an output that is still on its way, kept from one try, and one process, to the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import attrs

from danqing_server.assets.leftovers import leftover_name, leftovers_of, sweep
from danqing_server.assets.sources import Origin
from danqing_server.assets.spool import Spool
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.loops.shared import outcome_of

__all__ = ["Partial"]

T = TypeVar("T")

LASTING_S = 1.0


@attrs.define(eq=False)
class Partial:
    """The spooled beginning of an output; a `Sink` (see `sources`). `disk` runs what blocks.

    A write that failed, or whose caller was cancelled, may have been made in part or may still be made: what is
    here is then no beginning to go on with. What comes from `link`, and takes longer than a second, gets a name by
    which it outlives its process (see `leftovers`); a quick download knows nothing of that. `is_whole`: all is here
    and was looked at, and only the storage is still to take it. `key` is where it may stand already, though the
    storage did not say so.
    """

    folder: Path
    disk: Executor
    link: str | None = attrs.field(default=None, repr=False)
    spool: Spool = attrs.field(init=False)
    is_whole: bool = attrs.field(default=False, init=False)
    key: str | None = attrs.field(default=None, init=False)
    _origin: Origin | None = attrs.field(default=None, init=False)
    _began_s: float = attrs.field(default=0.0, init=False)
    _named: bool = attrs.field(default=False, init=False)
    _torn: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.spool = Spool.within(self.folder)

    @property
    def origin(self) -> Origin | None:
        """What the download belongs to; None while there is nothing to go on with."""
        return self._origin

    @origin.setter
    def origin(self, origin: Origin | None) -> None:
        self._origin, self._began_s = origin, time.monotonic()

    @property
    def size_bytes(self) -> int:
        """How many bytes are here."""
        return self.spool.size_bytes

    @property
    def continues(self) -> bool:
        """Whether the next try may go on with what is here."""
        is_something = self.is_whole or self.origin is not None
        return is_something and not self._torn and not self.spool.is_closed

    async def resume(self) -> None:
        """Go on with what an earlier try left of the link, here or in a process that is gone, if any did."""
        link = self.link
        if link is not None:
            with suppress(OSError):  # then it begins anew
                await self._on_disk(lambda: self._take_over(link))

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append *chunk*. Raises StorageUnavailable."""
        spool, name = self.spool, self._lasting_name() if self._lasts(len(chunk)) else None
        try:
            with storage_failures("spooling an output"):
                await self._on_disk(lambda: _append(spool, chunk, name))
        except BaseException:
            self._torn = True
            raise

    async def hold(self) -> bool:
        """Have what is here, whole, outlive its process from now on: its link may not. False: it does not."""
        if not (self.is_whole and self.continues) or self.link is None:
            return False
        if self._named:
            return True
        origin = self._origin or Origin(validator=f'"{self.spool.sha256}"', total=self.size_bytes)
        name = leftover_name(self.link, origin)
        if name is None:
            return False
        try:
            await self._on_disk(lambda: self.spool.rename(self.folder / name))
        except OSError:
            return False
        self._origin, self._named = origin, True
        return True

    async def restart(self) -> None:
        """Forget what is here. Another file takes its place: a write that is still under way spoils none."""
        old, self.spool = self.spool, Spool.within(self.folder)
        self.origin, self.is_whole, self.key, self._torn, self._named = None, False, None, False, False
        await self._on_disk(old.discard)

    def settle(self) -> None:
        """Say that the output is stored, so that nothing is left of it."""
        self.origin, self.is_whole = None, False

    async def release(self) -> None:
        """Leave the file to a later try that can go on with it, else remove it, unless it was moved.

        Carried through, since a second cancellation must not leave it behind.
        """
        if self.spool.is_closed:  # moved into its place, as nearly all are
            return
        await outcome_of(self._on_disk(self._leave if self._named and self.continues else self.spool.discard))

    def _lasts(self, more_bytes: int) -> bool:
        """Tell whether the download is a long one, and not at its end with so many bytes."""
        total = 0 if self._origin is None else self._origin.total
        return time.monotonic() - self._began_s >= LASTING_S and self.size_bytes + more_bytes < total

    def _lasting_name(self) -> Path | None:
        """Return what the file is called from now on, None when that does not change."""
        if self._named or self.link is None or self._origin is None:
            return None
        self._named = True
        name = leftover_name(self.link, self._origin)
        return None if name is None else self.folder / name

    def _take_over(self, link: str) -> None:
        for path, origin in leftovers_of(link, self.folder):
            if self.spool.take_over(path):
                self.origin, self._named = origin, True
                return

    def _leave(self) -> None:
        self.spool.leave()
        with suppress(OSError):  # whoever starts next sweeps, too
            sweep(self.folder)

    def _on_disk(self, function: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self.disk, function)


def _append(spool: Spool, chunk: bytes | memoryview, name: Path | None) -> None:
    spool.write(chunk)
    _rename(spool, name)


def _rename(spool: Spool, name: Path | None) -> None:
    if name is not None:
        spool.rename(name)
