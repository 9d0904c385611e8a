"""Where the processes of one server keep their counts, so that any of them can show the sum of all.

Each process writes files of its own in one folder; prometheus-client reads them all. A process is known by a
*slot*: the lowest number nobody holds. Who takes a slot over goes on counting where its last holder stopped: what a
process counted does not die with it, and there are never more files than processes at one time. What is true of the
living only (gauges) goes with the slot's lock, which the system takes from the dead.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

__all__ = ["FOLDER", "Slot", "files_of_folder", "kept_from_cleaners"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable in which the supervisor names the folder: prometheus-client's own."""

_LOCKS = "slot-*.lock"


@attrs.frozen
class Slot:
    """The place of this process; it is held as long as the process lives. Nothing inherits the descriptor."""

    number: int
    _descriptor: int

    @classmethod
    def take(cls, folder: Path) -> Slot:
        """Take the lowest free slot, and drop what was true of its last holder only. Raises OSError."""
        number = 0
        while True:
            descriptor = os.open(_lock_of(folder, number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _locked(descriptor, fcntl.LOCK_EX):
                break
            os.close(descriptor)
            number += 1
        for path in folder.glob(f"gauge_live*_{number}.db"):
            path.unlink(missing_ok=True)
        return cls(number, descriptor)

    def leave(self) -> None:
        """Let another process have it."""
        os.close(self._descriptor)


def files_of_folder(folder: Path) -> list[str]:
    """Return the files to be added up: all that was counted, and of the living what is true of them."""
    dead = {number for number in _slots(folder) if not _is_held(folder, number)}
    return sorted(str(path) for path in folder.glob("*.db") if not _is_of_dead(path, dead))


@contextmanager
def kept_from_cleaners(folder: Path) -> Iterator[None]:
    """Keep *folder* while the block lasts: among temporary files, it may not have been touched for days.

    A directory that is locked is passed over. Source: tmpfiles.d(5) of systemd 252, "Age", read 2026-11-30.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _locked(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_of_dead(path: Path, dead: set[int]) -> bool:
    return path.name.startswith("gauge_live") and int(path.stem.rpartition("_")[2]) in dead


def _slots(folder: Path) -> Iterator[int]:
    for path in folder.glob(_LOCKS):
        yield int(path.stem.removeprefix("slot-"))


def _is_held(folder: Path, number: int) -> bool:
    with _opened(_lock_of(folder, number)) as descriptor:
        return not _locked(descriptor, fcntl.LOCK_SH)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        return True
    return False


def _lock_of(folder: Path, number: int) -> Path:
    return folder / f"slot-{number}.lock"
