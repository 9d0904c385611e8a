"""The chaos suite's judge of money: whose bill it is where a service is told no name for a call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from tests.chaos.billing import Bill, read_bills
from tests.chaos.faults import FaultLog
from tests.chaos.purchases import cut_calls, limit_broken_by, purchases_of, wrong_books
from tests.chaos.submission import Submission
from tests.chaos.traffic import MIX, Kind

FAL = next(kind for kind in MIX if kind.provider == "fal")
FREE = next(kind for kind in MIX if not kind.costs)
NONCE = "0123456789abcdef"
AT = "2026-11-28T12:00:00+00:00"


def call(id_: str, outcome: str, request_id: str | None, *indexes: int) -> Mapping[str, Any]:
    """A paid call as a task shows it."""
    seen = {"indexes": indexes or (0,), "outcome": outcome, "request_id": request_id}
    return {"id": id_, "sent_at": AT, "ended_at": AT, **seen}


def task(*calls: Mapping[str, Any], images: int = 1, kind: Kind = FAL) -> Submission:
    """A completed task under `fail`."""
    submission = Submission(
        nonce=NONCE, kind=kind, policy="fail", images=images, group=False, keyed=True, sent_s=0.0, answer="accepted"
    )
    submission.saw({"id": "task_1", "status": "completed", "billed": "yes", "calls": list(calls)})
    return submission


def bill(job: str, position: int = 0) -> Bill:
    """A bill for one output of a job."""
    return Bill(at_s=0.0, call_id="", position=position, answer_ids=(f"request of {job}", job))


class TestJobs:
    """A service that makes what was ordered as a job, and bills the job."""

    def test_a_job_belongs_to_the_call_that_received_its_id(self) -> None:
        """Each output was bought once, and the books are right."""
        bought = [bill("job 1", 0), bill("job 1", 1), bill("job 2")]
        ordered = task(call("a", "delivered", "job 2", 2), call("b", "delivered", "job 1", 0, 1), images=3)
        assert purchases_of(ordered, bought) == {0: 1, 1: 1, 2: 1}
        assert not limit_broken_by(ordered, bought, FaultLog())
        assert not wrong_books(ordered, bought)

    def test_one_ordered_twice_is_billed_twice(self) -> None:
        """Two jobs for a picture under `fail`: one too many, and none of our calls is for it."""
        bought = [bill("job 1"), bill("job 2")]
        ordered = task(call("a", "delivered", "job 1"))
        assert limit_broken_by(ordered, bought, FaultLog()) == 1
        assert len(wrong_books(ordered, bought)) == 1

    def test_one_whose_id_never_came_belongs_to_a_call_of_unknown_outcome(self) -> None:
        """It is no bill of the call that was refused."""
        bought = [bill("job 1")]
        assert not wrong_books(task(call("a", "rejected", None), call("b", "unknown", None)), bought)
        assert wrong_books(task(call("a", "rejected", None)), bought)


class TestWhatCostsNothing:
    """A server of one's own: what it makes twice is no purchase."""

    def test_there_is_no_bill(self, tmp_path: Path) -> None:
        """Its lines of the ledger cost 0; those without a known cost are bills."""
        lines = [_line("comfyui", 0), _line("comfyui", 0), _line("fal", 3_000), _line("ark", None)]
        (tmp_path / "sandbox").mkdir()
        (tmp_path / "sandbox" / "ledger.jsonl").write_text("\n".join(map(json.dumps, lines)))
        assert [found.answer_ids for found in read_bills(tmp_path)[NONCE]] == [("r", "fal"), ("r", "ark")]

    def test_it_has_no_books(self) -> None:
        """A call without a bill is right there, and wrong elsewhere."""
        made = task(call("a", "delivered", "run 1"), kind=FREE)
        bills: Sequence[Bill] = ()
        assert not wrong_books(made, bills)
        assert wrong_books(attrs.evolve(made, kind=FAL), bills)


def _line(dialect: str, cost_micro: int | None) -> Mapping[str, Any]:
    return {
        "time": "2026-11-28T12:00:00.000Z",
        "dialect": dialect,
        "prompt": f"chaos {NONCE} ",
        "request_id": "r",
        "client_request_id": "",
        "image_index": 0,
        "job": dialect,
        "cost_micro": cost_micro,
    }


class TestCuts:
    """What a fault while a call ran explains."""

    def test_the_servers_clock_lags_after_the_machine_was_halted(self) -> None:
        """The wall jumps by as much then; the server goes on as the monotonic clock does."""
        sent_s = datetime.fromisoformat(AT).timestamp()
        walls_s, passed_s = [sent_s - 60, sent_s + 47.5], [100.0, 160.5]
        log = FaultLog(wall_s=lambda: walls_s.pop(0), monotonic_s=lambda: passed_s.pop(0))
        cut = task(call("a", "unknown", None))
        log.note("serving", 1)
        log.note("serving", 1)
        assert log.lags_s == {-47.0}
        assert cut_calls(cut, log)

    def test_one_long_before_explains_nothing(self) -> None:
        """A clock that went on as it should changes nothing about that."""
        sent_s = datetime.fromisoformat(AT).timestamp()
        log = FaultLog(wall_s=lambda: sent_s - 60, monotonic_s=lambda: 100.0)
        log.note("serving", 1)
        assert not cut_calls(task(call("a", "unknown", None)), log)
