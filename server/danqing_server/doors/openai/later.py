"""Pictures that are asked for now and looked for later, in the form that relays and their clients agreed on.

Source: Wei-Shaw/sub2api, docs/ASYNC_IMAGE_TASKS.md, and its clients, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping

from danqing_server.doors.openai.failing import error_of
from danqing_server.doors.openai.refusing import envelope
from danqing_server.doors.openai.speaking import OpenAICall
from danqing_server.doors.openai_shapes import OpenAIImagesShape, OpenAITaskShape
from danqing_server.doors.output_views import pictures_of
from danqing_server.http.answers import json_answer
from danqing_server.http.links import base_url, location_of, picture_url
from danqing_server.records.tasks import FINISHED, Status, Task

__all__ = ["TASKS_PATH", "acknowledge", "task_view"]

TASKS_PATH = "/v1/images/tasks/"
KEPT_S = 86400
"""How long their clients expect to find it; here it stays until it is deleted."""

ACCEPTED, RETRY_AFTER_S = 202, 3


async def acknowledge(call: OpenAICall, task_id: str, *, headers: Mapping[str, str]) -> bool:
    """Answer that there is a task, and where to look for it."""
    task = await call.services.control.find(task_id, call.caller)
    location = location_of(call.request, f"{TASKS_PATH}{task_id}")
    shown = task_view(task, base_url(call.request))
    told = {**headers, "location": location, "retry-after": str(RETRY_AFTER_S)}
    await call.send(json_answer(shown, ACCEPTED, told))
    return True


def task_view(task: Task, base: str) -> OpenAITaskShape:
    """Return a task; *base* is how its client reaches this server: it looks nowhere else."""
    created = int(task.created_at.timestamp())
    shown: OpenAITaskShape = {
        "id": task.id,
        "task_id": task.id,
        "object": "image.generation.task",
        "status": "processing",
        "created_at": created,
        "expires_at": created + KEPT_S,
        "poll_url": f"{base}{TASKS_PATH}{task.id}",
    }
    if task.status not in FINISHED:
        return shown
    if task.completed_at is not None:
        shown["completed_at"] = int(task.completed_at.timestamp())
    links = [picture_url(base, asset.key) for asset in pictures_of(task)]
    if task.status is Status.COMPLETED and links:
        result: OpenAIImagesShape = {
            "created": shown.get("completed_at", created),
            "data": [{"url": u} for u in links],
        }
        return {**shown, "status": "completed", "http_status": 200, "image_url": links[0], "result": result}
    status, code, message = error_of(task)
    return {**shown, "status": "failed", "http_status": status, "error": envelope(status, code, message)["error"]}
