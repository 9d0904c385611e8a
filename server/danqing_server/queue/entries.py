"""What goes into a lane's queue, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

import attrs

__all__ = [
    "Entry",
    "LaneDepth",
    "LaneTurned",
    "LaneUser",
    "Position",
    "Pushed",
    "Rates",
    "Reservation",
    "lane_user",
    "quoted",
    "user_of",
]


@lru_cache(maxsize=4096)
def quoted(name: str) -> str:
    """Return an owner's or a model's name without anything that separates words in an entry."""
    return quote(name, safe="")


@attrs.frozen(kw_only=True)
class Entry:
    """One waiting task as the queue knows it.

    `images` and `calls` are what it takes of the lane's rates, 0 when it has nothing to order any more. `due_ms` 0
    is at once, else a time by the clock of whoever wrote the task, who wanted it to wait for `longest_ms` at most.
    `priority` is `high`, `normal` or `low`. `owner` None: made without authentication.
    """

    id: str
    lane: str
    user_id: str
    priority: str
    images: int
    calls: int = 1
    owner: str | None = None
    model: str = ""
    due_ms: int = 0
    longest_ms: int = 0

    def as_argument(self, now_ms: int) -> str:
        """Return the one argument that the scripts take for a task; what its user chose comes last.

        Only how long it is still to wait leaves this machine: others' clocks may differ.
        """
        delay_ms = max(0, min(self.due_ms - now_ms, self.longest_ms))
        times = f"{delay_ms},{max(0, self.longest_ms)}"
        owner, model = quoted(self.owner or ""), quoted(self.model)
        return f"{self.id} {times} {self.images},{self.calls}:{self.priority[0]}:{owner}:{model}:{self.user_id}"


def user_of(owner: str | None, user_id: str) -> str:
    """Return the name of one owner's user."""
    return f"{quoted(owner or '')}:{user_id}"


@attrs.frozen(kw_only=True)
class Rates:
    """How much of a lane's work may begin in a minute, over all processes; 0 is without limit."""

    images_per_min: int = 0
    calls_per_min: int = 0


@attrs.frozen(kw_only=True)
class Reservation:
    """What `reserve` got: ids, or how long the lane gives nothing (`wait_ms` 0: nothing is waiting)."""

    ids: tuple[str, ...]
    wait_ms: int = 0


@attrs.frozen(kw_only=True)
class Pushed:
    """What `push_many` found: how many tasks the lanes did not know, and by id how many of its user now wait."""

    new: int
    waiting: Mapping[str, int]


@attrs.frozen(kw_only=True)
class Position:
    """Where a task stands: `queued`, `delayed`, `held` by a worker, or `unknown` to the queue.

    `before` counts its user's own tasks ahead of it, None when it is not queued; `users` those of its owner and
    priority that take turns, `owners` the owners that do.
    """

    state: str
    before: int | None
    users: int
    owners: int


@attrs.frozen(kw_only=True)
class LaneDepth:
    """How many tasks of a lane are ready, delayed and held by workers.

    `due_soon` counts the delayed ones that are due within ten minutes.
    """

    queued: int
    delayed: int
    held: int
    due_soon: int = 0


@attrs.frozen
class LaneTurned:
    """A lane whose gate turned: it was paused, resumed, shut, opened, or something of that is different now.

    None: nobody listened for a while, and any may have turned.
    """

    lane: str | None


@attrs.frozen(kw_only=True)
class LaneUser:
    """How many tasks of one owner's user wait in a lane, ready or delayed.

    `turn` is how many turns of others come first, 0 for who is next, None for who has none that is ready.
    """

    owner: str | None
    user_id: str
    tasks: int
    turn: int | None


def lane_user(name: str, tasks: int, turn: int) -> LaneUser:
    """Return what `user_of` made *name* of; *turn* -1 is none."""
    owner, _, user_id = name.partition(":")
    return LaneUser(owner=unquote(owner) or None, user_id=user_id, tasks=tasks, turn=None if turn < 0 else turn)
