"""Those who wait for a task: calls that answer when it is finished, long polls, event streams.

There is one registry of them in each process. What changes in this process it is told at once. For what changes
elsewhere it looks at all that is waited for together, four times a second; when many have waited long, less often.
While nobody waits nothing is looked at. A wait holds nothing of the task's: it goes on when the client leaves, and
whoever asks again finds it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.errors import Overloaded, ServiceUnavailable
from danqing_server.life.onlookers import Onlookers
from danqing_server.log import get_logger
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.store.watching import WatchStore, version_of

__all__ = ["Watch", "Watchers"]

LOOK_EVERY_S = 0.25
SELDOM_S = 1.0
LONG_S = 10.0
MANY = 200
LARGEST_LOOK = 500
RETRY_AFTER_S = 5

TOO_MANY_WAITING = Message(
    key="too_many_waiting",
    en="too many calls wait for tasks; ask for the state instead, or try again in a moment",
    zh="正在等待任务的请求过多，请直接查询状态，或稍后重试",
)

log = get_logger(__name__)

Find = Callable[[str, Caller], Awaitable[Task]]
"""Returns a task that the caller sees, else raises NotFound."""


@attrs.define(eq=False)
class Watch:
    """One who waits for changes of one task, of which `version` is what it knows."""

    task_id: str
    version: str
    since_s: float
    find: Callable[[], Awaitable[Task]]
    looked_s: float = 0.0
    closed: bool = False
    _event: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def wake(self) -> None:
        """Say that the task may have changed."""
        self._event.set()

    def compare(self, version: str | None) -> None:
        """Wake when *version* is another than what is known; None: the task is gone."""
        if version != self.version:
            self.wake()

    async def change(self, within_s: float) -> Task | None:
        """Return the task when it is another than before; None when it is not within the time, or at the drain.

        Raises:
            NotFound: it is gone.
        """
        deadline_s = asyncio.get_running_loop().time() + within_s
        while await self._woken(deadline_s):
            known = self.version
            with suppress(ServiceUnavailable):  # MongoDB is away for a moment: the wait outlasts that
                task = await self.find()
                self.version = version_of(task)
                if self.version != known:
                    return task
        return None

    async def _woken(self, deadline_s: float) -> bool:
        try:
            async with asyncio.timeout_at(deadline_s):
                await self._event.wait()
        except TimeoutError:
            return False
        if self.closed:
            return False
        self._event.clear()  # before the task is read: what changes meanwhile wakes once more
        return True


@attrs.define(eq=False)
class Watchers:
    """The registry. `most` waits are let in at once, and half of them of one key.

    What waits raises NotFound of a task that is not there for its caller, Overloaded when too many wait, and
    returns without a change as soon as the process drains.
    """

    store: WatchStore
    find: Find
    onlookers: Onlookers
    most: int
    look_every_s: float = LOOK_EVERY_S
    _watches: dict[str, set[Watch]] = attrs.field(factory=dict, init=False)
    _keys: Counter[str] = attrs.field(factory=Counter, init=False)
    _count: int = attrs.field(default=0, init=False)
    _looking: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _draining: bool = attrs.field(default=False, init=False)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._count

    async def finished(self, task_id: str, caller: Caller, within_s: float) -> Task | None:
        """Return the task once it is finished, at once if it is; None when it is not within *within_s*."""
        task: Task | None = await self.find(task_id, caller)
        if task is None or task.status in FINISHED:
            return task
        deadline_s = asyncio.get_running_loop().time() + within_s
        with self.watch(task, caller) as watch:
            while task is not None and task.status not in FINISHED:
                task = await watch.change(deadline_s - asyncio.get_running_loop().time())
        return task

    async def changed(
        self, task_id: str, caller: Caller, since_version: str | None, within_s: float
    ) -> Task | None:
        """Return the task once it is another than of that version, or finished; None: not within *within_s*.

        *since_version* None: than it is now.
        """
        task = await self.find(task_id, caller)
        if task.status in FINISHED or (since_version is not None and version_of(task) != since_version):
            return task
        with self.watch(task, caller) as watch:
            return await watch.change(within_s)

    @contextmanager
    def watch(self, task: Task, caller: Caller) -> Iterator[Watch]:
        """Wait for changes of *task* as it was just found, as often as wanted."""
        now_s = asyncio.get_running_loop().time()
        watch = Watch(task.id, version_of(task), now_s, lambda: self.find(task.id, caller), now_s)
        with self.place(caller):
            self._watches.setdefault(task.id, set()).add(watch)
            self.onlookers.add(task.id, watch.wake)
            if self._draining:
                self._close(watch)
            elif self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_while_watched())
            try:
                yield watch
            finally:
                self._forget(watch)

    @contextmanager
    def place(self, caller: Caller) -> Iterator[None]:
        """Hold a place among those who wait. Raises Overloaded."""
        if self._count >= self.most:
            raise Overloaded(TOO_MANY_WAITING(), retry_after_s=RETRY_AFTER_S, server_wide=True)
        if caller.owner is not None and self._keys[caller.key] >= max(1, self.most // 2):
            raise Overloaded(TOO_MANY_WAITING(), retry_after_s=RETRY_AFTER_S)
        self._count += 1
        self._keys[caller.key] += 1
        try:
            yield
        finally:
            self._count -= 1
            self._keys[caller.key] -= 1
            if not self._keys[caller.key]:
                del self._keys[caller.key]

    async def drain(self) -> None:
        """Let all who wait go, without a change, and whoever comes from now on."""
        self._draining = True
        for watches in self._watches.values():
            for watch in watches:
                self._close(watch)
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    @staticmethod
    def _close(watch: Watch) -> None:
        watch.closed = True
        watch.wake()

    def _forget(self, watch: Watch) -> None:
        self.onlookers.remove(watch.task_id, watch.wake)
        watches = self._watches[watch.task_id]
        watches.discard(watch)
        if not watches:
            del self._watches[watch.task_id]

    async def _look_while_watched(self) -> None:
        while self._watches:
            await asyncio.sleep(self.look_every_s)
            due = self._due()
            for first in range(0, len(due), LARGEST_LOOK):
                ids = due[first : first + LARGEST_LOOK]
                try:
                    self._compare(ids, await self.store.versions(ids))
                except ServiceUnavailable as error:
                    log.debug("watched_not_seen", count=len(ids), reason=str(error))

    def _due(self) -> list[str]:
        """Return the ids to look at now: all, or of very many those that wait since a moment and some others."""
        now_s = asyncio.get_running_loop().time()
        many = len(self._watches) > MANY
        due = []
        for task_id, watches in self._watches.items():
            watch = next(iter(watches))
            pause_s = SELDOM_S if many and now_s - watch.since_s > LONG_S else self.look_every_s
            if now_s - watch.looked_s >= pause_s * 0.9:
                watch.looked_s = now_s
                due.append(task_id)
        return due

    def _compare(self, ids: Sequence[str], versions: Mapping[str, str]) -> None:
        for task_id in ids:
            for watch in self._watches.get(task_id, ()):
                watch.compare(versions.get(task_id))
