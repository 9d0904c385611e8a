"""Where in a task's document something stands, as MongoDB's updates and filters name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from danqing_server.records.outputs import OutputState
from danqing_server.records.tasks import Billed, CallOutcome, Status

__all__ = [
    "ATTEMPT_ID",
    "IS_PARTIAL",
    "MAY_BE_BILLED",
    "as_late",
    "has_calls",
    "of_call",
    "of_mark",
    "of_output",
    "of_route",
]

ATTEMPT_ID = "attempt.id"
_OPEN, _UNKNOWN = CallOutcome.OPEN.value, CallOutcome.UNKNOWN.value


def _any_of(field: str, condition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what finds a task of which one value of the mapping *field* keeps *condition*; `$$each.v` is it."""
    values = {"$objectToArray": {"$ifNull": [f"${field}", {}]}}
    return {"$expr": {"$anyElementTrue": {"$map": {"input": values, "as": "each", "in": condition}}}}


_IS_DELIVERED = {"$eq": ["$$each.v.outcome", CallOutcome.DELIVERED.value]}

IS_PARTIAL: Mapping[str, Any] = {
    "status": Status.COMPLETED.value,
    **_any_of("outputs", {"$eq": ["$$each.v.state", OutputState.FAILED.value]}),
}
"""What finds a task that is completed without some of its outputs."""

MAY_BE_BILLED: Mapping[Billed, Mapping[str, Any]] = {
    Billed.YES: {"calls": {"$gt": {}}},
    Billed.UNKNOWN: {
        "$or": [
            {"attempt": {"$exists": True}},
            _any_of("calls", {"$in": [{"$ifNull": ["$$each.v.outcome", _OPEN]}, [_OPEN, _UNKNOWN]]}),
        ]
    },
    Billed.NO: {"$nor": [_any_of("calls", {"$and": [_IS_DELIVERED, {"$ne": ["$$each.v.indexes", []]}]})]},
}
"""What finds all tasks that are billed so, and others: `life.billing` decides, from the whole task."""

_COUNT_OF_CALLS = {"$size": {"$objectToArray": {"$ifNull": ["$calls", {}]}}}


def of_call(call_id: str) -> str:
    """Return the path of a call."""
    return f"calls.{call_id}"


def of_output(index: int | str) -> str:
    """Return the path of a picture."""
    return f"outputs.{index}"


def of_mark(transition_id: str) -> str:
    """Return the path of the mark that a change is still to be told."""
    return f"untold.{transition_id}"


def of_route(field: str) -> str:
    """Return the path of a part of a task's route."""
    return f"route.{field}"


_KEPT_ALL_THE_SAME = frozenset({"calls", "saved", "result", "usage"})
"""An order that was placed meanwhile is its user's retry to go on with; an answer in words is paid for."""


def as_late(path: str) -> str | None:
    """Return where that which an attempt writes to *path* goes once its task is cancelled; None: nowhere."""
    field, _, rest = path.partition(".")
    if field in _KEPT_ALL_THE_SAME:
        return path
    return f"late.{rest}" if field == "outputs" else None


def has_calls(count: int) -> Mapping[str, Any]:
    """Return what finds a task with that many calls."""
    return {"$expr": {"$eq": [_COUNT_OF_CALLS, count]}}
