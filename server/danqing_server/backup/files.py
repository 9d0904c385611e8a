"""The files of a backup: documents or lines, compressed, hashed as they are written, and read back one by one."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import attrs

from danqing_server.backup.errors import BackupDamaged
from danqing_server.backup.manifest import FileRecord

__all__ = ["SealedFile", "digest_of", "documents_in", "grouped", "lines_in"]

T = TypeVar("T")

CHUNK_BYTES = 1024 * 1024
FASTEST = 1
_LARGEST_DOCUMENT = 64 * 1024 * 1024
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)


class _Hashing(io.RawIOBase):
    """Passes on what is written, and hashes it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self.hash = hashlib.sha256()
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, chunk: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than Buffer
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self.hash.update(chunk)
        self.size_bytes += len(chunk)
        return len(chunk)

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


@attrs.define(eq=False)
class SealedFile:
    """A file under way; `seal` brings it to the disk. Its methods block, and raise OSError."""

    path: Path
    entries: int = 0
    _raw: _Hashing = attrs.field(init=False)
    _packed: gzip.GzipFile = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._raw = _Hashing(self.path)
        self._packed = gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=FASTEST, mtime=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # of a file that is given up
            self._packed.close()
        self._raw.close()

    def add(self, entry: bytes) -> None:
        """Append a document's bytes, or a line with its end."""
        self._packed.write(entry)
        self.entries += 1

    def seal(self) -> FileRecord:
        """Write the rest, sync it, and return what the file is."""
        self._packed.close()
        self._raw.sync()
        record = FileRecord(
            name=self.path.name,
            sha256=self._raw.hash.hexdigest(),
            size_bytes=self._raw.size_bytes,
            entries=self.entries,
        )
        self._raw.close()
        return record


def digest_of(path: Path) -> tuple[str, int]:
    """Return a file's SHA-256 and size. Raises OSError."""
    sha256, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
            size += len(chunk)
    return sha256.hexdigest(), size


def documents_in(path: Path) -> Iterator[bytes]:
    """Yield the documents of a file. Raises BackupDamaged."""
    try:
        with gzip.open(path, "rb") as file:
            while head := file.read(4):
                yield _whole(head, file)
    except _BROKEN as error:
        raise BackupDamaged(f"{path} is cut or damaged") from error
    except OSError as error:
        raise BackupDamaged(f"{path} cannot be read: {error.strerror or error}") from error


def _whole(head: bytes, file: io.BufferedIOBase | gzip.GzipFile) -> bytes:
    """Read the rest of a document, which begins with its length."""
    length = struct.unpack("<i", head)[0] if len(head) == 4 else 0
    if not 5 <= length <= _LARGEST_DOCUMENT:
        raise EOFError
    rest = file.read(length - 4)
    if len(rest) != length - 4:
        raise EOFError
    return head + rest


def lines_in(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, without their ends. Raises BackupDamaged."""
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                yield line.rstrip(b"\n")
    except _BROKEN as error:
        raise BackupDamaged(f"{path} is cut or damaged") from error
    except OSError as error:
        raise BackupDamaged(f"{path} cannot be read: {error.strerror or error}") from error


def grouped(entries: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield *entries*, *size* at a time."""
    rest = iter(entries)
    while group := list(islice(rest, size)):
        yield group
