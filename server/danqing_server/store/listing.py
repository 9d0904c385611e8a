"""Tasks looked through newest first, by whatever is asked of them: in steps, within a bound of time.

Two indexes serve lists over all users. Each is made when the first such list is asked for, so that a server whose
clients never list has neither (decision 0031). Source: MongoDB manual 6.0, "Index builds on populated collections"
and "$regex", read 2026-11-28.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any

import attrs
import pymongo
from pymongo import ASCENDING, IndexModel

from danqing_plugins import OutputKind
from danqing_server.errors import StoreUnavailable
from danqing_server.records.tasks import Billed, Status, Task
from danqing_server.store.client import Database, durable, translated
from danqing_server.store.late_indexes import OF_BATCH, LateIndexes
from danqing_server.store.newest import NEWEST_FIRST, Place, behind, border, place_of, up_to
from danqing_server.store.paths import IS_PARTIAL, MAY_BE_BILLED
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable, task_of
from danqing_server.store.tasks import COLLECTION, MOST_COUNTED

__all__ = ["SEARCH_S", "Found", "FoundTasks", "TaskFilter", "TaskList"]

SEARCH_S = 0.3
FIRST_STEP = 1_000
LARGEST_STEP = 16_000
READ_AT_ONCE = 200
COUNT_MS = 1_000
GIVES_UP_BEFORE_S = 0.5
"""How long before its time is over an operation may be given up: the driver leaves the network some of it."""

_HEAVY = {"saved": 0, "result": 0, "references": 0}

_OF_EVERYBODY = IndexModel(NEWEST_FIRST, name="newest")
_OF_ONE_OWNER = IndexModel(
    [("owner", ASCENDING), *NEWEST_FIRST], name="newest_of_owner", partialFilterExpression={"owner": {"$gt": ""}}
)


@attrs.frozen(kw_only=True)
class TaskFilter:
    """What is asked of tasks; None and an empty tuple ask nothing.

    `made_from` is included, `made_before` is not. `code` is of the task's error. `text` is looked for anywhere in
    the prompt, in either case. `sandbox` asks whether the provider is one of `simulated`. `partial`:
    completed without some of its outputs, or not that.
    """

    statuses: tuple[Status, ...] = ()
    provider: str | None = None
    model: str | None = None
    user_id: str | None = None
    type: str | None = None
    kind: OutputKind | None = None
    code: str | None = None
    made_from: datetime | None = None
    made_before: datetime | None = None
    text: str | None = attrs.field(default=None, repr=False)
    batch: str | None = None
    billed: Billed | None = None
    partial: bool | None = None
    sandbox: bool | None = None
    simulated: Collection[str] = ()

    @property
    def conditions(self) -> dict[str, Any]:
        """What has to be read to be known: everything but who made a task, and when."""
        plain = {
            "provider": self.provider,
            "model": self.model,
            "type": self.type,
            "error.code": self.code,
        }
        found: dict[str, Any] = {path: value for path, value in plain.items() if value is not None}
        if self.statuses:
            found["status"] = {"$in": [status.value for status in self.statuses]}
        if self.kind is not None:  # a field at its default is not stored
            found["kind"] = None if self.kind is OutputKind.IMAGE else self.kind.value
        if self.text is not None:
            found["input.prompt"] = {"$regex": re.escape(self.text), "$options": "i"}
        if self.sandbox is not None:
            of_provider = {} if self.provider is None else {"$eq": self.provider}
            found["provider"] = {**of_provider, "$in" if self.sandbox else "$nin": sorted(self.simulated)}
        rest: list[Mapping[str, Any]] = []
        if self.partial is not None:
            rest.append(IS_PARTIAL if self.partial else {"$nor": [IS_PARTIAL]})
        rest += [] if self.billed is None else [MAY_BE_BILLED[self.billed]]
        return {**found, "$and": rest} if rest else found

    def scope(self, reach: Reach, after: Place | None) -> dict[str, Any]:
        """Return the condition that an index answers: whose tasks, and of what time."""
        scope: dict[str, Any] = dict(reach.filter)
        if self.user_id is not None:
            scope["user_id"] = self.user_id
        if self.batch is not None:
            scope["batch.id"] = self.batch
        times: dict[str, Any] = {}
        if self.made_from is not None:
            times["$gte"] = self.made_from
        if self.made_before is not None:
            times["$lt"] = self.made_before
        if after is not None:
            times["$lte"] = after[0]
            scope |= behind(after)
        return {**scope, "created_at": times} if times else scope


@attrs.frozen(kw_only=True)
class Found:
    """How far was looked. `next` is where to go on, None at the end of all.

    `is_cut`: time was over before there were as many as asked for.
    """

    next: Place | None
    is_cut: bool = False

    @property
    def searched_to(self) -> datetime | None:
        """How far back was looked when time was over; None when it was not."""
        return self.next[0] if self.is_cut and self.next is not None else None


@attrs.frozen(kw_only=True)
class FoundTasks(Found):
    """Tasks, newest first."""

    tasks: tuple[Task, ...]


@attrs.define(eq=False)
class TaskList:
    """The tasks, newest first. Every method raises StoreUnavailable.

    *billed_of* says of a task whether it was charged for: MongoDB cannot.
    """

    database: Database
    billed_of: Callable[[Task], Billed]
    now_s: Callable[[], float] = time.monotonic
    _tasks: Any = attrs.field(init=False)
    indexes: LateIndexes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tasks = durable(self.database[COLLECTION])
        self.indexes = LateIndexes(self._tasks)

    async def find(self, wanted: TaskFilter, reach: Reach, *, limit: int, after: Place | None) -> FoundTasks:
        """Return the next *limit* tasks behind *after*, without what lists do not show.

        Whatever no index answers is looked for a step at a time, for `SEARCH_S` at most.
        """
        await self.prepare(wanted, reach)
        return await self._find(wanted, reach, limit, after)

    async def pages(
        self, wanted: TaskFilter, reach: Reach, *, size: int, within_s: float
    ) -> AsyncGenerator[FoundTasks, None]:
        """Yield page after page, for *within_s* seconds at most; the last one's `next` says whether that is all.

        Of that time one question may take as much as is left: of all that is looked through for one answer a part
        that takes long is no reason to have none. Raises StoreUnavailable when MongoDB does not answer at all.
        """
        await self.prepare(wanted, reach)
        with translated():
            await self.database.command("ping")  # in the usual time: below, who is away is waited for
        until_s, after = self.now_s() + within_s, None
        while (left_s := until_s - self.now_s()) > 0:
            try:
                with pymongo.timeout(left_s):
                    page = await self._find(wanted, reach, size, after)
            except StoreUnavailable:
                if self.now_s() < until_s - GIVES_UP_BEFORE_S:
                    raise
                return
            yield page
            if page.next is None:
                return
            after = page.next

    async def count(self, wanted: TaskFilter, reach: Reach) -> int | None:
        """Return how many there are, `MOST_COUNTED` at most; None when that takes too long to say."""
        await self.prepare(wanted, reach)
        everything = {**wanted.scope(reach, None), **wanted.conditions}
        if wanted.billed is None:
            return await count_in_time(self._tasks, everything)
        try:
            return await self._count_billed(everything, wanted.billed)
        except StoreUnavailable:
            return None

    async def drain(self) -> None:
        """Wait for no index any longer; MongoDB goes on with it."""
        await self.indexes.drain()

    async def stretches(
        self,
        scope: Callable[[Place | None], Mapping[str, Any]],
        conditions: Mapping[str, Any],
        after: Place | None,
        within_s: float,
    ) -> AsyncGenerator[tuple[Mapping[str, Any], Place | None], None]:
        """Yield what finds the next tasks of *scope* that keep *conditions*, and where that ends; None: at the end.

        Each stretch is longer than the one before. None is begun *within_s* seconds after the first.
        """
        until_s, step = self.now_s() + within_s, FIRST_STEP
        while True:
            here = scope(after)
            with translated():
                end = await border(self._tasks, here, NEWEST_FIRST, step)
            found = {**here, **conditions}
            if end is None:
                yield found, None
                return
            yield {"$and": [found, up_to(end)]}, end  # the same field may have a bound of its own
            after, step = end, min(step * 2, LARGEST_STEP)
            if self.now_s() > until_s:
                return

    async def _find(self, wanted: TaskFilter, reach: Reach, limit: int, after: Place | None) -> FoundTasks:
        conditions = wanted.conditions
        if not conditions:
            return _page(await self._read(wanted.scope(reach, after), limit + 1), limit)
        return await self._search(wanted, reach, conditions, limit, after)

    async def _search(
        self, wanted: TaskFilter, reach: Reach, conditions: Mapping[str, Any], limit: int, after: Place | None
    ) -> FoundTasks:
        documents: list[Mapping[str, Any]] = []
        walk = self.stretches(lambda place: wanted.scope(reach, place), conditions, after, SEARCH_S)
        async with aclosing(walk) as stretches:
            async for here, end in stretches:
                documents += await self._read_wanted(here, limit + 1 - len(documents), wanted.billed)
                if len(documents) > limit or end is None:
                    return _page(documents, limit)
                after = end
        return FoundTasks(tasks=tuple(readable(documents)), next=after, is_cut=True)

    async def _read(self, condition: Mapping[str, Any], limit: int) -> list[Mapping[str, Any]]:
        with translated():
            found: list[Mapping[str, Any]] = (
                await self._tasks.find(condition, _HEAVY).sort(NEWEST_FIRST).limit(limit).to_list(None)
            )
        return found

    async def _read_wanted(
        self, condition: Mapping[str, Any], limit: int, billed: Billed | None
    ) -> list[Mapping[str, Any]]:
        """Return what *condition* finds and is *billed* so: MongoDB finds more than that."""
        if billed is None:
            return await self._read(condition, limit)
        kept: list[Mapping[str, Any]] = []
        here = condition
        while True:
            found = await self._read(here, READ_AT_ONCE)
            kept += [document for document in found if self._is_billed(document, billed)]
            if len(found) < READ_AT_ONCE or len(kept) >= limit:
                return kept[:limit]
            here = {"$and": [condition, behind(place_of(found[-1]))]}

    async def _count_billed(self, condition: Mapping[str, Any], billed: Billed) -> int | None:
        until_s, count = self.now_s() + COUNT_MS / 1000, 0
        with translated():  # whoever else has something to do has it between two batches
            async for document in self._tasks.find(condition, _HEAVY).batch_size(READ_AT_ONCE):
                count += self._is_billed(document, billed)
                if count == MOST_COUNTED:
                    break
                if self.now_s() > until_s:
                    return None
        return count

    def _is_billed(self, document: Mapping[str, Any], billed: Billed) -> bool:
        task = task_of(document)
        return isinstance(task, Task) and self.billed_of(task) is billed

    async def prepare(self, wanted: TaskFilter, reach: Reach) -> None:
        """See to the index that the list needs."""
        if wanted.batch is not None:
            await self.indexes.prepare(OF_BATCH)
        elif wanted.user_id is None:  # else `by_user` and `by_owner` are always there
            await self.indexes.prepare(_OF_EVERYBODY if reach.is_everybody else _OF_ONE_OWNER)


async def count_in_time(tasks: Any, wanted: Mapping[str, Any], most: int = MOST_COUNTED) -> int | None:
    """Return how many there are, *most* at most; None when that takes too long to say."""
    try:
        with translated():
            return int(await tasks.count_documents(wanted, limit=most, maxTimeMS=COUNT_MS))
    except StoreUnavailable:
        return None


def _page(documents: list[Mapping[str, Any]], limit: int) -> FoundTasks:
    more = len(documents) > limit
    next_ = place_of(documents[limit - 1]) if more else None
    return FoundTasks(tasks=tuple(readable(documents[:limit])), next=next_)
