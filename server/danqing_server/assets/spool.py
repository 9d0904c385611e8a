"""Files under way: written here, checked, and moved into place only when whole.

Several processes share the folder. A file is locked (`flock`) by the process that writes it for as long as that
lives: whoever starts can tell a dead process's leftovers from a living one's work, without clocks and process ids.
What of the former is worth going on with, `leftovers` says.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

import attrs

from danqing_server.ids import new_token

__all__ = ["Spool", "remove_if_dead", "sync_folder"]

CHUNK_BYTES = 1024 * 1024


@attrs.define(eq=False)
class Spool:
    """One file under way; made on the first write. Its methods block, and raise OSError.

    A cancelled caller leaves its last write running in a thread: the lock lets `discard` wait for that, and nothing
    after `discard` makes the file again.
    """

    path: Path
    size_bytes: int = 0
    _hash: hashlib._Hash = attrs.field(factory=hashlib.sha256, init=False, repr=False)
    _descriptor: int | None = attrs.field(default=None, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @classmethod
    def within(cls, folder: Path) -> Spool:
        """Name a new file in *folder*; nothing is created yet."""
        return cls(folder / new_token())

    @property
    def sha256(self) -> str:
        """The hash of what was written so far, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes | memoryview) -> None:
        """Append *chunk*."""
        with self._lock:
            descriptor = self._open()
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            self._hash.update(chunk)
            self.size_bytes += len(chunk)

    @property
    def is_closed(self) -> bool:
        """Whether it was moved, left or discarded, so that nothing of it can be made or removed any more."""
        return self._closed

    def move_to(self, target: Path) -> None:
        """Bring the content to the disk, then give the file its final name on the same file system.

        What could not be brought there is discarded: asked a second time, the system says that all is well.
        """
        with self._lock:
            try:
                os.fsync(self._open())
            except OSError:
                self._discard()
                raise
            os.rename(self.path, target)
            self._close()

    def sync(self) -> None:
        """Bring the content to the disk."""
        with self._lock:
            os.fsync(self._open())

    def rename(self, path: Path) -> None:
        """Give the file another name in its folder, under which `take_over` finds it once its process is gone."""
        with self._lock:
            if self._descriptor is not None:
                os.rename(self.path, path)
                self.path = path

    def take_over(self, path: Path) -> bool:
        """Go on with the file at *path*, not with a new one; False when a living process has it, or it is gone."""
        with self._lock:
            if self._closed or self._descriptor is not None:
                return False
            descriptor = _open_dead(path)
            if descriptor is None:
                return False
            self.path, self._descriptor = path, descriptor
            while chunk := os.read(descriptor, CHUNK_BYTES):
                self._hash.update(chunk)
                self.size_bytes += len(chunk)
            return True

    def discard(self) -> None:
        """Remove the file unless it was moved; idempotent.

        Where that cannot be, as on a disk that is read-only since, it is left to the next sweep, and nothing is
        raised: what went wrong before is what the caller has to hear of.
        """
        with self._lock:
            self._discard()

    def leave(self) -> None:
        """Let the file stand for whoever goes on with it."""
        with self._lock:
            self._close()

    def _discard(self) -> None:
        if self._close():
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _close(self) -> bool:
        """Close the file for good, and tell whether it was open."""
        self._closed = True
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is not None

    def _open(self) -> int:
        if self._closed:
            raise FileNotFoundError(f"{self.path.name} is closed")
        if self._descriptor is None:
            self._descriptor = _create_locked(self.path)
        return self._descriptor


def _create_locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Another process's `remove_if_dead` may have come between the two lines above.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _open_dead(path: Path) -> int | None:
    """Open and lock the file at *path*; None when a living process has it, or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def remove_if_dead(path: Path) -> bool:
    """Remove the file at *path* unless a living process writes it, and tell whether it was removed. Blocks."""
    descriptor = _open_dead(path)
    if descriptor is None:
        return False
    try:
        path.unlink()
    except FileNotFoundError:
        return False  # renamed: whoever did it is gone by now
    finally:
        os.close(descriptor)
    return True


def sync_folder(folder: Path) -> None:
    """Bring the names in *folder* to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
