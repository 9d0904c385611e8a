"""The move of a waiting task to another priority. Its status stays as it is."""

from __future__ import annotations

from typing import ClassVar

import attrs

from danqing_server.life.moves import Transition
from danqing_server.records.tasks import WAITING, Priority, Status, Task
from danqing_server.store.changes import NO_MARKS, Change, Marks

__all__ = ["Prioritised"]


@attrs.frozen(kw_only=True)
class Prioritised(Transition):
    """A waiting task gets another *priority*, and goes to the end of its user's line there. It is not told."""

    priority: Priority
    leaves: ClassVar[frozenset[Status]] = WAITING
    kind: ClassVar[None] = None

    @property
    def becomes(self) -> Status:
        """It waits as before."""
        return self.task.status

    @property
    def waiting(self) -> Task:
        """The task as it waits."""
        return self.task.changed(priority=self.priority, updated_at=self.at)

    def change(self, marks: Marks = NO_MARKS) -> Change:
        """Return the compare-and-set."""
        return self._change(marks, {"priority": self.priority.value})
