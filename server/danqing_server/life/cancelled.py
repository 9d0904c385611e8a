"""The moves that end what is not finished, without a result: by who asked for it, or who may have been told no.

scheduled ──┐
pending ────┼─ Cancelled, Voided ─→ cancelled
processing ─┘
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from danqing_plugins import TaskEventKind
from danqing_server.codec.documents import value_of
from danqing_server.life.billing import announced_call, awaits_orders, is_on_its_way, under_way
from danqing_server.life.moves import Transition
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import NOBODY, WAITING, Attempt, CallOutcome, Status
from danqing_server.store.changes import NO_MARKS, Change, Marks
from danqing_server.store.paths import has_calls, of_call, of_mark

__all__ = ["Cancelled", "Voided"]


@attrs.frozen(kw_only=True)
class Cancelled(Transition):
    """From any unfinished status to `cancelled`.

    An attempt with a call under way, or a paid picture still to be fetched, keeps the task until that is over, and
    may still write what is late; the call that its start announced is written down. Without an attempt such a
    picture, or an order, is left to `Janitor.fetch_late`, which has the order dropped where that can be. So it is
    with what was set aside of a spend limit: whoever the task is left to settles that.
    """

    error: TaskError
    leaves: ClassVar[frozenset[Status]] = WAITING | {Status.PROCESSING}
    becomes: ClassVar[Status] = Status.CANCELLED

    @property
    def kind(self) -> TaskEventKind | None:
        """As what it is told."""
        return TaskEventKind.CANCELLED

    @property
    def error_code(self) -> str:
        """Why it was cancelled."""
        return self.error.code

    def change(self, marks: Marks = NO_MARKS) -> Change:
        """Return the compare-and-set; it fails when a call was opened since the task was seen."""
        task = self.task
        ending: dict[str, Any] = {"completed_at": self.at, "error": value_of(self.error)}
        unsets: tuple[str, ...] = ("waiting", "run_at", *self._untold)
        expected = dict(has_calls(len(task.calls)))
        calls = under_way(task)
        if task.attempt is None:
            asked = [call for call in calls if not call.resumable]
            ending |= {f"{of_call(call.id)}.outcome": CallOutcome.UNKNOWN.value for call in asked}
            if is_on_its_way(task) or awaits_orders(task) or task.reserved is not None:
                nobody = Attempt(id=self.transition_id, worker=NOBODY, started_at=self.at)
                ending |= {"attempt": value_of(nobody), "late_attempt": nobody.id}
        elif calls or is_on_its_way(task) or task.reserved is not None:
            ending["late_attempt"] = task.attempt.id
            announced = announced_call(task)
            if announced is not None:
                ending[of_call(announced.id)] = value_of(announced)
                expected[of_call(announced.id)] = {"$exists": False}
        else:
            unsets = (*unsets, "attempt")
            expected["reserved"] = None  # nobody would find what was set aside since the task was seen
        return self._change(marks, ending, unsets, expected=expected)

    @property
    def _untold(self) -> tuple[str, ...]:
        return ()


@attrs.frozen(kw_only=True)
class Voided(Cancelled):
    """The cancellation of a task whose client was told that it will not run: those who listen never hear of it."""

    @property
    def kind(self) -> None:
        """It is not told."""

    @property
    def _untold(self) -> tuple[str, ...]:
        created = of_mark(self.task.transition_id)  # nor that it was created
        return (created,) if self.task.hold is None else (created, "hold")
