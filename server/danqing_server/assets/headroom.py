"""The room that is left on the disks of the pictures and of the embedded servers, and what may still begin there.

    roomy ── free < reserve ─→ short: new tasks and uploads are refused
    short ── free < half ────→ scarce: no waiting task begins either; what was paid for has the rest

Back it goes a tenth above each mark, so that a disk at its edge does not flutter. A bucket has no such end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import attrs

from danqing_plugins import Message
from danqing_server.assets.places import Space
from danqing_server.errors import StorageFull
from danqing_server.log import get_logger

__all__ = ["LOOK_EVERY_S", "Headroom", "reserve_of"]

LOOK_EVERY_S = 2.0
USUAL_RESERVE_BYTES = 1024 * 1024 * 1024
USUAL_SHARE = 0.05
BACK_ABOVE = 1.1

FULL = Message(
    key="headroom",
    en="the disk that has {what} is nearly full: nothing new is taken in until there is room",
    zh="{what}所在磁盘空间不足，暂不接受新内容，请腾出空间后重试",
)
_PICTURES = Message(key="headroom.pictures", en="the pictures", zh="图片")
_SERVERS = Message(key="headroom.servers", en="the server's data", zh="服务数据")

log = get_logger(__name__)


def reserve_of(setting_bytes: int | None, total_bytes: int) -> int:
    """Return how many bytes of a disk are kept free: as set, else 1 GiB or a twentieth of a smaller disk."""
    if setting_bytes is not None:
        return setting_bytes
    return min(USUAL_RESERVE_BYTES, int(total_bytes * USUAL_SHARE))


@attrs.define(eq=False)
class Headroom:
    """Watches the disks of *pictures* (None: in a bucket) and of *data*. `reserve_bytes` 0: nothing is kept free.

    It looks when `look` is called, and answers by what it saw last. A folder that is not there has all the room.
    """

    pictures: Path | None
    data: Path
    reserve_bytes: int | None
    disk: Executor
    is_scarce: bool = attrs.field(default=False, init=False)
    _short: Message | None = attrs.field(default=None, init=False)

    def require(self) -> None:
        """Raise StorageFull when nothing new may be taken in."""
        if self._short is not None:
            raise StorageFull(FULL(what=self._short()))

    def reserve_of(self, space: Space) -> int:
        """Return how many bytes of a disk are kept free."""
        return reserve_of(self.reserve_bytes, space.total)

    async def look(self) -> None:
        """See how much room there is."""
        spaces = await asyncio.get_running_loop().run_in_executor(self.disk, self._measure)
        short = next((what for what, space in spaces if self._is_below(space, 1, self._short is not None)), None)
        if (short is None) is not (self._short is None):
            free = min((space.free for _, space in spaces), default=0)
            log.warning("disk_roomy" if short is None else "disk_short", free_bytes=free)
        self._short = short
        self.is_scarce = any(self._is_below(space, 2, self.is_scarce) for _, space in spaces)

    async def beside(self) -> Space | None:
        """Return the room of the disk of *data*; None where the pictures stand on the same one, or it is away."""
        return await asyncio.get_running_loop().run_in_executor(self.disk, self._measure_beside)

    def _measure_beside(self) -> Space | None:
        return None if _are_on_one(self.pictures, self.data) else _space_of(self.data)

    def _is_below(self, space: Space, part: int, was_below: bool) -> bool:
        mark = self.reserve_of(space) / part
        return space.free < (mark * BACK_ABOVE if was_below else mark)

    def _measure(self) -> Sequence[tuple[Message, Space]]:
        found = [(_PICTURES, _room_of(self.pictures)), (_SERVERS, _room_of(self.data))]
        return [(what, space) for what, space in found if space is not None]


def _are_on_one(folder: Path | None, other: Path) -> bool:
    """Tell whether two folders stand on the same file system. Blocks."""
    try:
        return folder is not None and folder.stat().st_dev == other.stat().st_dev
    except OSError:
        return False


def _space_of(folder: Path | None) -> Space | None:
    """Return the room of the disk of *folder*, for who is not root; None when there is none. Blocks."""
    stat = _stat_of(folder)
    return None if stat is None else _space_in(stat)


def _room_of(folder: Path | None) -> Space | None:
    """Return the same, where `free` is no more than there are inodes for: a disk of small files runs out of these.

    Of some file systems, such as btrfs, there is no end of them. Blocks.
    """
    stat = _stat_of(folder)
    if stat is None:
        return None
    space = _space_in(stat)
    for_inodes = int(space.total * stat.f_favail / stat.f_files) if stat.f_files else space.free
    return attrs.evolve(space, free=min(space.free, for_inodes))


def _stat_of(folder: Path | None) -> os.statvfs_result | None:
    try:
        return os.statvfs(folder) if folder is not None else None
    except OSError:
        return None  # a storage that is away says so itself


def _space_in(stat: os.statvfs_result) -> Space:
    free, total, unused = (blocks * stat.f_frsize for blocks in (stat.f_bavail, stat.f_blocks, stat.f_bfree))
    return Space(free=free, total=total, used=total - unused)
