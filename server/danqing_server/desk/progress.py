"""How far a task under way is for its user: what its provider tells, else an estimate by the recent pace."""

from __future__ import annotations

from datetime import datetime

import attrs

from danqing_server.records.tasks import FINISHED, Task

__all__ = ["MOST_UNFINISHED", "Progress", "estimated"]

AT_MEAN = 0.9
MOST_UNFINISHED = 0.95
MOST_REMEMBERED = 5_000


def estimated(ran_s: float, mean_s: float | None) -> float:
    """Return the likely progress after *ran_s* when tasks take *mean_s*: 0.9 then, and ever slower up to 0.95.

    0 when nothing is known of the pace (None).
    """
    if not mean_s or ran_s <= 0:
        return 0.0
    share = ran_s / mean_s
    return AT_MEAN * share if share <= 1 else MOST_UNFINISHED - (MOST_UNFINISHED - AT_MEAN) / share


@attrs.define(eq=False)
class Progress:
    """Tells how far tasks are; what this process said of one it does not take back, though the pace changes."""

    _told: dict[tuple[str, datetime | None], float] = attrs.field(factory=dict, init=False)

    def is_none(self, task: Task) -> bool:
        """Tell whether there is nothing to tell of *task*, as while it waits: then no pace need be asked for."""
        return task.attempt is None and not task.progress and (task.id, task.retried_at) not in self._told

    def of(self, task: Task, now: datetime, mean_s: float | None) -> float:
        """Return a number from 0 to 1, which is reached only at the end."""
        if task.status in FINISHED:
            return task.progress
        likely = task.progress
        if not likely and task.attempt is not None:
            # Before the first of several, no more than its share: the provider's own number follows.
            likely = estimated((now - task.attempt.started_at).total_seconds(), mean_s) / max(1, task.images)
        return self._never_less(task, round(min(MOST_UNFINISHED, likely), 3))

    def _never_less(self, task: Task, likely: float) -> float:
        key = task.id, task.retried_at
        told = max(likely, self._told.pop(key, 0.0))
        if told:
            self._told[key] = told
        if len(self._told) > MOST_REMEMBERED:
            del self._told[next(iter(self._told))]
        return told
