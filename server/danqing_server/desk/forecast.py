"""Why a task is not done, and when it may be, by the depth of its lane and its throughput of late."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import attrs

from danqing_server.clock import Clock, from_ms
from danqing_server.desk.progress import Progress
from danqing_server.errors import QueueUnavailable
from danqing_server.life.telling import entry_of
from danqing_server.loops.shared import outcome_of
from danqing_server.queue.entries import LaneDepth, Position
from danqing_server.queue.gates import RATE_LIMITED, Gate, Gates, Throughput
from danqing_server.queue.lanes import Queue
from danqing_server.records.tasks import FINISHED, Status, Task

__all__ = ["Explanation", "Forecast", "LaneView"]

KEPT_S = 2.0
UNKNOWN_RETRY_AFTER_S = 3
LONGEST_RETRY_AFTER_S = 30
PROVIDER_MISSING = "provider_missing"
"""Its provider was taken out of the settings, lacks its key, or could not be started."""


@attrs.frozen(kw_only=True)
class LaneView:
    """How a lane stands; at most two seconds old."""

    depth: LaneDepth
    gate: Gate
    throughput: Throughput

    def drained_in_s(self, tasks: int) -> float | None:
        """Return how long *tasks* take at the recent throughput, None when nothing is known of it."""
        return tasks / self.throughput.per_s if self.throughput.per_s else None


@attrs.frozen(kw_only=True)
class Explanation:
    """Why a task is not done. `waiting_for` is a stable word, None when nothing holds it.

    `own_position` counts the user's own tasks ahead, `lane_position` all tasks expected to begin before it; None
    when it is not queued. The estimates are None when the lane has no recent throughput.
    """

    task: Task
    waiting_for: str | None
    until: datetime | None = None
    reason: str | None = None
    own_position: int | None = None
    lane_position: int | None = None
    estimated_start_at: datetime | None = None
    estimated_finish_at: datetime | None = None


@attrs.define(eq=False)
class Forecast:
    """Looks at lanes; what it sees is kept for two seconds. *providers* are those there are."""

    queue: Queue
    gates: Gates
    clock: Clock
    providers: Collection[str]
    _progress: Progress = attrs.field(factory=Progress, init=False)
    _seen: dict[str, tuple[float, asyncio.Task[LaneView]]] = attrs.field(factory=dict, init=False)

    async def lane(self, name: str) -> LaneView:
        """Return how a lane stands; callers of one moment share one look. Raises QueueUnavailable."""
        now_s = self.clock.monotonic_s()
        seen = self._seen.get(name)
        if seen is None or now_s - seen[0] >= KEPT_S or _failed(seen[1]):
            seen = self._seen[name] = (now_s, asyncio.create_task(self.look(name)))
            seen[1].add_done_callback(_failed)  # whoever waited may have hung up: then nobody else takes its error
        look = seen[1]
        return await outcome_of(look)

    async def look(self, name: str) -> LaneView:
        """Return how a lane stands at this moment. Raises QueueUnavailable."""
        depth = await self.queue.depth(name)
        gate, throughput = await self.gates.look_with_throughput(name)
        return LaneView(depth=depth, gate=gate, throughput=throughput)

    async def retry_after_s(self, task: Task) -> int:
        """Return when it is worth asking for *task* again, in whole seconds from 1 to 30."""
        try:
            view = await self.lane(task.lane)
        except QueueUnavailable:
            return UNKNOWN_RETRY_AFTER_S
        now = self.clock.now()
        if task.run_at is not None and task.run_at > now:
            return _clamped((task.run_at - now).total_seconds())
        if view.throughput.mean_s is None:
            return UNKNOWN_RETRY_AFTER_S
        if task.attempt is not None:
            ran_s = (now - task.attempt.started_at).total_seconds()
            return _clamped(view.throughput.mean_s - ran_s)
        waits_s = view.drained_in_s(view.depth.queued) or 0.0
        return _clamped(waits_s + view.throughput.mean_s)

    async def progress(self, task: Task) -> float:
        """Return how far *task* is, from 0 to 1: an estimate where its provider tells nothing."""
        if self._progress.is_none(task):
            return 0.0
        mean_s = None
        if task.attempt is not None and not task.progress:
            with suppress(QueueUnavailable):
                mean_s = (await self.lane(task.lane)).throughput.mean_s
        return self._progress.of(task, self.clock.now(), mean_s)

    async def explain(self, task: Task) -> Explanation:
        """Return why *task* is where it is. Raises QueueUnavailable."""
        view = await self.look(task.lane)
        now = self.clock.now()
        if task.status in FINISHED:
            return Explanation(task=task, waiting_for=None)
        if task.status is Status.PROCESSING:
            return self._explain_running(task, view)
        if task.run_at is not None and task.run_at > now:
            why = "schedule" if task.status is Status.SCHEDULED else "backoff"
            return Explanation(task=task, waiting_for=why, until=task.run_at, estimated_start_at=task.run_at)
        if task.provider not in self.providers:
            return Explanation(task=task, waiting_for="lane_closed", reason=PROVIDER_MISSING)
        position = await self.queue.position(entry_of(task))
        return _explain_queued(task, view, position, now)

    def _explain_running(self, task: Task, view: LaneView) -> Explanation:
        finish_at = None
        if task.attempt is not None and view.throughput.mean_s is not None:
            finish_at = task.attempt.started_at + timedelta(seconds=view.throughput.mean_s)
        return Explanation(
            task=task,
            waiting_for="provider",
            until=task.deadline_at,
            estimated_start_at=task.started_at,
            estimated_finish_at=finish_at,
        )


def _explain_queued(task: Task, view: LaneView, position: Position, now: datetime) -> Explanation:
    gate = view.gate
    ahead = _ahead(view, position)
    held: dict[str, Any] = {"waiting_for": "turn" if ahead else "worker"}
    until_ms = max(gate.shut_until_ms, gate.models.get(task.model, 0))
    if gate.halt is None and until_ms > gate.shut_until_ms:
        held = {"waiting_for": "model_held", "reason": RATE_LIMITED, "until": from_ms(until_ms)}
    elif until_ms or gate.state != "closed" or gate.halt is not None:
        held = {"waiting_for": "lane_closed", "reason": gate.shut_by}
        if until_ms and not gate.is_endless:
            held["until"] = from_ms(until_ms)
    start_at = finish_at = None
    waits_s = view.drained_in_s(ahead) if ahead is not None else None
    if waits_s is not None and view.throughput.mean_s is not None and not gate.is_endless:
        opens_at = max(now, from_ms(until_ms)) if until_ms else now
        start_at = opens_at + timedelta(seconds=waits_s)
        finish_at = start_at + timedelta(seconds=view.throughput.mean_s)
    return Explanation(
        task=task,
        own_position=position.before,
        lane_position=ahead,
        estimated_start_at=start_at,
        estimated_finish_at=finish_at,
        **held,
    )


def _ahead(view: LaneView, position: Position) -> int | None:
    """Return how many tasks begin before this one when owners and their users take turns; None when not queued."""
    if position.before is None:
        return None
    turns = max(1, position.users) * max(1, position.owners)  # until it is this user's turn again
    return min(max(0, view.depth.queued - 1), (position.before + 1) * turns - 1)


def _failed(look: asyncio.Task[LaneView]) -> bool:
    return look.done() and (look.cancelled() or look.exception() is not None)


def _clamped(seconds: float) -> int:
    return max(1, min(LONGEST_RETRY_AFTER_S, round(seconds)))
