"""A task in the words of the queue and of the plugins."""

from __future__ import annotations

from datetime import datetime

from danqing_plugins import Job, TaskEvent, TaskEventKind
from danqing_server.clock import to_ms
from danqing_server.life.billing import to_buy
from danqing_server.queue.entries import Entry
from danqing_server.records.tasks import Task
from danqing_server.store.untold import event_id
from danqing_server.store.waiting import WaitingTask

__all__ = ["entry_of", "event_of", "job_of"]


def entry_of(task: Task | WaitingTask) -> Entry:
    """Return what the queue keeps of *task*, due when the task says."""
    images, calls = _to_order(task)
    return Entry(
        id=task.id,
        lane=task.lane,
        user_id=task.user_id,
        owner=task.owner,
        model=task.model,
        priority=task.priority.value,
        images=images,
        calls=calls,
        due_ms=0 if task.run_at is None else to_ms(task.run_at),
        longest_ms=0 if task.run_at is None else to_ms(task.run_at) - to_ms(task.updated_at),
    )


def _to_order(task: Task | WaitingTask) -> tuple[int, int]:
    """Return how many pictures, in how many calls, are still to be ordered: the rest costs no rate any more."""
    count = to_buy(task) if isinstance(task, Task) else task.to_buy
    calls = min(1, count) if task.single_call else count
    return count if task.images else 0, calls


def event_of(
    task: Task, kind: TaskEventKind, transition_id: str, at: datetime, error_code: str | None = None
) -> TaskEvent:
    """Return what plugins are told of a change of *task*."""
    return TaskEvent(
        kind=kind,
        task_id=task.id,
        provider=task.provider,
        model=task.model,
        user_id=task.user_id,
        error_code=error_code,
        id=event_id(task.id, transition_id),
        at=at,
    )


def job_of(task: Task) -> Job:
    """Return what a provider is given of *task*."""
    references = task.references
    if task.route is not None:  # other targets may take others
        references = tuple(task.references[place] for place in task.route.current.references)
    return Job(
        task_id=task.id,
        user_id=task.user_id,
        provider=task.provider,
        type=task.type,
        model=task.model,
        input=task.input,
        outputs=task.images,
        kind=task.kind,
        references=references,
        attempt=task.attempts,
    )
