"""What webhooks are told of, by type, and the filters that choose among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from danqing_plugins import TaskEventKind

__all__ = [
    "BUDGET_WARNING",
    "DEFAULT_EVENTS",
    "DISABLED",
    "EVENT_TYPES",
    "TASK_TYPES",
    "TEST",
    "kinds_among",
    "matches_any",
    "type_of",
    "types_among",
]

BUDGET_WARNING = "budget.warning"
DISABLED = "webhook.disabled"
TEST = "webhook.test"


def type_of(kind: TaskEventKind) -> str:
    """Return what a task's change is called."""
    return f"task.{kind.value}"


TASK_TYPES = tuple(type_of(kind) for kind in TaskEventKind)
EVENT_TYPES = (*TASK_TYPES, BUDGET_WARNING, DISABLED, TEST)
DEFAULT_EVENTS = ("task.completed", "task.failed", "task.cancelled")
"""Each is the end of a task: what most want to hear of, and no more than one for each task."""


def types_among(filters: Iterable[str], known: Sequence[str] = EVENT_TYPES) -> frozenset[str]:
    """Return the types of *known* that any of *filters* (`task.*`) lets through."""
    chosen = tuple(filters)
    return frozenset(type_ for type_ in known if matches_any(type_, chosen))


def matches_any(type_: str, filters: Iterable[str]) -> bool:
    """Tell whether any of *filters* lets *type_* through."""
    return any(fnmatchcase(type_, pattern) for pattern in filters)


def kinds_among(types: Iterable[str]) -> frozenset[TaskEventKind]:
    """Return the changes of tasks among *types*."""
    wanted = frozenset(types)
    return frozenset(kind for kind in TaskEventKind if type_of(kind) in wanted)
