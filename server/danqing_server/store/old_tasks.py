"""Ended tasks, oldest first, as retention looks through them.

It walks the index that lists over all users walk (`listing`), which is made when retention is switched on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs
import pymongo
from pymongo import ASCENDING

from danqing_server.records.tasks import FINISHED, Status, Task
from danqing_server.store.client import Database, translated
from danqing_server.store.listing import TaskFilter, TaskList
from danqing_server.store.newest import NEWEST_FIRST, Place, place_of
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable
from danqing_server.store.tasks import COLLECTION

__all__ = ["Kinds", "OldTasks"]

LONGEST_S = 60.0
PAGE = 200
_HEAVY = {"saved": 0, "result": 0, "references": 0}
_OLDEST = [("created_at", ASCENDING), ("_id", ASCENDING)]


@attrs.frozen(kw_only=True)
class Kinds:
    """Ended tasks in *reach* of some *statuses*, other than those of *but*."""

    reach: Reach
    statuses: tuple[Status, ...] = tuple(sorted(FINISHED))
    but: tuple[Kinds, ...] = ()

    @property
    def condition(self) -> dict[str, Any]:
        """What finds them."""
        found: dict[str, Any] = {**self.reach.filter, "status": {"$in": [each.value for each in self.statuses]}}
        return {**found, "$nor": [each.condition for each in self.but]} if self.but else found


@attrs.define(eq=False)
class OldTasks:
    """The tasks that may go, before anybody looked at them closely. Every method raises StoreUnavailable."""

    database: Database
    task_list: TaskList

    async def prepare(self, reach: Reach) -> None:
        """See to the index that is walked."""
        await self.task_list.prepare(TaskFilter(), reach)

    async def page(
        self,
        kinds: Kinds,
        *,
        after: Place | None,
        made_before: datetime,
        reserved_before: datetime,
        ended_before: datetime | None = None,
    ) -> tuple[list[Task], Place | None]:
        """Return the next of them behind *after*, oldest first; and where to go on.

        Those with a star are left out, and those that an attempt still holds, or what it set aside of a limit,
        unless that was before *reserved_before*.
        """
        wanted = {
            **kinds.condition,
            "created_at": {"$lt": made_before} | ({} if after is None else {"$gte": after[0]}),
            "attempt": None,
            "reserved.at": {"$not": {"$gte": reserved_before}},
            "stars.0": {"$exists": False},
        }
        if ended_before is not None:
            wanted["completed_at"] = {"$lt": ended_before}
        if after is not None:
            later = {"created_at": after[0], "_id": {"$gt": after[1]}}
            wanted["$or"] = [{"created_at": {"$gt": after[0]}}, later]
        with pymongo.timeout(LONGEST_S), translated():
            found = await self._tasks.find(wanted, _HEAVY).sort(_OLDEST).limit(PAGE).to_list(None)
        return readable(found), place_of(found[-1]) if len(found) == PAGE else None

    async def newest(self, kinds: Kinds, count: int) -> datetime | None:
        """Return when the *count*-th newest of them was made; None when there are fewer."""
        with pymongo.timeout(LONGEST_S), translated():
            found = self._tasks.find(kinds.condition, ["created_at"]).sort(NEWEST_FIRST).skip(count - 1).limit(1)
            documents = await found.to_list(None)
        return documents[0]["created_at"] if documents else None

    async def owners(self) -> Sequence[str | None]:
        """Return whose tasks there are; None: those without an owner."""
        with pymongo.timeout(LONGEST_S), translated():
            owners = await self._tasks.distinct("owner", {"owner": {"$gt": ""}})
        return [None, *owners]

    @property
    def _tasks(self) -> Any:
        return self.database[COLLECTION]
