"""This machine: room on its disks, and how many files a process may open."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from danqing_server.assets.bucket import open_bucket
from danqing_server.assets.folder import local_folder
from danqing_server.assets.headroom import reserve_of
from danqing_server.doctor.finding import Finding, fine, skipped, warning, wrong
from danqing_server.errors import DanqingError
from danqing_server.settings.server import Settings

__all__ = ["look_at_disks", "look_at_limits", "look_at_storage"]

GIB = 1024**3
MIB = 1024**2
LITTLE_BYTES = 5 * GIB
LITTLE, LITTLE_INODES = 0.05, 0.02
FEW_FILES = 4096


def look_at_disks(settings: Settings) -> Sequence[Finding]:
    """Return how much room there is where danqing writes."""
    pictures = local_folder(settings.assets_url, settings.data_dir)
    named = {"disk of the data": settings.data_dir.absolute()}
    if pictures is not None:
        named["disk of the pictures"] = pictures.absolute()
    kept = None if settings.disk_reserve_mb is None else settings.disk_reserve_mb * MIB
    return [finding for part, folder in named.items() for finding in _disk(part, folder, kept)]


def _disk(part: str, folder: Path, kept_bytes: int | None) -> Iterator[Finding]:
    """Yield how a disk is, of which *kept_bytes* are kept free, None for what is usual."""
    there = _nearest(folder)
    found = os.statvfs(there)
    if found.f_flag & os.ST_RDONLY:
        do = "see `dmesg`: a disk with errors is made so; mount it for writing again, or name another one"
        yield wrong(part, f"{there} is on a disk that is read-only", do)
        return
    if not os.access(there, os.W_OK | os.X_OK):
        do = "run this as the account that runs the server, or give that account the folder"
        yield wrong(part, f"{there} cannot be written", do)
        return
    with suppress(OSError):
        if _is_seen(folder):
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"danqing")
                os.fsync(probe.fileno())
    room = shutil.disk_usage(there)
    reserve, usual = reserve_of(kept_bytes, room.total), reserve_of(None, room.total)
    says = f"{_size(room.free)} of {_size(room.total)} are free at {folder}"
    do = "make room, or set DANQING_DATA_DIR or DANQING_ASSETS_URL to a larger disk"
    if room.free < reserve:
        kept = f"{says}, and {_size(reserve)} are kept so: new tasks are refused (503)"
        yield wrong(part, kept, f"{do}; DANQING_DISK_RESERVE_MB is what is kept")
    elif room.free < usual / 2:
        yield wrong(part, says, do)
    elif room.free < LITTLE_BYTES or room.free / room.total < LITTLE:
        yield warning(part, says, do)
    else:
        yield fine(part, says)
    if found.f_files and found.f_favail / found.f_files < LITTLE_INODES:
        yield warning(part, f"{found.f_favail} inodes are left", "make room: each picture takes one")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f} GiB" if size_bytes >= GIB else f"{size_bytes / MIB:.0f} MiB"


def _nearest(folder: Path) -> Path:
    """Return *folder*, or what is to hold it as long as it is not there, or may not be seen."""
    return next(each for each in (folder, *folder.parents) if _is_seen(each))


def _is_seen(folder: Path) -> bool:
    try:
        return folder.exists()
    except PermissionError:  # what holds it may not be entered
        return False


async def look_at_storage(settings: Settings) -> Sequence[Finding]:
    """Return whether pictures can be kept: by writing a little and taking it away again."""
    folder = local_folder(settings.assets_url, settings.data_dir)
    if folder is None:
        return [await _bucket(settings)]
    try:
        if not folder.exists():
            return [skipped("storage", f"{folder.absolute()} is made by the first start")]
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
            probe.write(b"danqing")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        do = "see that the disk works and has room, and that this account may write there"
        return [wrong("storage", f"{folder.absolute()}: {error.strerror}", do)]
    return [fine("storage", f"{folder.absolute()} takes what is written")]


async def _bucket(settings: Settings) -> Finding:
    url = settings.assets_url or ""
    place = url.partition("?")[0]
    try:
        await open_bucket(url, settings.environment).ping()
    except DanqingError as error:
        do = "see that the bucket is there, and that its key and region are set and may write"
        return wrong("storage", f"{place}: {error}", do)
    return fine("storage", f"{place} takes what is written")


def look_at_limits() -> Finding:
    """Return how many files a process may open: each client, each call and each picture is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < FEW_FILES:
        do = "raise it: LimitNOFILE= of systemd, --ulimit nofile= of docker, /etc/security/limits.conf"
        return warning("open files", f"a process may have {most}", do)
    shown = "as many as it likes" if most == resource.RLIM_INFINITY else str(most)
    return fine("open files", f"a process may have {shown}")
