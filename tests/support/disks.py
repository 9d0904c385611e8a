"""Small file systems, for what happens when they are full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["CHUNK_BYTES", "fill_but", "small_disk"]

CHUNK_BYTES = 4096


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system of so many MiB at *folder* while the block lasts; skips the test where none can be."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "danqing-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_but(folder: Path, left_bytes: int) -> Path:
    """Write a file until only *left_bytes* are free on the disk of *folder*, and return it."""
    stat = os.statvfs(folder)
    filler = folder / "filler"
    with filler.open("ab") as file:
        file.write(bytes(max(0, stat.f_bavail * stat.f_frsize - left_bytes)))
    return filler
