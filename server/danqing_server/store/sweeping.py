"""What those ask who look after everybody's tasks: the sweep, and who takes over from the dead."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel

from danqing_server.clock import from_ms
from danqing_server.errors import Unreadable
from danqing_server.loops.steps import step
from danqing_server.records.lanes import lane_name
from danqing_server.records.tasks import Task
from danqing_server.store.client import Database, translated
from danqing_server.store.late_indexes import LateIndexes
from danqing_server.store.newest import past
from danqing_server.store.reach import Reach
from danqing_server.store.reading import attempt_id_of, readable, task_of
from danqing_server.store.tasks import COLLECTION
from danqing_server.store.waiting import FIELDS, WaitingTask, waiting_of

__all__ = ["RouteThere", "SweepStore"]

FUTURE_MS = 60_000
LOOKED_THROUGH = 5_000
PASSED_OVER = 50_000
_DUE_FIELDS = ("waiting", "run_at", "retried_at", "provider", "lane_word")
_BACK_AT = {"$cond": [{"$eq": [{"$type": "$started_at"}, "date"]}, "$updated_at", None]}
_ROUTED = IndexModel(
    [("provider", ASCENDING), ("waiting", ASCENDING), ("_id", ASCENDING)],
    name="routed",
    partialFilterExpression={"route.model": {"$exists": True}, "waiting": {"$exists": True}},
)

_THERE: dict[str, Any] = {
    "route": "$route.model",
    "place": "$route.target",
    "wishes": {"$gt": ["$route.wishes", {}]},
    "targets": {
        "$map": {
            "input": {"$cond": [{"$isArray": "$route.targets"}, "$route.targets", []]},
            "in": {"provider": "$$this.provider", "word": "$$this.lane_word", "model": "$$this.model"},
        }
    },
}


@attrs.frozen(kw_only=True)
class RouteThere:
    """Where on a route tasks wait: `targets` are its lanes, each with the model there, `place` is that of theirs.

    `has_wishes`: some target asked them to wait, each for itself.
    """

    name: str
    place: int
    targets: tuple[tuple[str, str], ...]
    has_wishes: bool


@attrs.define(eq=False)
class SweepStore:
    """The tasks, as the janitor looks through them. Every method raises StoreUnavailable."""

    database: Database
    _tasks: Any = attrs.field(init=False)
    _indexes: LateIndexes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tasks = self.database[COLLECTION]
        self._indexes = LateIndexes(self._tasks)

    async def waiting_after(self, cursor: tuple[int, str], youngest_ms: int, limit: int) -> list[WaitingTask]:
        """Return the next *limit* waiting tasks behind *cursor* (waiting, id), oldest first.

        Those created after *youngest_ms* are left out, unless it is more than `FUTURE_MS` after: by a clock that
        was set back since, or by another machine's. What is from the future is old.
        """
        old = [{"waiting": {"$lte": youngest_ms}}, {"waiting": {"$gt": youngest_ms + FUTURE_MS}}]
        wanted = {**past(cursor, "$gt", "waiting"), "$and": [{"$or": old}]}
        order = [("waiting", ASCENDING), ("_id", ASCENDING)]
        with translated():
            found = await self._tasks.find(wanted, FIELDS).sort(order).limit(limit).to_list(None)
        return [waiting_of(document) for document in found]

    async def longest_due(self, reach: Reach, lanes: Collection[str], now: datetime) -> dict[str, datetime]:
        """Return since when a task waits in each of *lanes* that may start: since it was made, its user tried it
        again, it came back from a worker, or its time came.

        What is scheduled for later does not wait yet. For people and those who add processes: it reads what waits,
        oldest first, until each lane was seen, at most `LOOKED_THROUGH` tasks that may start, or
        `PASSED_OVER` in all: beyond those nothing is known.
        """
        left, found = set(lanes), dict[str, datetime]()
        steps = [
            {"$match": {"waiting": {"$gte": 0}, **reach.filter}},
            {"$sort": {"waiting": ASCENDING, "_id": ASCENDING}},
            {"$limit": PASSED_OVER},
            {"$match": {"$or": [{"run_at": None}, {"run_at": {"$lte": now}}]}},
            {"$limit": LOOKED_THROUGH},
            {"$project": dict.fromkeys(_DUE_FIELDS, 1) | {"back_at": _BACK_AT}},
        ]
        with translated():
            async for document in self._tasks.aggregate(steps):
                name = lane_name(document["provider"], document.get("lane_word"))
                if name not in left:
                    continue
                made_at = from_ms(int(document["waiting"]))
                since = max((made_at, *filter(None, map(document.get, ("run_at", "retried_at", "back_at")))))
                found[name] = min(since, found.get(name, since))
                if found[name] <= made_at:  # what comes now was made later
                    left.discard(name)
                    if not left:
                        break
        return found

    async def ensure_route_index(self) -> None:
        """See to the index by which waiting tasks of routes are found; only where there are routes."""
        await self._indexes.ensure([_ROUTED])

    async def drain(self) -> None:
        """Wait for no index any longer."""
        await self._indexes.drain()

    async def routed_elsewhere(self, known: Collection[str]) -> set[str]:
        """Return the lanes of providers other than *known* in which tasks with a route wait.

        Only where there are, or were, routes: their index makes it a question of nothing.
        """
        with translated():
            if _ROUTED.document["name"] not in await self._tasks.index_information():
                return set()
            wanted = {
                "provider": {"$nin": [*known]},
                "route.model": {"$exists": True},
                "waiting": {"$exists": True},
            }
            lane = {"provider": "$provider", "word": "$lane_word"}
            steps = [{"$match": wanted}, {"$group": {"_id": lane}}]
            found = await self._tasks.aggregate(steps, hint=_ROUTED.document["name"]).to_list(None)
        return {lane_name(each["_id"]["provider"], each["_id"].get("word")) for each in found}

    async def routes_in(
        self, lane: str, cursor: tuple[int, str], due: datetime, limit: int
    ) -> tuple[list[RouteThere], tuple[int, str] | None]:
        """Return along which routes the next *limit* tasks go that `routed_in` finds, without reading these.

        With them comes the next cursor, None at the end.
        """
        steps = [
            {"$match": _routed(lane, cursor, due)},
            {"$sort": {"waiting": ASCENDING, "_id": ASCENDING}},
            {"$limit": limit},
            {"$group": {"_id": _THERE, "count": {"$sum": 1}, "last": {"$max": {"at": "$waiting", "id": "$_id"}}}},
        ]
        with translated():
            found = await self._tasks.aggregate(steps).to_list(None)
        ends = max(((each["last"]["at"], each["last"]["id"]) for each in found), default=None)
        is_all = sum(each["count"] for each in found) < limit
        return [_route_there(each["_id"]) for each in found], None if is_all else ends

    async def routed_in(
        self, lane: str, cursor: tuple[int, str], due: datetime, limit: int, routes: Collection[str]
    ) -> tuple[list[Task], tuple[int, str] | None]:
        """Return the next *limit* tasks behind *cursor* that wait in *lane*, to start before *due*.

        They are of *routes*, by their public names. With them comes the next cursor, None at the end.
        """
        wanted = {**_routed(lane, cursor, due), "route.model": {"$in": [*routes]}}
        order = [("waiting", ASCENDING), ("_id", ASCENDING)]
        with translated():
            found = await self._tasks.find(wanted).sort(order).limit(limit).to_list(None)
        last = found[-1] if len(found) == limit else None
        return readable(found), None if last is None else (last["waiting"], last["_id"])

    async def running_workers(self) -> list[str]:
        """Return the ids of the workers that some processing task names."""
        with translated():
            found = await self._tasks.distinct("attempt.worker", {"attempt.worker": {"$exists": True}})
        return [worker for worker in found if isinstance(worker, str)]

    @step("heal.held_by")
    async def held_by(self, worker: str, limit: int, without: Collection[str] = ()) -> list[Task | Unreadable]:
        """Return up to *limit* tasks that *worker* is carrying out, other than those of the ids *without*."""
        wanted = {"attempt.worker": worker, "_id": {"$nin": list(without)}}
        with translated():
            found = await self._tasks.find(wanted).limit(limit).to_list(None)
        return [task_of(document) for document in found]

    async def ids_held_by(self, worker: str) -> set[str]:
        """Return the ids of all tasks that *worker* is carrying out."""
        with translated():
            found = await self._tasks.find({"attempt.worker": worker}, ["_id"]).to_list(None)
        return {document["_id"] for document in found}

    async def overdue(self, worker: str, before: datetime, limit: int) -> list[tuple[str, Task | Unreadable]]:
        """Return up to *limit* tasks that *worker* is carrying out and whose deadline lies before *before*.

        Each stands behind the id of its attempt.
        """
        wanted = {"attempt.worker": worker, "deadline_at": {"$lt": before}}
        with translated():
            found = await self._tasks.find(wanted).limit(limit).to_list(None)
        return [(attempt_id_of(document) or "", task_of(document)) for document in found]


def _routed(lane: str, cursor: tuple[int, str], due: datetime) -> dict[str, Any]:
    """Return what finds the tasks with a route behind *cursor* that wait in *lane*, to start before *due*."""
    provider, _, word = lane.partition(":")
    timely = [{"run_at": None}, {"run_at": {"$lte": due}}]
    return {
        "provider": provider,
        "lane_word": word or None,  # null finds what has none
        "route.model": {"$exists": True},
        **past(cursor, "$gt", "waiting"),
        "$and": [{"$or": timely}],
    }


def _route_there(found: Mapping[str, Any]) -> RouteThere:
    targets = [(lane_name(each["provider"], each.get("word")), each["model"]) for each in found["targets"]]
    return RouteThere(
        name=found["route"],
        place=found.get("place", 0),  # a field at its default is not stored
        targets=tuple(targets),
        has_wishes=found["wishes"],
    )
