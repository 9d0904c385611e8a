"""Tasks that this process stored a moment ago, so that starting them need not read them back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs

from danqing_plugins import Text
from danqing_server.codec.bodies import is_plain
from danqing_server.records.tasks import Attempt, Status, Task

__all__ = ["Newborn", "started", "untouched"]

MOST_HELD = 2_000
LARGEST_HELD_BYTES = 8 * 1024


@attrs.define(eq=False)
class Newborn:
    """Small new tasks by their id, the oldest going first when there are too many.

    They are no truth: who starts them must have MongoDB confirm that they are `untouched`.
    """

    _held: OrderedDict[str, Task] = attrs.field(factory=OrderedDict, init=False)

    def hold(self, task: Task, size_bytes: int) -> None:
        """Hold a task that is stored, unless it is large or would come back from MongoDB as something else."""
        if size_bytes > LARGEST_HELD_BYTES or not _comes_back_the_same(task):
            return
        if len(self._held) >= MOST_HELD:
            self._held.popitem(last=False)
        self._held[task.id] = task.changed(input=_copied(task.input))  # plugins may write to what they are given

    def release(self, ids: Sequence[str]) -> list[Task]:
        """Give up the tasks of *ids* and return them; none when one of them is not held."""
        found = [task for id_ in ids if (task := self._held.pop(id_, None)) is not None]
        return found if len(found) == len(ids) else []


def untouched(tasks: Sequence[Task]) -> dict[str, Any]:
    """Return what MongoDB finds of *tasks* that are as they were stored: whatever befalls one gives it a new id."""
    return {"transition_id": {"$in": [task.transition_id for task in tasks]}}


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


def _comes_back_the_same(task: Task) -> bool:
    """Tell whether what its plugin chose has the types that a look into MongoDB would give it."""
    notes = task.notes
    spoken = type(notes) is tuple and all(type(note) in (str, Text) and "\0" not in note for note in notes)
    return spoken and is_plain(task.input) and type(task.model) is str


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
