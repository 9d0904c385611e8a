"""The ids of the events of all of a project's tasks: when, by which change of status, and of which task.

A follower that comes again says the last id it was told, and goes on from its moment. A task's version
(`store/watching.py`) begins as its ids do.
"""

from __future__ import annotations

from datetime import datetime

from danqing_server.clock import from_ms
from danqing_server.records.tasks import Task

__all__ = ["change_in", "id_of", "mark_in", "mark_of", "moment_of"]


def mark_of(moment_ms: int) -> str:
    """Return the id from which on everything is new that happens after *moment_ms*."""
    return f"{moment_ms:013d}"


def mark_in(id_or_version: str) -> str:
    """Return how an id, or a version, begins: with when it is."""
    return id_or_version.partition("-")[0]


def moment_of(event_id: str) -> datetime | None:
    """Return of when an id is; None for one that is none of ours."""
    digits = event_id[:13]
    if len(digits) < 13 or not (digits.isascii() and digits.isdigit()):
        return None
    return from_ms(int(digits))


def id_of(task: Task, change: str) -> str:
    """Return the id under which a change of status is told: that of its moment, of the change, and of the task."""
    return f"{change}-{task.id}"


def change_in(version: str) -> str:
    """Return the part of a version that other progress does not change."""
    return "-".join(version.split("-")[:2])
