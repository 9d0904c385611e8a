"""Where the tests keep their files: in memory, where there is enough of it.

No test looks at a disk. Syncing one takes time, and where it stalls for a second a server looks as if it were gone.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import RunningServer, run_mongod

__all__ = ["forget_journal", "make_folder_in_memory", "run_small_mongod"]

SHARED_MEMORY = Path("/dev/shm")
LEAST_FREE_BYTES = 16 * 1024**3
"""`make test-processes` has had 7 GB of files at once, of servers that want memory besides."""
_PREFIX = "danqing-tests-"


@contextmanager
def run_small_mongod(directory: Path, *more: str) -> Iterator[RunningServer]:
    """Run a mongod with three files of 20 MB for its journal, not of 100, and with *more* arguments.

    Of what a failed run leaves behind in memory they would be most.
    """
    try:
        with run_mongod(directory, "--wiredTigerEngineConfigString", "log=(file_max=20MB)", *more) as server:
            yield server
    finally:
        forget_journal(directory)


def forget_journal(directory: Path) -> None:
    """Remove the journal of a mongod, its files in *directory*, that ended in order or for good."""
    shutil.rmtree(directory / "mongodb" / "journal", ignore_errors=True)


def make_folder_in_memory() -> Path | None:
    """Return a new folder for the files of a run; None where memory is short, or no program can be run from it.

    Those that runs left which were killed, or failed, are removed.
    """
    try:
        if _free_bytes() < LEAST_FREE_BYTES or os.statvfs(SHARED_MEMORY).f_flag & os.ST_NOEXEC:
            return None
        for folder in SHARED_MEMORY.glob(f"{_PREFIX}*"):
            pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if not Path("/proc", pid).exists():
                shutil.rmtree(folder, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=SHARED_MEMORY))
    except OSError:
        return None


def _free_bytes() -> int:
    known = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return min(int(known[1]) * 1024 if known else 0, shutil.disk_usage(SHARED_MEMORY).free)
