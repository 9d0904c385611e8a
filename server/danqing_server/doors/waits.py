"""Waiting for what was just submitted, in a door's own call: whatever comes between, the task is its client's."""

from __future__ import annotations

from contextlib import suppress

from danqing_server.access.caller import Caller
from danqing_server.errors import NotFound, Overloaded, ServiceUnavailable, Unreadable
from danqing_server.http.services import Services
from danqing_server.records.tasks import FINISHED, Task

__all__ = ["latest"]


async def latest(services: Services, task: Task, caller: Caller, within_s: float) -> Task:
    """Return *task*, which is the caller's, finished if it is within the time, else as it is then.

    Raises nothing: who is told that its submission failed sends it again, and pays again.
    """
    if task.status in FINISHED or within_s <= 0:
        return task
    with suppress(NotFound, Overloaded, ServiceUnavailable, Unreadable):
        found = await services.watchers.finished(task.id, caller, within_s)
        return found or await services.control.find(task.id, caller)
    return task
