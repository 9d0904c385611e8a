"""Which target of its route a task goes on at, and when. Pure: nothing here waits or writes.

A round is one try at each target that is open, in order, without a pause between them. A task leaves its target

- after a call that failed and cost nothing (the service is down, limits us, refuses the account);
- after a call of unknown outcome, when its policy allows the one purchase more;
- after a refusal by moderation, when its route says so: that target is never asked again;
- while it waits and the lane of its target shuts.

It stays while an order stands there for what is missing. After a round it pauses as any task does, and only that
brings it nearer to its last attempt. It goes to a target whose lane is open; where none is, it waits for the one
that opens first.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import attrs

from danqing_server.life.billing import holds_order, may_go_on
from danqing_server.life.decision import NOT_THE_SERVICE, Decision, Failure, FailureKind, Finish, Policy
from danqing_server.queue.gates import PAUSED, RATE_LIMITED, Gate
from danqing_server.records.outputs import TaskError
from danqing_server.records.routing import TaskRoute
from danqing_server.records.tasks import Task

__all__ = ["NO_LANE", "OPEN", "Onward", "Opening", "after_attempt", "opening_of", "start", "while_waiting"]

PATIENT_MS = 3_000
"""A lane that opens so soon is not worth leaving: a service's word to one task holds it for two seconds."""
CONTENT_REJECTED = "content_rejected"
NEXT = "next"
SHUT = "lane_closed"
_COST_NOTHING = (FailureKind.UNBILLED, FailureKind.RATE_LIMITED, FailureKind.ACCOUNT)


@attrs.frozen(kw_only=True)
class Opening:
    """How the lane of a target stands.

    `wait_ms` is when one that is not open may be: 0 is now, some task is to try whether the service is back; None:
    nobody knows. `reason` is a stable word.
    """

    is_open: bool
    wait_ms: int | None = 0
    reason: str = SHUT


OPEN = Opening(is_open=True)
NO_LANE = Opening(is_open=False, wait_ms=None, reason="provider_missing")
"""Of a target whose provider is not there (any more)."""


@attrs.frozen(kw_only=True)
class Onward:
    """The task waits for a target of its route, as `route` says; with `run_at` not before that.

    `missing` are pictures that moderation refused, and that are asked for again. `failures` is added to the task's.
    """

    route: TaskRoute
    error: TaskError | None = None
    run_at: datetime | None = None
    failures: int = 0
    missing: tuple[int, ...] = ()


def opening_of(gate: Gate, model: str, now_ms: int) -> Opening:
    """Return how *gate* stands for tasks of *model*."""
    if gate.halt is not None:  # for how long is a person's to say, whatever was said at first
        return Opening(is_open=False, wait_ms=None, reason=PAUSED)
    model_ms = gate.models.get(model, 0)
    wait_ms = max(0, gate.shut_until_ms - now_ms, model_ms - now_ms)
    if gate.state == "closed" and wait_ms <= PATIENT_MS:
        return OPEN
    reason = RATE_LIMITED if model_ms > gate.shut_until_ms else gate.shut_by or gate.reason
    return Opening(is_open=False, wait_ms=wait_ms, reason=reason or SHUT)


def start(route: TaskRoute, openings: Sequence[Opening], at: datetime) -> TaskRoute:
    """Return *route* at the target where its task starts, and why none before it is."""
    chosen = _first_open(route, openings)
    if chosen is None:
        return attrs.evolve(route, target=_first_to_open(route, openings))
    for skipped in range(chosen):
        route = route.noting(openings[skipped].reason, at, target=skipped)
    return attrs.evolve(route, target=chosen)


def after_attempt(
    task: Task,
    failure: Failure | None,
    decision: Decision,
    openings: Sequence[Opening],
    policy: Policy,
    now: datetime,
) -> Decision | Onward:
    """Return what follows an attempt at *task*, whose calls and pictures are up to date.

    *decision* is what follows without a route. *openings* has one for each target.
    """
    route = task.route
    if route is None or _is_past_deadline(task, now) or holds_order(task):
        return decision
    rejection = _rejection(task, failure, decision)
    if rejection is not None:
        return _after_rejection(route, task, rejection, openings, policy, now) or decision
    if failure is None or not _leaves(task, failure, policy):
        return decision
    left = attrs.evolve(_noting(route, failure.error, now), passed=(*route.passed, route.target))
    left = _wishing(left, failure, policy, now)
    openings = _as_asked(left, openings, now)
    chosen = _first_open(left, openings, without=left.passed)
    if chosen is not None:
        return Onward(route=attrs.evolve(left, target=chosen), error=failure.error)
    if isinstance(decision, Finish) or decision.outputs:
        return decision
    chosen = _first_to_open(left, openings)
    pause = _after_a_pause(task, policy, now)
    run_at = decision.run_at if chosen == route.target else max(pause, left.wishes.get(str(chosen), pause))
    waiting = attrs.evolve(left, target=chosen, passed=())
    return Onward(route=waiting, error=failure.error, run_at=run_at, failures=decision.failures)


def while_waiting(task: Task, openings: Sequence[Opening], policy: Policy, now: datetime) -> Onward | None:
    """Return where a task goes that waits for a target whose lane is shut; None: it stays."""
    route = task.route
    if route is None or holds_order(task):
        return None
    openings = _as_asked(route, openings, now)
    if openings[route.target].is_open:
        return None
    left = route.noting(openings[route.target].reason, now)
    chosen = _first_open(left, openings, without=left.passed)
    if chosen is not None:
        return Onward(route=attrs.evolve(left, target=chosen), run_at=task.run_at)
    chosen = _first_open(left, openings)
    if chosen is None:
        return None
    run_at = max(task.run_at or now, _after_a_pause(task, policy, now))  # it failed there a moment ago
    return Onward(route=attrs.evolve(left, target=chosen, passed=()), run_at=run_at)


@attrs.frozen
class _Rejection:
    """Why moderation refused, and which pictures if not the whole."""

    error: TaskError
    pictures: tuple[int, ...]


def _rejection(task: Task, failure: Failure | None, decision: Decision) -> _Rejection | None:
    """Return what moderation refused of *task*, None when nothing, or when that is final."""
    if task.route is None or task.route.on_rejected != NEXT:
        return None
    errors = {
        output.index: output.error
        for output in task.failed_outputs
        if output.error is not None and output.error.code == CONTENT_REJECTED
    }
    if failure is not None and failure.error.code == CONTENT_REJECTED:
        return _Rejection(failure.error, tuple(errors))
    if errors and isinstance(decision, Finish):
        return _Rejection(next(iter(errors.values())), tuple(errors))
    return None


def _after_rejection(
    route: TaskRoute,
    task: Task,
    rejection: _Rejection,
    openings: Sequence[Opening],
    policy: Policy,
    now: datetime,
) -> Onward | None:
    """Return where a task goes that moderation refused; None when every target has."""
    left = attrs.evolve(_noting(route, rejection.error, now), refused=(*route.refused, route.target))
    if len(set(left.refused)) == len(left.targets):
        return None
    chosen, run_at = _first_open(left, openings, without=left.passed), None
    if chosen is None:
        chosen, run_at = _first_to_open(left, openings), _after_a_pause(task, policy, now)
        left = attrs.evolve(left, passed=())
    route = attrs.evolve(left, target=chosen)
    return Onward(route=route, error=rejection.error, run_at=run_at, missing=rejection.pictures)


def _leaves(task: Task, failure: Failure, policy: Policy) -> bool:
    """Tell whether another target may be asked: *failure* cost nothing, or one purchase more is allowed."""
    if failure.error.provider_code in NOT_THE_SERVICE:
        return False
    if failure.kind is FailureKind.UNKNOWN:
        return may_go_on(task, policy.on_ambiguous)
    return failure.kind in _COST_NOTHING


def _wishing(route: TaskRoute, failure: Failure, policy: Policy, now: datetime) -> TaskRoute:
    """Return *route* with what its target asked this task to wait, so that it is not asked again before."""
    if failure.retry_after_s is None:
        return route
    until = now + timedelta(seconds=min(failure.retry_after_s, policy.longest_retry_after_s))
    return attrs.evolve(route, wishes={**route.wishes, str(route.target): until})


def _as_asked(route: TaskRoute, openings: Sequence[Opening], now: datetime) -> Sequence[Opening]:
    """Return *openings* as they are for this task: not before the time for which a target asked it to wait."""
    if not route.wishes:
        return openings
    return [_not_before(opening, route.wishes.get(str(place)), now) for place, opening in enumerate(openings)]


def _not_before(opening: Opening, wish: datetime | None, now: datetime) -> Opening:
    left_ms = 0 if wish is None else round((wish - now).total_seconds() * 1000)
    if left_ms <= PATIENT_MS or opening.wait_ms is None:
        return opening
    reason = RATE_LIMITED if opening.is_open else opening.reason
    return Opening(is_open=False, wait_ms=max(opening.wait_ms, left_ms), reason=reason)


def _noting(route: TaskRoute, error: TaskError, now: datetime) -> TaskRoute:
    return route.noting(error.provider_code or error.code, now, error.billed)


def _first_open(route: TaskRoute, openings: Sequence[Opening], without: Collection[int] = ()) -> int | None:
    """Return the first open target that may take the task, other than those *without*."""
    for place, opening in enumerate(openings):
        if opening.is_open and place not in without and place not in route.refused:
            return place
    return None


def _first_to_open(route: TaskRoute, openings: Sequence[Opening]) -> int:
    """Return the target that may be tried first, of several the first in order."""
    places = [place for place in range(len(openings)) if place not in route.refused] or [route.target]
    return min(places, key=lambda place: _wait_ms(openings[place]))


def _wait_ms(opening: Opening) -> float:
    if opening.is_open:
        return -1.0
    return math.inf if opening.wait_ms is None else opening.wait_ms


def _after_a_pause(task: Task, policy: Policy, now: datetime) -> datetime:
    return now + timedelta(seconds=policy.backoff_s(task.failures))


def _is_past_deadline(task: Task, now: datetime) -> bool:
    return task.deadline_at is not None and now >= task.deadline_at
