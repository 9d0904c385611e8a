"""Completed tasks that were asked for a moment ago, so that a crowd of polls costs one look."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import attrs

from danqing_server.records.tasks import Status, Task

__all__ = ["Recent", "RecentTasks"]

KEPT_S = 2.0
MOST_KEPT = 5_000


@attrs.frozen(eq=False)
class Recent:
    """A task that is held, and the answers already made of it, by whatever they depend on."""

    task: Task
    since_s: float
    answers: dict[Hashable, bytes] = attrs.field(factory=dict)


@attrs.define(eq=False)
class RecentTasks:
    """Holds completed tasks for at most two seconds; `drop` forgets one sooner.

    Only what is completed is held: a failed or cancelled task may be tried again by any process.
    """

    monotonic_s: Callable[[], float]
    _held: dict[str, Recent] = attrs.field(factory=dict, init=False)

    def get(self, task_id: str) -> Recent | None:
        """Return the task if it is held and fresh."""
        found = self._held.get(task_id)
        if found is not None and self.monotonic_s() - found.since_s >= KEPT_S:
            del self._held[task_id]
            return None
        return found

    def put(self, task: Task) -> None:
        """Hold *task* if it is completed, in place of the oldest when there are too many."""
        if task.status is not Status.COMPLETED or task.id in self._held:
            return
        if len(self._held) >= MOST_KEPT:
            del self._held[next(iter(self._held))]
        self._held[task.id] = Recent(task, self.monotonic_s())

    def drop(self, task_id: str) -> None:
        """Forget a task."""
        self._held.pop(task_id, None)
