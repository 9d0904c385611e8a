"""A file that is read only so often: headers of a million tiny pieces keep Pillow, and with it a process, busy."""

from __future__ import annotations

from typing import IO, Any

import attrs

__all__ = ["CountedReads"]


@attrs.define(eq=False)
class CountedReads:
    """A file as it is, of which `left` reads are left. One more raises ValueError."""

    file: IO[bytes]
    left: int

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        if self.left <= 0:
            raise ValueError("the header has too many pieces")
        self.left -= 1
        return self.file.read(size)

    def __getattr__(self, name: str) -> Any:
        """Do all else as the file does."""
        return getattr(self.file, name)
