"""How a lane stands, for people: what keeps it shut, since when, who waits there, and what became of it of late."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

import attrs

from danqing_server.access.caller import Caller
from danqing_server.clock import Clock, from_ms
from danqing_server.desk.forecast import Forecast, LaneView
from danqing_server.desk.overview import views_for
from danqing_server.queue.entries import LaneUser
from danqing_server.queue.gates import Gate, Story
from danqing_server.records.lanes import LaneAct, LaneRecord, Pause
from danqing_server.store.lanes import LaneStore
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.tasks import TaskStore

__all__ = ["LaneDetail", "LaneStanding", "LaneTurn", "Standings"]

HISTORY = timedelta(hours=24)
MOST_USERS = 50


@attrs.frozen(kw_only=True)
class LaneTurn:
    """A turn of a lane's gate, or an act of a person: `closed`, `open`, `held`, `paused`, `resumed`, `opened`,
    `probed`. `by` None: nobody, it turned by itself."""

    at: datetime
    kind: str
    reason: str | None = None
    by: str | None = None
    until: datetime | None = None


@attrs.frozen(kw_only=True)
class LaneStanding:
    """How a lane stands. `state` is `open`, `closed`, `half_open`, `held` or `paused`.

    `since` is None of an open one. `opens_at` None: it is open, or nobody knows. `oldest_at`: since when a task
    waits that may start, None when there is none. `acts` are people's, the latest last. `story` None: it is not the
    caller's business.
    """

    name: str
    view: LaneView
    state: str
    since: datetime | None
    opens_at: datetime | None
    reason: str | None
    pause: Pause | None
    revision: int
    acts: Sequence[LaneAct] = ()
    oldest_at: datetime | None = None
    story: Story | None = None


@attrs.frozen(kw_only=True)
class LaneDetail:
    """A lane's standing, who waits there, and what happened within a day, the latest first."""

    standing: LaneStanding
    users: Sequence[LaneUser]
    turns: Sequence[LaneTurn]


@attrs.define(eq=False)
class Standings:
    """Looks at lanes for people. Each method raises QueueUnavailable, StoreUnavailable."""

    forecast: Forecast
    tasks: TaskStore
    sweeps: SweepStore
    lanes: LaneStore
    clock: Clock

    async def of(self, caller: Caller, names: Sequence[str]) -> list[LaneStanding]:
        """Return how each of *names* stands, as far as it is the caller's business."""
        views, records, oldest = await asyncio.gather(
            views_for(caller, self.forecast, self.tasks, names),
            self.lanes.all(),
            self.sweeps.longest_due(caller.rows, names, self.clock.now()),
        )
        by_name = {record.id: record for record in records}
        stories: Sequence[Story | None] = [None] * len(names)
        if caller.oversees:
            stories = await asyncio.gather(*(self.forecast.gates.story(name) for name in names))
        return [
            attrs.evolve(
                self._standing(caller, name, view, by_name.get(name)),
                oldest_at=oldest.get(name),
                story=story,
            )
            for name, view, story in zip(names, views, stories, strict=True)
        ]

    async def waited_s(self, caller: Caller, views: Mapping[str, LaneView]) -> float:
        """Return for how long a task of the caller's waits that may start, in lanes that give tasks out; else 0."""
        names = [name for name, view in views.items() if view.depth.queued and view.gate.accepting]
        if not names:
            return 0.0
        now = self.clock.now()
        since = await self.sweeps.longest_due(caller.rows, names, now)
        return max((0.0, *((now - at).total_seconds() for at in since.values())))

    async def detail(self, caller: Caller, name: str) -> LaneDetail:
        """Return all that is to be told of one lane."""
        (standing,) = await self.of(caller, [name])
        owner = None if caller.oversees else caller.owner or ""
        users = await self.forecast.queue.waiting_by_user(name, owner, MOST_USERS)
        if not caller.oversees:
            users = [attrs.evolve(user, turn=None) for user in users]
        return LaneDetail(standing=standing, users=users, turns=self._turns(caller, standing))

    async def glance(self, caller: Caller, name: str) -> LaneStanding:
        """Return how a lane stands without who waits there, for who is told that it turned."""
        view, record = await asyncio.gather(self.forecast.look(name), self.lanes.find(name))
        return self._standing(caller, name, view, record)

    def _standing(self, caller: Caller, name: str, view: LaneView, record: LaneRecord | None) -> LaneStanding:
        now = self.clock.now()
        pause = None if record is None else record.pause_at(now)
        if pause is not None and not caller.oversees:
            pause = attrs.evolve(pause, by="", key="")
        state, since_ms, until_ms = _state_of(view.gate)
        since = from_ms(since_ms) if since_ms else None
        opens_at = from_ms(until_ms) if until_ms else None
        if pause is not None:
            state, since, opens_at = "paused", pause.at, pause.until
        return LaneStanding(
            name=name,
            view=view,
            state=state,
            since=since,
            opens_at=opens_at,
            reason="paused" if pause is not None else _reason_of(view.gate),
            pause=pause,
            revision=0 if record is None else record.revision,
            acts=() if record is None else record.acts,
        )

    def _turns(self, caller: Caller, standing: LaneStanding) -> list[LaneTurn]:
        """Return what the gate did, which Redis knows, and people, which MongoDB knows."""
        told = [] if standing.story is None else standing.story.turns
        turns = [
            LaneTurn(
                at=from_ms(turn.at_ms),
                kind=turn.word,
                reason=turn.reason or None,
                until=from_ms(turn.until_ms) if turn.until_ms else None,
            )
            for turn in told
        ]
        by_people = [
            LaneTurn(
                at=act.at,
                kind=act.kind.value,
                reason=act.reason,
                by=act.by if caller.oversees else None,
                until=act.until,
            )
            for act in standing.acts
        ]
        oldest = self.clock.now() - HISTORY
        latest = accumulate(
            (turn.at for turn in by_people), max
        )  # two of one moment: in the order they were written
        ordered = sorted([*((turn.at, turn) for turn in turns), *zip(latest, by_people, strict=True)], key=_moment)
        return [turn for _, turn in reversed(ordered) if turn.at >= oldest]


def _moment(placed: tuple[datetime, LaneTurn]) -> datetime:
    return placed[0]


def _state_of(gate: Gate) -> tuple[str, int, int]:
    """Return the state of a gate that nobody paused, since when, and until when at first; 0: nobody knows."""
    if gate.state == "open" and gate.until_ms:
        return "closed", gate.since_ms, gate.until_ms
    if gate.hold is not None:
        return "held", gate.hold.since_ms, gate.hold.until_ms
    if gate.state != "closed":  # a task tries, or the next one will
        return "half_open", gate.since_ms, gate.until_ms
    return "open", 0, 0


def _reason_of(gate: Gate) -> str | None:
    return attrs.evolve(gate, halt=None).shut_by or gate.reason
