"""How the chaos suite tells how long a failover takes."""

from __future__ import annotations

from tests.chaos.failovers import failover_figures
from tests.chaos.faults import FaultEvent, FaultLog
from tests.chaos.submission import Submission
from tests.chaos.traffic import PLAIN


def _completed(sent_s: float, ended: str) -> Submission:
    task = {"status": "completed", "completed_at": ended}
    made = Submission(
        nonce="", kind=PLAIN, policy="retry", images=1, group=False, keyed=True, sent_s=sent_s, answer="accepted"
    )
    made.saw(task)
    return made


class TestFailoverFigures:
    def test_only_tasks_submitted_after_the_fault_count(self) -> None:
        """One that was on its way says nothing of how long new ones are kept waiting."""
        log = FaultLog(events=[FaultEvent(at_s=10.0, until_s=10.0, what="mongod", kills=1)])
        tasks = [_completed(9.0, "1970-01-01T00:00:11Z"), _completed(12.0, "1970-01-01T00:00:17.5Z")]
        figures = failover_figures(tasks, log, quiet_from_s=8.0)
        name = "first new task completed: MongoDB's leader killed"
        assert figures[f"{name}, times"] == 1
        assert figures[f"{name}, median s"] == figures[f"{name}, most s"] == 7.5
        assert figures["first new task completed: no fault, median s"] == 3.0

    def test_a_fault_after_which_nothing_was_completed_has_no_time(self) -> None:
        """The judge counts what is stuck; this is no figure of a failover."""
        log = FaultLog(events=[FaultEvent(at_s=10.0, until_s=10.0, what="redis", kills=1)])
        assert failover_figures([], log, quiet_from_s=10.0) == {}
