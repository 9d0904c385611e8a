"""What a video's `callback_url` is told: the task as it is shown to who asks for it, at each change of its status.

Source: volcengine.com/docs/82379/1520757, `callback_url`, read 2026-11-28. Ark signs nothing and tries three times;
here a callback is a webhook, signed and tried again as all are.
"""

from __future__ import annotations

import attrs

from danqing_plugins import TaskEvent, TaskEventKind
from danqing_server.delivery.webhooks.events import type_of
from danqing_server.delivery.webhooks.outbox import STATUSES as AFTER
from danqing_server.doors.ark.refusing import INTERNAL
from danqing_server.doors.ark.showing import STATUSES, ArkViewer
from danqing_server.doors.ark_shapes import ArkTaskShape
from danqing_server.plugins.registry import Registry
from danqing_server.records.tasks import Task

__all__ = ["ARK_FORM", "CALLBACK_EVENTS", "ArkTeller"]

ARK_FORM = "ark"

CALLBACK_EVENTS = tuple(
    type_of(kind) for kind in TaskEventKind if kind not in (TaskEventKind.AMENDED, TaskEventKind.DELETED)
)


@attrs.frozen
class ArkTeller:
    """Tells of a task in Ark's words: as it stood then, if it has moved on; of one that is gone little is known."""

    registry: Registry

    def __call__(self, event: TaskEvent, task: Task | None, base: str) -> ArkTaskShape:
        if task is None:
            return _gone(event)
        if task.status not in AFTER[event.kind]:
            task = task.changed(status=min(AFTER[event.kind]))
        return ArkViewer(base, self.registry).video(task)


def _gone(event: TaskEvent) -> ArkTaskShape:
    at_s = 0 if event.at is None else int(event.at.timestamp())
    code = event.error_code
    return {
        "id": event.task_id,
        "model": event.model,
        "status": STATUSES[min(AFTER[event.kind])],
        "error": None if code is None else {"code": INTERNAL, "message": code},
        "created_at": at_s,
        "updated_at": at_s,
    }
