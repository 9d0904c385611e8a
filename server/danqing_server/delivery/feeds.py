"""All that happens to a project's tasks, for those who follow it.

While somebody follows a project, one loop of this process looks at what changed in it, however many follow. A
change is stored with the time at which it was decided, which is a moment before it can be seen, and more than that
after an outage. So each look goes back behind the one before, what was seen already is passed over, and
a follower that comes again is told once more what may have been under way when it left: under the same id. Told
is the state of a task: of several changes between two looks the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

import attrs

from danqing_server.access.caller import Caller
from danqing_server.clock import Clock, from_ms, to_ms
from danqing_server.delivery.followers import Debt, Follower, Sight, mark_in
from danqing_server.delivery.watchers import Watchers
from danqing_server.errors import ServiceUnavailable, StoreUnavailable
from danqing_server.log import get_logger
from danqing_server.records.tasks import Status, Task
from danqing_server.store.changed import GLIMPSES, PAGE, ChangedStore, Glimpse
from danqing_server.store.reach import Reach
from danqing_server.store.watching import WatchStore, change_of, version_of

__all__ = ["Feeds", "mark_of", "moment_of"]

LOOK_EVERY_S = 0.5
OVERLAP = timedelta(seconds=2)
LONG_OVERLAP = timedelta(seconds=60)
LONG_EVERY = 20
RESUME_OVERLAP = timedelta(seconds=60)
READ_WITHIN_S = 2.0
MOST_RUNNING = 500
PRIMED_S = 20.0

log = get_logger(__name__)


def mark_of(moment_ms: int) -> str:
    """Return the id from which on everything is new that happens after *moment_ms*."""
    return f"{moment_ms:013d}"


def moment_of(event_id: str) -> datetime | None:
    """Return of when an id is; None for one that is none of ours."""
    digits = event_id[:13]
    if len(digits) < 13 or not (digits.isascii() and digits.isdigit()):
        return None
    return from_ms(int(digits))


def _id_of(task: Task, change: str) -> str:
    """Return the id under which a change of status is told: that of its moment, of the change, and of the task."""
    return f"{change}-{task.id}"


def _change_in(version: str) -> str:
    """Return the part of a version that other progress does not change."""
    return "-".join(version.split("-")[:2])


class _News(NamedTuple):
    """The version that a task has, or how it begins, whether its status changed, and whether it is carried out."""

    version: str
    changed: bool
    is_running: bool


_Due = Mapping[Follower, Mapping[str, Debt]]
"""Which tasks those are told of now who are not told all at once."""


@attrs.define(eq=False)
class _Feed:
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
                self._note_running(glimpse.id, glimpse.is_running)
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
        """Return which of those that run have come farther; every second look."""
        if not self._running or not self._looks % 2:
            return {}
        versions = await self.watched.versions(self._running)
        for id_ in self._running.keys() - versions.keys():  # deleted: others need its place
            self._note_running(id_, is_running=False)
        return {
            id_: _News(version, changed=_change_in(known) != _change_in(version), is_running=True)
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
        for task in sorted(tasks.values(), key=_moment):
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
        change = _change_in(version)
        changed = _change_in(known) != change
        whole = Sight(task, _id_of(task, change))
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
        """Look at the progress of what runs; of too many, at that of the first."""
        if not is_running:
            self._running.pop(task_id, None)
        elif len(self._running) < MOST_RUNNING:
            self._running[task_id] = None

    def _forget(self, now: datetime) -> None:
        oldest = mark_of(to_ms(now - 2 * LONG_OVERLAP))
        self._seen = {
            id_: version for id_, version in self._seen.items() if version > oldest or id_ in self._running
        }


@attrs.define(eq=False)
class Feeds:
    """The feeds of a process, one for each reach that is followed."""

    store: ChangedStore
    watched: WatchStore
    clock: Clock
    watchers: Watchers
    _feeds: dict[Reach, _Feed] = attrs.field(factory=dict, init=False)
    _runs: dict[_Feed, asyncio.Task[None]] = attrs.field(factory=dict, init=False)
    _draining: bool = attrs.field(default=False, init=False)

    @asynccontextmanager
    async def follow(
        self, caller: Caller, wants: Callable[[Task], bool] | None, per_s: int | None = None
    ) -> AsyncIterator[Follower]:
        """Follow what happens from now on, of what *wants* says yes to, None: of all; with *per_s* at that pace.

        Raises:
            Overloaded: too many wait and follow.
            StoreUnavailable: MongoDB does not answer, or is still making the index that this needs.
        """
        with self.watchers.place(caller):
            feed = self._feed(caller.reach)
            follower = Follower(wants, per_s, closed=self._draining)
            feed.followers.add(follower)
            self._run(feed)
            try:
                await _primed(feed)
                yield follower
            finally:
                feed.followers.discard(follower)
                if not feed.followers:
                    self._feeds.pop(caller.reach, None)

    async def replay(
        self, caller: Caller, since: datetime, wants: Callable[[Task], bool] | None
    ) -> AsyncIterator[Sight]:
        """Return what changed since then, or a moment before, as it is now. Raises StoreUnavailable."""
        async for page in pages(self.store, caller.reach, since - RESUME_OVERLAP):
            tasks = await self.store.tasks([glimpse.id for glimpse in page])
            for task in sorted(tasks.values(), key=_moment):
                if wants is None or wants(task):
                    yield Sight(task, _id_of(task, _change_in(version_of(task))))

    async def owe(self, caller: Caller, since: datetime, follower: Follower) -> None:
        """Have one that is not told all at once be told what changed since then. Raises StoreUnavailable."""
        if follower.wants is not None:
            async for sight in self.replay(caller, since, follower.wants):
                follower.owe({sight.task.id: Debt(mark_of(to_ms(sight.task.updated_at)), changed=True)})
            return
        async for page in pages(self.store, caller.reach, since - RESUME_OVERLAP, GLIMPSES):
            follower.owe({glimpse.id: Debt(mark_of(glimpse.at_ms), changed=True) for glimpse in page})

    def turn(self, lane: str) -> None:
        """Tell all who follow, whatever they follow, that the gate of a lane turned."""
        for feed in self._feeds.values():
            for follower in feed.followers:
                follower.turn(lane)

    def mark(self) -> str:
        """Return the id to go on from for who has been told all until now."""
        return mark_of(self.clock.now_ms())

    async def drain(self) -> None:
        """Let all who follow go."""
        self._draining = True
        for feed in self._feeds.values():
            for follower in feed.followers:
                follower.close()
        runs = tuple(self._runs.values())
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    def _feed(self, reach: Reach) -> _Feed:
        found = self._feeds.get(reach)
        if found is None:
            found = self._feeds[reach] = _Feed(reach, self.store, self.watched, self.clock)
        return found

    def _run(self, feed: _Feed) -> None:
        """See to it that the feed is looked at; whoever died of what nobody foresaw is begun anew."""
        run = self._runs.get(feed)
        if (run is None or run.done()) and not self._draining:
            run = self._runs[feed] = asyncio.create_task(feed.run())
            run.add_done_callback(lambda _: self._runs.pop(feed, None))


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


async def _primed(feed: _Feed) -> None:
    try:
        async with asyncio.timeout(PRIMED_S):
            await feed.primed.wait()
    except TimeoutError as error:
        raise StoreUnavailable("the tasks that changed cannot be looked at yet") from error


def _moment(task: Task) -> tuple[datetime, str]:
    return task.updated_at, task.id
