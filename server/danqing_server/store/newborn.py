"""Tasks that this process stored a moment ago, so that starting them need not read them back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from danqing_server.codec import is_plain
from danqing_server.models import Attempt, Status, Task

__all__ = ["UNTOUCHED", "Newborn", "started"]

MOST_HELD = 2_000
LARGEST_HELD_BYTES = 8 * 1024

UNTOUCHED: Mapping[str, Any] = {"attempts": {"$exists": False}, "retried_at": {"$exists": False}}
"""What MongoDB finds of a waiting task that is as it was stored: never started, and not put back by its user."""


@attrs.define(eq=False)
class Newborn:
    """Small new tasks by their id, the oldest going first when there are too many.

    They are no truth: who starts one must have MongoDB confirm that it is `UNTOUCHED`.
    """

    _held: OrderedDict[str, Task] = attrs.field(factory=OrderedDict, init=False)

    def hold(self, task: Task, size_bytes: int) -> None:
        """Hold a task that is stored, unless it is large or would come back from MongoDB as something else."""
        if size_bytes > LARGEST_HELD_BYTES or not is_plain(task.input):
            return
        if len(self._held) >= MOST_HELD:
            self._held.popitem(last=False)
        self._held[task.id] = task

    def release(self, ids: Sequence[str]) -> list[Task]:
        """Give up the tasks of *ids* and return them; none when one of them is not held."""
        found = [task for id_ in ids if (task := self._held.pop(id_, None)) is not None]
        return found if len(found) == len(ids) else []


def started(task: Task, attempt: Attempt, deadline_at: datetime) -> Task:
    """Return an untouched task as its first start leaves it."""
    return task.changed(
        status=Status.PROCESSING,
        attempt=attempt,
        attempts=1,
        transition_id=attempt.id,
        started_at=attempt.started_at,
        updated_at=attempt.started_at,
        deadline_at=deadline_at,
        waiting=None,
        run_at=None,
    )
