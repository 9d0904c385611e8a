"""The legal moves of a task, each as the one change that makes it.

Nothing else writes a status. A finished task is changed only by its user's retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from danqing_server.codec import value_of
from danqing_server.errors import Conflict
from danqing_server.ids import new_token
from danqing_server.models import FINISHED, Status, Task, TaskError
from danqing_server.retry import open_calls
from danqing_server.store.changes import Change

__all__ = ["cancelled", "claimed", "finished", "requeued", "retried"]

MOVES: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PROCESSING, Status.CANCELLED}),
    Status.SCHEDULED: frozenset({Status.PROCESSING, Status.CANCELLED}),
    Status.PROCESSING: frozenset({Status.PENDING, *FINISHED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset({Status.PENDING}),
}


def finished(
    task: Task,
    status: Status,
    now: datetime,
    sets: Mapping[str, Any],
    error: TaskError | None = None,
    dropped: tuple[str, ...] = (),
) -> Change:
    """From `processing` to `completed` or `failed`, with what the attempt found out; *dropped* fields go."""
    ending = {"completed_at": now, "progress": 1.0 if status is Status.COMPLETED else task.progress}
    unsets = ("attempt", *dropped, *(("error",) if error is None else ()))
    return _move(task, status, now, {**sets, **ending, **_error(error)}, unsets)


def requeued(
    task: Task,
    now: datetime,
    sets: Mapping[str, Any],
    *,
    run_at: datetime | None,
    failures: int = 0,
    leases_lost: int = 0,
    error: TaskError | None = None,
    dropped: tuple[str, ...] = (),
) -> Change:
    """From `processing` back to `pending`; *error* is why, shown until the next try ends.

    *failures* and *leases_lost* are added to the task's counts; *dropped* fields go.
    """
    waiting = {"waiting": _waiting_key(task)} | ({} if run_at is None else {"run_at": run_at})
    added = {"failures": failures, "leases_lost": leases_lost}
    increments = {name: count for name, count in added.items() if count}
    return _move(task, Status.PENDING, now, {**sets, **waiting, **_error(error)}, ("attempt", *dropped), increments)


def cancelled(task: Task, now: datetime, error: TaskError) -> Change:
    """From any unfinished status to `cancelled`; an attempt with a call under way may still write what is late."""
    ending: dict[str, Any] = {"completed_at": now, **_error(error)}
    if task.attempt is not None and open_calls(task):
        ending["late_attempt"] = task.attempt.id
    return _move(task, Status.CANCELLED, now, ending, unsets=("attempt", "waiting", "run_at"))


def retried(task: Task, now: datetime, sets: Mapping[str, Any], unsets: tuple[str, ...] = ()) -> Change:
    """From `failed` or `cancelled` back to `pending`, by the user's wish: its counts and times begin anew."""
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
) -> Change:
    if status not in MOVES[task.status]:
        raise Conflict(f"a task that is {task.status} cannot become {status}", code=f"task_{task.status}")
    expected: dict[str, Any] = {"status": task.status.value}
    if task.attempt is not None:
        expected["attempt.id"] = task.attempt.id
    else:
        expected["transition_id"] = task.transition_id
    return Change(
        task_id=task.id,
        expected=expected,
        sets={**sets, "status": status.value, "updated_at": now},
        unsets=unsets,
        increments=increments or {},
        transition_id=new_token(),
    )


def _waiting_key(task: Task) -> int:
    """Return what it waited by at first, so that it comes back ahead of what was submitted since."""
    return int(task.created_at.timestamp() * 1000)


def _error(error: TaskError | None) -> dict[str, Any]:
    return {} if error is None else {"error": value_of(error)}
