"""Small file systems, for what happens when they are full."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["CHUNK_BYTES", "fill_but", "reserving_disk", "small_disk"]

CHUNK_BYTES = 4096


@contextmanager
def small_disk(folder: Path, megabytes: int, inodes: int | None = None) -> Iterator[Path]:
    """Mount a file system of so many MiB at *folder* while the block lasts; skips the test where none can be.

    With *inodes* there are no more files and folders on it.
    """
    folder.mkdir(exist_ok=True)
    options = f"size={megabytes}m" + ("" if inodes is None else f",nr_inodes={inodes}")
    command = ["mount", "-t", "tmpfs", "-o", options, "danqing-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def reserving_disk(folder: Path, megabytes: int, percent: int) -> Iterator[Path]:
    """Mount an ext4 at *folder* of which *percent* are root's; skips the test where none can be."""
    folder.mkdir(exist_ok=True)
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(megabytes * 1024 * 1024)
    for command in (
        ["mkfs.ext4", "-q", "-m", str(percent), str(image)],
        ["mount", "-o", "loop", str(image), str(folder)],
    ):
        found = shutil.which(command[0]) is not None and os.geteuid() == 0
        if not found or subprocess.run(command, check=False, capture_output=True).returncode != 0:
            pytest.skip("an ext4 of one's own needs root, mkfs.ext4 and a loop device")
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
