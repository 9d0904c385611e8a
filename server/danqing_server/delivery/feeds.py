"""All that happens to a project's tasks, for those who follow it.

While somebody follows a project, one loop of this process looks at what changed in it, however many follow. A
change is stored with the time at which it was decided, which is a moment before it can be seen, and more than that
after an outage. So each look goes back behind the one before, what was seen already is passed over, and
a follower that comes again is told once more what may have been under way when it left: under the same id. Told
is the state of a task: of several changes between two looks the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import attrs

from danqing_server.access.caller import Caller
from danqing_server.clock import Clock, from_ms, to_ms
from danqing_server.delivery.followers import Follower, Sight
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


def _id_of(task: Task) -> str:
    """Return the id under which a change of status is told: that of its moment, of the change, and of the task."""
    return f"{_change_in(version_of(task))}-{task.id}"


def _change_in(version: str) -> str:
    """Return the part of a version that other progress does not change."""
    return "-".join(version.split("-")[:2])


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
            await self._tell([*await self._changed(since), *await self._gone_on()])
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

    async def _changed(self, since: datetime) -> dict[str, None]:
        """Return whose status changed."""
        new: dict[str, None] = {}
        async for page in pages(self.store, self.reach, since, GLIMPSES):
            for id_, at_ms, change, _ in page:
                if not self._seen.get(id_, "").startswith(change_of(at_ms, change)):
                    new[id_] = None
        return new

    async def _gone_on(self) -> list[str]:
        """Return which of those that run have come farther; every second look."""
        if not self._running or not self._looks % 2:
            return []
        versions = await self.watched.versions(self._running)
        return [id_ for id_, version in versions.items() if self._seen.get(id_) != version]

    async def _tell(self, ids: Iterable[str]) -> None:
        """Show the tasks of *ids*; of very many as fast as they are read, or not read within `READ_WITHIN_S`."""
        new = list(dict.fromkeys(ids))
        for first in range(0, len(new), PAGE):
            page = new[first : first + PAGE]
            tasks = await self.store.tasks(page)
            for id_ in page:
                self._note_running(id_, is_running=False)
            with suppress(TimeoutError):
                async with asyncio.timeout(READ_WITHIN_S):
                    await asyncio.gather(*(follower.room() for follower in self.followers))
            for task in sorted(tasks.values(), key=_moment):
                self._show(task)

    def _show(self, task: Task) -> None:
        """Show a task as it was read, which may be newer than what was glimpsed."""
        known, version = self._seen.get(task.id, ""), version_of(task)
        self._seen[task.id] = version
        self._note_running(task.id, task.status is Status.PROCESSING)
        if known == version:
            return
        goes_on = _change_in(known) == _change_in(version)
        sight = Sight(task, None if goes_on else _id_of(task))
        for follower in tuple(self.followers):
            follower.show(sight)

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
    async def follow(self, caller: Caller, wants: Callable[[Task], bool]) -> AsyncIterator[Follower]:
        """Follow what happens from now on, of what *wants* says yes to.

        Raises:
            Overloaded: too many wait and follow.
            StoreUnavailable: MongoDB does not answer, or is still making the index that this needs.
        """
        with self.watchers.place(caller):
            feed = self._feed(caller.reach)
            follower = Follower(wants, closed=self._draining)
            feed.followers.add(follower)
            self._run(feed)
            try:
                await _primed(feed)
                yield follower
            finally:
                feed.followers.discard(follower)
                if not feed.followers:
                    self._feeds.pop(caller.reach, None)

    async def replay(self, caller: Caller, since: datetime, wants: Callable[[Task], bool]) -> AsyncIterator[Sight]:
        """Return what changed since then, or a moment before, as it is now. Raises StoreUnavailable."""
        async for page in pages(self.store, caller.reach, since - RESUME_OVERLAP):
            tasks = await self.store.tasks([glimpse.id for glimpse in page])
            for task in sorted(tasks.values(), key=_moment):
                if wants(task):
                    yield Sight(task, _id_of(task))

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
