"""What plugins that listen are told of tasks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

__all__ = ["TaskEvent", "TaskEventKind"]


class TaskEventKind(StrEnum):
    """What happened to a task. `retrying`: it waits again, after a failure or by its user's wish.

    `amended`: its status is as it was; what became of a paid call turned out after its attempt was given up.
    """

    CREATED = "created"
    STARTED = "started"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"
    AMENDED = "amended"


@attrs.frozen(kw_only=True)
class TaskEvent:
    """One change of a task's status, told after it is stored, at least once.

    `id` is the same when a change is told again, and of no other. `at` is when it happened, in UTC: what is told
    again comes late.
    """

    kind: TaskEventKind
    task_id: str
    provider: str
    model: str
    user_id: str
    error_code: str | None = None
    id: str = ""
    at: datetime | None = None
