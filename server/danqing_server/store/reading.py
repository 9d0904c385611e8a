"""Stored documents, versioned, and read tolerantly: one that cannot be read is set apart.

`docs/upgrading.md` says what a release may change so that the one before it runs beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from datetime import datetime
from typing import Any, TypeVar

from danqing_server.codec.documents import from_document
from danqing_server.errors import Unreadable
from danqing_server.log import get_logger
from danqing_server.records.tasks import Task

__all__ = ["SCHEMA_VERSION", "attempt_id_of", "decoded", "note_unreadable", "readable", "task_of", "versioned"]

SCHEMA_VERSION = 1
"""Of the documents this release inserts, as their `v`; one without `v` is of version 1. It decides nothing."""

T = TypeVar("T")

log = get_logger(__name__)


def versioned(document: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return *document*, a new one, which then says by whom it was written."""
    document["v"] = SCHEMA_VERSION
    return document


def task_of(document: Mapping[str, Any]) -> Task | Unreadable:
    """Return the task that *document* holds, or why there is none: a newer release may know more than this one."""
    try:
        return from_document(Task, document)
    except Exception as error:  # noqa: BLE001 — whatever a strange document does to the codec, it is its own
        note_unreadable(document, error)
        deadline_at = document.get("deadline_at")
        return Unreadable(document["_id"], deadline_at if isinstance(deadline_at, datetime) else None)


def decoded(kind: type[T], document: Mapping[str, Any]) -> T | Exception:
    """Return the *kind* that *document* holds, whose `id` is its `_id`, or why there is none."""
    try:
        return from_document(kind, {**document, "id": document["_id"]})
    except Exception as error:  # noqa: BLE001 — of a newer release, maybe: that one knows what to do with it
        return error


def note_unreadable(document: Mapping[str, Any], error: Exception) -> None:
    """Log that *document*, of a task, cannot be read, and by which releases it was written and looked at."""
    log.error(
        "task_unreadable",
        task_id=document["_id"],
        reason=type(error).__name__,  # the traceback may quote a prompt
        version=document.get("v", 1),
        own_version=SCHEMA_VERSION,
    )


def readable(documents: Iterable[Mapping[str, Any]]) -> list[Task]:
    """Return the tasks among *documents* that can be read, in order."""
    return [task for document in documents if isinstance(task := task_of(document), Task)]


def attempt_id_of(document: Mapping[str, Any]) -> str | None:
    """Return the id of the attempt that holds the task of *document*, None for none or a strange one."""
    attempt = document.get("attempt")
    return attempt.get("id") if isinstance(attempt, Mapping) else None
