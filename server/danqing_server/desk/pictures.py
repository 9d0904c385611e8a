"""What a user may do with pictures, whichever tasks made them: find, star, take along, delete."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.assets.keys import thumbnail_key
from danqing_server.assets.storage import Assets
from danqing_server.assets.thumbnails import WIDTHS
from danqing_server.clock import Clock
from danqing_server.desk.control import Control
from danqing_server.errors import Conflict, NotFound
from danqing_server.log import get_logger
from danqing_server.records.outputs import Asset, OutputState
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.store.listing import SEARCH_S
from danqing_server.store.newest import Place
from danqing_server.store.pictures import (
    FoundPictures,
    PictureFilter,
    PictureId,
    PictureStore,
    parts_of,
    picture_id,
)

__all__ = ["INDEX_S", "Picture", "Pictures"]

INDEX_S = 1.0
"""How long one answer may look for ids; what is behind it is asked for next."""

UNFINISHED = Message(
    key="picture_of_unfinished",
    en="the task is still {status}; cancel it first, or wait for its end",
    zh="任务尚未结束（{status}），请先取消任务或等待其完成",
)

log = get_logger(__name__)


@attrs.frozen
class Picture:
    """One output that is kept: of which task, which it is there, and its file."""

    task: Task
    index: int
    asset: Asset

    @property
    def id(self) -> str:
        """What it is called by."""
        return picture_id(self.task.id, self.index)


@attrs.define(eq=False)
class Pictures:
    """The users' hands on their pictures. A *caller* sees those of its own project.

    Raises StoreUnavailable, and NotFound for a picture that is not there or not theirs.
    """

    store: PictureStore
    assets: Assets
    control: Control
    clock: Clock

    async def index(
        self, wanted: PictureFilter, caller: Caller, *, limit: int, after: Place | None
    ) -> FoundPictures:
        """Return the ids of *limit* pictures behind *after*, newest first."""
        return await self.store.find(wanted, caller.own, limit=limit, after=after, within_s=INDEX_S)

    async def page(
        self, wanted: PictureFilter, caller: Caller, *, limit: int, after: Place | None
    ) -> tuple[list[Picture], FoundPictures]:
        """Return pictures behind *after*, newest first, and how they were found."""
        found = await self.store.find(wanted, caller.own, limit=limit, after=after, within_s=SEARCH_S)
        return await self.many([parts_of(each) for each in found.ids], caller), found

    async def many(self, ids: Sequence[PictureId], caller: Caller) -> list[Picture]:
        """Return the pictures of *ids*, in that order; what is not there, or not theirs, is left out."""
        tasks = await self.store.tasks_of({task_id for task_id, _ in ids}, caller.own)
        found = (_picture(tasks.get(task_id), index) for task_id, index in ids)
        return [picture for picture in found if picture is not None]

    async def star(self, task_id: str, index: int, caller: Caller, *, starred: bool) -> None:
        """Give a picture a star, or take it away; idempotent."""
        if not await self.store.star(task_id, index, caller.own, starred=starred):
            raise NotFound("picture", picture_id(task_id, index))

    async def delete(self, task_id: str, index: int, caller: Caller) -> None:
        """Remove one picture of a task, which goes on without it. One that was cut goes on when it is repeated.

        Raises:
            Conflict: the task is not finished.
            StorageUnavailable: its file is still there; the task shows it no more.
        """
        task = (await self.store.tasks_of({task_id}, caller.own)).get(task_id)
        asset = None if task is None else _deletable(task, index)
        if task is None or asset is None:
            raise NotFound("picture", picture_id(task_id, index))
        if task.status not in FINISHED:
            raise Conflict(UNFINISHED(status=task.status), code=f"task_{task.status}")
        if not await self.store.forget(task_id, index, asset.key, caller.own, self.clock.now()):
            raise NotFound("picture", picture_id(task_id, index))
        self.control.recent.drop(task_id)
        await self._remove(asset)
        await self.store.let_go(task_id, index, asset.key)
        log.info("picture_deleted", task_id=task_id, index=index)

    async def _remove(self, asset: Asset) -> None:
        """Remove a file and what was made of it."""
        made = [thumbnail_key(asset.key, width) for width in WIDTHS]
        for key in [*made, *([asset.poster] if asset.poster else []), asset.key]:
            await self.assets.delete(key)


def _deletable(task: Task, index: int) -> Asset | None:
    """Return the file of a picture, also of one that is shown no more because its deletion was cut."""
    output = task.outputs.get(str(index))
    is_there = output is not None and output.state in (OutputState.KEPT, OutputState.OMITTED)
    return output.asset if output is not None and is_there else None


def _picture(task: Task | None, index: int) -> Picture | None:
    output = None if task is None else task.outputs.get(str(index))
    if task is None or output is None or output.state is not OutputState.KEPT or output.asset is None:
        return None
    return Picture(task, index, output.asset)
