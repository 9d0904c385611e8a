"""Who follows what happens to tasks, with what each has not read yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

import attrs

from danqing_server.delivery.event_ids import mark_in
from danqing_server.records.tasks import Task
from danqing_server.store.changed import PAGE

__all__ = ["MOST_OWED", "Debt", "Follower", "Sight", "Turned"]

MOST_UNREAD = 1_000
MOST_OWED = 20_000


@attrs.frozen(eq=False)
class Sight:
    """A task as it was seen. `id` None: no other than before, but farther. `answers` are what was made of it."""

    task: Task
    id: str | None
    answers: dict[Hashable, bytes] = attrs.field(factory=dict)

    @property
    def mark(self) -> str | None:
        """What its id begins with."""
        return None if self.id is None else mark_in(self.id)


@attrs.frozen
class Turned:
    """A lane whose gate turned; how it stands is for who is told to look at."""

    lane: str


class Debt(NamedTuple):
    """Of a task that one is to be told of: when it changed, as ids begin, and whether its status did."""

    mark: str
    changed: bool


@attrs.define(eq=False)
class Follower:
    """One who follows, of what it `wants`, None: all. One that reads too slowly is let go: it can come again.

    With `per_s` it is told of that many tasks a second at most, of what changed last first, and of the rest when
    there is room: a page that shows fifty rows need not be told of a thousand a second. What it does not want takes
    none of that.
    """

    wants: Callable[[Task], bool] | None
    per_s: int | None = None
    closed: bool = False
    _unread: deque[Sight] = attrs.field(factory=deque, init=False)
    _turned: dict[str, None] = attrs.field(factory=dict, init=False)
    _owed: dict[str, Debt] = attrs.field(factory=dict, init=False)
    _oldest_owed: str | None = attrs.field(default=None, init=False)
    _allowed: float = attrs.field(default=0.0, init=False)
    _event: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _room: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    @property
    def reads_all(self) -> bool:
        """Whether what is new must be read before it is known whether it is told of that."""
        return self.per_s is None or self.wants is not None

    def is_for(self, task: Task) -> bool:
        """Tell whether it wants to hear of *task*."""
        return self.wants is None or self.wants(task)

    def show(self, sight: Sight) -> None:
        """Put what it wants in line."""
        if not self.is_for(sight.task):
            return
        if len(self._unread) >= MOST_UNREAD:
            self.close()
        else:
            self._unread.append(sight)
            self._event.set()

    def owe(self, debts: Mapping[str, Debt]) -> None:
        """Note the tasks that it is to be told of when there is room, by their ids.

        Of too many the oldest are forgotten.
        """
        for id_, debt in debts.items():
            before = self._owed.pop(id_, debt)
            self._owed[id_] = Debt(debt.mark, before.changed or debt.changed)
        for id_ in list(islice(self._owed, max(0, len(self._owed) - MOST_OWED))):
            del self._owed[id_]
        self._oldest_owed = _oldest(chain((self._oldest_owed,), _marks(debts)))

    def due(self, within_s: float) -> dict[str, Debt]:
        """Return the tasks it may be told of within that time; they are owed no longer."""
        self._allowed = self._allowed % 1 + (self.per_s or 0) * within_s
        due = dict(self._owed.popitem() for _ in range(min(int(self._allowed), len(self._owed))))
        self._oldest_owed = _oldest(_marks(self._owed))
        return due

    def left_since(self) -> str | None:
        """Return how the id of the oldest change begins that it is still to be told of, None when there is none."""
        return _oldest(chain((self._oldest_owed,), (sight.mark for sight in self._unread)))

    def turn(self, lane: str) -> None:
        """Have it told of a lane, once however often that turned meanwhile."""
        self._turned[lane] = None
        self._event.set()

    def close(self) -> None:
        """Let it go."""
        self.closed = True
        self._unread.clear()
        self._turned.clear()
        self._owed.clear()
        self._event.set()
        self._room.set()

    async def room(self) -> None:
        """Wait until there is room in its line for what one look brings."""
        while len(self._unread) > MOST_UNREAD - PAGE and not self.closed:
            self._room.clear()
            await self._room.wait()

    async def next(self, within_s: float) -> Sight | Turned | None:
        """Return what is next; None when nothing is within the time, or once it is let go."""
        if not self._unread and not self._turned and not self.closed:
            self._event.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self._event.wait()
            except TimeoutError:
                return None
        if self._turned:
            lane = next(iter(self._turned))
            del self._turned[lane]
            return Turned(lane)
        return self._first() if self._unread else None

    def at_hand(self, most: int) -> list[Sight]:
        """Return what is next in line by now, *most* at most."""
        return [self._first() for _ in range(min(most, len(self._unread)))]

    def _first(self) -> Sight:
        self._room.set()
        return self._unread.popleft()


def _oldest(marks: Iterable[str | None]) -> str | None:
    return min(filter(None, marks), default=None)


def _marks(debts: Mapping[str, Debt]) -> Iterator[str]:
    return (debt.mark for debt in debts.values() if debt.changed)
