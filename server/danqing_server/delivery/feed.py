"""What happens to the tasks of one reach, looked at by one loop however many follow.

A change is stored with the time at which it was decided, which is a moment before it can be seen, and more than
that after an outage. So each look goes back behind the one before, and what was seen already is passed over. Told
is the state of a task: of several changes between two looks the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import NamedTuple

import attrs

from danqing_server.clock import Clock, to_ms
from danqing_server.delivery.event_ids import change_in, id_of, mark_in, mark_of
from danqing_server.delivery.followers import Debt, Follower, Sight
from danqing_server.errors import ServiceUnavailable
from danqing_server.log import get_logger
from danqing_server.records.tasks import Status, Task
from danqing_server.store.changed import GLIMPSES, PAGE, ChangedStore, Glimpse
from danqing_server.store.reach import Reach
from danqing_server.store.watching import WatchStore, change_of, version_of

__all__ = ["Feed", "order_of", "pages"]

LOOK_EVERY_S = 0.5
OVERLAP = timedelta(seconds=2)
LONG_OVERLAP = timedelta(seconds=60)
LONG_EVERY = 20
READ_WITHIN_S = 2.0
RUNNING_AT_ONCE = 500

log = get_logger(__name__)


class _News(NamedTuple):
    """The version that a task has, or how it begins, whether its status changed, and whether it is carried out."""

    version: str
    changed: bool
    is_running: bool


_Due = Mapping[Follower, Mapping[str, Debt]]
"""Which tasks those are told of now who are not told all at once."""


@attrs.define(eq=False)
class Feed:
    """What is looked at for one reach."""

    reach: Reach
    store: ChangedStore
    watched: WatchStore
    clock: Clock
    followers: set[Follower] = attrs.field(factory=set)
    primed: asyncio.Event = attrs.field(factory=asyncio.Event)
    _seen: dict[str, str] = attrs.field(factory=dict, init=False)
    _running: dict[str, None] = attrs.field(factory=dict, init=False)
    _looked_at: datetime = attrs.field(init=False)
    _looks: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._looked_at = self.clock.now()

    async def run(self) -> None:
        """Look for as long as somebody follows."""
        while self.followers:
            try:
                await self._look()
            except ServiceUnavailable as error:
                log.debug("feed_not_seen", reason=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        long = self._looks % LONG_EVERY == 0
        began_at = self.clock.now()
        since = self._looked_at - (LONG_OVERLAP if long else OVERLAP)
        if self.primed.is_set():
            await self._tell({**await self._changed(since), **await self._gone_on()})
        else:
            await self.store.ensure_index(self.reach)
            await self._prime(since)
        self._looked_at, self._looks = began_at, self._looks + 1
        if long:
            self._forget(began_at)

    async def _prime(self, since: datetime) -> None:
        """Know what there is: who begins to follow is told what happens from then on."""
        async for page in pages(self.store, self.reach, since, GLIMPSES):
            for glimpse in page:
                self._seen[glimpse.id] = change_of(glimpse.at_ms, glimpse.change)
        for id_ in await self.store.running(self.reach):
            self._note_running(id_, is_running=True)
        self._seen.update(await self.watched.versions(self._running))
        self.primed.set()

    async def _changed(self, since: datetime) -> dict[str, _News]:
        """Return whose status changed."""
        new: dict[str, _News] = {}
        async for page in pages(self.store, self.reach, since, GLIMPSES):
            for id_, at_ms, change, is_running in page:
                changed = change_of(at_ms, change)
                if not self._seen.get(id_, "").startswith(changed):
                    new[id_] = _News(changed, changed=True, is_running=is_running)
        return new

    async def _gone_on(self) -> dict[str, _News]:
        """Return which of those that run have come farther; every second look, of very many so many in turn."""
        if not self._running or not self._looks % 2:
            return {}
        asked = [*islice(self._running, RUNNING_AT_ONCE)]
        versions = await self.watched.versions(asked)
        for id_ in asked:
            self._note_running(id_, is_running=False)
            self._note_running(id_, is_running=id_ in versions)  # it comes behind the others, or is deleted
        return {
            id_: _News(version, changed=change_in(known) != change_in(version), is_running=True)
            for id_, version in versions.items()
            if (known := self._seen.get(id_, "")) != version
        }

    async def _tell(self, new: Mapping[str, _News]) -> None:
        """Show what is *new*; of very much as fast as it is read, or not read within `READ_WITHIN_S`."""
        due = self._due(new)
        at_once = new if any(follower.reads_all for follower in self.followers) else {}
        wanted = [*dict.fromkeys((*at_once, *chain.from_iterable(due.values())))]
        until_s = asyncio.get_running_loop().time() + READ_WITHIN_S
        try:
            for first in range(0, len(wanted), PAGE):
                await self._tell_page(wanted[first : first + PAGE], due, until_s)
        except ServiceUnavailable:
            for follower, ids in due.items():
                follower.owe(ids)
            raise
        for id_ in new.keys() - wanted:
            self._seen[id_] = new[id_].version
            self._note_running(id_, new[id_].is_running)

    async def _tell_page(self, ids: Sequence[str], due: _Due, until_s: float) -> None:
        tasks = await self.store.tasks(ids)
        for id_ in ids:
            self._note_running(id_, is_running=False)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until_s):
                await asyncio.gather(*(follower.room() for follower in self.followers))
        for task in sorted(tasks.values(), key=order_of):
            self._show(task, due)

    def _due(self, new: Mapping[str, _News]) -> _Due:
        """Return which tasks those are told of now who are not told all at once."""
        due: dict[Follower, Mapping[str, Debt]] = {}
        for follower in self.followers:
            if follower.per_s is not None:
                if not follower.reads_all:
                    follower.owe({id_: Debt(mark_in(news.version), news.changed) for id_, news in new.items()})
                due[follower] = follower.due(LOOK_EVERY_S)
        return due

    def _show(self, task: Task, due: _Due) -> None:
        """Show a task as it was read, which may be newer than what was glimpsed."""
        known, version = self._seen.get(task.id, ""), version_of(task)
        self._seen[task.id] = version
        self._note_running(task.id, task.status is Status.PROCESSING)
        change = change_in(version)
        changed = change_in(known) != change
        whole = Sight(task, id_of(task, change))
        farther = Sight(task, None, whole.answers)
        for follower in tuple(self.followers):
            debt = due.get(follower, {}).get(task.id)
            if debt is not None:
                follower.show(whole if changed or debt.changed else farther)
            elif known == version:
                continue
            elif follower.per_s is None:
                follower.show(whole if changed else farther)
            elif (follower.reads_all or follower not in due) and follower.is_for(task):
                follower.owe({task.id: Debt(mark_in(version), changed)})

    def _note_running(self, task_id: str, is_running: bool) -> None:
        """Look at the progress of what runs."""
        if is_running:
            self._running[task_id] = None
        else:
            self._running.pop(task_id, None)

    def _forget(self, now: datetime) -> None:
        oldest = mark_of(to_ms(now - 2 * LONG_OVERLAP))
        self._seen = {
            id_: version for id_, version in self._seen.items() if version > oldest or id_ in self._running
        }


async def pages(
    store: ChangedStore, reach: Reach, since: datetime, size: int = PAGE
) -> AsyncIterator[list[Glimpse]]:
    """Return what changed since then, in order, *size* at a time. Raises StoreUnavailable."""
    last: Glimpse | None = None
    while page := await store.since(reach, since, last, size):
        yield page
        if len(page) < size:
            return
        last = page[-1]


def order_of(task: Task) -> tuple[datetime, str]:
    """Return where *task* comes among those that are told: what changed first is told first."""
    return task.updated_at, task.id
