"""What an event says of its task when the task itself has moved on."""

from __future__ import annotations

from danqing_plugins import TaskEvent, TaskEventKind
from danqing_server.delivery.webhooks.outbox import STATUSES, remembered


def status_after(kind: TaskEventKind) -> object:
    """Return as what a task is told of, of which nothing but the event is known."""
    event = TaskEvent(kind=kind, task_id="t", provider="p", model="m", user_id="u", error_code="e")
    told = remembered(event)
    assert (told["id"], told["error"]) == ("t", {"code": "e"})
    return told["status"]


class TestRemembered:
    def test_each_kind_says_how_the_task_stood(self) -> None:
        """None is told as deleted that was not."""
        assert {kind.value: status_after(kind) for kind in TaskEventKind} == {
            "created": "pending",
            "started": "processing",
            "retrying": "pending",
            "completed": "completed",
            "failed": "failed",
            "cancelled": "cancelled",
            "deleted": "deleted",
            "amended": None,
        }

    def test_every_kind_is_known(self) -> None:
        """A new one has to say how a task may stand after it."""
        assert set(STATUSES) == set(TaskEventKind)
