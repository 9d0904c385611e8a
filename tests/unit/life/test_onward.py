"""Where a task goes on along its route is decided purely: never twice without a pause, never from an order."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing_plugins import Price
from danqing_server.life.billing import holds_order, lost_calls, may_buy
from danqing_server.life.decision import Again, Failure, FailureKind, Finish, Policy, decide
from danqing_server.life.onward import (
    NO_LANE,
    OPEN,
    Onward,
    Opening,
    after_attempt,
    opening_of,
    start,
    while_waiting,
)
from danqing_server.life.rerouted import Rerouted, on_target
from danqing_server.queue.gates import Gate, Hold
from danqing_server.records.outputs import Output, OutputState, TaskError
from danqing_server.records.routing import MOST_TRIED, RoutedTarget, TaskRoute
from danqing_server.records.tasks import Attempt, Billed, CallOutcome, CallRecord, Status, Task

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SHUT = Opening(is_open=False, wait_ms=60_000, reason="account_problem")
POLICY = Policy(max_attempts=3, random=lambda: 0.0)
ERRORS = {
    FailureKind.UNBILLED: TaskError(code="provider_unavailable", message="m", retryable=True),
    FailureKind.RATE_LIMITED: TaskError(code="rate_limited", message="m", retryable=True),
    FailureKind.ACCOUNT: TaskError(code="account_problem", message="m", retryable=True),
    FailureKind.UNKNOWN: TaskError(code="outcome_unknown", message="m", retryable=True, billed=Billed.UNKNOWN),
    FailureKind.REFUSED: TaskError(code="content_rejected", message="m"),
    FailureKind.STORAGE: TaskError(code="storage_unavailable", message="m", retryable=True),
    FailureKind.GIVEN_BACK: TaskError(code="given_back", message="m", retryable=True),
    FailureKind.WORKER_LOST: TaskError(code="poison", message="m", retryable=True),
}


def failing(kind: FailureKind, **more: object) -> Failure:
    """Return a failure of that kind."""
    return attrs.evolve(Failure(kind=kind, error=ERRORS[kind]), **more)


def route(count: int = 2, **fields: object) -> TaskRoute:
    """Return a route over the providers p0, p1, …"""
    targets = tuple(
        RoutedTarget(provider=f"p{number}", model="m", input={}, price=Price(amount_micro=1, currency="CNY"))
        for number in range(count)
    )
    return attrs.evolve(TaskRoute(model="poster", targets=targets), **fields)


def task(of: TaskRoute, status: Status = Status.PROCESSING, **fields: object) -> Task:
    """Return a task of one picture on that route."""
    made = Task(
        id="t",
        user_id="u",
        type="image",
        provider="",
        model="",
        input={},
        status=status,
        transition_id="x",
        created_at=NOW,
        updated_at=NOW,
        images=1,
        attempts=1,
    )
    if status is Status.PROCESSING:
        made = made.changed(attempt=Attempt(id="a", worker="w", started_at=NOW))
    return on_target(made, of).changed(**fields)


def call(outcome: CallOutcome, *, resumable: bool = False, target: int = 0) -> CallRecord:
    """Return a call for its picture."""
    return CallRecord(
        id="c",
        attempt=1,
        indexes=(0,),
        fingerprint="f",
        sent_at=NOW,
        outcome=outcome,
        resumable=resumable,
        target=target,
    )


def follows(
    seen: Task, failure: Failure | None, *openings: Opening, policy: Policy = POLICY
) -> Finish | Again | Onward:
    """Return what follows an attempt."""
    return after_attempt(seen, failure, decide(seen, failure, policy, NOW), openings, policy, NOW)


class TestOpening:
    @pytest.mark.parametrize(
        ("gate", "is_open", "wait_ms", "reason"),
        [
            (Gate(), True, 0, "lane_closed"),
            (Gate(hold=Hold(until_ms=2_000, reason="rate_limited")), True, 0, "lane_closed"),
            (Gate(hold=Hold(until_ms=9_000, reason="paused")), False, 9_000, "paused"),
            (Gate(state="open", until_ms=5_000, reason="overdue"), False, 5_000, "overdue"),
            (Gate(state="open", reason="overdue"), False, 0, "overdue"),
            (Gate(state="half_open", until_ms=30_000), False, 30_000, "lane_closed"),
            (Gate(models={"m": 60_000}), False, 60_000, "rate_limited"),
            (Gate(models={"n": 60_000}), True, 0, "lane_closed"),
        ],
    )
    def test_a_gate_is_open_for_a_model_or_says_why_not(
        self, gate: Gate, is_open: bool, wait_ms: int, reason: str
    ) -> None:
        """A hold of two seconds is none that is worth leaving for; a breaker is never open while somebody tries."""
        assert opening_of(gate, "m", 0) == Opening(is_open=is_open, wait_ms=wait_ms, reason=reason)


class TestStart:
    def test_the_first_that_is_open(self) -> None:
        """And it is noted why those before it are not."""
        begun = start(route(3), [SHUT, OPEN, OPEN], NOW)
        assert begun.target == 1
        assert [(each.provider, each.code, each.billed) for each in begun.tried] == [
            ("p0", "account_problem", Billed.NO)
        ]

    def test_else_the_one_that_opens_first(self) -> None:
        """Nobody knows when a provider comes that is not there."""
        assert start(route(3), [NO_LANE, SHUT, attrs.evolve(SHUT, wait_ms=5)], NOW).target == 2


class TestAfterAttempt:
    @pytest.mark.parametrize("kind", [FailureKind.UNBILLED, FailureKind.RATE_LIMITED, FailureKind.ACCOUNT])
    def test_what_cost_nothing_goes_on_at_once(self, kind: FailureKind) -> None:
        """Whatever the service asked to wait for is said to this target."""
        onward = follows(task(route()), failing(kind, retry_after_s=100.0), OPEN, OPEN)
        assert isinstance(onward, Onward)
        assert (onward.route.target, onward.route.passed, onward.run_at, onward.failures) == (1, (0,), None, 0)

    @pytest.mark.parametrize("kind", [FailureKind.STORAGE, FailureKind.GIVEN_BACK, FailureKind.WORKER_LOST])
    def test_our_own_trouble_is_none_of_the_target(self, kind: FailureKind) -> None:
        """It is tried again where it is."""
        assert isinstance(follows(task(route()), failing(kind), OPEN, OPEN), Again)

    def test_a_reference_that_cannot_be_fetched_is_none_either(self) -> None:
        """It would be asked for from everywhere."""
        failure = failing(FailureKind.UNBILLED)
        error = attrs.evolve(failure.error, provider_code="reference_unavailable")
        assert isinstance(follows(task(route()), attrs.evolve(failure, error=error), OPEN, OPEN), Again)

    @pytest.mark.parametrize(("on_ambiguous", "kind"), [("retry", Onward), ("fail", Finish)])
    def test_an_ambiguous_call_is_its_policys(self, on_ambiguous: str, kind: type) -> None:
        """Where it allows one purchase more that may be another target's."""
        policy = attrs.evolve(POLICY, on_ambiguous=on_ambiguous)
        seen = task(route(), calls={"c": call(CallOutcome.UNKNOWN)})
        assert isinstance(follows(seen, failing(FailureKind.UNKNOWN), OPEN, OPEN, policy=policy), kind)

    @pytest.mark.parametrize("kind", [FailureKind.UNBILLED, FailureKind.UNKNOWN, FailureKind.ACCOUNT])
    def test_an_order_stays(self, kind: FailureKind) -> None:
        """Its picture may still come of it."""
        seen = task(route(), calls={"c": call(CallOutcome.OPEN, resumable=True)})
        assert isinstance(follows(seen, failing(kind), OPEN, OPEN), Again)

    def test_a_call_that_may_have_been_an_order_stays(self) -> None:
        """Its service is asked first what it knows of it; another service knows nothing of it."""
        lost = {"c": call(CallOutcome.UNKNOWN)}
        here = task(route(), calls=lost, finds_orders=True)
        assert isinstance(follows(here, failing(FailureKind.UNKNOWN), OPEN, OPEN), Again)
        elsewhere = task(route(target=1), calls=lost, finds_orders=True)
        assert [bool(lost_calls(seen)) for seen in (here, elsewhere)] == [True, False]

    def test_past_its_deadline_it_ends(self) -> None:
        seen = task(route(), deadline_at=NOW)
        assert isinstance(follows(seen, failing(FailureKind.UNBILLED), OPEN, OPEN), Finish)

    def test_after_the_last_it_pauses(self) -> None:
        """It begins anew at the first that opens, and is one attempt nearer to its last."""
        onward = follows(task(route(target=1, passed=(0,))), failing(FailureKind.UNBILLED), OPEN, OPEN)
        assert isinstance(onward, Onward)
        assert (onward.route.target, onward.route.passed, onward.failures) == (0, (), 1)
        assert onward.run_at is not None
        assert onward.run_at > NOW

    def test_who_asked_it_to_wait_is_not_asked_before(self) -> None:
        """It waits for whom it may ask first, and goes by others' lanes that are open only for others."""
        limited = failing(FailureKind.RATE_LIMITED, retry_after_s=60.0)
        soon = attrs.evolve(SHUT, wait_ms=9_000)
        waits = follows(task(route(target=1)), limited, soon, OPEN)
        assert isinstance(waits, Onward)
        assert waits.route.target == 0
        waiting = Rerouted(task=task(route(target=1)), at=NOW, onward=waits).waiting.changed(status=Status.PENDING)
        assert while_waiting(waiting, [soon, OPEN], POLICY, NOW) is None
        onward = while_waiting(waiting, [soon, OPEN], POLICY, NOW + timedelta(seconds=60))
        assert onward is not None
        assert onward.route.target == 1

    def test_what_it_waits_for_is_said(self) -> None:
        """A target that asked it to wait has limited it, whatever its lane lets others do; a shut one says why."""
        wished = route(wishes={"0": NOW + timedelta(seconds=60)})
        for opening, code in ((OPEN, "rate_limited"), (SHUT, "account_problem")):
            onward = while_waiting(task(wished, Status.PENDING), [opening, OPEN], POLICY, NOW)
            assert onward is not None
            assert [tried.code for tried in onward.route.tried] == [code]

    def test_what_it_was_asked_to_wait_is_over_some_time(self) -> None:
        """Where the same target is the first that it may ask, it waits there for as long as it was asked to."""
        waits = follows(task(route(1)), failing(FailureKind.RATE_LIMITED, retry_after_s=60.0), OPEN)
        assert isinstance(waits, Onward)
        assert waits.run_at == NOW + timedelta(seconds=60)

    def test_its_last_attempt_is_its_last_everywhere(self) -> None:
        """Another target that is open is asked first."""
        worn = task(route(), failures=POLICY.max_attempts - 1)
        assert isinstance(follows(worn, failing(FailureKind.UNBILLED), OPEN, OPEN), Onward)
        assert isinstance(follows(worn, failing(FailureKind.UNBILLED), OPEN, SHUT), Finish)

    def test_what_is_delivered_is_the_end(self) -> None:
        outputs = {"0": Output(index=0, state=OutputState.KEPT, at=NOW)}
        assert isinstance(follows(task(route(), outputs=outputs), None, OPEN, OPEN), Finish)

    @pytest.mark.parametrize(("on_rejected", "kind"), [("fail", Finish), ("next", Onward)])
    def test_moderation_is_the_routes(self, on_rejected: str, kind: type) -> None:
        """A target that refused is never asked again; when all have, it fails."""
        seen = task(route(on_rejected=on_rejected))
        follow = follows(seen, failing(FailureKind.REFUSED), OPEN, OPEN)
        assert isinstance(follow, kind)
        if isinstance(follow, Onward):
            again = task(follow.route)
            assert isinstance(follows(again, failing(FailureKind.REFUSED), OPEN, OPEN), Finish)

    def test_a_task_remembers_its_last_tries(self) -> None:
        """A document is no log."""
        trail = route()
        for _ in range(3 * MOST_TRIED):
            trail = trail.noting("x", NOW)
        assert len(trail.tried) == MOST_TRIED


class TestWaiting:
    def test_it_leaves_a_lane_that_is_shut_for_one_that_is_open(self) -> None:
        onward = while_waiting(task(route(), Status.PENDING), [SHUT, OPEN], POLICY, NOW)
        assert onward is not None
        assert (onward.route.target, [each.code for each in onward.route.tried]) == (1, ["account_problem"])

    @pytest.mark.parametrize("openings", [(OPEN, OPEN), (SHUT, SHUT), (SHUT, NO_LANE)])
    def test_else_it_stays(self, openings: tuple[Opening, Opening]) -> None:
        assert while_waiting(task(route(), Status.PENDING), openings, POLICY, NOW) is None

    def test_with_an_order_it_stays(self) -> None:
        """Its picture may still come of it, whatever the lane says, and another target would sell it anew."""
        placed = task(route(), Status.PENDING, calls={"c": call(CallOutcome.OPEN, resumable=True)})
        assert while_waiting(placed, [SHUT, OPEN], POLICY, NOW) is None

    def test_where_it_failed_a_moment_ago_it_pauses(self) -> None:
        """A lane that shuts makes no loop without a pause of two that fail."""
        onward = while_waiting(task(route(target=1, passed=(0,)), Status.PENDING), [OPEN, SHUT], POLICY, NOW)
        assert onward is not None
        assert onward.run_at is not None
        assert (onward.route.target, onward.route.passed, onward.run_at > NOW) == (0, (), True)

    def test_a_pause_goes_on(self) -> None:
        later = NOW + timedelta(seconds=9)
        onward = while_waiting(task(route(), Status.PENDING, run_at=later), [SHUT, OPEN], POLICY, NOW)
        assert onward is not None
        assert onward.run_at == later


KINDS = [
    FailureKind.UNBILLED,
    FailureKind.RATE_LIMITED,
    FailureKind.ACCOUNT,
    FailureKind.UNKNOWN,
    FailureKind.REFUSED,
]
_OUTCOMES = {
    FailureKind.UNBILLED: CallOutcome.FAILED_UNBILLED,
    FailureKind.RATE_LIMITED: CallOutcome.FAILED_UNBILLED,
    FailureKind.ACCOUNT: CallOutcome.REJECTED,
    FailureKind.REFUSED: CallOutcome.REJECTED,
    FailureKind.UNKNOWN: CallOutcome.UNKNOWN,
}


@attrs.define
class Walk:
    """A task on its way, and what the services' own ledgers say."""

    task: Task
    policy: Policy
    bills: Counter[int] = attrs.field(factory=Counter)
    since_pause: list[int] = attrs.field(factory=list)
    tries: int = 0

    def attempt(self, kind: FailureKind | None, billed: bool, openings: list[Opening]) -> bool:
        """Make one attempt, which ends with *kind* (None: a picture); False when the task has ended."""
        seen = self.task.changed(status=Status.PROCESSING, attempt=Attempt(id="a", worker="w", started_at=NOW))
        seen = seen.changed(attempts=seen.attempts + 1)
        assert seen.route is not None
        assert seen.route.target not in self.since_pause, "a target is asked twice without a pause"
        self.since_pause.append(seen.route.target)
        self.tries += 1
        assert may_buy(seen, (0,), self.policy.on_ambiguous), "an attempt that may not buy"
        outcome = CallOutcome.DELIVERED if kind is None else _OUTCOMES[kind]
        if outcome is CallOutcome.DELIVERED or (outcome is CallOutcome.UNKNOWN and billed):
            self.bills[0] += 1
        record = attrs.evolve(call(outcome, target=seen.route.target), id=str(self.tries), attempt=seen.attempts)
        seen = seen.changed(calls={**seen.calls, record.id: record})
        if kind is None:
            seen = seen.changed(outputs={"0": Output(index=0, state=OutputState.KEPT, at=NOW)})
        follow = follows(seen, None if kind is None else failing(kind), *openings, policy=self.policy)
        if isinstance(follow, Finish):
            return False
        return self._wait(seen, follow, openings)

    def _wait(self, seen: Task, follow: Again | Onward, openings: list[Opening]) -> bool:
        """Carry out what follows."""
        if isinstance(follow, Onward):
            self._check(seen, follow, openings)
            seen = Rerouted(task=seen, at=NOW, onward=follow).waiting.changed(
                failures=seen.failures + follow.failures
            )
        else:
            assert follow.run_at is not None
            seen = seen.changed(failures=seen.failures + follow.failures, run_at=follow.run_at)
        if seen.run_at is not None:
            self.since_pause.clear()
        self.task = seen.changed(status=Status.PENDING, attempt=None)
        return True

    def _check(self, seen: Task, follow: Onward, openings: list[Opening]) -> None:
        trail = follow.route
        assert trail.target not in trail.refused, "it goes where moderation refused"
        assert not holds_order(seen)
        if follow.run_at is None:
            assert openings[trail.target].is_open, "it goes at once to a lane that is shut"

    def wait(self, openings: list[Opening]) -> None:
        """Let the lanes shut or open while it waits."""
        before = self.task.route
        onward = while_waiting(self.task, openings, self.policy, NOW)
        if onward is None:
            assert before is not None
            others = [place for place in range(len(openings)) if place not in (before.target, *before.refused)]
            stands = openings[before.target].is_open or not any(openings[place].is_open for place in others)
            assert stands, "it waits for a lane that is shut while another is open"
            return
        assert openings[onward.route.target].is_open
        self.task = Rerouted(task=self.task, at=NOW, onward=onward).waiting
        if onward.run_at is not None:
            self.since_pause.clear()


_openings = st.sampled_from([OPEN, SHUT, NO_LANE, attrs.evolve(SHUT, wait_ms=0)])
_steps = st.tuples(
    st.sampled_from([*KINDS, FailureKind.UNKNOWN, None]), st.booleans(), st.lists(_openings, min_size=4, max_size=4)
)


class TestAnyWalk:
    @settings(max_examples=400, deadline=None)
    @given(
        count=st.integers(1, 4),
        on_ambiguous=st.sampled_from(["retry", "fail"]),
        on_rejected=st.sampled_from(["fail", "next"]),
        steps=st.lists(_steps, min_size=1, max_size=60),
    )
    def test_it_pays_no_more_than_its_policy_allows_and_ends(
        self,
        count: int,
        on_ambiguous: str,
        on_rejected: str,
        steps: list[tuple[FailureKind | None, bool, list[Opening]]],
    ) -> None:
        """Whatever fails where, and whichever lanes shut meanwhile."""
        policy = attrs.evolve(POLICY, on_ambiguous=on_ambiguous)
        walk = Walk(task=task(route(count, on_rejected=on_rejected), Status.PENDING, attempts=0), policy=policy)
        counted = 0
        for kind, billed, gates in steps:
            walk.wait(gates[:count])
            if not walk.attempt(kind, billed, gates[count - 1 :: -1]):
                break
            counted += kind is FailureKind.UNBILLED
        assert walk.bills[0] <= 1 + (on_ambiguous == "retry")
        assert counted <= policy.max_attempts * count + count
