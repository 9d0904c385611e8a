"""Files under way: written here, checked, and moved into place only when whole.

Several processes share the folder. A file is locked (`flock`) by the process that writes it for as long as that
lives: whoever starts can tell a dead process's leftovers from a living one's work, without clocks and process ids.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from pathlib import Path

import attrs

from danqing_server.ids import new_token

__all__ = ["Spool", "remove_leftovers", "sync_folder"]


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
    _discarded: bool = attrs.field(default=False, init=False)
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

    def move_to(self, target: Path) -> None:
        """Bring the content to the disk, then give the file its final name on the same file system."""
        with self._lock:
            os.fsync(self._open())
            os.rename(self.path, target)

    def sync(self) -> None:
        """Bring the content to the disk."""
        with self._lock:
            os.fsync(self._open())

    def discard(self) -> None:
        """Remove the file unless it was moved; idempotent."""
        with self._lock:
            self._discarded = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
                self.path.unlink(missing_ok=True)

    def _open(self) -> int:
        if self._discarded:
            raise FileNotFoundError(f"{self.path.name} was discarded")
        if self._descriptor is None:
            self._descriptor = _create_locked(self.path)
        return self._descriptor


def _create_locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Another process's `remove_leftovers` may have come between the two lines above.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def remove_leftovers(folder: Path) -> int:
    """Remove the files in *folder* whose process has died, and return how many. Blocks."""
    return sum(_remove_if_dead(path) for path in folder.iterdir())


def _remove_if_dead(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # finished in the meantime
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
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
