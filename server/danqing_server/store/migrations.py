"""Changes of what is stored already, made while servers run: a page at a time, to be cut anywhere.

A migration is a filter and an update. The filter finds the documents that still need it, and stands in the update's
own, so that each is changed once whoever else changes it meanwhile; the update is of a kind that the release before
reads (`docs/upgrading.md`). How far it is stands in MongoDB: whoever goes on begins there. What an older process
writes behind it is found by the next look, since the filter finds it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
import pymongo
from pymongo import ASCENDING

from danqing_server.clock import Clock
from danqing_server.errors import Unreadable
from danqing_server.loops.steps import step
from danqing_server.store.client import Database, translated
from danqing_server.store.keys import COLLECTION as KEYS
from danqing_server.store.reading import SCHEMA_VERSION, task_of
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.store.users import COLLECTION as USERS

__all__ = ["MIGRATIONS", "Migration", "MigrationStore", "Progress"]

COLLECTION = "danqing_migrations"
PAGE = 500
COUNT_S = 3600.0


@attrs.frozen(kw_only=True)
class Migration:
    """A change of the documents of one collection. `id` never changes its meaning, and `meaning` says it."""

    id: str
    collection: str
    meaning: str
    wanted: Mapping[str, Any]
    update: Mapping[str, Any] | Sequence[Mapping[str, Any]]


@attrs.frozen(kw_only=True)
class Progress:
    """How far a migration is: behind which document, and how many it changed. `done_at` None: it is not through."""

    after: str = ""
    changed: int = 0
    done_at: datetime | None = None


def _versioned(collection: str) -> Migration:
    return Migration(
        id=f"2026-11-version-of-{collection.removeprefix('danqing_')}",
        collection=collection,
        meaning="documents of before versions were written say that they are of version 1",
        wanted={"v": {"$exists": False}},
        update={"$set": {"v": 1}},
    )


MIGRATIONS: Sequence[Migration] = tuple(_versioned(name) for name in (TASKS, USERS, KEYS))
"""All of them, in the order in which they are to be made."""


@attrs.define(eq=False)
class MigrationStore:
    """What is stored by other releases, and is changed. Every method raises StoreUnavailable."""

    database: Database
    clock: Clock

    async def progress(self, migration: Migration) -> Progress:
        """Return how far a migration is."""
        with translated():
            found = await self.database[COLLECTION].find_one({"_id": migration.id})
        if found is None:
            return Progress()
        return Progress(after=found["after"], changed=found["changed"], done_at=found.get("done_at"))

    async def count_left(self, migration: Migration) -> int:
        """Return how many documents still need it; reads the whole collection."""
        with pymongo.timeout(COUNT_S), translated():
            return int(await self.database[migration.collection].count_documents(migration.wanted))

    @step("upgrade.page")
    async def make_page(self, migration: Migration, progress: Progress) -> Progress:
        """Change the next documents, and write down how far it is. At the end it begins anew with the next call."""
        collection = self.database[migration.collection]
        wanted = {"_id": {"$gt": progress.after}, **migration.wanted}
        with pymongo.timeout(COUNT_S), translated():
            found = await collection.find(wanted, ["_id"]).sort("_id", ASCENDING).limit(PAGE).to_list(None)
            ids = [each["_id"] for each in found]
            outcome = await collection.update_many({"_id": {"$in": ids}, **migration.wanted}, migration.update)
        is_over = len(ids) < PAGE
        changed = progress.changed + outcome.modified_count
        now = Progress(
            after="" if is_over else ids[-1], changed=changed, done_at=self.clock.now() if is_over else None
        )
        await self._note(migration, now)
        return now

    async def versions(self, collection: str) -> dict[int, int]:
        """Return how many documents of a collection say that they are of which version; 1 where none is said."""
        pipeline = [{"$group": {"_id": {"$ifNull": ["$v", 1]}, "count": {"$sum": 1}}}]
        with pymongo.timeout(COUNT_S), translated():
            found = await self.database[collection].aggregate(pipeline).to_list(None)
        return {each["_id"]: each["count"] for each in found}

    async def unreadable_tasks(self) -> AsyncIterator[str]:
        """Read every task as this release does, and yield the ids of those that it cannot read."""
        last = ""
        while True:
            with translated():
                cursor = self.database[TASKS].find({"_id": {"$gt": last}}).sort("_id", ASCENDING).limit(PAGE)
                found = await cursor.to_list(None)
            if not found:
                return
            last = found[-1]["_id"]
            for document in found:
                if isinstance(task_of(document), Unreadable):
                    yield str(document["_id"])

    @property
    def schema_version(self) -> int:
        """The version that this release writes."""
        return SCHEMA_VERSION

    async def _note(self, migration: Migration, progress: Progress) -> None:
        with translated():
            await self.database[COLLECTION].update_one(
                {"_id": migration.id}, {"$set": attrs.asdict(progress)}, upsert=True
            )
