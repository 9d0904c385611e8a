"""Tasks as webhooks are told of them."""

from __future__ import annotations

from typing import cast

from danqing_server.doors.costs import cost_view
from danqing_server.doors.output_views import image_views, media_views
from danqing_server.doors.task_shapes import ToldOutputShape, ToldTaskShape
from danqing_server.doors.views import billed_view, error_view
from danqing_server.http.messages import ENGLISH
from danqing_server.records.tasks import Task

__all__ = ["told_task"]

LONGEST_REASON = 1000


def told_task(task: Task, base: str) -> ToldTaskShape:
    """Return what a webhook is told of a task: where it stands and what came of it, without its input.

    Links begin with *base*; what is said in words is in English, for it is read by programs.
    """
    billed = billed_view(task)
    shown: ToldTaskShape = {
        "id": task.id,
        "user_id": task.user_id,
        "type": task.type,
        "status": task.status,
        "provider": task.provider,
        "model": task.model,
        "output": cast(ToldOutputShape, {"images": image_views(base, task.kept), **media_views(base, task.kept)}),
        "error": None if task.error is None else error_view(task, ENGLISH),
        "cost": cost_view(task, billed),
        "billed": billed,
        "created_at": task.created_at,
        "completed_at": task.completed_at,
    }
    if shown["error"] is not None:
        shown["error"]["message"] = shown["error"]["message"][:LONGEST_REASON]
    return shown
