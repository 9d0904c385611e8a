"""The moves that put what has ended back in line.

failed, cancelled, completed without some outputs ── Retried, Revived ─→ pending
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from danqing_plugins import Message, TaskEventKind
from danqing_server.codec.documents import value_of
from danqing_server.errors import Conflict
from danqing_server.life.billing import may_still_bring, orders_in_doubt
from danqing_server.life.moves import Transition, waiting_key
from danqing_server.records.outputs import Output
from danqing_server.records.tasks import CallOutcome, Hold, Status, Task
from danqing_server.store.changes import NO_MARKS, Change, Marks, by_field
from danqing_server.store.paths import of_call, of_output, of_route

__all__ = ["Retried", "Revived"]

CALL_UNDER_WAY = Message(
    key="call_under_way_still",
    en="a paid call of this task is still under way; what it brings will be kept, so wait until it is over",
    zh="此任务的一次付费调用仍在进行，其成品会被保留，请等它结束后再试",
)
MOST_KEYS = 16
"""By how many Idempotency-Keys a repeat is known: it comes soon, and few are tried again so often."""

_RETRYABLE = frozenset({Status.FAILED, Status.CANCELLED})


@attrs.frozen(kw_only=True)
class Retried(Transition):
    """From `failed` or `cancelled` back to `pending`, by the user's wish: its counts and times begin anew.

    From `completed`, too, where outputs failed: those are asked for, and no other.

    An order that nobody knew the outcome of is open again: it is asked for, and dropped if this round is cancelled.

    *at_hand* are the pictures that are not asked for again, by index as text. *hold* is what is set aside of limits
    for this round; what an earlier one held is over. *key* is the API key that this round is counted to,
    *repeat_key* the name of the Idempotency-Key by which it is asked for, None without one.

    Raises:
        Conflict: there is no such move, or a call of the cancelled attempt is not over yet; its picture is still to
            be kept.
    """

    at_hand: Mapping[str, Output] = attrs.field(factory=dict)
    hold: Hold | None = None
    key: str | None = None
    repeat_key: str | None = None
    becomes: ClassVar[Status] = Status.PENDING

    @property
    def leaves(self) -> frozenset[Status]:
        """The statuses that it may be made from."""
        return _RETRYABLE | {Status.COMPLETED} if self.task.failed_outputs else _RETRYABLE

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if may_still_bring(self.task):
            raise Conflict(CALL_UNDER_WAY(), code="call_under_way")

    @property
    def kind(self) -> TaskEventKind:
        """As what it is told."""
        return TaskEventKind.RETRYING

    @property
    def waiting(self) -> Task:
        """The task as it waits."""
        anew = {"run_at": None, "attempt": None, "updated_at": self.at, "retried_at": self.at}
        return self.task.changed(outputs=self.at_hand, **anew)

    def change(self, marks: Marks = NO_MARKS) -> Change:
        """Return the compare-and-set."""
        task = self.task
        anew = {"waiting": waiting_key(task), "failures": 0, "leases_lost": 0, "progress": 0.0}
        dropped = [of_output(key) for key in task.outputs if key not in self.at_hand]
        gone = ("error", "completed_at", "started_at", "deadline_at", "run_at", "late_attempt", *dropped)
        if self.hold is None and task.hold is not None:
            gone = (*gone, "hold")
        if task.late or task.attempt is not None:  # they are among the others now, or worth nothing
            gone = (*gone, "late", "attempt")
        sets = {**self._pictures(), **self._orders(), **anew, **self._round()}
        sets |= {**self._counted(), **self._known_by()}
        sets["retried_at"] = self.at
        return self._change(marks, sets, gone)

    def _counted(self) -> dict[str, Any]:
        """Return to whom this round is counted, and what is set aside for it."""
        hold = {} if self.hold is None else {"hold": value_of(self.hold)}
        return hold if self.key is None or self.key == self.task.key else {**hold, "key": self.key}

    def _known_by(self) -> dict[str, Any]:
        """Return what lets a repeat of the wish be known for one."""
        if self.repeat_key is None:
            return {}
        return {"retry_keys": [*self.task.retry_keys, self.repeat_key][-MOST_KEYS:]}

    def _round(self) -> dict[str, Any]:
        """Return what lets every target of its route be asked again."""
        return {} if self.task.route is None else {of_route("passed"): [], of_route("refused"): []}

    def _orders(self) -> dict[str, Any]:
        """Return what opens the orders that this round goes on with."""
        orders = orders_in_doubt(self.task.changed(outputs=self.at_hand))
        opened = {"outcome": CallOutcome.OPEN.value, "ended_at": None}
        return {f"{of_call(call.id)}.{name}": value for call in orders for name, value in opened.items()}

    def _pictures(self) -> dict[str, Any]:
        """Return what writes down the pictures that the task does not have, or not as they are now."""
        sets: dict[str, Any] = {}
        for key, output in self.at_hand.items():
            if key not in self.task.outputs:
                sets[of_output(key)] = value_of(output)
            elif output is not self.task.outputs[key]:
                sets |= by_field(of_output(key), output)
        return sets


@attrs.frozen(kw_only=True)
class Revived(Retried):
    """The return of a voided task, sent again with its key: only now do those who listen hear that it is there."""

    @property
    def kind(self) -> TaskEventKind:
        """As what it is told."""
        return TaskEventKind.CREATED
