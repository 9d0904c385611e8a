"""A plugin that listens to tasks' changes: told in its own time, so that nobody waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import attrs

from danqing_plugins import TaskEvent
from danqing_server.log import get_logger
from danqing_server.loops.cancellation import is_cancelled

__all__ = ["Listener"]

MOST_WAITING = 1_000
TIMEOUT_S = 10.0

Done = Callable[[bool], None]

log = get_logger(__name__)


def _ignore(heard: bool) -> None:
    """Take no notice."""


@attrs.define(eq=False)
class Listener:
    """What one plugin is still to hear, in order. `hear` calls its hook and returns what is to be awaited.

    One event at a time, for `timeout_s` at most: then it counts as heard, like one that the plugin refuses. Of more
    than `most_waiting` the oldest are dropped, counted in `dropped` and logged once.
    """

    plugin: str
    hear: Callable[[TaskEvent], Iterable[Awaitable[None]]]
    timeout_s: float = TIMEOUT_S
    most_waiting: int = MOST_WAITING
    dropped: int = attrs.field(default=0, init=False)
    _waiting: deque[tuple[TaskEvent, Done]] = attrs.field(factory=deque, init=False)
    _teller: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    @property
    def room(self) -> int:
        """How many more events may wait."""
        return self.most_waiting - len(self._waiting)

    def tell(self, event: TaskEvent, done: Done = _ignore) -> None:
        """Put *event* in line; the plugin hears of it soon. *done* is called with whether it did."""
        if not self.room:
            _, missed = self._waiting.popleft()
            missed(False)
            self.dropped += 1
            if self.dropped == 1:
                log.warning("plugin_events_dropped", plugin=self.plugin, most_waiting=self.most_waiting)
        self._waiting.append((event, done))
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell_all())

    async def stop(self, within_s: float) -> None:
        """Let the plugin hear what waits, for *within_s* seconds at most; the rest is dropped."""
        teller = self._teller
        if teller is None:
            return
        await asyncio.wait({teller}, timeout=within_s)
        teller.cancel()  # one that does not obey is left behind: the process ends
        self.dropped += len(self._waiting)
        if self.dropped:
            log.warning("plugin_events_lost", plugin=self.plugin, count=self.dropped)

    async def _tell_all(self) -> None:
        while self._waiting:
            event, done = self._waiting.popleft()
            await self._tell(event)
            done(True)

    async def _tell(self, event: TaskEvent) -> None:
        try:
            async with asyncio.timeout(self.timeout_s):
                for awaitable in self.hear(event):
                    await awaitable
        except (Exception, SystemExit, asyncio.CancelledError):  # a plugin's own fault
            if is_cancelled():
                raise
            log.exception("plugin_event_failed", plugin=self.plugin, task_id=event.task_id, kind=event.kind)
