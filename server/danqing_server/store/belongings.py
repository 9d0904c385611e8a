"""What is stored of one user or one project, wherever it stands, for who erases all of it.

It is found as bare documents: what another release wrote counts, too. No index is made for what happens once: a
user's tasks are found by the index of their lists, everything else by walking through it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING

from danqing_server.codec.bodies import dump_json
from danqing_server.records.deliveries import DeliveryState
from danqing_server.records.tasks import FINISHED
from danqing_server.store.batches import COLLECTION as BATCHES
from danqing_server.store.batches import STAGED
from danqing_server.store.client import Database, translated, unhurried
from danqing_server.store.deliveries import COLLECTION as DELIVERIES
from danqing_server.store.ledger import COLLECTION as LEDGER
from danqing_server.store.ledger import FORGOTTEN
from danqing_server.store.listing import TaskFilter
from danqing_server.store.newest import NEWEST_FIRST, place_of
from danqing_server.store.reach import Reach
from danqing_server.store.sessions import COLLECTION as SESSIONS
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.store.uploads import COLLECTION as UPLOADS
from danqing_server.store.users import COLLECTION as USERS

__all__ = ["Belongings", "StagedLine", "TaskPlace", "Whose"]

PAGE = 200
_OF_TASK = {"created_at": 1, "batch.id": 1}


@attrs.frozen(kw_only=True)
class Whose:
    """Whose things are meant: a user's within *reach*, or, with *user* None, all that one owner has."""

    user: str | None
    reach: Reach

    def __attrs_post_init__(self) -> None:
        assert self.user is not None or not self.reach.is_everybody  # all that is stored is never meant

    @property
    def tasks(self) -> dict[str, Any]:
        """The condition of a query for tasks."""
        return {**self.reach.filter, **({} if self.user is None else {"user_id": self.user})}

    def has(self, task: Mapping[str, Any]) -> bool:
        """Tell whether a task's document is of theirs."""
        return self.reach.covers(task.get("owner")) and self.user in (None, task.get("user_id"))


@attrs.frozen(kw_only=True)
class TaskPlace:
    """A task: where it stands in a list (`at`), and the batch that it came with."""

    id: str
    at: datetime
    batch: str | None


@attrs.frozen(kw_only=True)
class StagedLine:
    """A line of a batch that is no task yet: its own id, the one that its task would have, and its batch's."""

    id: str
    task: str
    batch: str


@attrs.define(eq=False)
class Belongings:
    """Finds and removes what is stored. Every method raises StoreUnavailable."""

    database: Database

    async def count(self, whose: Whose, before: datetime) -> Mapping[str, int]:
        """Return how much there is of what was made *before*, by what it is; changes nothing."""
        tasks = {**whose.tasks, "created_at": {"$lt": before}}
        open_ = {**tasks, "status": {"$nin": [status.value for status in FINISHED]}}
        counted = {"tasks": (TASKS, tasks), "unfinished": (TASKS, open_)}
        if whose.user is None:
            of_owner = {**whose.reach.filter, "created_at": {"$lt": before}}
            counted |= {"batches": (BATCHES, of_owner), "uploads": (UPLOADS, of_owner)}
        else:
            counted |= {"users": (USERS, {"_id": whose.user, **whose.reach.filter})}
            counted |= {"sessions": (SESSIONS, _of_sessions(whose))}
        counted |= {"deliveries": (DELIVERIES, _of_deliveries(whose))}
        async with unhurried(self.database):
            found = {
                name: await self.database[where].count_documents(what) for name, (where, what) in counted.items()
            }
        return {**found, "lines": len([line async for line in self.lines(whose, before)])}

    async def tasks(self, whose: Whose, before: datetime, after: TaskPlace | None) -> Sequence[TaskPlace]:
        """Return the next tasks behind *after* that were made *before*; none: that was the last."""
        if whose.user is None:
            wanted = {**whose.tasks, "created_at": {"$lt": before}}
            if after is not None:
                wanted["_id"] = {"$gt": after.id}
            found = self.database[TASKS].find(wanted, _OF_TASK).sort("_id", ASCENDING).hint([("_id", ASCENDING)])
        else:
            listed = TaskFilter(user_id=whose.user, made_before=before)
            scope = listed.scope(whose.reach, None if after is None else (after.at, after.id))
            found = self.database[TASKS].find(scope, _OF_TASK).sort(NEWEST_FIRST)
        async with unhurried(self.database):
            return [_place(document) for document in await found.limit(PAGE).to_list(None)]

    async def lines(self, whose: Whose, before: datetime) -> AsyncIterator[StagedLine]:
        """Yield the lines of batches that are no tasks yet, and were staged *before*."""
        behind = ""
        while True:
            wanted = {"_id": {"$gt": behind}, "at": {"$lt": before}}
            async with unhurried(self.database):
                page = await self.database[STAGED].find(wanted).sort("_id", ASCENDING).limit(PAGE).to_list(None)
            for document in page:
                task = RawBSONDocument(document["task"])
                if whose.has(task):
                    yield StagedLine(id=document["_id"], task=task["_id"], batch=document["batch"])
            if len(page) < PAGE:
                return
            behind = page[-1]["_id"]

    async def forget_line(self, line: StagedLine) -> bool:
        """Remove a line; False when it is gone, being a task by now."""
        with translated():
            outcome = await self.database[STAGED].delete_one({"_id": line.id})
        return bool(outcome.deleted_count)

    async def batches(self, whose: Whose, before: datetime, after: str) -> Sequence[str]:
        """Return the next batches of an owner, by id, that were made *before*; none: there are no more."""
        return await self._ids(BATCHES, whose, before, after)

    async def is_shared(self, batch_id: str, whose: Whose) -> bool:
        """Tell whether a batch has tasks, or lines that are to be tasks, of anybody else."""
        others = {"batch.id": batch_id, "$nor": [whose.tasks]}
        async with unhurried(self.database):
            if await self.database[TASKS].find_one(others, ["_id"]) is not None:
                return True
            async for document in self.database[STAGED].find({"batch": batch_id}):
                if not whose.has(RawBSONDocument(document["task"])):
                    return True
        return False

    async def forget_batch(self, batch_id: str) -> bool:
        """Remove a batch with which nothing is to be done any more, and its lines; False when there is none.

        A death in between leaves lines that no batch will make tasks of.
        """
        with translated():
            outcome = await self.database[BATCHES].delete_one({"_id": batch_id, "open": {"$exists": False}})
            if outcome.deleted_count:
                await self.database[STAGED].delete_many({"batch": batch_id})
        return bool(outcome.deleted_count)

    async def uploads(self, whose: Whose, before: datetime, after: str) -> Sequence[str]:
        """Return the next uploads of an owner, by id, also half made ones; none: there are no more."""
        return await self._ids(UPLOADS, whose, before, after)

    async def forget_deliveries(self, whose: Whose) -> int:
        """Remove what was delivered to webhooks or never will be; returns how many."""
        ended = {**_of_deliveries(whose), "state": {"$ne": DeliveryState.PENDING.value}}
        return await self._remove(DELIVERIES, ended)

    async def forget_sessions(self, whose: Whose) -> int:
        """Sign a user out of the studio; returns of how many browsers."""
        return await self._remove(SESSIONS, _of_sessions(whose))

    async def forget_in_ledger(self, whose: Whose) -> None:
        """Have the books name the user no more, whenever their tasks were deleted; what they amount to stays."""
        wanted: dict[str, Any] = {"user": whose.user}
        if not whose.reach.is_everybody:
            wanted["project"] = whose.reach.filter["owner"]
        async with unhurried(self.database):
            await self.database[LEDGER].update_many(wanted, {"$set": {"user": FORGOTTEN}})

    async def _ids(self, collection: str, whose: Whose, before: datetime, after: str) -> Sequence[str]:
        wanted = {**whose.reach.filter, "created_at": {"$lt": before}, "_id": {"$gt": after}}
        async with unhurried(self.database):
            found = self.database[collection].find(wanted, ["_id"]).sort("_id", ASCENDING)
            return [document["_id"] for document in await found.limit(PAGE).to_list(None)]

    async def _remove(self, collection: str, wanted: Mapping[str, Any]) -> int:
        async with unhurried(self.database):
            outcome = await self.database[collection].delete_many(wanted)
        return int(outcome.deleted_count)


def _place(document: Mapping[str, Any]) -> TaskPlace:
    at, id_ = place_of(document)
    return TaskPlace(id=id_, at=at, batch=(document.get("batch") or {}).get("id"))


def _of_deliveries(whose: Whose) -> dict[str, Any]:
    """Return what finds deliveries; a user stands only in what is sent."""
    if whose.user is None:
        return dict(whose.reach.filter)
    said = dump_json({"user_id": whose.user})[1:-1].decode()
    return {**whose.reach.filter, "body": {"$regex": re.escape(said)}}


def _of_sessions(whose: Whose) -> dict[str, Any]:
    project = {} if whose.reach.is_everybody else {"project": whose.reach.filter["owner"]}
    return {"user": whose.user, **project}
