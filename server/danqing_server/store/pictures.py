"""The pictures of all tasks, newest first, as galleries want them: whole lists of ids, then a few of them to show.

A picture's id is its task's and its place there: `<task id>/<index>`. Nothing is kept for galleries beside what
tasks hold: lists walk the index that tasks are listed by, and which of a task's outputs are meant MongoDB says, so
that no document is sent to be counted. A star stands in its task (`stars`), and goes with it; the index of the
starred is made when they are first asked for. Source: MongoDB manual 6.0, "$objectToArray" and "Partial Indexes",
read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs
from pymongo import IndexModel

from danqing_server.records.outputs import OutputState
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.store.client import Database, durable, translated
from danqing_server.store.late_indexes import LateIndexes
from danqing_server.store.listing import Found, TaskFilter, TaskList
from danqing_server.store.newest import NEWEST_FIRST, Place, place_of
from danqing_server.store.paths import of_output
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable
from danqing_server.store.tasks import COLLECTION

__all__ = [
    "FoundPictures",
    "PictureFilter",
    "PictureId",
    "PictureSize",
    "PictureStore",
    "parts_of",
    "picture_id",
]

_IS_STARRED: Mapping[str, Any] = {"stars": {"$gte": 0}}
_STARRED = IndexModel(NEWEST_FIRST, name="starred", partialFilterExpression=_IS_STARRED)
_SHOWN = {"saved": 0, "calls": 0}


class PictureSize(StrEnum):
    """How many pixels a picture has, by the class of size that services name."""

    SMALL = "1k"
    MIDDLE = "2k"
    LARGE = "4k"


_PIXELS = {
    PictureSize.SMALL: (0, 1 << 21),
    PictureSize.MIDDLE: (1 << 21, 1 << 23),
    PictureSize.LARGE: (1 << 23, 1 << 62),
}


PictureId = tuple[str, int]
"""Of which task, and which of its outputs."""


def picture_id(task_id: str, index: int) -> str:
    """Return the id of output *index* of a task."""
    return f"{task_id}/{index}"


def parts_of(id_: str) -> PictureId:
    """Return which output of which task *id_*, a picture's id, means."""
    task_id, _, index = id_.rpartition("/")
    return task_id, int(index)


@attrs.frozen(kw_only=True)
class PictureFilter:
    """What is asked of pictures: of their `tasks`, and of each. `sha256` is of the file, in hexadecimal."""

    tasks: TaskFilter = attrs.field(factory=TaskFilter)
    starred: bool = False
    size: PictureSize | None = None
    sha256: str | None = None

    @property
    def of_output(self) -> Mapping[str, Any]:
        """The condition on one output, as an expression; `$$output.v` is it."""
        asset = "$$output.v.asset"
        conditions: list[Any] = [{"$eq": ["$$output.v.state", OutputState.KEPT.value]}]
        if self.starred:
            conditions.append({"$in": ["$$output.v.index", "$stars"]})
        if self.size is not None:
            least, most = _PIXELS[self.size]
            pixels = {"$multiply": [f"{asset}.width", f"{asset}.height"]}
            conditions += [{"$gte": [pixels, least]}, {"$lt": [pixels, most]}]
        if self.sha256 is not None:
            conditions.append({"$eq": [f"{asset}.sha256", self.sha256]})
        return {"$and": conditions}


@attrs.frozen(kw_only=True)
class FoundPictures(Found):
    """Ids of pictures, newest task first, and by their places in it."""

    ids: tuple[str, ...]


@attrs.define(eq=False)
class PictureStore:
    """The pictures. Every method raises StoreUnavailable."""

    database: Database
    task_list: TaskList
    _tasks: Any = attrs.field(init=False)
    _indexes: LateIndexes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tasks = durable(self.database[COLLECTION])
        self._indexes = LateIndexes(self._tasks)

    async def find(
        self, wanted: PictureFilter, reach: Reach, *, limit: int, after: Place | None, within_s: float
    ) -> FoundPictures:
        """Return the ids of the next pictures behind *after*, looked for a step at a time for *within_s* at most.

        A page ends between two tasks: it is at an end once there are *limit*, and may have a few more.
        """
        await self._prepare(wanted, reach)
        ids: list[str] = []
        starred = _IS_STARRED if wanted.starred else {}
        walk = self.task_list.stretches(
            lambda place: {**wanted.tasks.scope(reach, place), **starred}, wanted.tasks.conditions, after, within_s
        )
        async with aclosing(walk) as stretches:
            async for here, border in stretches:
                for document in await self._read(wanted, here, limit - len(ids)):
                    ids += [picture_id(document["_id"], index) for index in sorted(document["shown"])]
                    if len(ids) >= limit:
                        return FoundPictures(ids=tuple(ids), next=place_of(document))
                if border is None:
                    return FoundPictures(ids=tuple(ids), next=None)
                after = border
        return FoundPictures(ids=tuple(ids), next=after, is_cut=True)

    async def tasks_of(self, ids: Collection[str], reach: Reach) -> Mapping[str, Task]:
        """Return the tasks of *ids* that are there in *reach*, by id, without what galleries do not show."""
        with translated():
            found = await self._tasks.find({"_id": {"$in": list(ids)}, **reach.filter}, _SHOWN).to_list(None)
        return {task.id: task for task in readable(found)}

    async def star(self, task_id: str, index: int, reach: Reach, *, starred: bool) -> bool:
        """Give a kept picture a star, or take it away; False when there is none in *reach*. Safe to repeat."""
        kept = {"_id": task_id, f"{of_output(index)}.state": OutputState.KEPT.value, **reach.filter}
        update = {"$addToSet" if starred else "$pull": {"stars": index}}
        with translated():
            outcome = await self._tasks.update_one(kept, update)
        return bool(outcome.matched_count)

    async def forget(self, task_id: str, index: int, key: str, reach: Reach, now: datetime) -> bool:
        """Have a finished task show no more of the picture at *key*; False when it is not as it was seen.

        What stays says that there was one, which was paid for, and nothing asks for it again; what its file is
        called stays until `let_go`, so that whoever repeats a deletion that was cut finds it. Safe to repeat.
        """
        path = of_output(index)
        ended = {"$in": [status.value for status in FINISHED]}
        expected = {"_id": task_id, "status": ended, f"{path}.asset.key": key, **reach.filter}
        update = {
            "$set": {f"{path}.state": OutputState.OMITTED.value, f"{path}.deleted": True, "updated_at": now},
            "$unset": {f"{path}.source_url": ""},
            "$pull": {"stars": index},
        }
        with translated():
            outcome = await self._tasks.update_one(expected, update)
        return bool(outcome.matched_count)

    async def let_go(self, task_id: str, index: int, key: str) -> None:
        """Have a task know no more what a forgotten picture's file was called: it is gone."""
        path = of_output(index)
        forgotten = {
            "_id": task_id,
            f"{path}.state": OutputState.OMITTED.value,
            f"{path}.asset.key": key,
        }
        with translated():
            await self._tasks.update_one(forgotten, {"$unset": {f"{path}.asset": ""}})

    async def note_colour(self, task_id: str, index: int, key: str, colour: str) -> None:
        """Write down the mean colour of the picture at *key*, if that is where the output stands."""
        asset = f"{of_output(index)}.asset"
        with translated():
            await self._tasks.update_one(
                {"_id": task_id, f"{asset}.key": key}, {"$set": {f"{asset}.colour": colour}}
            )

    async def drain(self) -> None:
        """Wait for no index any longer; MongoDB goes on with it."""
        await self._indexes.drain()

    async def _read(
        self, wanted: PictureFilter, condition: Mapping[str, Any], limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Return at most *limit* tasks that have pictures which are meant: `_id`, `created_at`, `shown`."""
        outputs = {"$filter": {"input": {"$objectToArray": "$outputs"}, "as": "output", "cond": wanted.of_output}}
        shown = {"$map": {"input": outputs, "as": "output", "in": "$$output.v.index"}}
        pipeline = [
            {"$match": {"$and": [condition, {"outputs": {"$type": "object"}}]}},
            {"$sort": dict(NEWEST_FIRST)},
            {"$project": {"created_at": 1, "shown": shown}},
            {"$match": {"shown": {"$ne": []}}},
            {"$limit": limit},
        ]
        with translated():
            found: list[Mapping[str, Any]] = await self._tasks.aggregate(pipeline).to_list(None)
        return found

    async def _prepare(self, wanted: PictureFilter, reach: Reach) -> None:
        if wanted.starred:
            await self._indexes.prepare(_STARRED)
        else:
            await self.task_list.prepare(wanted.tasks, reach)
