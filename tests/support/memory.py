"""A mongod whose files are in memory: no test looks at them, and most of its time is a disk's that has to sync."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import RunningServer, run_mongod

__all__ = ["run_mongod_in_memory"]

SMALL_JOURNAL = ("--wiredTigerEngineConfigString", "log=(file_max=20MB)")
"""Three files of 20 MB, not of 100 MB."""

SHARED_MEMORY = Path("/dev/shm")
LEAST_FREE_BYTES = 6 * 1024**3
_PREFIX = "danqing-tests-"


@contextmanager
def run_mongod_in_memory(otherwise: Path, *more: str) -> Iterator[RunningServer]:
    """Run a real mongod, with *more* arguments, while the block lasts; for want of memory it has *otherwise*."""
    with _in_memory(otherwise) as folder, run_mongod(folder, *SMALL_JOURNAL, *more) as server:
        yield server


@contextmanager
def _in_memory(otherwise: Path) -> Iterator[Path]:
    if _free_bytes() < LEAST_FREE_BYTES:
        yield otherwise
        return
    _clear_up()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=SHARED_MEMORY))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_bytes() -> int:
    try:
        known = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
        return min(int(known[1]) * 1024 if known else 0, shutil.disk_usage(SHARED_MEMORY).free)
    except OSError:
        return 0


def _clear_up() -> None:
    """Remove what runs left that were killed."""
    for folder in SHARED_MEMORY.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
