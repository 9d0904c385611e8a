"""Tasks without a key that have ended, in the order in which they last changed: for whoever books them late."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from danqing_server.records.tasks import FINISHED
from danqing_server.store.changed import ChangedStore
from danqing_server.store.client import Database, translated
from danqing_server.store.reach import Reach
from danqing_server.store.sheets import COLLECTION as STATS
from danqing_server.store.tasks import COLLECTION

__all__ = ["Ended", "UnbookedStore"]

PAGE = 250
_MARK = "booked"
_FINISHED = [status.value for status in FINISHED]


@attrs.frozen(order=True)
class Ended:
    """A task that has ended, and when it changed last."""

    at: datetime
    id: str


@attrs.define(eq=False)
class UnbookedStore:
    """What is still to be booked. Every method raises StoreUnavailable."""

    database: Database

    async def prepare(self) -> None:
        """See to the index that `page` needs: the one of those who are told of changes."""
        await ChangedStore(self.database).ensure_index(Reach.everybody())

    async def booked_until(self) -> datetime | None:
        """Return until when all that ended without a key is booked; None: nobody has asked yet."""
        with translated():
            found = await self.database[STATS].find_one({"_id": _MARK})
        return None if found is None else found["until"]

    async def note(self, until: datetime) -> None:
        """Keep until when all is booked; an earlier moment than the one that is kept changes nothing."""
        with translated():
            await self.database[STATS].update_one({"_id": _MARK}, {"$max": {"until": until}}, upsert=True)

    async def page(self, since: datetime, after: Ended | None) -> list[Ended]:
        """Return a page of those that changed at *since* or later, in order, behind *after* if given."""
        condition: dict[str, Any] = {
            "owner": None,
            "status": {"$in": _FINISHED},
            "updated_at": {"$gte": since if after is None else after.at},
        }
        if after is not None:
            later = {"updated_at": {"$gt": after.at}}
            condition["$or"] = [later, {"updated_at": after.at, "_id": {"$gt": after.id}}]
        with translated():
            cursor = self.database[COLLECTION].find(condition, {"updated_at": 1})
            found = await cursor.sort([("updated_at", 1), ("_id", 1)]).limit(PAGE).to_list(None)
        return [Ended(each["updated_at"], each["_id"]) for each in found]
