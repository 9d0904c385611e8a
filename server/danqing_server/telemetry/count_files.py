"""A process's files of counts, as prometheus-client keeps them, but with room on the disk for every page of them.

prometheus-client writes to files with holes in them, through memory: where the disk is full, the system kills who
first writes to a page (SIGBUS). So what a file is to hold is written as zeros first, and a full disk is an OSError.
Source: prometheus_client 0.26, `mmap_dict.py`, and mmap(2), read 2026-11-30.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Self

import attrs
from prometheus_client.mmap_dict import MmapedDict

__all__ = ["CountFile"]

FIRST_BYTES = 1 << 16
"""With how much prometheus-client begins a file; it doubles one that is full."""

_USED = Struct("i")
_BESIDE_KEY = 4 + 8 + 16
"""What an entry takes beside its key, at most: a length, what fills its last eight bytes, a value and a moment."""


@attrs.define(eq=False)
class CountFile:
    """Numbers by their keys. `reserve` comes before the first use of a key."""

    path: Path
    _dict: MmapedDict

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the file, made where it is missing: whole, since others read it. Raises OSError."""
        if not path.exists():
            begun = path.with_suffix(".new")
            with _opened(begun) as descriptor:
                os.ftruncate(descriptor, 0)
                _grow(descriptor, FIRST_BYTES)
            begun.rename(path)
        return cls(path, MmapedDict(str(path)))  # type: ignore[no-untyped-call]  # it has no annotations

    def reserve(self, keys: Sequence[str]) -> None:
        """Make sure that *keys* find room. Raises OSError: the disk is full, and nothing is changed."""
        with _opened(self.path) as descriptor:
            (used,) = _USED.unpack(os.pread(descriptor, _USED.size, 0))
            wanted = used + sum(len(key.encode()) + _BESIDE_KEY for key in keys)
            size = os.fstat(descriptor).st_size
            while size < wanted:
                size *= 2
            _grow(descriptor, size)

    def read(self, key: str) -> float:
        """Return what stands there, 0 where nothing does."""
        return float(self._dict.read_value(key)[0])  # type: ignore[no-untyped-call]  # the same

    def write(self, key: str, value: float) -> None:
        """Put a number there."""
        self._dict.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]  # the same


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _grow(descriptor: int, size: int) -> None:
    """Write zeros at the end of a file until it has *size* bytes. Raises OSError: it is as it was."""
    before = end = os.fstat(descriptor).st_size
    try:
        while end < size:
            end += os.pwrite(descriptor, bytes(min(FIRST_BYTES, size - end)), end)
    except OSError:
        os.ftruncate(descriptor, before)
        raise
