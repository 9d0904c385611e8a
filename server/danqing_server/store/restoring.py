"""Documents put back from a backup, and the mark that a database is not whole yet.

The mark stands from before the first document until after the last change. While it does no process serves, and
the same restore may be made again, to go on where it was cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
import pymongo
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING
from pymongo.errors import BulkWriteError

from danqing_server.errors import SettingsError, Unreadable
from danqing_server.loops.steps import step
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.store.client import Database, translated
from danqing_server.store.dumping import LEFT_OUT, PREFIX
from danqing_server.store.leases import COLLECTION as WORKERS
from danqing_server.store.processes import has_died
from danqing_server.store.reading import task_of
from danqing_server.store.tasks import COLLECTION as TASKS

__all__ = ["RestoreStore"]

COLLECTION = "danqing_restores"
DUPLICATE_KEY = 11000
BUILD_S = 86_400.0
LOOK_EVERY_S = 0.5
PAGE = 200
_MARK = "under_way"
_FINISHED = [status.value for status in FINISHED]


@attrs.define(eq=False)
class RestoreStore:
    """A database that is restored into. Every method raises StoreUnavailable."""

    database: Database

    async def require_whole(self) -> None:
        """Raise SettingsError while a restore is under way, or was cut."""
        run = await self.under_way()
        if run is not None:
            raise SettingsError(
                f"the restore of backup {run} into this database is not finished: "
                "run the same `danqing restore` again first"
            )

    async def under_way(self) -> str | None:
        """Return which backup is being put back, None when none is."""
        with translated():
            found = await self.database[COLLECTION].find_one({"_id": _MARK})
        return None if found is None else str(found["run"])

    async def held(self) -> Mapping[str, int]:
        """Return how many documents of ours are there, by collection, without those of processes."""
        with translated():
            names = await self.database.list_collection_names()
            ours = sorted(name for name in names if name.startswith(PREFIX) and name not in {*LEFT_OUT, COLLECTION})
            counts = [await self.database[name].estimated_document_count() for name in ours]
        return {name: count for name, count in zip(ours, counts, strict=True) if count}

    async def is_served(self, watched_s: float) -> bool:
        """Watch, for *watched_s* at most, whether the worker of any process still renews its lease here."""
        before, loop = await self._beats(), asyncio.get_running_loop()
        until_s = loop.time() + watched_s
        now = before
        while now and now == before and loop.time() < until_s:
            await asyncio.sleep(LOOK_EVERY_S)
            now = await self._beats()
        return any(before.get(worker) != beat for worker, beat in now.items())

    async def _beats(self) -> dict[str, int]:
        with translated():
            found = await self.database[WORKERS].find({}).to_list(None)
        return {each["_id"]: each["beat"] for each in found if not has_died(each.get("process"))}

    async def begin(self, run: str, at: datetime, *, clears: bool) -> None:
        """Set the mark, which also says whether what is there is first to be removed."""
        sets = {"run": run, "at": at, **({"clears": True} if clears else {})}
        with translated():
            await self.database[COLLECTION].update_one({"_id": _MARK}, {"$set": sets}, upsert=True)

    async def is_to_be_cleared(self) -> bool:
        """Tell whether the restore under way is still to remove what was there."""
        with translated():
            return await self.database[COLLECTION].find_one({"_id": _MARK, "clears": True}) is not None

    @step("restore.clear")
    async def clear(self) -> None:
        """Remove all of ours but the mark, also what processes left."""
        with translated():
            for name in await self.database.list_collection_names():
                if name.startswith(PREFIX) and name != COLLECTION:
                    await self.database[name].drop()
            await self.database[COLLECTION].update_one({"_id": _MARK}, {"$unset": {"clears": ""}})

    @step("restore.insert")
    async def insert(self, name: str, raws: Sequence[bytes]) -> None:
        """Put documents back; those that are there already, by a restore that was cut, stay as they are."""
        documents = [RawBSONDocument(raw) for raw in raws]
        with translated():
            try:
                await self.database[name].insert_many(documents, ordered=False)
            except BulkWriteError as error:
                codes = {each["code"] for each in error.details["writeErrors"]}
                if error.details.get("writeConcernErrors") or codes != {DUPLICATE_KEY}:
                    raise

    async def make_indexes(self, name: str, indexes: Sequence[Mapping[str, Any]]) -> None:
        """Make the indexes that a collection had."""
        if indexes:
            with pymongo.timeout(BUILD_S), translated():
                await self.database.command("createIndexes", name, indexes=[dict(each) for each in indexes])

    async def open_tasks(self) -> AsyncIterator[Task | Unreadable]:
        """Yield the tasks that are not finished, by id; what changes meanwhile does not matter."""
        last = ""
        while True:
            wanted = {"_id": {"$gt": last}, "status": {"$nin": _FINISHED}}
            with translated():
                found = await self.database[TASKS].find(wanted).sort("_id", ASCENDING).limit(PAGE).to_list(None)
            if not found:
                return
            last = found[-1]["_id"]
            for document in found:
                yield task_of(document)

    async def ended_since(self, since: datetime) -> AsyncIterator[Task]:
        """Yield the finished tasks that can be read and changed at *since* or later, by id."""
        last = ""
        while True:
            wanted = {"_id": {"$gt": last}, "status": {"$in": _FINISHED}, "updated_at": {"$gte": since}}
            with translated():
                found = await self.database[TASKS].find(wanted).sort("_id", ASCENDING).limit(PAGE).to_list(None)
            if not found:
                return
            last = found[-1]["_id"]
            for document in found:
                if isinstance(task := task_of(document), Task):
                    yield task

    async def mark_untold(self, sets: Mapping[str, Mapping[str, Any]]) -> None:
        """Set marks of tasks, by their ids, that something is still to be told of them."""
        with translated():
            for task_id, marks in sets.items():
                await self.database[TASKS].update_one({"_id": task_id}, {"$set": dict(marks)})

    async def finish(self) -> None:
        """Take the mark away: from now on the database is whole."""
        with translated():
            await self.database[COLLECTION].delete_one({"_id": _MARK})
