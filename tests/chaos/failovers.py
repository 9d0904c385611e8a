"""How long it takes from a fault until the first task that was submitted after it is completed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime

from tests.chaos.faults import FaultLog
from tests.chaos.submission import Submission

__all__ = ["failover_figures"]

TOLD = {
    "mongod": "MongoDB's leader killed",
    "stepdown": "MongoDB's leader told to step down",
    "redis": "a leader of Redis killed",
    "failover": "a leader of Redis told to give way",
    "cut": "the machines cut off from each other",
    "isolate": "a machine cut off from all",
}
INSTANT_EVERY_S = 2.0


def failover_figures(accepted: Sequence[Submission], log: FaultLog, quiet_from_s: float) -> dict[str, float]:
    """Return, in seconds, the median and the most for each kind of fault, and for no fault at all to compare.

    It holds what a task takes by itself, and whatever else happened meanwhile. The instants without a fault are
    those from *quiet_from_s* to the first.
    """
    done = sorted((task.sent_s, completed_s) for task in accepted if (completed_s := _completed_s(task)))
    first_fault_s = min((event.at_s for event in log.events), default=quiet_from_s)
    count = max(0, int((first_fault_s - quiet_from_s) / INSTANT_EVERY_S))
    figures = _figures_of("no fault", [quiet_from_s + number * INSTANT_EVERY_S for number in range(count)], done)
    for what, told in TOLD.items():
        figures |= _figures_of(told, [event.at_s for event in log.events if event.what == what], done)
    return figures


def _figures_of(told: str, instants: Sequence[float], done: Sequence[tuple[float, float]]) -> dict[str, float]:
    after = [[end_s - at_s for sent_s, end_s in done if sent_s >= at_s] for at_s in instants]
    took_s = [min(each) for each in after if each]
    if not took_s:
        return {}
    name = f"first new task completed: {told}"
    return {
        f"{name}, times": len(took_s),
        f"{name}, median s": round(statistics.median(took_s), 1),
        f"{name}, most s": round(max(took_s), 1),
    }


def _completed_s(task: Submission) -> float | None:
    if task.status != "completed":
        return None
    return datetime.fromisoformat(task.task["completed_at"]).timestamp()
