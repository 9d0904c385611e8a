"""Stored tasks, read tolerantly: one that cannot be read is set apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from danqing_server.codec import from_document
from danqing_server.errors import Unreadable
from danqing_server.log import get_logger
from danqing_server.models import Task

__all__ = ["readable", "task_of"]

log = get_logger(__name__)


def task_of(document: Mapping[str, Any]) -> Task | Unreadable:
    """Return the task that *document* holds, or why there is none: a newer release may know more than this one."""
    try:
        return from_document(Task, document)
    except Exception as error:  # noqa: BLE001 — whatever a strange document does to the codec, it is its own
        reason = type(error).__name__
        log.error("task_unreadable", task_id=document["_id"], reason=reason)  # noqa: TRY400 — it may quote a prompt
        deadline_at = document.get("deadline_at")
        return Unreadable(document["_id"], deadline_at if isinstance(deadline_at, datetime) else None)


def readable(documents: Iterable[Mapping[str, Any]]) -> list[Task]:
    """Return the tasks among *documents* that can be read, in order."""
    return [task for document in documents if isinstance(task := task_of(document), Task)]
