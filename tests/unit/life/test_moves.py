"""What can happen to a task is a value that is legal, or cannot be built."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from danqing_plugins import TaskEventKind
from danqing_server.errors import Conflict
from danqing_server.life.cancelled import Cancelled, Voided
from danqing_server.life.moves import Deleted, Finished, Move, Requeued, Started, Transition
from danqing_server.life.retried import Retried, Revived
from danqing_server.records.outputs import Output, OutputState, TaskError
from danqing_server.records.tasks import Attempt, Status, Task

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ERROR = TaskError(code="a_code", message="m")


def task(status: Status, **fields: object) -> Task:
    """Return a task of that status."""
    if status is Status.PROCESSING:
        fields = {"attempt": Attempt(id="a1", worker="w", started_at=NOW), **fields}
    return Task(
        id="t",
        user_id="u",
        type="image",
        provider="p",
        model="m",
        input={},
        status=status,
        transition_id="x",
        created_at=NOW,
        updated_at=NOW,
        images=2,
    ).changed(**fields)


def completing(seen: Task) -> Transition:
    """Return its success."""
    return Finished(task=seen, at=NOW, becomes=Status.COMPLETED)


def failing(seen: Task) -> Transition:
    """Return its failure."""
    return Finished(task=seen, at=NOW, becomes=Status.FAILED, error=ERROR)


def requeueing(seen: Task) -> Transition:
    """Return its way back in line."""
    return Requeued(task=seen, at=NOW, error=ERROR)


def cancelling(seen: Task) -> Transition:
    """Return its cancellation."""
    return Cancelled(task=seen, at=NOW, error=ERROR)


def voiding(seen: Task) -> Transition:
    """Return its cancellation that nobody hears of."""
    return Voided(task=seen, at=NOW, error=ERROR)


def retrying(seen: Task) -> Transition:
    """Return its user's retry."""
    return Retried(task=seen, at=NOW)


class TestLegal:
    @pytest.mark.parametrize(
        ("move", "statuses"),
        [
            (completing, {Status.PENDING, Status.PROCESSING}),
            (failing, {Status.PENDING, Status.PROCESSING}),
            (requeueing, {Status.PROCESSING}),
            (cancelling, {Status.PENDING, Status.SCHEDULED, Status.PROCESSING}),
            (voiding, {Status.PENDING, Status.SCHEDULED, Status.PROCESSING}),
            (retrying, {Status.FAILED, Status.CANCELLED}),
        ],
    )
    def test_a_move_from_anywhere_else_cannot_be_built(
        self, move: Callable[[Task], Transition], statuses: set[Status]
    ) -> None:
        """It is a conflict that names the status."""
        for status in Status:
            if status in statuses:
                change = move(task(status)).change()
                assert change.expected["status"] == status.value
            else:
                with pytest.raises(Conflict) as refusal:
                    move(task(status))
                assert refusal.value.code == f"task_{status}"

    def test_a_retry_waits_for_the_call_of_the_cancelled_attempt(self) -> None:
        """E4: its picture is still to be kept."""
        attempt = Attempt(id="a1", worker="w", started_at=NOW)
        with pytest.raises(Conflict) as refusal:
            Retried(task=task(Status.CANCELLED, attempt=attempt), at=NOW)
        assert refusal.value.code == "call_under_way"


class TestChange:
    def test_each_attempt_at_a_move_has_a_name_of_its_own(self) -> None:
        """Read back, it says who won."""
        seen = task(Status.PENDING)
        first, second = cancelling(seen), cancelling(seen)
        assert first.transition_id != second.transition_id
        assert first.change().transition_id == first.transition_id

    def test_what_runs_is_compared_by_its_attempt(self) -> None:
        """What waits, by the change that made it wait."""
        assert completing(task(Status.PROCESSING)).change().expected == {
            "status": "processing",
            "attempt.id": "a1",
        }
        assert completing(task(Status.PENDING)).change().expected == {"status": "pending", "transition_id": "x"}

    def test_a_retry_keeps_what_is_at_hand_and_drops_the_rest(self) -> None:
        """What is dropped is asked for again."""
        outputs = {
            key: Output(index=int(key), state=state, at=NOW)
            for key, state in (("0", OutputState.KEPT), ("1", OutputState.FAILED))
        }
        move = Retried(task=task(Status.FAILED, outputs=outputs), at=NOW, at_hand={"0": outputs["0"]})
        change = move.change()
        assert [path for path in (*change.sets, *change.unsets) if path.startswith("outputs")] == ["outputs.1"]
        assert move.waiting.missing == (1,)


class TestTelling:
    @pytest.mark.parametrize(
        ("move", "kind", "code"),
        [
            (Started(task=task(Status.PROCESSING)), TaskEventKind.STARTED, None),
            (completing(task(Status.PROCESSING)), TaskEventKind.COMPLETED, None),
            (failing(task(Status.PROCESSING)), TaskEventKind.FAILED, "a_code"),
            (requeueing(task(Status.PROCESSING)), TaskEventKind.RETRYING, "a_code"),
            (cancelling(task(Status.PENDING)), TaskEventKind.CANCELLED, "a_code"),
            (voiding(task(Status.PENDING)), None, "a_code"),
            (retrying(task(Status.FAILED)), TaskEventKind.RETRYING, None),
            (Revived(task=task(Status.CANCELLED), at=NOW), TaskEventKind.CREATED, None),
            (Deleted(task=task(Status.COMPLETED), at=NOW), TaskEventKind.DELETED, None),
        ],
    )
    def test_each_move_says_as_what_it_is_told(
        self, move: Move, kind: TaskEventKind | None, code: str | None
    ) -> None:
        """R2: a voiding alone is not told."""
        assert (move.kind, move.error_code) == (kind, code)
