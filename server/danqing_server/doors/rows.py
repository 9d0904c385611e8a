"""Tasks as rows of a list: what is seen at a glance, and no more."""

from __future__ import annotations

from danqing_server.doors.costs import cost_view, money_views
from danqing_server.doors.list_shapes import TaskRowShape
from danqing_server.doors.views import Viewer, batch_place_view, billed_view
from danqing_server.http.links import picture_url
from danqing_server.life.charges import doubtful_micro
from danqing_server.records.tasks import Task

__all__ = ["prompt_of", "row_of"]

LONGEST_PROMPT = 300


def row_of(task: Task, viewer: Viewer, *, whole: bool = True) -> TaskRowShape:
    """Return *task* as a row; it may lack what `TaskList` leaves out. Not *whole*: without what it is of."""
    kept = task.kept
    first = kept[0].asset if kept and whole else None
    billed = billed_view(task)
    return {
        "id": task.id,
        "project": task.owner,
        "user_id": task.user_id,
        "type": task.type,
        "kind": task.kind,
        "status": task.status,
        "provider": task.provider,
        "model": task.model,
        "route": None if task.route is None else task.route.model,
        "prompt": prompt_of(task) if whole else None,
        "images": task.images,
        "kept": len(kept),
        "missing": len(task.failed_outputs),
        "url": None if first is None else picture_url(viewer.base, first.key),
        "error_code": None if task.error is None else task.error.code,
        "retryable": None if task.error is None else task.error.retryable,
        "batch": batch_place_view(task.batch) if task.batch is not None and whole else None,
        "priority": task.priority,
        "progress": task.progress,
        "attempts": task.attempts,
        "cost": cost_view(task, billed),
        "billed": billed,
        "in_doubt": money_views(doubtful_micro(task)),
        "sandbox": viewer.is_sandbox(task),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "started_at": task.started_at,
        "completed_at": task.completed_at,
        "run_at": task.run_at,
    }


def prompt_of(task: Task) -> str | None:
    """Return the first 300 characters of the prompt, None when there is none."""
    prompt = task.input.get("prompt")
    return prompt[:LONGEST_PROMPT] if isinstance(prompt, str) else None
