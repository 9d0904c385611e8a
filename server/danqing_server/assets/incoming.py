"""A picture that a client sends, on its way into the storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from danqing_server.assets import texts
from danqing_server.assets.inspection import Inspection
from danqing_server.assets.partial import Partial
from danqing_server.errors import PictureRejected

if TYPE_CHECKING:
    from danqing_server.assets.storage import Assets

__all__ = ["Incoming"]

GATHERED_BYTES = 256 * 1024


@attrs.define(eq=False)
class Incoming:
    """Takes a picture's bytes in order; `check` it once all are here, then `keep` it."""

    assets: Assets
    _partial: Partial
    _gathered: bytearray = attrs.field(factory=bytearray, init=False)

    @property
    def size_bytes(self) -> int:
        """How many bytes came."""
        return self._partial.size_bytes + len(self._gathered)

    @property
    def sha256(self) -> str:
        """The hash of what was checked."""
        return self._partial.spool.sha256

    async def write(self, chunk: bytes) -> None:
        """Take more. Raises PictureRejected: `too_large`."""
        self._gathered += chunk
        most = self.assets.arrivals.limits.max_bytes
        if self.size_bytes > most:
            raise PictureRejected(texts.TOO_MANY_BYTES(most=most), code="too_large")
        if len(self._gathered) >= GATHERED_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Hold nothing in memory of what came."""
        if self._gathered:
            chunk = bytes(self._gathered)
            self._gathered.clear()
            await self._partial.write(chunk)

    async def check(self) -> Inspection:
        """Decode what came; of HEIC, for which there is no decoder, the header is read.

        Raises:
            PictureRejected: `not_a_picture`, `truncated` or `too_large`.
        """
        await self.flush()
        return await self.assets.inspect_sent(self._partial)

    async def keep(self, key: str, known: Inspection) -> None:
        """Store it at *key*."""
        await self.assets.keep_sent(self._partial, key, known)
