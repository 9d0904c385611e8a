"""Tasks without a key that have ended, in the order in which they last changed: for whoever books them late.

What is under way when somebody asks is kept by its ids until it is over: the end of such a task is dated when it
was decided, and may be stored long after; and what becomes of a cancelled one's call dates nothing anew.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import attrs
from pymongo import ASCENDING

from danqing_server.records.tasks import FINISHED
from danqing_server.store.changed import ChangedStore
from danqing_server.store.client import Database, translated
from danqing_server.store.newest import border, past, up_to
from danqing_server.store.reach import Reach
from danqing_server.store.sheets import COLLECTION as STATS
from danqing_server.store.tasks import COLLECTION

__all__ = ["Booked", "Ended", "UnbookedStore"]

PAGE = 250
STEP = 5_000
"""Tasks that one question reads: among a million that came with a key, one for the next without found no end."""

OLDEST = 1_000
_MARK = "booked"
_BY = "updated_at"
_ORDER = [(_BY, ASCENDING), ("_id", ASCENDING)]
_FINISHED = [status.value for status in FINISHED]


@attrs.frozen(order=True)
class Ended:
    """A task that has ended, and when it changed last."""

    at: datetime
    id: str


@attrs.frozen
class Booked:
    """Until when all is booked that ended without a key, None: nobody has asked yet; `left` was under way then."""

    until: datetime | None
    left: Collection[str] = frozenset()


@attrs.define(eq=False)
class UnbookedStore:
    """What is still to be booked. Every method raises StoreUnavailable."""

    database: Database
    step: int = STEP

    async def prepare(self) -> None:
        """See to the index that `page` needs: the one of those who are told of changes."""
        await ChangedStore(self.database).ensure_index(Reach.everybody())

    async def may_be_any(self) -> bool:
        """Tell whether anything came without a key, as far as the tasks that were stored first say."""
        stages = [{"$limit": OLDEST}, {"$match": {"owner": None}}, {"$limit": 1}, {"$project": {"_id": 1}}]
        with translated():
            return bool(await self.database[COLLECTION].aggregate(stages).to_list(None))

    async def booked(self) -> Booked:
        """Return how far the books are."""
        with translated():
            found = await self.database[STATS].find_one({"_id": _MARK}) or {}
        return Booked(found.get("until"), frozenset(found.get("left", ())))

    async def under_way(self) -> set[str]:
        """Return which tasks a worker has: those that run, and cancelled ones whose calls are not over."""
        held = {"attempt.worker": {"$exists": True}, "owner": None}
        with translated():
            found = await self.database[COLLECTION].find(held, ["_id"]).to_list(None)
        return {document["_id"] for document in found}

    async def leave(self, task_ids: Collection[str]) -> None:
        """Keep that these are to be looked at again, whenever they say that they ended."""
        with translated():
            more = {"$addToSet": {"left": {"$each": sorted(task_ids)}}}
            await self.database[STATS].update_one({"_id": _MARK}, more, upsert=True)

    async def note(self, until: datetime, over: Collection[str] = ()) -> None:
        """Keep until when all is booked; an earlier moment than the one that is kept changes nothing.

        Those that are *over* are booked as well, and left out no more.
        """
        update: dict[str, Any] = {"$max": {"until": until}}
        if over:
            update["$pullAll"] = {"left": sorted(over)}
        with translated():
            await self.database[STATS].update_one({"_id": _MARK}, update, upsert=True)

    async def page(self, since: datetime, after: Ended | None) -> tuple[list[Ended], Ended | None]:
        """Return those of them among the next few thousand tasks that changed at *since* or later, in order.

        With them comes where to go on: behind it, *after*, nothing was looked at. None: that was the last.
        """
        here = {_BY: {"$gte": since}} if after is None else past((after.at, after.id), "$gt", _BY)
        with translated():
            end = await border(self._tasks, here, _ORDER, self.step)
            up_to_end = [] if end is None else [up_to(end, "$lt", _BY)]
            wanted = {"$and": [here, *up_to_end, {"owner": None, "status": {"$in": _FINISHED}}]}
            found = await self._tasks.find(wanted, {_BY: 1}).sort(_ORDER).limit(PAGE).to_list(None)
        page = [Ended(each[_BY], each["_id"]) for each in found]
        if len(page) == PAGE:
            return page, page[-1]
        return page, None if end is None else Ended(*end)

    @property
    def _tasks(self) -> Any:
        return self.database[COLLECTION]
