"""What becomes of a task that was open in a backup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from danqing_server.errors import Conflict
from danqing_server.life.held import Fate, fate_of, fetching, held
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import Billed, CallOutcome, CallRecord, Status, Task
from tests.unit.api.tasks import NOW, kept_picture, make_task

LATER = datetime(2027, 1, 1, tzinfo=UTC)


def _call(call_id: str, *indexes: int, **changes: object) -> CallRecord:
    call = CallRecord(id=call_id, attempt=1, indexes=indexes, fingerprint="f", sent_at=NOW)
    return attrs.evolve(call, **changes)


def _sourced(index: int) -> Output:
    return Output(index=index, state=OutputState.SOURCED, at=NOW, source_url="https://pictures.example/a")


def _bought(**changes: object) -> Task:
    task = make_task(status=Status.PROCESSING, outputs={"0": _sourced(0)}, calls={"c1": _call("c1", 0)})
    return attrs.evolve(task, **changes)


FATES = {
    "completed": (make_task(status=Status.COMPLETED), Fate.STAYS),
    "cancelled": (make_task(status=Status.CANCELLED), Fate.STAYS),
    "waiting": (make_task(), Fate.HELD),
    "running": (make_task(status=Status.PROCESSING), Fate.HELD),
    "bought, to be fetched": (_bought(), Fate.FETCHES),
    "fetching again later": (_bought(status=Status.PENDING, attempt=None), Fate.FETCHES),
    "one of two bought": (_bought(images=2), Fate.HELD),
    "text": (make_task(status=Status.PROCESSING, images=0), Fate.HELD),
    "to come": (make_task(status=Status.SCHEDULED, run_at=LATER + timedelta(days=1)), Fate.WAITS),
    "its time has come": (make_task(status=Status.SCHEDULED, run_at=LATER - timedelta(days=1)), Fate.HELD),
}


class TestFates:
    @pytest.mark.parametrize("name", FATES)
    def test_fate(self, name: str) -> None:
        """Whatever may have to be bought is held."""
        task, fate = FATES[name]
        assert fate_of(task, LATER) is fate


class TestHeld:
    def test_an_order_stands_in_doubt(self) -> None:
        """So that a retry asks for it before it buys anything."""
        order = _call("c1", 0, resumable=True)
        move = held(make_task(status=Status.PROCESSING, calls={"c1": order}), LATER)
        assert (move.becomes, move.sets["calls.c1.outcome"]) == (Status.FAILED, "unknown")
        assert move.error is not None
        assert (move.error.code, move.error.billed) == ("outcome_unknown", Billed.UNKNOWN)

    def test_an_announced_call_is_written_down(self) -> None:
        """The start of a task with a single call was that call's write-ahead."""
        move = held(make_task(status=Status.PROCESSING, single_call=True), LATER)
        assert move.sets["calls.a1"]["outcome"] == CallOutcome.UNKNOWN.value

    def test_what_is_kept_is_delivered(self) -> None:
        """The call that brought all of its pictures was paid for, whatever else is not known."""
        calls = {"c1": _call("c1", 0), "c2": _call("c2", 1)}
        task = make_task(status=Status.PROCESSING, images=2, outputs={"0": kept_picture("t", 0)}, calls=calls)
        move = held(task, LATER)
        assert (move.becomes, move.error) == (Status.COMPLETED, None)
        assert (move.sets["calls.c1.outcome"], move.sets["calls.c2.outcome"]) == ("delivered", "unknown")
        assert move.sets["outputs.1"]["state"] == "failed"

    def test_a_link_survives(self) -> None:
        """What is bought of a task of which something is not keeps its link, for a retry."""
        move = held(_bought(images=2), LATER)
        assert move.sets["outputs.0.source_url"] == "https://pictures.example/a"
        assert move.sets["outputs.0.state"] == "failed"

    def test_a_scheduled_one_can_be_held(self) -> None:
        """Its change sets it apart from every start."""
        change = held(make_task(status=Status.SCHEDULED), LATER).change()
        assert change.expected["status"] == "scheduled"
        assert {"waiting", "run_at"} <= set(change.unsets)

    def test_a_finished_one_cannot(self) -> None:
        """There is no such move."""
        with pytest.raises(Conflict):
            held(make_task(status=Status.COMPLETED), LATER)


class TestFetching:
    def test_it_gets_time_and_buys_nothing(self) -> None:
        """Its deadline passed long ago, and its link may be dead."""
        change = fetching(_bought(), LATER, 900)
        assert change.sets == {"deadline_at": LATER + timedelta(seconds=900), "on_ambiguous": "fail"}
