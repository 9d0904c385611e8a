"""Pages of tasks by the beginnings of their ids, which needs no index but that of the ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import attrs
from pymongo import ASCENDING, DESCENDING

from danqing_plugins import OutputKind
from danqing_server.records.tasks import Status, Task
from danqing_server.store.client import Database, translated
from danqing_server.store.newest import NEWEST_FIRST, behind
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable
from danqing_server.store.tasks import COLLECTION

__all__ = ["PageQuery", "TaskPages"]

MOST_COUNTED = 10_000


@attrs.frozen(kw_only=True)
class PageQuery:
    """Which tasks are meant: all that `reach` covers, make `kind`, and have one of each that is not None.

    `beginnings` are of ids. `input` has values that the input is to have, by name; `usual` those that count as
    given when they are not. `fault` is the service's own code of the error, `other_fault` one that it is not.
    """

    reach: Reach
    kind: OutputKind
    beginnings: Collection[str]
    ids: Collection[str] | None = None
    statuses: Collection[Status] | None = None
    models: Collection[str] | None = None
    input: Mapping[str, str] = attrs.field(factory=dict)
    usual: Mapping[str, str] = attrs.field(factory=dict)
    fault: str | None = None
    other_fault: str | None = None


@attrs.define(eq=False)
class TaskPages:
    """Pages of tasks, newest first. Every method raises StoreUnavailable when MongoDB does not answer in time."""

    database: Database

    async def page(self, query: PageQuery, *, skip: int, limit: int) -> tuple[list[Task], int]:
        """Return one page, and how many there are in all, counted up to 10,000."""
        tasks, wanted = self.database[COLLECTION], _filter(query)
        if not query.beginnings:
            return [], 0
        with translated():
            found = await tasks.find(wanted).sort(NEWEST_FIRST).skip(skip).limit(limit).to_list(limit)
            total = await tasks.count_documents(wanted, limit=MOST_COUNTED)
        return readable(found), total

    async def behind(self, query: PageQuery, task: Task | None, *, ascending: bool, limit: int) -> list[Task]:
        """Return the next tasks behind *task*, None: the first; in the order of when they were made."""
        if not query.beginnings:
            return []
        wanted = _filter(query)
        if task is not None:
            wanted = {"$and": [wanted, behind((task.created_at, task.id), "$gt" if ascending else "$lt")]}
        way = ASCENDING if ascending else DESCENDING
        with translated():
            looked = self.database[COLLECTION].find(wanted).sort([("created_at", way), ("_id", way)])
            return readable(await looked.limit(limit).to_list(limit))


def _filter(query: PageQuery) -> Mapping[str, Any]:
    ranges = [{"_id": {"$gte": begin, "$lt": begin + "\uffff"}} for begin in query.beginnings]
    parts: list[Mapping[str, Any]] = [query.reach.filter, {"kind": query.kind.value}, {"$or": ranges}]
    if query.ids is not None:
        parts.append({"_id": {"$in": list(query.ids)}})
    if query.statuses is not None:
        parts.append({"status": {"$in": [status.value for status in query.statuses]}})
    if query.models is not None:
        parts.append({"model": {"$in": list(query.models)}})
    if query.fault is not None:
        parts.append({"error.provider_code": query.fault})
    if query.other_fault is not None:
        parts.append({"error.provider_code": {"$ne": query.other_fault}})
    for name, value in query.input.items():
        parts.append({f"input.{name}": {"$in": [value, None]} if query.usual.get(name) == value else value})
    return {"$and": [part for part in parts if part]}
