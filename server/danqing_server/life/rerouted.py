"""The move of a task from one target of its route to another, or to the same one's next turn.

pending, scheduled ─┐
                    ├─ Rerouted ─→ pending, or scheduled still
processing ─────────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from danqing_plugins import TaskEventKind
from danqing_server.codec.documents import to_document, value_of
from danqing_server.life.moves import ATTEMPTS_OWN, Transition, waiting_key
from danqing_server.life.onward import Onward
from danqing_server.records.routing import OF_TARGET, TaskRoute
from danqing_server.records.tasks import WAITING, Status, Task
from danqing_server.store.changes import NO_MARKS, Change, Marks
from danqing_server.store.paths import of_output, of_route

__all__ = ["Rerouted", "on_target"]

_OF_TARGET = (*OF_TARGET, "notes_zh")
"""The keys of a document that are as the task's current target has them."""


def on_target(task: Task, route: TaskRoute) -> Task:
    """Return *task* as it is at the current target of *route*."""
    return task.changed(**route.current.fields, route=route)


@attrs.frozen(kw_only=True)
class Rerouted(Transition):
    """From any unfinished status to waiting for the target that *onward* names; what others delivered stays.

    *sets* and *unsets* are what an attempt found out. What its provider saved is no other's.

    Raises:
        Conflict: there is no such move.
    """

    onward: Onward
    sets: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    unsets: Sequence[str] = ()
    leaves: ClassVar[frozenset[Status]] = WAITING | {Status.PROCESSING}
    kind: ClassVar[TaskEventKind] = TaskEventKind.RETRYING

    @property
    def becomes(self) -> Status:
        """It waits; one that was scheduled keeps its time."""
        return Status.SCHEDULED if self.task.status is Status.SCHEDULED else Status.PENDING

    @property
    def error_code(self) -> str | None:
        """What went wrong at the target that it leaves, None when it only waited there."""
        return self.onward.error.code if self.onward.error is not None else None

    @property
    def waiting(self) -> Task:
        """The task as it waits."""
        again = {str(index) for index in self.onward.missing}
        outputs = {key: output for key, output in self.task.outputs.items() if key not in again}
        moved = on_target(self.task, self.onward.route)
        return moved.changed(outputs=outputs, run_at=self.onward.run_at, updated_at=self.at)

    def change(self, marks: Marks = NO_MARKS) -> Change:
        """Return the compare-and-set."""
        run_at, failures = self.onward.run_at, self.onward.failures
        sets = {**self._own(self.sets), **self._target(), "waiting": waiting_key(self.task)}
        sets |= {} if run_at is None else {"run_at": run_at}
        kept = {path for path in sets if "." not in path}
        gone = [path for path in self._gone() if path not in kept]
        return self._change(marks, sets, gone, increments={"failures": failures} if failures else {})

    def _own(self, sets: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the attempt found out, without what does not go along."""
        left = ("saved.", *(f"{of_output(index)}." for index in self.onward.missing))
        return {path: value for path, value in sets.items() if not f"{path}.".startswith(left)}

    def _target(self) -> dict[str, Any]:
        document = to_document(self.waiting)
        found = {key: document[key] for key in _OF_TARGET if key in document}
        route = self.onward.route
        progress = {"target": route.target, "passed": route.passed, "refused": route.refused, "tried": route.tried}
        progress["wishes"] = route.wishes
        return found | {of_route(field): value_of(value) for field, value in progress.items()}

    def _gone(self) -> list[str]:
        own = ATTEMPTS_OWN if self.task.attempt is not None else ()
        found = [*own, *self.unsets, *map(of_output, self.onward.missing), *_OF_TARGET, "saved", "run_at"]
        return list(dict.fromkeys(found))
