"""Sums over the ledger by half hours, kept for days that are over.

A sheet is one project's day, by UTC. It is made when somebody first asks for it, and forgotten when the ledger says
something new of that day: the ledger stays the truth, and whoever never asks pays nothing.

    claimed, as a version ──→ kept     what is forgotten, or claimed anew, while it is counted is not kept:
        └──── forget ────────┴──→ gone     so what is kept was counted after the last that was said of its day

Some of what is summed is said elsewhere: what was paid at one target of a route, or in an earlier round, is lost if
its task failed, and how that ended stands with another target, or on another day. Of such a task the whole ledger
is asked; who books a new end has the days of all that is booked of the task forgotten.

A sheet is kept two hours after its day at the earliest, and is looked for to be forgotten from one hour after it
on, both by the clock that all processes share. So of what is booked within its day, nothing has to be looked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias, TypeVar

import attrs
import pymongo
from pymongo import ASCENDING, UpdateOne

from danqing_server.ids import new_token
from danqing_server.records.accounts import Posting
from danqing_server.records.tasks import Status
from danqing_server.store.client import Database, translated
from danqing_server.store.ledger import COLLECTION as LEDGER
from danqing_server.store.ledger import postings_of
from danqing_server.store.sums import PLACE, SUMS, Named, Span, Split, Steps, StepSum, counted, step_sum, summed

__all__ = ["DAY", "HALF_HOUR", "ProjectDay", "SheetStore", "midnight", "parts"]

COLLECTION = "danqing_stats"
DAY = timedelta(days=1)
HALF_HOUR, QUARTER = 30, 15
"""Minutes. Sheets have half hours; where days begin within one (Nepal, Chatham) the ledger itself is summed."""

KEPT_AFTER = timedelta(hours=2)
LOOKED_FOR_AFTER = timedelta(hours=1)
MOST_ROWS = 20_000
"""Of a sheet, which is a document, of 16 MB at the most. A day with more is counted each time."""

COUNT_S = 20.0
MOST_TASKS = 500
"""Of how many tasks is asked at once how they ended."""

RULE = 2
"""By which sheets are made now; what older releases kept says of fewer what was lost, and is made anew."""

BEGINS_AT_ONCE = 100
SHEETS_AT_ONCE = 10_000
"""How many are asked for in one question."""


ProjectDay: TypeAlias = tuple[str | None, date]
"""Of which project and which of its days, by UTC, a sheet is."""

T = TypeVar("T")


@attrs.define(eq=False)
class SheetStore:
    """Sheets, and the ledger they are made of. Every method raises StoreUnavailable."""

    database: Database

    async def projects(self) -> list[str | None]:
        """Return whose postings there are."""
        with translated(), pymongo.timeout(COUNT_S):
            found: list[str | None] = await self._ledger.distinct("project")
        return found

    async def begins(self, projects: Sequence[str | None]) -> dict[str | None, datetime]:
        """Return the earliest moment that anything counts to, of each of *projects* that has anything."""
        found: dict[str | None, datetime] = {}
        for some in parts(projects, BEGINS_AT_ONCE):
            first, *others = [
                [{"$match": {"project": each}}, {"$sort": {"lines.at": ASCENDING}}, {"$limit": 1}] for each in some
            ]
            stages = [*first, *({"$unionWith": {"coll": LEDGER, "pipeline": each}} for each in others)]
            with translated(), pymongo.timeout(COUNT_S):
                for each in await self._ledger.aggregate(stages).to_list(None):
                    found[each.get("project")] = min(line["at"] for line in each["lines"])
        return found

    async def kept(self, split: Split, wanted: Collection[ProjectDay]) -> dict[ProjectDay, str]:
        """Return which of *wanted* have a sheet, each with its version: no two that are made are of the same."""
        found: dict[ProjectDay, str] = {}
        for some in parts([*wanted], SHEETS_AT_ONCE):
            ids = {_id(split, each): each for each in some}
            with translated(), pymongo.timeout(COUNT_S):
                there = {"_id": {"$in": list(ids)}, "rows": {"$exists": True}, "rule": RULE}
                async for sheet in self._sheets.find(there, {"version": 1}):
                    found[ids[sheet["_id"]]] = sheet["version"]
        return found

    async def sum_kept(self, split: Split, kept: Collection[ProjectDay], span: Span, by: Steps) -> list[StepSum]:
        """Return sums of the sheets *kept*, of what counts to *span*; there may be several of one step and name."""
        whose = {"$substrBytes": ["$_id", len(_id(split, (None, date.max))), -1]}
        row = {"$mergeObjects": ["$rows", {"project": {"$cond": [{"$eq": [whose, ""]}, None, whose]}}]}
        found: list[StepSum] = []
        for some in parts([*kept], SHEETS_AT_ONCE):
            stages = [
                {"$match": {"_id": {"$in": [_id(split, each) for each in some]}}},
                {"$unwind": "$rows"},
                {"$match": {"rows.at": span.filter}},
                {"$replaceWith": row if by.named is Named.PROJECT else "$rows"},
                *summed(by, span),
            ]
            with translated(), pymongo.timeout(COUNT_S):
                found += [step_sum(each) for each in await self._sheets.aggregate(stages).to_list(None)]
        return found

    async def sum_booked(
        self, projects: Sequence[str | None], split: Split, spans: Sequence[Span], by: Steps
    ) -> list[StepSum]:
        """Return the same out of the ledger, of what counts to *spans*."""
        whole = Span(min(each.start for each in spans), max(each.end for each in spans))
        stages = [*counted(projects, spans, split, QUARTER), *summed(by, whole)]
        with translated(), pymongo.timeout(COUNT_S):
            found = await self._ledger.aggregate(stages).to_list(None)
        await self._say_what_is_lost(found, [each["_id"].get("task") for each in found])
        return [step_sum(each) for each in found]

    def may_keep(self, day: date, now: datetime) -> bool:
        """Tell whether a sheet of *day* may be kept."""
        return _over(day, KEPT_AFTER, now)

    async def make(self, split: Split, wanted: Sequence[ProjectDay]) -> None:
        """Make the sheets that are *wanted*, of days that are near one another and may be kept.

        Some may not be there after it.
        """
        version = new_token()
        claim = {"$set": {"version": version}, "$unset": {"rows": ""}}
        claims = [UpdateOne({"_id": _id(split, each)}, claim, upsert=True) for each in wanted]
        projects = [*dict.fromkeys(project for project, _ in wanted)]
        days = [day for _, day in wanted]
        span = Span(midnight(min(days)), midnight(max(days)) + DAY)
        with translated(), pymongo.timeout(COUNT_S):
            await self._sheets.bulk_write(claims, ordered=False)
            found = await self._ledger.aggregate(counted(projects, [span], split, HALF_HOUR)).to_list(None)
        await self._say_what_is_lost(found, [each.get("task") for each in found])
        rows: defaultdict[ProjectDay, list[dict[str, Any]]] = defaultdict(list)
        for each in _without_tasks(found):
            rows[each.pop("project"), each["at"].date()].append(_without_zeros(each))
        kept = [
            UpdateOne({"_id": _id(split, each), "version": version}, {"$set": {"rows": rows[each], "rule": RULE}})
            for each in wanted
            if len(rows[each]) <= MOST_ROWS
        ]
        if kept:
            with translated(), pymongo.timeout(COUNT_S):
                await self._sheets.bulk_write(kept, ordered=False)

    async def forget(self, postings: Iterable[Posting], now: datetime) -> None:
        """Forget what is kept of the days that *postings*, which are in the ledger by *now*, say something of."""
        days = {
            (posting.project, line.at.date())
            for posting in postings
            for line in posting.lines
            if line.at < now - LOOKED_FOR_AFTER
        }
        old = {_id(split, each) for each in days if _over(each[1], LOOKED_FOR_AFTER, now) for split in Split}
        if old:
            with translated():
                await self._sheets.delete_many({"_id": {"$in": sorted(old)}})

    async def _say_what_is_lost(self, sums: Sequence[dict[str, Any]], tasks: Sequence[str | None]) -> None:
        """Complete those of *sums* that are of one task alone, those that *tasks* has an id for."""
        ids = sorted({task for task in tasks if task is not None})
        in_vain = set[str]()
        for some in parts(ids, MOST_TASKS):
            in_vain |= await self._ended_in_vain(some)
        for each, task in zip(sums, tasks, strict=True):
            if task in in_vain:
                each["lost_micro"] = each["settled_micro"]

    async def _ended_in_vain(self, task_ids: Sequence[str]) -> set[str]:
        """Return which of these tasks failed or were cancelled, as all that is booked of them says."""
        ended = [Status.FAILED.value, Status.CANCELLED.value]
        stages: list[dict[str, Any]] = [
            {"$match": postings_of(task_ids)},
            {"$unwind": "$lines"},
            {"$match": {"lines.status": {"$in": ended}}},
            {"$group": {"_id": "$task", "count": {"$sum": "$lines.tasks"}}},
            {"$match": {"count": {"$gt": 0}}},
        ]
        with translated(), pymongo.timeout(COUNT_S):
            found = await self._ledger.aggregate(stages).to_list(None)
        return {each["_id"] for each in found}

    @property
    def _ledger(self) -> Any:
        return self.database[LEDGER]

    @property
    def _sheets(self) -> Any:
        return self.database[COLLECTION]


def _id(split: Split, of: ProjectDay) -> str:
    project, day = of
    return f"{split}/{day}/{project or ''}"


def parts(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield *whole*, *size* of it at a time."""
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def midnight(day: date) -> datetime:
    """Return when a day begins, by UTC."""
    return datetime.combine(day, time(), UTC)


def _over(day: date, since: timedelta, now: datetime) -> bool:
    return midnight(day) + DAY + since <= now


def _without_tasks(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *rows* with those of one task alone among the others of their place."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        place = {name: row.get(name) for name in PLACE}
        sums = merged.setdefault(tuple(place.values()), {**place, **dict.fromkeys(SUMS, 0)})
        for name in SUMS:
            sums[name] += row[name]
    return list(merged.values())


def _without_zeros(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and (value or name not in SUMS)}
