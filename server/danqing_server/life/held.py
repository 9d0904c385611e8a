"""What becomes of a task that was open when a backup was taken, once that is restored. Pure.

The server went on after the backup, so what was open then may have been carried out and paid for since, and nobody
here knows. So nothing that may have to be bought is carried on with: it ends as `outcome_unknown`, which its user
or the operator may try again. What is bought already, and only to be fetched, costs nothing and is fetched.

    finished                          stays as it is
    scheduled for later than now      stays: nobody can have carried it out
    all its outputs are bought        fetched, under a new deadline; a link that is dead buys nothing
    everything else                   held: `failed`, or `completed` with what is kept
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import attrs

from danqing_plugins import Message
from danqing_server.codec.documents import value_of
from danqing_server.ids import new_token
from danqing_server.life.billing import announced_call, is_on_its_way
from danqing_server.life.decision import fail_missing
from danqing_server.life.moves import Finished
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import FINISHED, WAITING, Billed, CallOutcome, CallRecord, Status, Task
from danqing_server.store.changes import Change, by_field
from danqing_server.store.paths import of_call, of_output

__all__ = ["Fate", "Held", "fate_of", "fetching", "held", "held_error"]

HELD = Message(
    key="held_by_restore",
    en="this server was restored from a backup in which the task was not finished; it may have been carried out, "
    "and paid for, since. Try it again if it is still wanted",
    zh="本服务器由备份恢复，备份时此任务尚未完成；此后它可能已经执行并付费。如仍需要，请重试",
)


class Fate(StrEnum):
    """What becomes of a task."""

    STAYS = "stays"
    WAITS = "waits"
    FETCHES = "fetches"
    HELD = "held"


@attrs.frozen(kw_only=True)
class Held(Finished):
    """From any unfinished status to the end that a restore gives it; `scheduled` is among them."""

    leaves: ClassVar[frozenset[Status]] = WAITING | {Status.PROCESSING}


def fate_of(task: Task, now: datetime) -> Fate:
    """Say what becomes of *task* when it is restored at *now*."""
    if task.status in FINISHED:
        return Fate.STAYS
    if task.status is Status.SCHEDULED and not task.attempts and task.run_at is not None and task.run_at > now:
        return Fate.WAITS
    if task.images and not task.missing and is_on_its_way(task):
        return Fate.FETCHES
    return Fate.HELD


def held_error() -> TaskError:
    """Return why a task is held."""
    return TaskError(code="outcome_unknown", message=HELD(), retryable=True, billed=Billed.UNKNOWN)


def held(task: Task, now: datetime) -> Held:
    """Return the move that holds *task*: calls under way are in doubt, orders too, which a retry asks for first."""
    calls = [_closed(call, task, now) for call in _open_calls(task)]
    known = task.changed(calls={**task.calls, **{call.id: call for call in calls}})
    end = fail_missing(known, held_error(), now)
    sets: dict[str, Any] = {}
    for call in calls:
        path = of_call(call.id)
        sets |= by_field(path, call) if call.id in task.calls else {path: value_of(call)}
    for output in end.outputs:
        path = of_output(output.index)
        sets |= by_field(path, output) if str(output.index) in task.outputs else {path: value_of(output)}
    unsets = ["preview"] if task.preview is not None else []
    if end.error is not None:
        sets["error"] = value_of(end.error)
    elif task.error is not None:
        unsets.append("error")
    return Held(task=task, at=now, becomes=end.status, error=end.error, sets=sets, unsets=unsets)


def fetching(task: Task, now: datetime, timeout_s: float) -> Change:
    """Return what lets *task* be taken over and its outputs be fetched, and lets nothing be bought for it."""
    sets = {"deadline_at": now + timedelta(seconds=timeout_s), "on_ambiguous": "fail"}
    expected = {"status": task.status.value, "transition_id": task.transition_id}
    return Change(task_id=task.id, expected=expected, sets=sets, transition_id=new_token())


def _open_calls(task: Task) -> list[CallRecord]:
    found = [call for call in task.calls.values() if call.outcome is CallOutcome.OPEN]
    announced = announced_call(task)
    return found if announced is None else [*found, announced]


def _closed(call: CallRecord, task: Task, now: datetime) -> CallRecord:
    brought = call.indexes and not set(call.indexes) & set(task.missing)
    outcome = CallOutcome.DELIVERED if brought else CallOutcome.UNKNOWN
    return call.changed(outcome=outcome, ended_at=now)
