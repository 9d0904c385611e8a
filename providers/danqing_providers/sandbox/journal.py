"""An append-only file of JSON lines that concurrent writers share.

Lines that arrive while a write is under way are gathered into the next one, so that one `fsync` serves them all;
the blocking calls run in a thread. A line torn by a crash is ended by the next start and skipped by readers.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import orjson

__all__ = ["Journal", "line_length", "sift"]

# macOS has no fdatasync.
_synchronize: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class Journal:
    """One file. `durable` appends return only after `fdatasync`; the others survive `kill -9`, not a power cut."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        self._durable = durable
        self._lock = threading.Lock()
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size_bytes = os.fstat(self._descriptor).st_size
        self._end_torn_line()

    def _end_torn_line(self) -> None:
        if self._size_bytes and os.pread(self._descriptor, 1, self._size_bytes - 1) != b"\n":
            self._write(b"\n")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Wait for the write under way, then close the file."""
        if self._flusher is not None:
            await self._flusher
        self.close()

    def close(self) -> None:
        """Close the file; only where no append is under way."""
        os.close(self._descriptor)

    async def append(self, entries: Sequence[Any]) -> int:
        """Write one line for each of *entries*, together; return the offset of the first. Raises: OSError."""
        content = _lines(entries)
        written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((content, written))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await written

    def append_now(self, entries: Sequence[Any]) -> None:
        """Write one line for each of *entries*. Blocks. Raises: OSError."""
        self._write(_lines(entries))

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                offset = await asyncio.to_thread(self._write, b"".join(content for content, _ in batch))
            except OSError as error:
                _fail([written for _, written in batch], error)
                continue
            for content, written in batch:
                if not written.done():
                    written.set_result(offset)
                offset += len(content)
        self._flusher = None

    def _write(self, content: bytes) -> int:
        with self._lock:
            start = self._size_bytes
            try:
                _write_all(self._descriptor, content)
                if self._durable:
                    _synchronize(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, start)
                raise
            self._size_bytes += len(content)
            return start

    async def clear(self) -> None:
        """Drop every line."""
        await asyncio.to_thread(self._truncate)

    def _truncate(self) -> None:
        with self._lock:
            os.ftruncate(self._descriptor, 0)
            self._size_bytes = 0

    def read_at(self, offset: int, length: int) -> Any:
        """Return the entry of *length* bytes at *offset*. Blocks."""
        return orjson.loads(os.pread(self._descriptor, length, offset))

    def read_all(self) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Yield offset, length and entry of every whole line, in the order of writing. Blocks."""
        offset, end = 0, self._size_bytes
        with self._path.open("rb") as lines:
            for line in lines:
                if offset + len(line) > end:
                    return
                if (entry := _entry(line)) is not None:
                    yield offset, len(line), entry
                offset += len(line)


def sift(path: Path, choose: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Leave only what *choose* wants of the entries of the file at *path*, which may be missing. Blocks.

    Only for files that nobody has open. A crash leaves the old file or the new one.
    """
    if not path.exists():
        return
    journal = Journal(path, durable=False)
    entries = [entry for _, _, entry in journal.read_all()]
    journal.close()
    kept = choose(entries)
    if len(kept) == len(entries):
        return
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    fresh = Journal(draft, durable=True)
    fresh.append_now(kept)
    fresh.close()
    os.replace(draft, path)


def line_length(entry: Any) -> int:
    """Return how many bytes the line of *entry* takes."""
    return len(orjson.dumps(entry)) + 1


def _lines(entries: Sequence[Any]) -> bytes:
    return b"".join(orjson.dumps(entry) + b"\n" for entry in entries)


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _fail(waiting: Sequence[asyncio.Future[int]], error: OSError) -> None:
    for written in waiting:
        if not written.done():
            written.set_exception(error)
