"""Batches in MongoDB, and their lines until each is a task.

A batch is taken in in two steps. Its lines are *staged* under a token of that very request, each as the document of
the task that it will be; then one insert, of the batch itself, makes them valid (`commit`). From then on they
become tasks a slice at a time, in order, and the batch says how far it is (`made_to`). The ids of the tasks depend
on batch and line alone, so that a slice that is inserted again changes nothing. What was staged and never became
valid is removed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import attrs
import bson
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from danqing_server.clock import EPOCH
from danqing_server.errors import BatchUnreadable
from danqing_server.loops.steps import step
from danqing_server.records.batches import Batch, BatchStatus, Mode
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.store.batch_documents import batch_document, batch_of, require_batch
from danqing_server.store.client import Database, translated
from danqing_server.store.keys import DELETED
from danqing_server.store.late_indexes import OF_BATCH, LateIndexes
from danqing_server.store.newest import NEWEST_FIRST, Place, behind, place_of
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable, task_of, versioned
from danqing_server.store.tasks import COLLECTION as TASKS

__all__ = ["BatchStore"]

COLLECTION = "danqing_batches"
STAGED = "danqing_batch_lines"
HELD_FOR = timedelta(seconds=30)
PAGE = 200

_INDEXES = [
    IndexModel([("owner", ASCENDING), *NEWEST_FIRST], name="newest"),
    IndexModel([("open", ASCENDING)], name="open", partialFilterExpression={"open": {"$exists": True}}),
]

_KNOWN: tuple[tuple[str, type[StrEnum]], ...] = (("status", BatchStatus), ("mode", Mode))


@attrs.define(eq=False)
class BatchStore:
    """The batches. Every method raises StoreUnavailable."""

    database: Database
    _batches: Any = attrs.field(init=False)
    _staged: Any = attrs.field(init=False)
    _tasks: Any = attrs.field(init=False)
    _indexes: LateIndexes = attrs.field(init=False)
    _own_indexes: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._batches, self._staged = self.database[COLLECTION], self.database[STAGED]
        self._tasks = self.database[TASKS]
        self._indexes = LateIndexes(self._tasks)

    async def prepare(self) -> None:
        """See to the indexes that batches need; they are made for the first one."""
        if not self._own_indexes:
            with translated():
                await self._batches.create_indexes(_INDEXES)
            self._own_indexes = True
        await self._indexes.prepare(OF_BATCH)

    async def drain(self) -> None:
        """Wait for no index any longer."""
        await self._indexes.drain()

    @step("batch.stage")
    async def stage(self, batch_id: str, token: str, lines: Mapping[int, bytes], at: datetime) -> None:
        """Keep the documents of tasks to be, by line."""
        documents = [
            {"_id": _staged_id(token, line), "batch": batch_id, "at": at, "task": body}
            for line, body in lines.items()
        ]
        with translated():
            await self._staged.insert_many(documents, ordered=False)

    async def count_staged(self, token: str, since: datetime) -> int:
        """Return how many lines were staged under *token* at *since* or later."""
        with translated():
            return int(await self._staged.count_documents({"_id": _behind(token, 0), "at": {"$gte": since}}))

    @step("batch.commit")
    async def commit(self, batch: Batch) -> bool:
        """Make a batch valid; False when its id is taken: the same request did so before."""
        return await self._insert({**batch_document(batch), "open": True})

    async def bury(self, batch: Batch) -> bool:
        """Take the id of a batch that is not to become valid; False when it is valid already."""
        return await self._insert(batch_document(attrs.evolve(batch, status=BatchStatus.CANCELLED)))

    async def _insert(self, document: dict[str, Any]) -> bool:
        with translated():
            try:
                await self._batches.insert_one(versioned(document))
            except DuplicateKeyError:
                return False
        return True

    async def find(self, batch_id: str, reach: Reach) -> Batch | None:
        """Return a batch in *reach*, None when there is none. Raises BatchUnreadable for one of a newer release."""
        with translated():
            found = await self._batches.find_one({"_id": batch_id, **reach.filter})
        return None if found is None else require_batch(batch_of(found))

    async def find_many(self, reach: Reach, *, limit: int, after: Place | None) -> tuple[list[Batch], Place | None]:
        """Return the next *limit* batches behind *after*, newest first, without what is wrong with their lines.

        With them comes where to go on, None at the end of all. Those that cannot be read are left out.
        """
        wanted = {**reach.filter, **({} if after is None else behind(after))}
        with translated():
            found = self._batches.find(wanted, {"problems": 0}).sort(NEWEST_FIRST).limit(limit + 1)
            found = await found.to_list(None)
        page = found[:limit]
        next_ = place_of(page[-1]) if len(found) > limit else None
        return [batch for each in page if isinstance(batch := batch_of(each), Batch)], next_

    async def open_since(self) -> Mapping[str, datetime]:
        """Return the batches with which something is still to be done, and which this release knows how, by id.

        With each comes when it was made. What a newer release understands alone is left to its processes.
        """
        known = {name: {"$in": [each.value for each in kind]} for name, kind in _KNOWN}
        with translated():
            found = await self._batches.find({"open": True, **known}, ["created_at"]).to_list(None)
        return {each["_id"]: _moment_of(each.get("created_at")) for each in found}

    async def count_open(self, owner: str | None) -> int:
        """Return with how many of an owner's batches something is still to be done."""
        with translated():
            return int(await self._batches.count_documents({"open": True, "owner": owner}))

    async def hold(self, batch_id: str, holder: str, now: datetime) -> Batch | None:
        """Take an open batch for a while, so that one process at a time goes on with it; None when another does.

        Raises BatchUnreadable for one of a newer release, which is let go for its processes.
        """
        free = [{"holder": holder}, {"held_until": None}, {"held_until": {"$lt": now}}]
        sets = {"holder": holder, "held_until": now + HELD_FOR}
        with translated():
            found = await self._batches.find_one_and_update(
                {"_id": batch_id, "open": True, "$or": free},
                {"$set": sets},
                {"problems": 0},
                return_document=ReturnDocument.AFTER,
            )
        if found is None:
            return None
        batch = batch_of(found)
        if isinstance(batch, BatchUnreadable):
            await self.let_go(batch_id, holder)
        return require_batch(batch)

    async def let_go(self, batch_id: str, holder: str) -> None:
        """Let another process go on with a batch."""
        with translated():
            await self._batches.update_one(
                {"_id": batch_id, "holder": holder}, {"$unset": {"holder": "", "held_until": ""}}
            )

    async def staged_after(self, batch: Batch, limit: int) -> list[Task]:
        """Return the next tasks to be made, in order; none that was deleted meanwhile.

        Raises Unreadable for one of a newer release.
        """
        wanted = {"_id": _behind(batch.token, batch.made_to)}
        with translated():
            found = await self._staged.find(wanted).sort("_id", ASCENDING).limit(limit).to_list(None)
        return [_task_in(document) for document in found]

    async def buried_among(self, ids: Collection[str]) -> set[str]:
        """Return which of these tasks were made and deleted already: they are not made again."""
        with translated():
            found = await self.database[DELETED].find({"_id": {"$in": list(ids)}}, ["_id"]).to_list(None)
        return {document["_id"] for document in found}

    @step("batch.mark")
    async def mark(self, batch: Batch, made_to: int, made: int, now: datetime) -> bool:
        """Note how far a batch is, also one that is to be cancelled by now; False when another went on with it."""
        expected = {"_id": batch.id, "open": True, "made_to": batch.made_to}
        sets = {"made_to": made_to, "made": made, "updated_at": now}
        with translated():
            outcome = await self._batches.update_one(expected, {"$set": sets})
        return bool(outcome.matched_count)

    async def finish(self, batch: Batch, status: BatchStatus, now: datetime) -> bool:
        """End what is to be done with a batch, and remove its staged lines; False when its status is another."""
        expected = {"_id": batch.id, "status": batch.status.value}
        sets = {"status": status.value, "updated_at": now}
        gone = dict.fromkeys(("open", "holder", "held_until"), "")
        with translated():
            outcome = await self._batches.update_one(expected, {"$set": sets, "$unset": gone})
            if outcome.matched_count:
                await self._staged.delete_many({"_id": _behind(batch.token, 0)})
        return bool(outcome.matched_count)

    async def cancel(self, batch_id: str, now: datetime) -> bool:
        """Have a batch cancelled; False when it is, or is about to be."""
        may = [BatchStatus.CREATING.value, BatchStatus.CREATED.value]
        sets = {"status": BatchStatus.CANCELLING.value, "open": True, "updated_at": now}
        with translated():
            outcome = await self._batches.update_one({"_id": batch_id, "status": {"$in": may}}, {"$set": sets})
        return bool(outcome.matched_count)

    async def count_by_status(self, batch_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return, for each batch, how many of its tasks are in each status.

        Each is a question of its own: a page of batches may have a million tasks together, which are read.
        """
        return {batch_id: await self._statuses_of(batch_id) for batch_id in batch_ids}

    async def _statuses_of(self, batch_id: str) -> dict[str, int]:
        pipeline = [
            {"$match": {"batch.id": batch_id}},
            {"$group": {"_id": "$status", "count": {"$sum": 1}}},
        ]
        with translated():
            found = await self._tasks.aggregate(pipeline).to_list(None)
        return {each["_id"]: each["count"] for each in found}

    async def tasks_of(self, batch_id: str) -> AsyncGenerator[Task, None]:
        """Yield the tasks of a batch by line, a page at a time; those that cannot be read are left out."""
        line = 0
        while True:
            wanted = {"batch.id": batch_id, "batch.line": {"$gt": line}}
            with translated():
                found = await self._tasks.find(wanted).sort("batch.line", ASCENDING).limit(PAGE).to_list(None)
            if not found:
                return
            line = found[-1]["batch"]["line"]
            for task in readable(found):
                yield task

    async def unfinished_of(self, batch_id: str, limit: int) -> list[str]:
        """Return the ids of tasks of a batch that are not finished."""
        wanted = {"batch.id": batch_id, "status": {"$nin": [status.value for status in FINISHED]}}
        with translated():
            found = await self._tasks.find(wanted, ["_id"]).limit(limit).to_list(None)
        return [document["_id"] for document in found]

    async def abandoned(self, before: datetime) -> tuple[str, str | None] | None:
        """Return the token of staged lines, last touched before *before*, that no batch will make tasks of.

        With it comes the batch's id when there is none of that id at all: nobody needs its pictures. None: no more.
        """
        behind = ""
        while True:
            with translated():
                found = await self._staged.find_one(
                    {"_id": {"$gt": behind}}, {"task": 0}, sort=[("_id", ASCENDING)]
                )
                if found is None:
                    return None
                token = found["_id"].partition("-")[0]
                batch = await self._batches.find_one({"_id": found["batch"]}, ["token", "open"])
            used = batch is not None and batch["token"] == token and batch.get("open")
            if not used and found["at"] < before:
                return token, found["batch"] if batch is None else None
            behind = f"{token}.."  # behind all of that token's: `.` is behind `-`

    async def staged_pictures(self, token: str) -> list[str]:
        """Return the keys of the reference pictures of the lines staged under *token*."""
        with translated():
            found = await self._staged.find({"_id": _behind(token, 0)}).to_list(None)
        references = (each for line in found for each in RawBSONDocument(line["task"]).get("references", ()))
        return [each["asset"] for each in references if each.get("asset") is not None]

    async def discard(self, token: str) -> None:
        """Remove what is staged under *token*."""
        with translated():
            await self._staged.delete_many({"_id": _behind(token, 0)})


def _moment_of(value: Any) -> datetime:
    return value if isinstance(value, datetime) else EPOCH  # a newer release's, which is not read here


def _staged_id(token: str, line: int) -> str:
    return f"{token}-{line:06}"


def _behind(token: str, line: int) -> dict[str, str]:
    return {"$gt": _staged_id(token, line), "$lt": f"{token}."}


def _task_in(document: Mapping[str, Any]) -> Task:
    task = task_of(bson.decode(document["task"], _AWARE))
    if isinstance(task, Task):
        return task
    raise task


_AWARE: Any = bson.CodecOptions(tz_aware=True)
