"""What can happen to a task, each as a value: legal, or impossible to build. Nothing else changes a status.

    scheduled ──┐
                ├─ Started ─→ processing ─ Finished ─→ completed, failed
    pending ────┘                 └─ Requeued ─→ pending

`Finished` also ends a task that waits beyond its deadline. `Created` and `Deleted` are where one begins and ends.
`cancelled` ends what is not finished, `retried` puts what failed, was cancelled or lacks outputs back in line,
`rerouted` lets one wait for another target of its route, `prioritised` in another line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import attrs

from danqing_plugins import Message, TaskEventKind
from danqing_server.errors import Conflict
from danqing_server.ids import new_token
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import CallRecord, Status, Task
from danqing_server.store.changes import NO_MARKS, Change, Marks
from danqing_server.store.paths import ATTEMPT_ID

__all__ = [
    "ATTEMPTS_OWN",
    "Amended",
    "Created",
    "Deleted",
    "Finished",
    "Move",
    "Requeued",
    "Started",
    "Transition",
    "claimed",
    "waiting_key",
]

NO_SUCH_MOVE = Message(
    key="no_such_move",
    en="a task that is {status} cannot become {wanted}",
    zh="任务状态为 {status}，不能变为 {wanted}",
)

ATTEMPTS_OWN = ("attempt", "reserved")
_TOLD_AS = {Status.COMPLETED: TaskEventKind.COMPLETED, Status.FAILED: TaskEventKind.FAILED}


@attrs.frozen(kw_only=True)
class Move:
    """Something that happens to a task, and as what those who listen hear of it; `kind` None: not at all.

    With the task's id `transition_id` names it for ever, however often it is carried out or told.
    """

    task: Task

    @property
    def transition_id(self) -> str:
        """The id that the task has from this move on."""
        return self.task.transition_id

    @property
    def at(self) -> datetime:
        """When it happens, in whole milliseconds."""
        return self.task.updated_at

    @property
    def kind(self) -> TaskEventKind | None:
        """As what it is told."""
        raise NotImplementedError

    @property
    def error_code(self) -> str | None:
        """Why, in the stable code of a task's error; None when nothing went wrong."""
        return None

    @property
    def leaves_behind(self) -> Task | None:
        """The task as this move leaves it, for who would else read it; None where that is not known for certain."""
        return None


@attrs.frozen(kw_only=True)
class _Done(Move):
    """What was written before it became a move: the task is as it left it."""

    @property
    def leaves_behind(self) -> Task:
        """The task itself."""
        return self.task


@attrs.frozen(kw_only=True)
class Created(_Done):
    """A task that was stored and queued."""

    kind = TaskEventKind.CREATED


@attrs.frozen(kw_only=True)
class Started(_Done):
    """A task as its start left it: from `pending` or `scheduled` to `processing`. `TaskStore.start` makes many."""

    kind = TaskEventKind.STARTED


@attrs.frozen(kw_only=True)
class Amended(Move):
    """No change of status: what became of a paid call turned out after its attempt was given up.

    *settled* are the calls that it is about, as they are known now.
    """

    at: datetime
    settled: Sequence[CallRecord] = ()
    transition_id: str = attrs.field(factory=new_token)
    kind: ClassVar[TaskEventKind] = TaskEventKind.AMENDED


@attrs.frozen(kw_only=True)
class Deleted(Move):
    """The end of a task's document. It happens once, so that its id needs no chance."""

    at: datetime
    transition_id: ClassVar[str] = "deleted"
    kind: ClassVar[TaskEventKind] = TaskEventKind.DELETED


@attrs.frozen(kw_only=True)
class Transition(Move):
    """A change of status, from what was seen of the task.

    Raises:
        Conflict: there is no such move.
    """

    at: datetime
    transition_id: str = attrs.field(factory=new_token)

    def __attrs_post_init__(self) -> None:
        status = self.task.status
        if status not in self.leaves:
            raise Conflict(NO_SUCH_MOVE(status=status, wanted=self.becomes), code=f"task_{status}")

    @property
    def leaves(self) -> frozenset[Status]:
        """The statuses that it may be made from."""
        raise NotImplementedError

    @property
    def becomes(self) -> Status:
        """The status after it."""
        raise NotImplementedError

    def change(self, marks: Marks = NO_MARKS) -> Change:
        """Return the compare-and-set that makes it, and sets *marks* with it."""
        raise NotImplementedError

    def _change(
        self,
        marks: Marks,
        sets: Mapping[str, Any],
        unsets: Sequence[str] = (),
        *,
        increments: Mapping[str, int] | None = None,
        expected: Mapping[str, Any] | None = None,
    ) -> Change:
        task = self.task
        seen: dict[str, Any] = {"status": task.status.value, **(expected or {})}
        if task.attempt is not None:
            seen[ATTEMPT_ID] = task.attempt.id
        else:
            seen["transition_id"] = task.transition_id
        return Change(
            task_id=task.id,
            expected=seen,
            sets={**sets, "status": self.becomes.value, "updated_at": self.at},
            unsets=unsets,
            increments=increments or {},
            transition_id=self.transition_id,
            marks=marks,
        )


@attrs.frozen(kw_only=True)
class Finished(Transition):
    """From `processing` to `completed` or `failed`; also from `pending`, past its deadline.

    *sets* and *unsets* are what the attempt found out; with *is_whole* the task has all of it, and nobody else can
    have written more. *ran_ms* counts towards the lane's pace, 0 does not; *went_well*: a call was answered with
    what was asked for.
    """

    becomes: Status
    error: TaskError | None = None
    is_whole: bool = False
    sets: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    unsets: Sequence[str] = ()
    ran_ms: int = 0
    went_well: bool = False
    leaves: ClassVar[frozenset[Status]] = frozenset({Status.PENDING, Status.PROCESSING})

    @property
    def kind(self) -> TaskEventKind:
        """As what it is told."""
        return _TOLD_AS[self.becomes]

    @property
    def error_code(self) -> str | None:
        """Why it failed."""
        return self.error.code if self.error is not None else None

    @property
    def leaves_behind(self) -> Task | None:
        """The task as it ended, if that is whole."""
        if not self.is_whole:
            return None
        ended = {"status": self.becomes, "updated_at": self.at, "completed_at": self.at, "progress": self._progress}
        return self.task.changed(transition_id=self.transition_id, **ended, **dict.fromkeys(ATTEMPTS_OWN))

    @property
    def _progress(self) -> float:
        return 1.0 if self.becomes is Status.COMPLETED else self.task.progress

    def change(self, marks: Marks = NO_MARKS) -> Change:
        """Return the compare-and-set."""
        sets = {**self.sets, "completed_at": self.at, "progress": self._progress}
        gone = ATTEMPTS_OWN if self.task.attempt is not None else ("waiting", "run_at")
        return self._change(marks, sets, (*gone, *self.unsets))


@attrs.frozen(kw_only=True)
class Requeued(Transition):
    """From `processing` back to `pending`, by its own attempt or by who takes over from one that died.

    *run_at* None: at once. *failures* and *leases_lost* are added to the task's counts.
    """

    error: TaskError | None = None
    sets: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    unsets: Sequence[str] = ()
    run_at: datetime | None = None
    failures: int = 0
    leases_lost: int = 0
    leaves: ClassVar[frozenset[Status]] = frozenset({Status.PROCESSING})
    becomes: ClassVar[Status] = Status.PENDING
    kind: ClassVar[TaskEventKind] = TaskEventKind.RETRYING

    @property
    def error_code(self) -> str | None:
        """What went wrong."""
        return self.error.code if self.error is not None else None

    @property
    def waiting(self) -> Task:
        """The task as it waits."""
        return self.task.changed(run_at=self.run_at, updated_at=self.at)

    def change(self, marks: Marks = NO_MARKS) -> Change:
        """Return the compare-and-set."""
        waiting = {"waiting": waiting_key(self.task)} | ({} if self.run_at is None else {"run_at": self.run_at})
        added = {"failures": self.failures, "leases_lost": self.leases_lost}
        increments = {name: count for name, count in added.items() if count}
        return self._change(marks, {**self.sets, **waiting}, (*ATTEMPTS_OWN, *self.unsets), increments=increments)


def claimed(task: Task) -> Change:
    """No move: a waiting task gets a new transition id, so that whoever knew the old one can change it no more."""
    expected = {"status": task.status.value, "transition_id": task.transition_id}
    return Change(task_id=task.id, expected=expected, transition_id=new_token())


def waiting_key(task: Task) -> int:
    """Return what it waited by at first, so that it comes back ahead of what was submitted since."""
    return int(task.created_at.timestamp() * 1000)
