"""Pages of videos, as services list them: newest first, counted, and with the filters of their own words.

Each video costs one key more from the first such list on, and a picture none. Walking the ids instead would read
through everybody's (decision 0031).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
from pymongo import ASCENDING, DESCENDING, IndexModel

from danqing_plugins import OutputKind
from danqing_server.records.tasks import Status, Task
from danqing_server.store.client import Database, translated
from danqing_server.store.late_indexes import LateIndexes
from danqing_server.store.listing import count_in_time
from danqing_server.store.newest import NEWEST_FIRST, past
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable
from danqing_server.store.tasks import COLLECTION, MOST_COUNTED

__all__ = ["FilmPages", "FilmQuery"]

_IS_FILM: Mapping[str, Any] = {"kind": OutputKind.VIDEO.value}


def _index(name: str, *begin: str) -> IndexModel:
    keys: Sequence[tuple[str, int]] = [*((field, ASCENDING) for field in begin), *NEWEST_FIRST]
    return IndexModel(keys, name=name, partialFilterExpression=_IS_FILM)


_OF_EVERYBODY, _OF_ONE_OWNER = _index("films", "kind"), _index("films_of_owner", "kind", "owner")


@attrs.frozen(kw_only=True)
class FilmQuery:
    """Which videos are meant: all that `reach` covers, and that have one of each that is not None.

    `input` has values that the input is to have, by name; `usual` those that count as given when they are not.
    `fault` is the service's own code of the error, `other_fault` one that it is not.
    """

    reach: Reach
    ids: Collection[str] | None = None
    statuses: Collection[Status] | None = None
    models: Collection[str] | None = None
    input: Mapping[str, str] = attrs.field(factory=dict)
    usual: Mapping[str, str] = attrs.field(factory=dict)
    fault: str | None = None
    other_fault: str | None = None


@attrs.define(eq=False)
class FilmPages:
    """Pages of videos; *indexes* sees to those of the tasks. Every method raises StoreUnavailable."""

    database: Database
    indexes: LateIndexes
    most_counted: int = MOST_COUNTED
    _tasks: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tasks = self.database[COLLECTION]

    async def page(self, query: FilmQuery, *, skip: int, limit: int) -> tuple[list[Task], int]:
        """Return one page, and how many there are in all.

        Of more than `most_counted`, or than can be counted in time, it is as many as are known: one more than those
        up to the end of this page, if there are more.
        """
        await self._prepare(query.reach)
        wanted = _filter(query)
        with translated():
            looked = self._tasks.find(wanted).sort(NEWEST_FIRST).skip(skip).limit(limit + 1)
            found = await looked.to_list(limit + 1)
        known = skip + len(found) if found else 0
        counted = await count_in_time(self._tasks, wanted, self.most_counted)
        return readable(found[:limit]), max(known, counted or 0)

    async def behind(self, query: FilmQuery, task: Task | None, *, ascending: bool, limit: int) -> list[Task]:
        """Return the next tasks behind *task*, None: the first; in the order of when they were made."""
        await self._prepare(query.reach)
        wanted = _filter(query)
        if task is not None:
            wanted = {**wanted, **past((task.created_at, task.id), "$gt" if ascending else "$lt")}
        way = ASCENDING if ascending else DESCENDING
        with translated():
            looked = self._tasks.find(wanted).sort([("created_at", way), ("_id", way)])
            return readable(await looked.limit(limit).to_list(limit))

    async def _prepare(self, reach: Reach) -> None:
        await self.indexes.prepare(_OF_EVERYBODY if reach.is_everybody else _OF_ONE_OWNER)


def _filter(query: FilmQuery) -> Mapping[str, Any]:
    parts: list[Mapping[str, Any]] = [_IS_FILM, query.reach.filter]
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
