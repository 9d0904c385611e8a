"""Tasks in the order in which they changed: for those who are told of all of a project's.

The indexes for it are made when somebody first wants to be told: each change of a task costs one more key from
then on, and nothing before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
import pymongo
from pymongo import ASCENDING, IndexModel

from danqing_server.records.tasks import Status, Task
from danqing_server.store.client import Database, translated
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable
from danqing_server.store.tasks import COLLECTION
from danqing_server.store.watching import VERSION_FIELDS, version_in

__all__ = ["ChangedStore", "Glimpse"]

BUILD_S = 3600.0
PAGE = 500

_ORDER = [("updated_at", ASCENDING), ("_id", ASCENDING)]
_OF_EVERYBODY = IndexModel(_ORDER, name="changed")
_OF_ONE_OWNER = IndexModel(
    [("owner", ASCENDING), *_ORDER], name="changed_of_owner", partialFilterExpression={"owner": {"$gt": ""}}
)
_FIELDS = {**VERSION_FIELDS, "status": 1}


@attrs.frozen
class Glimpse:
    """A task that changed, when, and into which version."""

    id: str
    at: datetime
    version: str
    is_running: bool


@attrs.define(eq=False)
class ChangedStore:
    """Changed tasks in MongoDB. Every method raises StoreUnavailable when it does not answer in time."""

    database: Database

    async def ensure_index(self, reach: Reach) -> None:
        """Create the index that `since` needs for *reach*; it may take minutes where there are many tasks."""
        index = _OF_EVERYBODY if reach.is_everybody else _OF_ONE_OWNER
        with pymongo.timeout(BUILD_S), translated():
            await self._tasks.create_indexes([index])

    async def since(self, reach: Reach, moment: datetime, after: Glimpse | None = None) -> list[Glimpse]:
        """Return the tasks that changed at *moment* or later, in order: a page, behind *after* if given."""
        condition: dict[str, Any] = {**reach.filter, "updated_at": {"$gte": moment if after is None else after.at}}
        if after is not None:
            later = {"updated_at": {"$gt": after.at}}
            condition["$or"] = [later, {"updated_at": after.at, "_id": {"$gt": after.id}}]
        with translated():
            found = await self._tasks.find(condition, _FIELDS).sort(_ORDER).limit(PAGE).to_list(None)
        return [_glimpse(document) for document in found]

    async def glimpses(self, ids: Collection[str]) -> list[Glimpse]:
        """Return what is there of *ids*."""
        with translated():
            found = await self._tasks.find({"_id": {"$in": list(ids)}}, _FIELDS).to_list(None)
        return [_glimpse(document) for document in found]

    async def tasks(self, ids: Sequence[str]) -> dict[str, Task]:
        """Return what can be read of *ids*."""
        with translated():
            found = await self._tasks.find({"_id": {"$in": list(ids)}}).to_list(None)
        return {task.id: task for task in readable(found)}

    @property
    def _tasks(self) -> Any:
        return self.database[COLLECTION]


def _glimpse(document: Mapping[str, Any]) -> Glimpse:
    is_running = document.get("status") == Status.PROCESSING.value
    return Glimpse(document["_id"], document["updated_at"], version_in(document), is_running)
