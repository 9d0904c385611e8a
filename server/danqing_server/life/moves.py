"""The legal moves of a task, each as the one change that makes it.

Nothing else writes a status. A finished task is changed only by its user's retry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from danqing_plugins import Message
from danqing_server.codec import value_of
from danqing_server.errors import Conflict
from danqing_server.ids import new_token
from danqing_server.life.billing import announced_call, under_way
from danqing_server.models import FINISHED, CallOutcome, Status, Task, TaskError
from danqing_server.store.changes import Change

__all__ = ["cancelled", "claimed", "finished", "requeued", "retried"]

CALL_UNDER_WAY = Message(
    key="call_under_way_still",
    en="a paid call of this task is still under way; its picture will be kept, so wait until it is over",
    zh="此任务的一次付费调用仍在进行，其图片会被保留，请等它结束后再试",
)
NO_SUCH_MOVE = Message(
    key="no_such_move",
    en="a task that is {status} cannot become {wanted}",
    zh="任务状态为 {status}，不能变为 {wanted}",
)

MOVES: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PROCESSING, Status.CANCELLED, Status.FAILED, Status.COMPLETED}),
    Status.SCHEDULED: frozenset({Status.PROCESSING, Status.CANCELLED}),
    Status.PROCESSING: frozenset({Status.PENDING, *FINISHED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset({Status.PENDING}),
}

_ATTEMPTS_OWN = ("attempt", "reserved")
_COUNT_OF_CALLS = {"$size": {"$objectToArray": {"$ifNull": ["$calls", {}]}}}


def finished(
    task: Task, status: Status, now: datetime, sets: Mapping[str, Any], unsets: Sequence[str] = ()
) -> Change:
    """From `processing` to `completed` or `failed`, with what the attempt found out; also from `pending`, past its
    deadline. *sets* and *unsets* are the attempt's own.
    """
    ending = {"completed_at": now, "progress": 1.0 if status is Status.COMPLETED else task.progress}
    gone = _ATTEMPTS_OWN if task.attempt is not None else ("waiting", "run_at")
    return _move(task, status, now, {**sets, **ending}, (*gone, *unsets))


def requeued(
    task: Task,
    now: datetime,
    sets: Mapping[str, Any],
    unsets: Sequence[str] = (),
    *,
    run_at: datetime | None,
    failures: int = 0,
    leases_lost: int = 0,
) -> Change:
    """From `processing` back to `pending`; *failures* and *leases_lost* are added to the task's counts."""
    waiting = {"waiting": _waiting_key(task)} | ({} if run_at is None else {"run_at": run_at})
    added = {"failures": failures, "leases_lost": leases_lost}
    increments = {name: count for name, count in added.items() if count}
    return _move(task, Status.PENDING, now, {**sets, **waiting}, (*_ATTEMPTS_OWN, *unsets), increments)


def cancelled(task: Task, now: datetime, error: TaskError) -> Change:
    """From any unfinished status to `cancelled`.

    An attempt with a call under way keeps the task until that call is over, and may still write what is late; the
    call that its start announced is written down. Orders that nobody is asking for are in doubt. What an attempt
    set aside of a spend limit stays noted until it has settled that.
    """
    ending: dict[str, Any] = {"completed_at": now, "error": value_of(error)}
    unsets: tuple[str, ...] = ("waiting", "run_at")
    expected: dict[str, Any] = {"$expr": {"$eq": [_COUNT_OF_CALLS, len(task.calls)]}}  # none was opened since
    calls = under_way(task)
    if task.attempt is None:
        ending |= {f"calls.{call.id}.outcome": CallOutcome.UNKNOWN.value for call in calls}
    elif calls:
        ending["late_attempt"] = task.attempt.id
        announced = announced_call(task)
        if announced is not None:
            ending[f"calls.{announced.id}"] = value_of(announced)
            expected[f"calls.{announced.id}"] = {"$exists": False}
    else:
        unsets = (*unsets, "attempt")
    return _move(task, Status.CANCELLED, now, ending, unsets, expected=expected)


def retried(task: Task, now: datetime, sets: Mapping[str, Any], unsets: tuple[str, ...] = ()) -> Change:
    """From `failed` or `cancelled` back to `pending`, by the user's wish: its counts and times begin anew.

    Raises:
        Conflict: a call of the cancelled attempt is not over yet; its picture is still to be kept.
    """
    if task.attempt is not None:
        raise Conflict(CALL_UNDER_WAY(), code="call_under_way")
    anew = {"waiting": _waiting_key(task), "failures": 0, "leases_lost": 0, "progress": 0.0, "retried_at": now}
    gone = ("error", "completed_at", "started_at", "deadline_at", "run_at", "late_attempt", *unsets)
    return _move(task, Status.PENDING, now, {**sets, **anew}, unsets=gone)


def claimed(task: Task) -> Change:
    """No move: a waiting task gets a new transition id, so that whoever knew the old one can change it no more."""
    expected = {"status": task.status.value, "transition_id": task.transition_id}
    return Change(task_id=task.id, expected=expected, transition_id=new_token())


def _move(
    task: Task,
    status: Status,
    now: datetime,
    sets: Mapping[str, Any],
    unsets: tuple[str, ...] = (),
    increments: Mapping[str, int] | None = None,
    expected: Mapping[str, Any] | None = None,
) -> Change:
    if status not in MOVES[task.status]:
        raise Conflict(NO_SUCH_MOVE(status=task.status, wanted=status), code=f"task_{task.status}")
    seen: dict[str, Any] = {"status": task.status.value, **(expected or {})}
    if task.attempt is not None:
        seen["attempt.id"] = task.attempt.id
    else:
        seen["transition_id"] = task.transition_id
    return Change(
        task_id=task.id,
        expected=seen,
        sets={**sets, "status": status.value, "updated_at": now},
        unsets=unsets,
        increments=increments or {},
        transition_id=new_token(),
    )


def _waiting_key(task: Task) -> int:
    """Return what it waited by at first, so that it comes back ahead of what was submitted since."""
    return int(task.created_at.timestamp() * 1000)
