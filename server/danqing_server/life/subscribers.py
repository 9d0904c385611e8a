"""Who hears of tasks' changes beside the plugins: parts of the server, each in its own time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import attrs

from danqing_plugins import TaskEventKind
from danqing_server.errors import ServiceUnavailable
from danqing_server.life.moves import Deleted
from danqing_server.log import get_logger
from danqing_server.loops.listeners import Listener
from danqing_server.store.untold import Notice

__all__ = ["Gathering", "PluginSubscriber", "Subscriber"]

GATHER_S = 0.25
TIMEOUT_S = 30.0
MOST_WAITING = 5_000
LARGEST_BATCH = 500

Done = Callable[[bool], None]

log = get_logger(__name__)


def _always() -> bool:
    return True


def _everything(notice: Notice) -> bool:
    return True


async def _nothing(move: Deleted) -> None:
    """Learn nothing."""


class Subscriber(Protocol):
    """Hears of changes, at least once each. Nobody waits for it: `tell` returns at once.

    `subscribed` False: nothing is marked, looked for or told on its account. What `wants` answers of one change
    must depend on what the notice says and on little that changes: it is asked when the change is written, and
    again when it is told.
    """

    @property
    def name(self) -> str:
        """What it is called; of all subscribers and plugins it alone."""

    def subscribed(self) -> bool:
        """Tell whether there is anything that it may want; asked of every move."""

    @property
    def room(self) -> int:
        """How many more notices it has room for."""

    def wants_kind(self, kind: TaskEventKind) -> bool:
        """Tell whether it may want changes of *kind*, of whomever."""

    def wants(self, notice: Notice) -> bool:
        """Tell whether it wants this one."""

    def tell(self, notice: Notice, done: Done) -> None:
        """Put a notice in line. *done* is called with whether it was heard; one that was not is told again."""

    async def before_deletion(self, move: Deleted) -> None:
        """Learn what there is to learn of a task that will be gone; what this raises stops the deletion."""

    async def stop(self) -> None:
        """Hear what is in line, for a moment, and no more after that."""


@attrs.frozen
class PluginSubscriber:
    """A plugin: it hears of everything, and sees no more than the event. The registry stops it."""

    listener: Listener

    @property
    def name(self) -> str:
        """The plugin's."""
        return self.listener.plugin

    @property
    def room(self) -> int:
        """How many more events it has room for."""
        return self.listener.room

    def subscribed(self) -> bool:
        """Always."""
        return True

    def wants_kind(self, kind: TaskEventKind) -> bool:
        """Every kind."""
        return True

    def wants(self, notice: Notice) -> bool:
        """Every one."""
        return True

    def tell(self, notice: Notice, done: Done) -> None:
        """Put the event in line."""
        self.listener.tell(notice.event, done)

    async def before_deletion(self, move: Deleted) -> None:
        """Nothing: plugins are told."""

    async def stop(self) -> None:
        """Nothing."""


@attrs.define(eq=False, kw_only=True)
class Gathering:
    """What a part of the server subscribes with: `hear` is called with the notices of one moment together.

    It wants those of *kinds* that `wanted` says yes to, while `subscribed` says that it wants any. `learn` is given
    a task that is about to be deleted.

    When `hear` raises, its batch is told again later. A notice that it cannot take even alone, for another reason
    than an outage, counts as heard and is reported: it must not be told for ever.
    """

    name: str
    hear: Callable[[Sequence[Notice]], Awaitable[None]]
    kinds: frozenset[TaskEventKind] = frozenset(TaskEventKind)
    subscribed: Callable[[], bool] = _always
    wanted: Callable[[Notice], bool] = _everything
    learn: Callable[[Deleted], Awaitable[None]] = _nothing
    gather_s: float = GATHER_S
    timeout_s: float = TIMEOUT_S
    most_waiting: int = MOST_WAITING
    _waiting: deque[tuple[Notice, Done]] = attrs.field(factory=deque, init=False)
    _teller: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _closing: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    @property
    def room(self) -> int:
        """How many more notices may wait."""
        return self.most_waiting - len(self._waiting)

    def wants_kind(self, kind: TaskEventKind) -> bool:
        """Tell whether it may want changes of *kind*."""
        return kind in self.kinds

    def wants(self, notice: Notice) -> bool:
        """Tell whether it wants this one."""
        return notice.event.kind in self.kinds and self.wanted(notice)

    async def before_deletion(self, move: Deleted) -> None:
        """Learn of the task what there is to learn. Raises what `learn` raises."""
        await self.learn(move)

    def tell(self, notice: Notice, done: Done) -> None:
        """Put a notice in line; one that there is no room for is not heard."""
        if self.room <= 0:
            done(False)
            return
        self._waiting.append((notice, done))
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell_all())

    async def stop(self) -> None:
        """Hear what waits, without gathering any longer."""
        self._closing.set()
        if self._teller is not None:
            await asyncio.wait({self._teller}, timeout=self.timeout_s)
            self._teller.cancel()

    async def _tell_all(self) -> None:
        while self._waiting:
            await self._gather()
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_BATCH))]
            heard = await self._hear([notice for notice, _ in batch])
            for notice, done in batch:
                alone = heard is None and len(batch) > 1
                done((await self._hear([notice]) if alone else heard) is not False)

    async def _gather(self) -> None:
        if len(self._waiting) < LARGEST_BATCH and not self._closing.is_set():
            try:
                async with asyncio.timeout(self.gather_s):
                    await self._closing.wait()
            except TimeoutError:
                return

    async def _hear(self, batch: Sequence[Notice]) -> bool | None:
        """Return whether *batch* was heard; False for an outage, None when it cannot be heard as it is."""
        try:
            async with asyncio.timeout(self.timeout_s):
                await self.hear(batch)
        except Exception as error:
            if is_outage(error):
                log.warning("told_again_later", subscriber=self.name, count=len(batch), reason=str(error))
                return False
            log.exception(
                "subscriber_failed", subscriber=self.name, task_ids=[each.event.task_id for each in batch]
            )
            return None
        return True


def is_outage(error: Exception) -> bool:
    """Tell whether what failed with *error* may succeed when it is repeated."""
    if isinstance(error, ServiceUnavailable):
        return not error.permanent
    return isinstance(error, TimeoutError)
