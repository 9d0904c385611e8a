"""The way out: whoever wants to hear of tasks' changes is told of each, at least once.

Plugins listen, and parts of the server subscribe. While any of them wants to hear of a change, the write that makes
it also sets a mark. Once all have heard of it the mark is taken away, with others of the moment. What a death left
untold, or what a listener had no room for, is found by its mark and told again, under the same id. While nobody
wants to hear there are no marks, no writes and no looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import attrs

from danqing_plugins import TaskEvent, TaskEventKind
from danqing_server.clock import Clock
from danqing_server.errors import StoreUnavailable
from danqing_server.ids import new_token
from danqing_server.life.moves import Deleted, Move, Started
from danqing_server.life.onlookers import Onlookers
from danqing_server.life.subscribers import PluginSubscriber, Subscriber
from danqing_server.life.telling import event_of
from danqing_server.log import get_logger
from danqing_server.plugins.registry import Registry
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Attempt, Task
from danqing_server.store.changes import NO_MARKS, Legacy, Marks, mark
from danqing_server.store.untold import Notice, Untold, transition_of

__all__ = ["Outlet", "Witness"]

CLEAR_EVERY_S = 1.0
RETELL_AFTER = timedelta(seconds=20)
MOST_MISSED = 10_000
MOST_WITH_TASKS = 1_000
"""How many notices that wait to be heard hold their tasks, which may be large; the tasks of more are read."""

log = get_logger(__name__)


def _has_room(subscriber: Subscriber) -> bool:
    return subscriber.room > 1


class Witness(Protocol):
    """Sees every move that this process carried out, once, at once; it neither waits nor raises."""

    def saw(self, move: Move) -> None:
        """Take note of *move*."""


@attrs.define(eq=False)
class _Telling:
    """A notice that is being told: who is still to hear it, and who had no room for it."""

    notice: Notice
    waiting: set[str]
    missed: set[str] = attrs.field(factory=set)


@attrs.define(eq=False)
class Outlet:
    """Tells the plugins that listen, and *subscribers*. Nobody waits for them. `onlookers` are told without marks.

    A mark that is older than `retell_after` is told again: by then whoever made the change has died, or its plugin
    is far behind. *witness* sees what others hear of, and needs no marks: what it misses it misses.
    """

    registry: Registry
    untold: Untold
    clock: Clock
    subscribers: Sequence[Subscriber] = ()
    clear_every_s: float = CLEAR_EVERY_S
    retell_after: timedelta = RETELL_AFTER
    witness: Witness | None = None
    name: str = attrs.field(factory=new_token)
    onlookers: Onlookers = attrs.field(factory=Onlookers, init=False)
    _in_hand: dict[str, _Telling] = attrs.field(factory=dict, init=False)
    _missed: dict[str, set[str]] = attrs.field(factory=dict, init=False)
    _told: dict[str, set[str]] = attrs.field(factory=dict, init=False)
    _clearing: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _closing: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _indexed: bool = attrs.field(default=False, init=False)
    _met_webhook: bool = attrs.field(default=False, init=False)

    @property
    def may_be_heard(self) -> bool:
        """Whether anybody listens, or may begin to."""
        return bool(self.subscribers) or self.registry.has_listeners

    @property
    def is_heard(self) -> bool:
        """Whether anybody wants to hear of anything."""
        if self._met_webhook or self.registry.has_listeners:
            return True
        for each in self.subscribers:  # noqa: SIM110 — asked of every move: a generator costs more than the answer
            if each.subscribed():
                return True
        return False

    @property
    def is_watched(self) -> bool:
        """Whether a move of this process interests anybody."""
        return self.witness is not None or self.is_heard

    def marks(self, move: Move) -> Marks:
        """Return what the write that makes *move* must set, so that it is told whatever happens."""
        self._meet(move.task)
        notice = self._notice_of(move)
        if notice is None or not self._who_wants(notice):
            return NO_MARKS
        return {move.transition_id: mark(notice.event.kind, move.at, move.error_code)}

    def marks_of_start(self, attempt: Attempt) -> Marks:
        """Return what `marks` returns of the start of each task of a batch."""
        if not self._is_wanted(TaskEventKind.STARTED):
            return NO_MARKS
        return {attempt.id: mark(TaskEventKind.STARTED, attempt.started_at)}

    def marks_of_end(self, at: datetime, error: TaskError) -> Marks:
        """Return what `marks` returns of the failure of a task that cannot be read here: it is only told again."""
        if not self._is_wanted(TaskEventKind.FAILED):
            return NO_MARKS
        return {new_token(): mark(TaskEventKind.FAILED, at, error.code)}

    async def legacy(self, move: Deleted) -> Legacy | None:
        """Let those who must know the task look at it once more, and return what is to be noted with its deletion.

        That is all that is untold of the task; None when nobody listens.
        """
        self._meet(move.task)
        if not self.is_heard:
            return None
        for subscriber in self._active():
            await subscriber.before_deletion(move)
        marks = {**await self.untold.of(move.task.id), **self.marks(move)}
        return Legacy(task=move.task, at=move.at, marks=marks)

    @property
    def has_room(self) -> bool:
        """Whether anybody listens, and has room for more than is told right now."""
        return any(_has_room(subscriber) for subscriber in self._active())

    def tell(self, move: Move) -> None:
        """Tell of a move that was carried out, with its marks."""
        self.onlookers.tell(move.task.id)
        if self.witness is not None:
            self.witness.saw(move)
        self._meet(move.task)
        notice = self._notice_of(move, with_task=len(self._in_hand) < MOST_WITH_TASKS)
        if notice is not None:
            self._tell(notice, self._who_wants(notice))

    def tell_started(self, tasks: Sequence[Task]) -> None:
        """Tell of what a batch of starts started."""
        for task in tasks:
            self._meet(task)
        if self.is_watched:
            for task in tasks:
                self.tell(Started(task=task))
        else:
            for task in tasks:
                self.onlookers.tell(task.id)

    async def find_owed(self) -> list[Notice]:
        """Return what was left untold for a while, here or elsewhere, and somebody has room for."""
        room = max((subscriber.room for subscriber in self._active()), default=0) // 2
        if room <= 0:
            return []
        if not self._indexed:  # somebody may have begun to listen since this process began
            await self.untold.ensure_indexes()
            self._indexed = True
        return (await self.untold.find(self.clock.now() - self.retell_after, room, self._is_owed))[:room]

    def _is_owed(self, notice: Notice) -> bool:
        """Tell whether somebody with room is to hear it, or nobody wants to any more."""
        if self._is_told(notice.event):
            return False
        owed = self._owed_to(notice)
        nobody_wants_it = not owed and notice.event.id not in self._in_hand
        return nobody_wants_it or any(map(_has_room, owed.values()))

    def _owed_to(self, notice: Notice) -> dict[str, Subscriber]:
        """Return those who want it and did not hear it here before, nor are about to."""
        telling, wanting = self._in_hand.get(notice.event.id), self._who_wants(notice)
        missed = self._missed.get(notice.event.id) if telling is None else telling.missed
        return wanting if missed is None else {name: wanting[name] for name in missed & wanting.keys()}

    def tell_again(self, notice: Notice) -> None:
        """Tell what `find_owed` found, to those who did not hear it here before; who has no room hears it later."""
        owed, telling = self._owed_to(notice), self._in_hand.get(notice.event.id)
        later = {name for name, subscriber in owed.items() if not _has_room(subscriber)}
        if telling is not None:  # one who is behind has it in line, and another has missed it
            self._go_on_telling(telling, {name: owed[name] for name in owed.keys() - later})
            return
        self._missed.pop(notice.event.id, None)
        self._tell(notice, owed, later)

    async def drain(self) -> None:
        """Let subscribers hear what waits, and take the marks away of what was told; others tell the rest again."""
        await asyncio.gather(*(subscriber.stop() for subscriber in self.subscribers))
        self._closing.set()
        if self._clearing is not None:
            await asyncio.wait({self._clearing})

    def _tell(self, notice: Notice, wanting: Mapping[str, Subscriber], later: Set[str] = frozenset()) -> None:
        if not wanting:
            self._note_told(notice.event)
            return
        now = {name: subscriber for name, subscriber in wanting.items() if name not in later}
        if not now:
            self._note_missed(notice.event.id, {*later})
            return
        telling = self._in_hand[notice.event.id] = _Telling(notice, set(now), {*later})
        for name, subscriber in now.items():
            subscriber.tell(notice, partial(self._note_heard, telling, name))

    def _go_on_telling(self, telling: _Telling, owed: Mapping[str, Subscriber]) -> None:
        telling.missed -= owed.keys()
        telling.waiting |= owed.keys()
        for name, subscriber in owed.items():
            subscriber.tell(telling.notice, partial(self._note_heard, telling, name))

    def _note_heard(self, telling: _Telling, name: str, heard: bool) -> None:
        telling.waiting.discard(name)
        if not heard:
            telling.missed.add(name)
        if telling.waiting:
            return
        event = telling.notice.event
        self._in_hand.pop(event.id, None)
        if telling.missed:
            self._note_missed(event.id, telling.missed)
        else:
            self._note_told(event)

    def _note_missed(self, event_id: str, names: set[str]) -> None:
        """Remember who is still to hear it; of too many the oldest are told to all again."""
        if len(self._missed) >= MOST_MISSED:
            del self._missed[next(iter(self._missed))]
        self._missed[event_id] = names

    def _note_told(self, event: TaskEvent) -> None:
        self._told.setdefault(event.task_id, set()).add(transition_of(event))
        if self._clearing is None or self._clearing.done():
            self._clearing = asyncio.create_task(self._clear_all())

    def _is_told(self, event: TaskEvent) -> bool:
        return transition_of(event) in self._told.get(event.task_id, ())

    async def _clear_all(self) -> None:
        while self._told:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.clear_every_s):
                    await self._closing.wait()
            await self._clear()

    async def _clear(self) -> None:
        told = {task_id: set(transitions) for task_id, transitions in self._told.items()}
        try:
            await self.untold.clear(told)
        except StoreUnavailable as error:
            log.warning("told_again_later", count=len(told), reason=str(error))
        for task_id, transitions in told.items():
            self._told[task_id] -= transitions
            if not self._told[task_id]:
                del self._told[task_id]

    def _meet(self, task: Task) -> None:
        """Know that tasks bring webhooks, though those who send them may not have told this process yet."""
        self._met_webhook = self._met_webhook or task.webhook is not None

    def _active(self) -> Iterable[Subscriber]:
        yield from map(PluginSubscriber, self.registry.listeners)
        yield from (subscriber for subscriber in self.subscribers if self._met_webhook or subscriber.subscribed())

    def _notice_of(self, move: Move, *, with_task: bool = False) -> Notice | None:
        """Return the notice of *move*, None when nobody can want it: neither a task's own webhook nor who listens.

        Most moves are of a kind that nobody does: no mark is to be taken away of those.
        """
        kind, task = move.kind, move.task
        if kind is None or (task.webhook is None and not self._is_wanted(kind)):
            return None
        event = event_of(task, kind, move.transition_id, move.at, move.error_code)
        return Notice(event, task.owner, task.webhook, move.leaves_behind if with_task else None)

    def _is_wanted(self, kind: TaskEventKind) -> bool:
        if self.registry.has_listeners:
            return True
        for each in self.subscribers:  # noqa: SIM110 — asked of every move: a generator costs more than the answer
            if each.wants_kind(kind) and (self._met_webhook or each.subscribed()):
                return True
        return False

    def _who_wants(self, notice: Notice) -> dict[str, Subscriber]:
        return {subscriber.name: subscriber for subscriber in self._active() if subscriber.wants(notice)}
