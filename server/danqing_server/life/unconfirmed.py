"""What a task says of itself whose client was told that it will not run: nobody knew whether it was stored."""

from __future__ import annotations

from danqing_plugins import Message
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Task

__all__ = ["NOT_CONFIRMED", "unconfirmed", "was_voided"]

NOT_ACKNOWLEDGED = "not_acknowledged"
NOT_CONFIRMED = Message(
    key="not_acknowledged",
    en="the server could not confirm this task when it was submitted, and cancelled it",
    zh="提交时服务器未能确认此任务已保存，因此已将其取消",
)


def unconfirmed() -> TaskError:
    """Return the error of a voided task."""
    return TaskError(code=NOT_ACKNOWLEDGED, message=NOT_CONFIRMED(), retryable=True)


def was_voided(task: Task) -> bool:
    """Say whether *task* was voided; sent again with its key, it may run."""
    return task.error is not None and task.error.code == NOT_ACKNOWLEDGED
