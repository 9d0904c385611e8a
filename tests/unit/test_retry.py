"""What follows when an attempt ends: a table of every kind of failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from danqing_server.life.billing import to_buy, under_way
from danqing_server.life.decision import Again, Failure, FailureKind, Finish, Policy, decide
from danqing_server.records.outputs import Output, OutputState, TaskError
from danqing_server.records.tasks import Attempt, Billed, CallOutcome, CallRecord, Status, Task

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = Policy(max_attempts=3, random=lambda: 1.0)
ERROR = TaskError(code="some_code", message="why")


def a_task(**fields: Any) -> Task:
    """Return a task of one picture in its first attempt."""
    values: dict[str, Any] = {
        "id": "t1",
        "user_id": "u1",
        "type": "image",
        "provider": "p",
        "model": "m",
        "input": {},
        "status": Status.PROCESSING,
        "transition_id": "x",
        "created_at": NOW,
        "updated_at": NOW,
        "images": 1,
        "attempts": 1,
        "attempt": Attempt(id="a1", worker="w1", started_at=NOW),
    }
    return Task(**{**values, **fields})


def a_call(outcome: CallOutcome, *indexes: int, sent_at: datetime = NOW, id_: str = "c1") -> CallRecord:
    """Return a call for *indexes*."""
    return CallRecord(id=id_, attempt=1, indexes=indexes, fingerprint="f", sent_at=sent_at, outcome=outcome)


def an_output(index: int, state: OutputState) -> Output:
    """Return picture *index* in *state*."""
    return Output(index=index, state=state, at=NOW, error=ERROR if state is OutputState.FAILED else None)


def a_failure(kind: FailureKind, **fields: Any) -> Failure:
    """Return a failure of that kind."""
    return Failure(kind=kind, error=ERROR, **fields)


class TestEverythingThere:
    @pytest.mark.parametrize("kind", [None, *FailureKind])
    def test_a_task_with_all_its_pictures_completes_whatever_else_failed(self, kind: FailureKind | None) -> None:
        """What is ours is the user's."""
        task = a_task(outputs={"0": an_output(0, OutputState.KEPT)})
        decision = decide(task, a_failure(kind) if kind else None, POLICY, NOW)
        assert decision == Finish(status=Status.COMPLETED)

    def test_no_picture_at_all_is_a_failure_with_the_first_reason(self) -> None:
        """A task whose every picture was refused says why."""
        task = a_task(outputs={"0": an_output(0, OutputState.FAILED)})
        assert decide(task, None, POLICY, NOW) == Finish(status=Status.FAILED, error=ERROR)

    def test_pictures_the_service_chose_not_to_make_are_no_error(self) -> None:
        """A group may be smaller than asked."""
        outputs = {"0": an_output(0, OutputState.KEPT), "1": an_output(1, OutputState.OMITTED)}
        assert decide(a_task(images=2, outputs=outputs), None, POLICY, NOW) == Finish(status=Status.COMPLETED)

    def test_a_task_of_data_completes_when_the_provider_returns(self) -> None:
        """There is nothing to wait for."""
        assert decide(a_task(images=0), None, POLICY, NOW) == Finish(status=Status.COMPLETED)

    def test_a_task_of_data_does_not_complete_by_failing(self) -> None:
        """Nothing missing is not the same as done."""
        assert isinstance(decide(a_task(images=0), a_failure(FailureKind.UNBILLED), POLICY, NOW), Again)


class TestAgain:
    def test_backoff_doubles_and_is_bounded(self) -> None:
        """1 s, 2 s, 4 s … 60 s."""
        assert [POLICY.backoff_s(failures) for failures in (0, 1, 2, 10, 10_000)] == [1, 2, 4, 60, 60]

    def test_the_services_own_wish_is_kept_up_to_a_bound(self) -> None:
        """A hostile Retry-After does not park a task for a year."""
        kept = decide(a_task(), a_failure(FailureKind.RATE_LIMITED, retry_after_s=30), POLICY, NOW)
        assert isinstance(kept, Again)
        assert kept.run_at == NOW + timedelta(seconds=30)
        absurd = decide(a_task(), a_failure(FailureKind.RATE_LIMITED, retry_after_s=1e9), POLICY, NOW)
        assert isinstance(absurd, Again)
        assert absurd.run_at == NOW + timedelta(seconds=300)

    @pytest.mark.parametrize("kind", [FailureKind.RATE_LIMITED, FailureKind.ACCOUNT, FailureKind.GIVEN_BACK])
    def test_what_is_not_the_tasks_fault_never_exhausts_it(self, kind: FailureKind) -> None:
        """It waits, however often."""
        decision = decide(a_task(failures=99), a_failure(kind), POLICY, NOW)
        assert isinstance(decision, Again)
        assert decision.failures == 0

    def test_the_last_attempt_is_final(self) -> None:
        """max_attempts counts failures."""
        assert isinstance(decide(a_task(failures=1), a_failure(FailureKind.UNBILLED), POLICY, NOW), Again)
        last = decide(a_task(failures=2), a_failure(FailureKind.UNBILLED), POLICY, NOW)
        assert isinstance(last, Finish)
        assert last.error == ERROR

    def test_a_picture_that_is_paid_for_is_fetched_until_the_deadline(self) -> None:
        """Trying again costs nothing; at the end its URL is kept for the user's own retry."""
        sourced = Output(index=0, state=OutputState.SOURCED, at=NOW, source_url="https://up/1")
        task = a_task(failures=99, outputs={"0": sourced})
        assert isinstance(decide(task, a_failure(FailureKind.STORAGE), POLICY, NOW), Again)
        late = attrs.evolve(task, deadline_at=NOW)
        decision = decide(late, a_failure(FailureKind.STORAGE), POLICY, NOW)
        assert isinstance(decision, Finish)
        assert decision.error is not None
        assert decision.error.code == "some_code"
        assert decision.outputs[0].source_url == "https://up/1"

    @pytest.mark.parametrize("kind", [FailureKind.REFUSED, FailureKind.UNKNOWN])
    def test_a_saved_link_is_fetched_though_the_rest_is_given_up(self, kind: FailureKind) -> None:
        """Its picture is paid for; the others fail, and are not asked for again."""
        sourced = Output(index=0, state=OutputState.SOURCED, at=NOW, source_url="https://up/1")
        call = a_call(CallOutcome.UNKNOWN, 1)
        task = a_task(images=2, on_ambiguous="fail", outputs={"0": sourced}, calls={"c1": call})
        decision = decide(task, a_failure(kind), POLICY, NOW)
        assert isinstance(decision, Again)
        assert [(output.index, output.state) for output in decision.outputs] == [(1, OutputState.FAILED)]

    def test_a_failure_while_the_lane_is_shut_is_not_counted(self) -> None:
        """The probe of a broken service pays no attempt."""
        decision = decide(a_task(), a_failure(FailureKind.UNBILLED, counted=False), POLICY, NOW)
        assert isinstance(decision, Again)
        assert decision.failures == 0

    def test_nothing_is_tried_past_the_deadline(self) -> None:
        """The error says both."""
        decision = decide(a_task(deadline_at=NOW), a_failure(FailureKind.UNBILLED), POLICY, NOW)
        assert isinstance(decision, Finish)
        assert decision.error is not None
        assert decision.error.code == "deadline_exceeded"
        assert "why" in decision.error.message


class TestAmbiguity:
    def test_one_extra_paid_call_per_picture(self) -> None:
        """The first unknown outcome is tried again, the second is final and says that money may be gone."""
        once = a_task(calls={"c1": a_call(CallOutcome.UNKNOWN, 0)})
        assert isinstance(decide(once, a_failure(FailureKind.UNKNOWN), POLICY, NOW), Again)
        calls = {"c1": a_call(CallOutcome.UNKNOWN, 0), "c2": a_call(CallOutcome.UNKNOWN, 0, id_="c2")}
        twice = decide(a_task(calls=calls), a_failure(FailureKind.UNKNOWN), POLICY, NOW)
        assert isinstance(twice, Finish)
        assert twice.error is not None
        assert (twice.error.code, twice.error.billed) == ("outcome_unknown", Billed.UNKNOWN)

    @pytest.mark.parametrize("kind", [FailureKind.UNKNOWN, FailureKind.GIVEN_BACK])
    def test_the_tasks_own_policy_wins(self, kind: FailureKind) -> None:
        """`fail` on the task overrules `retry` of the server."""
        task = a_task(on_ambiguous="fail", calls={"c1": a_call(CallOutcome.UNKNOWN, 0)})
        assert isinstance(decide(task, a_failure(kind), POLICY, NOW), Finish)

    @pytest.mark.parametrize("kind", [FailureKind.UNKNOWN, FailureKind.GIVEN_BACK])
    def test_a_paid_picture_is_fetched_before_the_rest_is_given_up(self, kind: FailureKind) -> None:
        """A process died between a saved link and its download, and inside another call: the first is not lost."""
        sourced = Output(index=0, state=OutputState.SOURCED, at=NOW, source_url="https://up/1")
        calls = {"c1": a_call(CallOutcome.DELIVERED, 0), "c2": a_call(CallOutcome.UNKNOWN, 1, id_="c2")}
        task = a_task(images=2, on_ambiguous="fail", calls=calls, outputs={"0": sourced})
        assert isinstance(decide(task, a_failure(kind), POLICY, NOW), Again)
        fetched = attrs.evolve(sourced, state=OutputState.KEPT)
        decision = decide(task.changed(outputs={"0": fetched}), a_failure(kind), POLICY, NOW)
        assert isinstance(decision, Finish)
        assert decision.status is Status.COMPLETED

    def test_an_unknown_call_for_another_picture_does_not_count(self) -> None:
        """Each picture has its own allowance."""
        task = a_task(images=2, on_ambiguous="fail", calls={"c1": a_call(CallOutcome.UNKNOWN, 0)})
        with_first = attrs.evolve(task, outputs={"0": an_output(0, OutputState.KEPT)})
        assert isinstance(decide(with_first, a_failure(FailureKind.UNKNOWN), POLICY, NOW), Again)

    def test_the_users_retry_forgives(self) -> None:
        """Calls sent before it count no more."""
        early = NOW - timedelta(minutes=1)
        task = a_task(
            on_ambiguous="fail",
            retried_at=NOW,
            calls={"c1": a_call(CallOutcome.UNKNOWN, 0, sent_at=early)},
        )
        assert isinstance(decide(task, a_failure(FailureKind.UNKNOWN), POLICY, NOW), Again)

    def test_kept_pictures_survive_the_final_failure_of_the_others(self) -> None:
        """At least one picture is a completed task."""
        task = a_task(images=2, outputs={"0": an_output(0, OutputState.KEPT)})
        decision = decide(task, a_failure(FailureKind.REFUSED), POLICY, NOW)
        assert isinstance(decision, Finish)
        assert decision.status is Status.COMPLETED
        assert [output.index for output in decision.outputs] == [1]


class TestLostAnswers:
    """Of a provider that can be asked what became of a call."""

    def test_a_lost_answer_is_looked_up_before_the_policy_decides(self) -> None:
        """Under `fail` too, at the last attempt too; it counts as no failure."""
        lost = a_task(
            finds_orders=True, on_ambiguous="fail", failures=2, calls={"c1": a_call(CallOutcome.UNKNOWN, 0)}
        )
        decision = decide(lost, a_failure(FailureKind.UNKNOWN), POLICY, NOW)
        assert isinstance(decision, Again)
        assert decision.failures == 0
        assert isinstance(
            decide(attrs.evolve(lost, finds_orders=False), a_failure(FailureKind.UNKNOWN), POLICY, NOW), Finish
        )

    def test_of_one_that_was_looked_up_the_policy_decides(self) -> None:
        """Once is enough."""
        asked = a_call(CallOutcome.UNKNOWN, 0).changed(looked_up=True)
        task = a_task(finds_orders=True, on_ambiguous="fail", attempts=2, calls={"c1": asked})
        assert isinstance(decide(task, a_failure(FailureKind.UNKNOWN), POLICY, NOW), Finish)

    def test_a_question_that_fails_counts_as_any_failure(self) -> None:
        """An attempt that lost nothing itself comes nearer to the last one; being stopped does not."""
        lost = a_task(finds_orders=True, attempts=2, failures=2, calls={"c1": a_call(CallOutcome.UNKNOWN, 0)})
        assert isinstance(decide(lost, a_failure(FailureKind.UNBILLED), POLICY, NOW), Finish)
        strict = attrs.evolve(lost, on_ambiguous="fail")
        assert isinstance(decide(strict, a_failure(FailureKind.GIVEN_BACK), POLICY, NOW), Again)

    def test_nothing_is_looked_up_past_the_deadline(self) -> None:
        """Its user may retry."""
        lost = a_task(finds_orders=True, deadline_at=NOW, calls={"c1": a_call(CallOutcome.UNKNOWN, 0)})
        assert isinstance(decide(lost, a_failure(FailureKind.UNKNOWN), POLICY, NOW), Finish)

    def test_an_open_order_outlives_the_policys_no_to_another_call(self) -> None:
        """Picture 1 may have been paid for in vain; picture 0 is ordered, and still comes."""
        calls = {
            "c1": a_call(CallOutcome.OPEN, 0).changed(resumable=True),
            "c2": a_call(CallOutcome.UNKNOWN, 1, id_="c2"),
        }
        task = a_task(images=2, on_ambiguous="fail", calls=calls)
        decision = decide(task, a_failure(FailureKind.UNKNOWN), POLICY, NOW)
        assert isinstance(decision, Again)
        assert [output.index for output in decision.outputs] == [1]

    def test_what_is_to_be_looked_up_takes_nothing_of_the_rates(self) -> None:
        """It may have been ordered; the start that asks announces no call either."""
        lost = a_task(finds_orders=True, single_call=True, calls={"c1": a_call(CallOutcome.UNKNOWN, 0)})
        assert (to_buy(lost), under_way(lost)) == (0, ())
        asked = attrs.evolve(lost, calls={"c1": a_call(CallOutcome.UNKNOWN, 0).changed(looked_up=True)})
        assert (to_buy(asked), under_way(asked)) == (1, ())


class TestLostWorkers:
    def test_paid_pictures_outlive_more_deaths(self) -> None:
        """What only fetches is given up after thirty, later each time; its link stays for its user's retry."""
        links = {"0": an_output(0, OutputState.SOURCED)}
        for lost in (2, 28):
            decision = decide(
                a_task(leases_lost=lost, outputs=links), a_failure(FailureKind.WORKER_LOST), POLICY, NOW
            )
            assert isinstance(decision, Again)
            assert decision.run_at is not None
        last = decide(a_task(leases_lost=29, outputs=links), a_failure(FailureKind.WORKER_LOST), POLICY, NOW)
        assert isinstance(last, Finish)
        assert last.outputs[0].source_url == links["0"].source_url

    def test_orders_outlive_more_deaths(self) -> None:
        """The service goes on with what was ordered, and bills it: another attempt only asks for it."""
        standing = {"c1": a_call(CallOutcome.OPEN, 0).changed(resumable=True)}
        lost = {"c1": a_call(CallOutcome.UNKNOWN, 0)}
        for calls, finds_orders in ((standing, False), (lost, True)):
            task = a_task(leases_lost=2, calls=calls, finds_orders=finds_orders)
            assert isinstance(decide(task, a_failure(FailureKind.WORKER_LOST), POLICY, NOW), Again)
            dying = attrs.evolve(task, leases_lost=29)
            assert isinstance(decide(dying, a_failure(FailureKind.WORKER_LOST), POLICY, NOW), Finish)

    def test_three_deaths_before_a_call_are_poison(self) -> None:
        """A task that kills its workers is ended."""
        assert isinstance(decide(a_task(leases_lost=1), a_failure(FailureKind.WORKER_LOST), POLICY, NOW), Again)
        assert isinstance(decide(a_task(leases_lost=2), a_failure(FailureKind.WORKER_LOST), POLICY, NOW), Finish)


class TestOpenCalls:
    def test_the_start_of_a_single_call_task_announces_its_call(self) -> None:
        """Until the call's own record says otherwise."""
        task = a_task(single_call=True)
        assert [call.id for call in under_way(task)] == ["a1"]
        closed = attrs.evolve(task, calls={"a1": a_call(CallOutcome.REJECTED, 0, id_="a1")})
        assert under_way(closed) == ()

    def test_a_call_whose_pictures_all_arrived_is_not_open(self) -> None:
        """Its answer is known even when its record was not closed."""
        task = a_task(calls={"c1": a_call(CallOutcome.OPEN, 0)}, outputs={"0": an_output(0, OutputState.SOURCED)})
        assert under_way(task) == ()

    def test_resuming_a_download_announces_nothing(self) -> None:
        """A second start that has nothing to ask for opens no call."""
        task = a_task(single_call=True, outputs={"0": an_output(0, OutputState.SOURCED)})
        assert under_way(task) == ()
