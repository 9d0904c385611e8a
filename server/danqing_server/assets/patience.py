"""A file that is read only so often: pictures of a million tiny pieces keep Pillow, and with it a process, busy."""

from __future__ import annotations

import sys
from typing import IO, Any

import attrs

__all__ = ["CountedReads"]

DEAR_BYTES = 256 * 1024


@attrs.define(eq=False)
class CountedReads:
    """A file as it is, of which `left` reads are left. One more raises ValueError.

    In a header a read costs one more for each 256 KiB that came before it: Pillow puts pieces together, some kinds
    by copying all that it has.
    """

    file: IO[bytes]
    left: int
    _taken_bytes: int = attrs.field(default=0, init=False)
    _dear_bytes: int = attrs.field(default=DEAR_BYTES, init=False)

    def begin_pixels(self, left: int) -> None:
        """Count anew: the header is read, and *left* reads may be made for what follows."""
        self.left, self._dear_bytes = left, sys.maxsize

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        if self.left <= 0:
            raise ValueError("the picture has too many pieces")
        self.left -= 1 + self._taken_bytes // self._dear_bytes
        piece = self.file.read(size)
        self._taken_bytes += len(piece)
        return piece

    def __getattr__(self, name: str) -> Any:
        """Do all else as the file does."""
        return getattr(self.file, name)
