"""All that happens to a project's tasks, for those who follow it.

While somebody follows a project, one feed of this process looks at what changed in it, however many follow. A
follower that comes again is told once more what may have been under way when it left: under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import attrs

from danqing_server.access.caller import Caller
from danqing_server.clock import Clock, to_ms
from danqing_server.delivery.event_ids import change_in, id_of, mark_of
from danqing_server.delivery.feed import Feed, order_of, pages
from danqing_server.delivery.followers import Debt, Follower, Sight
from danqing_server.delivery.watchers import Watchers
from danqing_server.errors import StoreUnavailable
from danqing_server.records.tasks import Task
from danqing_server.store.changed import GLIMPSES, ChangedStore
from danqing_server.store.reach import Reach
from danqing_server.store.watching import WatchStore, version_of

__all__ = ["Feeds"]

RESUME_OVERLAP = timedelta(seconds=60)
PRIMED_S = 20.0


@attrs.define(eq=False)
class Feeds:
    """The feeds of a process, one for each reach that is followed."""

    store: ChangedStore
    watched: WatchStore
    clock: Clock
    watchers: Watchers
    _feeds: dict[Reach, Feed] = attrs.field(factory=dict, init=False)
    _runs: dict[Feed, asyncio.Task[None]] = attrs.field(factory=dict, init=False)
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
            for task in sorted(tasks.values(), key=order_of):
                if wants is None or wants(task):
                    yield Sight(task, id_of(task, change_in(version_of(task))))

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

    def _feed(self, reach: Reach) -> Feed:
        found = self._feeds.get(reach)
        if found is None:
            found = self._feeds[reach] = Feed(reach, self.store, self.watched, self.clock)
        return found

    def _run(self, feed: Feed) -> None:
        """See to it that the feed is looked at; whoever died of what nobody foresaw is begun anew."""
        run = self._runs.get(feed)
        if (run is None or run.done()) and not self._draining:
            run = self._runs[feed] = asyncio.create_task(feed.run())
            run.add_done_callback(lambda _: self._runs.pop(feed, None))


async def _primed(feed: Feed) -> None:
    try:
        async with asyncio.timeout(PRIMED_S):
            await feed.primed.wait()
    except TimeoutError as error:
        raise StoreUnavailable("the tasks that changed cannot be looked at yet") from error
