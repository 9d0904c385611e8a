"""What was spent, and what open tasks may still cost, summed by whatever is asked for.

What is booked comes from the ledger, what is open from the tasks; each currency for itself. Nothing is kept of it.

Source for aggregation stages: MongoDB manual 6.0, read 2026-11-28.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, TypeAlias

import attrs
import pymongo

from danqing_server.records.accounts import COSTS
from danqing_server.records.tasks import FINISHED, Status
from danqing_server.store.client import Database, translated
from danqing_server.store.ledger import COLLECTION
from danqing_server.store.reach import Reach
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.store.zones import timezone_of

__all__ = ["Dimension", "Place", "UsageRow", "UsageStore", "rows_after", "stretches"]

TIMEOUT_S = 20.0
STRETCH = timedelta(days=31)
MOST_STRETCHES = 60


class Dimension(StrEnum):
    """What sums can be split by."""

    DAY = "day"
    PROJECT = "project"
    KEY = "key"
    USER = "user"
    MODEL = "model"
    PROVIDER = "provider"


Place: TypeAlias = tuple[str | None, ...]
"""Which row one is: its values, and its currency."""


@attrs.frozen(kw_only=True)
class UsageRow:
    """One sum: of the tasks and calls that have these values of the dimensions, in one currency (None: unpriced).

    `pictures` were paid for; money is in millionths: `settled` was paid, `unknown` may have been, `reserved` is
    what the `open` tasks may cost at the most.
    """

    values: tuple[str | None, ...]
    currency: str | None
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    open: int = 0
    pictures: int = 0
    settled_micro: int = 0
    unknown_micro: int = 0
    reserved_micro: int = 0

    @property
    def place(self) -> Place:
        """Which of all rows it is."""
        return *self.values, self.currency


def rows_after(
    place: Place | None, rows: Sequence[UsageRow], limit: int
) -> tuple[Sequence[UsageRow], Place | None]:
    """Return *limit* of *rows*, which are in order, behind *place* (None: the first), and where to go on.

    None: there are no more.
    """
    start = 0 if place is None else bisect_right(rows, _order_of(place), key=_order)
    shown = rows[start : start + limit]
    return shown, shown[-1].place if start + limit < len(rows) else None


@attrs.define(eq=False)
class UsageStore:
    """Sums over ledger and tasks. Every method raises StoreUnavailable."""

    database: Database

    async def sum(
        self, reach: Reach, since: datetime, until: datetime, by: Sequence[Dimension], zone: tzinfo = UTC
    ) -> list[UsageRow]:
        """Return the sums of what counts to the time from *since* until before *until*, in order.

        Days are those of *zone*. Of everybody the projects are looked through one after another, and of a long
        time each stretch: `TIMEOUT_S` is for one.
        """
        found: list[dict[str, Any]] = []
        with translated(), pymongo.timeout(TIMEOUT_S):
            owners = reach.owners if reach.owners is not None else await self._ledger.distinct("project")
            found += await self._tasks.aggregate(_open(reach, _span(since, until), by, zone)).to_list(None)
        for span in stretches(since, until):
            with translated(), pymongo.timeout(TIMEOUT_S):
                found += await self._ledger.aggregate(_booked(owners, span, by, zone)).to_list(None)
        return await asyncio.to_thread(_rows, found, by)  # a project may have a hundred thousand users

    async def sum_open(self, reach: Reach, since: datetime, until: datetime) -> list[UsageRow]:
        """Return the open tasks among them alone, by provider."""
        by = (Dimension.PROVIDER,)
        stages = _open(reach, _span(since, until), by, UTC)
        with translated(), pymongo.timeout(TIMEOUT_S):
            return _rows(await self._tasks.aggregate(stages).to_list(None), by)

    @property
    def _ledger(self) -> Any:
        return self.database[COLLECTION]

    @property
    def _tasks(self) -> Any:
        return self.database[TASKS]


def stretches(since: datetime, until: datetime) -> Iterator[Mapping[str, Any]]:
    """Yield one after the other what finds a part of the time from *since* until before *until*, and all of it."""
    step = max(STRETCH, (until - since) / MOST_STRETCHES)
    while since < until:
        end = until if until - since <= step else since + step
        yield _span(since, end)
        since = end


def _span(since: datetime, until: datetime) -> Mapping[str, Any]:
    return {"$gte": since, "$lt": until}


def _rows(found: Iterable[dict[str, Any]], by: Sequence[Dimension]) -> list[UsageRow]:
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for sums in found:
        group = sums.pop("_id")
        values = (*(group.get(each.value) for each in by), group.get("currency"))
        row = rows.setdefault(values, {})
        for name, amount in sums.items():
            row[name] = row.get(name, 0) + amount
    made = [UsageRow(values=key[:-1], currency=key[-1], **sums) for key, sums in rows.items()]
    return sorted((row for row in made if any(_numbers(row))), key=_order)


def _booked(
    owners: Sequence[str | None], span: Mapping[str, Any], by: Sequence[Dimension], zone: tzinfo
) -> list[dict[str, Any]]:
    fields = {
        Dimension.DAY: _day("$lines.at", span, zone),
        Dimension.PROJECT: "$project",
        Dimension.KEY: "$key",
        Dimension.USER: "$user",
        Dimension.MODEL: "$lines.model",
        Dimension.PROVIDER: "$lines.provider",
    }
    costs = {"$in": [kind.value for kind in COSTS]}
    ends = {
        status.value: {"$sum": {"$cond": [{"$eq": ["$lines.status", status.value]}, "$lines.tasks", 0]}}
        for status in FINISHED
    }
    return [
        {"$match": {"project": {"$in": list(owners)}, "lines": {"$elemMatch": {"at": span}}}},
        {"$unwind": "$lines"},
        {"$match": {"lines.at": span, "lines.kind": costs}},
        {
            "$group": {
                "_id": {**{each.value: fields[each] for each in by}, "currency": "$lines.currency"},
                **ends,
                "pictures": {"$sum": _if_billed("yes", "$lines.pictures")},
                "settled_micro": {"$sum": _if_billed("yes", "$lines.amount_micro")},
                "unknown_micro": {"$sum": _if_billed("unknown", "$lines.amount_micro")},
            }
        },
    ]


def _open(reach: Reach, span: Mapping[str, Any], by: Sequence[Dimension], zone: tzinfo) -> list[dict[str, Any]]:
    at = {"$ifNull": ["$retried_at", "$created_at"]}
    fields = {
        Dimension.DAY: _day(at, span, zone),
        Dimension.PROJECT: "$owner",
        Dimension.KEY: "$key",
        Dimension.USER: "$user_id",
        Dimension.MODEL: "$model",
        Dimension.PROVIDER: "$provider",
    }
    unfinished = [status.value for status in Status if status not in FINISHED]
    runs_or_waits = [{"waiting": {"$exists": True}}, {"attempt.worker": {"$exists": True}}]
    return [
        {"$match": {"$or": runs_or_waits, "status": {"$in": unfinished}, **reach.filter}},
        {"$match": {"$expr": {"$and": [{"$gte": [at, span["$gte"]]}, {"$lt": [at, span["$lt"]]}]}}},
        {
            "$group": {
                "_id": {**{each.value: fields[each] for each in by}, "currency": "$price.currency"},
                "open": {"$sum": 1},
                "reserved_micro": {"$sum": {"$ifNull": [_HELD, _ESTIMATED]}},
            }
        },
    ]


_IN_CURRENCY = {
    "$filter": {
        "input": {"$objectToArray": {"$ifNull": ["$hold.amounts_micro", {}]}},
        "cond": {"$eq": ["$$this.k", "$price.currency"]},
    }
}
_HELD = {"$getField": {"field": "v", "input": {"$first": _IN_CURRENCY}}}
_AT_HAND = {
    "$filter": {
        "input": {"$objectToArray": {"$ifNull": ["$outputs", {}]}},
        "cond": {"$lt": ["$$this.v.at", "$retried_at"]},  # nothing is less than what is not there
    }
}
_OUTPUTS = {"$cond": [{"$gt": ["$images", 0]}, {"$subtract": ["$images", {"$size": _AT_HAND}]}, 1]}
"""How many are to be paid for: who tries again does not ask for what is there."""
_ESTIMATED = {"$multiply": [_OUTPUTS, {"$ifNull": ["$price.most_micro", {"$ifNull": ["$price.amount_micro", 0]}]}]}


def _day(at: Any, span: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    timezone = timezone_of(at, zone, span["$gte"], span["$lt"])
    return {"$dateToString": {"date": at, "format": "%Y-%m-%d", "timezone": timezone}}


def _if_billed(billed: str, amount: str) -> dict[str, Any]:
    return {"$cond": [{"$eq": ["$lines.billed", billed]}, amount, 0]}


def _numbers(row: UsageRow) -> tuple[Any, ...]:
    return attrs.astuple(row)[2:]


def _order(row: UsageRow) -> tuple[tuple[bool | str, ...], ...]:
    return _order_of(row.place)


def _order_of(place: Place) -> tuple[tuple[bool | str, ...], ...]:
    """Return what rows are put in order by: what is None comes first."""
    return tuple((value is not None, value or "") for value in place)
