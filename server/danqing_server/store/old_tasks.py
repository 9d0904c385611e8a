"""Ended tasks, oldest first, as retention looks through them.

It walks the index that lists over all users walk (`listing`), which is made when retention is switched on: a
stretch at a time, whose border that index gives alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
import pymongo
from pymongo import ASCENDING

from danqing_server.records.tasks import FINISHED, Status, Task
from danqing_server.store.client import Database, translated
from danqing_server.store.listing import TaskFilter, TaskList
from danqing_server.store.newest import NEWEST_FIRST, Place, border, past, place_of, up_to
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable
from danqing_server.store.tasks import COLLECTION

__all__ = ["Kinds", "OldTasks"]

LONGEST_S = 60.0
PAGE = 200
STEP = 5_000
"""Tasks that one question reads: of ten million of which hardly any may go, one question would find no end."""

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
    step: int = STEP

    async def prepare(self, reach: Reach) -> None:
        """See to the index that is walked."""
        everybody = Reach.everybody()
        await self.task_list.prepare(TaskFilter(), reach if _walked(reach) else everybody)

    async def page(
        self,
        kinds: Kinds,
        *,
        after: Place | None,
        made_before: datetime,
        reserved_before: datetime,
        ended_before: datetime | None = None,
    ) -> tuple[list[Task], Place | None]:
        """Return those of them among the next few thousand tasks behind *after*, oldest first; and where to go on.

        Those with a star are left out, and those that an attempt still holds, or what it set aside of a limit,
        unless that was before *reserved_before*.
        """
        here = [_walked(kinds.reach), {"created_at": {"$lt": made_before}}]
        here += [] if after is None else [past(after, "$gt")]
        end = await self._border(here, _OLDEST)
        here += [] if end is None else [up_to(end, "$lt")]
        wanted: dict[str, Any] = {
            "attempt": None,
            "reserved.at": {"$not": {"$gte": reserved_before}},
            "stars.0": {"$exists": False},
        }
        if ended_before is not None:
            wanted["completed_at"] = {"$lt": ended_before}
        with pymongo.timeout(LONGEST_S), translated():
            asked = self._tasks.find({"$and": [*here, kinds.condition, wanted]}, _HEAVY)
            found = await asked.sort(_OLDEST).limit(PAGE).to_list(None)
        return readable(found), place_of(found[-1]) if len(found) == PAGE else end

    async def newest(self, kinds: Kinds, count: int) -> datetime | None:
        """Return when the *count*-th newest of them was made; None when there are fewer."""
        after: Place | None = None
        while True:
            here = [_walked(kinds.reach)]
            here += [] if after is None else [past(after)]
            end = await self._border(here, NEWEST_FIRST)
            here += [] if end is None else [up_to(end)]
            wanted = {"$and": [*here, kinds.condition]}
            with pymongo.timeout(LONGEST_S), translated():
                asked = self._tasks.find(wanted, ["created_at"]).sort(NEWEST_FIRST).limit(count)
                found = await asked.to_list(None)
            if len(found) == count:
                made_at: datetime = found[-1]["created_at"]
                return made_at
            if end is None:
                return None
            after, count = end, count - len(found)

    async def _border(self, here: Sequence[Mapping[str, Any]], order: Any) -> Place | None:
        with pymongo.timeout(LONGEST_S), translated():
            return await border(self._tasks, {"$and": here}, order, self.step)

    async def owners(self) -> Sequence[str | None]:
        """Return whose tasks there are; None: those without an owner."""
        with pymongo.timeout(LONGEST_S), translated():
            owners = await self._tasks.distinct("owner", {"owner": {"$gt": ""}})
        return [None, *owners]

    @property
    def _tasks(self) -> Any:
        return self.database[COLLECTION]


def _walked(reach: Reach) -> Mapping[str, Any]:
    """Return what of *reach* an index answers: what has no owner is found among everybody's."""
    return {} if reach.owners in (None, [None]) else reach.filter
