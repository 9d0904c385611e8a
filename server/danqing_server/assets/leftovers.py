"""What is left of downloads that outlived their process: which there are, of which link, and when they go.

A download that lasts gives its spooled file a name that says all that is needed to go on with it: a digest of the
link, what the source called its file by, and how large that is. So nothing is written beside it, nothing is synced,
and one rename makes it. Another process of this machine, or the next attempt of this one, takes it over.

What the kernel had not yet brought to the disk when the machine went down may be zeros in the middle of a file: the
name holds the boot's id (`boot_id`, see random(4)), and no other boot's file is taken.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import os
import re
import time
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

from danqing_server.assets.sources import Origin
from danqing_server.assets.spool import remove_if_dead
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.ids import new_token

__all__ = [
    "EXPIRE_EVERY_S",
    "MOST_AGE_S",
    "MOST_LEFT_BYTES",
    "expire",
    "expire_beside",
    "leftover_name",
    "leftovers_of",
    "sweep",
]

EXPIRE_EVERY_S = 600.0

MOST_AGE_S = 24 * 3600.0  # links to finished pictures live no longer
MOST_LEFT_BYTES = 2 * 1024 * 1024 * 1024
LONGEST_VALIDATOR = 120

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAME = re.compile(r"left\.([0-9a-f]{32})\.([0-9a-f]{8})\.(\d{1,18})\.([A-Za-z0-9_=-]+)\.[0-9a-f]+")


def leftover_name(link: str, origin: Origin) -> str | None:
    """Return a fresh name for what is here of the file behind *link*; None where it could not be found again."""
    validator = origin.validator.encode("utf-8", "surrogateescape")
    boot = _boot()
    if boot is None or len(validator) > LONGEST_VALIDATOR:
        return None
    tag = base64.urlsafe_b64encode(validator).decode()
    return f"left.{_digest(link)}.{boot}.{origin.total}.{tag}.{new_token()}"


def leftovers_of(link: str, folder: Path) -> list[tuple[Path, Origin]]:
    """Return what is left of *link* in *folder*, the most of it first; some may be in use. Blocks."""
    beginning = f"left.{_digest(link)}.{_boot()}."
    found: list[tuple[int, Path, Origin]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            origin = _origin(entry.name) if entry.name.startswith(beginning) else None
            if origin is not None:
                found += ((entry.stat().st_size, Path(entry.path), origin),)
    found.sort(key=lambda each: each[0], reverse=True)
    return [(path, origin) for size, path, origin in found if size <= origin.total]


def sweep(folder: Path, *, most_bytes: int = MOST_LEFT_BYTES, most_age_s: float = MOST_AGE_S) -> int:
    """Remove what the dead left in *folder* and nobody can go on with, and return how many files. Blocks.

    Of what somebody can go on with, the oldest go when all together have more than *most_bytes*.
    """
    removed, left = 0, []
    oldest_s = time.time() - most_age_s
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # finished in the meantime
            stat = path.stat()
            if _is_ours(path.name) and stat.st_mtime > oldest_s:
                left.append((stat.st_mtime, stat.st_size, path))
            else:
                removed += remove_if_dead(path)
    too_many = sum(size for _, size, _ in left) - most_bytes
    for _, size, path in sorted(left):
        if too_many > 0 and remove_if_dead(path):
            too_many -= size
            removed += 1
    return removed


def expire(folder: Path, *, most_age_s: float = MOST_AGE_S) -> int:
    """Remove downloads that nobody went on with, and return how many. Blocks.

    Unlike `sweep` it looks at nothing else: where locks do not reach other machines, it takes no living one's work.
    """
    oldest_s, removed = time.time() - most_age_s, 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if _NAME.fullmatch(path.name) and path.stat().st_mtime <= oldest_s:
                removed += remove_if_dead(path)
    return removed


async def expire_beside(folder: Path, disk: Executor) -> None:
    """Do as `expire`, on one of the threads of *disk*. Raises StorageUnavailable."""
    with storage_failures("looking through the spool"):
        await asyncio.get_running_loop().run_in_executor(disk, lambda: expire(folder))


def _is_ours(name: str) -> bool:
    form = _NAME.fullmatch(name)
    return form is not None and form[2] == _boot()


def _origin(name: str) -> Origin | None:
    form = _NAME.fullmatch(name)
    if form is None:
        return None
    validator = base64.urlsafe_b64decode(form[4]).decode("utf-8", "surrogateescape")
    return Origin(validator=validator, total=int(form[3]))


def _digest(link: str) -> str:
    return hashlib.sha256(link.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@functools.cache
def _boot() -> str | None:
    """Return the first of the boot's id; None where the system tells none: nothing is left there."""
    try:
        return _BOOT_ID.read_text("ascii")[:8]
    except OSError:
        return None
