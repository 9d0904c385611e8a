"""A ZIP archive written as it is sent: stored, never compressed, with one chunk of one file in memory.

Python's own writer takes a file that cannot be sought: it puts sizes and checksums behind each member, as the
format allows (PKWARE APPNOTE 4.3.9). Source: Python 3.11 library reference, "zipfile", read 2026-11-28. A member
that is deleted while it is sent is closed where it broke off, and left out of the list at the end, by which readers
go.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import attrs

from danqing_server.errors import NotFound

__all__ = ["Member", "safe_name", "zipped"]

LONGEST_NAME = 80
LONGEST_NAME_BYTES = 225  # of the 255 that a file system allows: number and ending come beside it
FIRST_YEAR, LAST_YEAR = 1980, 2107

_UNSAFE = re.compile(r"[^\w.-]+")


@attrs.define(eq=False, kw_only=True)
class Member:
    """One file of an archive; `size_bytes` as is expected, for what is larger than 4 GiB.

    `is_gone` once its chunks ended with NotFound: the archive has no such file.
    """

    name: str
    size_bytes: int
    at: datetime
    chunks: AsyncGenerator[bytes, None]
    is_gone: bool = attrs.field(default=False, init=False)


class _Sink:
    """What the writer writes to, until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Hold nothing back: nothing is."""

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


async def zipped(members: AsyncIterator[Member]) -> AsyncGenerator[bytes, None]:
    """Yield the archive of *members*, whose chunks are asked for in turn."""
    sink = _Sink()
    archive = ZipFile(sink, "w", ZIP_STORED)  # type: ignore[call-overload] # a sink that is only written to
    async for member in members:
        info = ZipInfo(member.name, _dos_time(member.at))
        info.file_size = member.size_bytes
        async with aclosing(member.chunks) as chunks:
            with archive.open(info, "w") as entry:
                try:
                    async for chunk in chunks:
                        entry.write(chunk)
                        yield sink.taken()
                except NotFound:
                    member.is_gone = True
        if member.is_gone:
            archive.infolist().remove(info)
    await asyncio.to_thread(archive.close)  # of tens of thousands of files it takes a second to list them
    yield sink.taken()


def safe_name(text: str) -> str:
    """Return *text* as a file may be called on every system."""
    short = _UNSAFE.sub("_", text)[:LONGEST_NAME].encode()[:LONGEST_NAME_BYTES].decode(errors="ignore")
    return short.strip("._") or "_"


def _dos_time(at: datetime) -> tuple[int, int, int, int, int, int]:
    year = max(FIRST_YEAR, min(LAST_YEAR, at.year))
    return year, at.month, at.day, at.hour, at.minute, at.second
