"""Waiting tasks as the sweep reads them: what the queue needs to know, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from danqing_server.records.lanes import lane_name
from danqing_server.records.tasks import STANDING, CallOutcome, Priority

__all__ = ["FIELDS", "WaitingTask", "waiting_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRIORITIES = {priority.value: priority for priority in Priority}


def _pairs(field: str) -> dict[str, Any]:
    """Return the keys and values of a field; none of one that is no object: the whole find would fail."""
    return {"$objectToArray": {"$cond": [{"$eq": [{"$type": f"${field}"}, "object"]}, f"${field}", {}]}}


_STANDS: dict[str, Any] = {
    "$and": [
        {"$eq": ["$$this.v.resumable", True]},
        {"$in": [{"$ifNull": ["$$this.v.outcome", "open"]}, [outcome.value for outcome in STANDING]]},
    ]
}
_IS_LOST: dict[str, Any] = {
    "$and": [
        {"$eq": ["$finds_orders", True]},
        {"$eq": ["$$this.v.outcome", CallOutcome.UNKNOWN.value]},
        {"$ne": ["$$this.v.looked_up", True]},
        {"$eq": [{"$ifNull": ["$$this.v.target", 0]}, {"$ifNull": ["$route.target", 0]}]},
    ]
}

FIELDS: dict[str, Any] = {
    **dict.fromkeys(("waiting", "provider", "model", "user_id", "owner", "priority", "images", "single_call"), 1),
    **dict.fromkeys(("updated_at", "run_at", "deadline_at", "lane_word"), 1),
    "outputs": {"$map": {"input": _pairs("outputs"), "in": "$$this.k"}},
    "orders": {
        "$map": {
            "input": {"$filter": {"input": _pairs("calls"), "cond": {"$or": [_STANDS, _IS_LOST]}}},
            "in": "$$this.v.indexes",
        }
    },
}
"""A find's projection, with expressions since MongoDB 4.4 (manual, read 2026-11-28): the pictures stay there."""

_SHAPES: Mapping[str, tuple[type, Any]] = {
    "provider": (str, ""),
    "model": (str, ""),
    "user_id": (str, ""),
    "owner": (str, None),
    "images": (int, 0),
    "single_call": (bool, False),
    "updated_at": (datetime, _EPOCH),
    "run_at": (datetime, None),
    "deadline_at": (datetime, None),
    "lane_word": (str, None),
}
"""What each field is, and what stands for one that is missing, or that a newer release gave another shape."""


@attrs.frozen(kw_only=True)
class WaitingTask:
    """What the queue needs to know of a waiting task. `waiting` and `id` together are the sweep's cursor.

    `outputs` are the indexes, as text, that something is known of; `orders` those of each call whose outcome can
    still be asked for, or whose order is still to be looked up.
    """

    id: str
    waiting: int
    provider: str
    model: str
    user_id: str
    owner: str | None
    outputs: frozenset[str]
    orders: tuple[tuple[int, ...], ...]
    priority: Priority
    images: int
    single_call: bool
    updated_at: datetime
    run_at: datetime | None
    deadline_at: datetime | None
    lane_word: str | None

    @property
    def lane(self) -> str:
        """What `Task.lane` says."""
        return self.provider if self.lane_word is None else lane_name(self.provider, self.lane_word)

    @property
    def to_buy(self) -> int:
        """What `billing.to_buy` says of the whole task."""
        if not self.images:
            return 0 if self.orders else 1
        known = {str(index) for indexes in self.orders for index in indexes}.union(self.outputs)
        return sum(str(index) not in known for index in range(self.images))


def waiting_of(document: Mapping[str, Any]) -> WaitingTask:
    """Return what the projection `FIELDS` found of a task.

    One that cannot be read is queued all the same, as well as can be: a process that can read it may reserve it.
    """
    priority = document.get("priority")
    read: dict[str, Any] = {
        name: value if isinstance(value := document.get(name), shape) else absent
        for name, (shape, absent) in _SHAPES.items()
    }
    return WaitingTask(
        id=document["_id"],
        waiting=document["waiting"],
        outputs=frozenset(document["outputs"]),
        orders=tuple(tuple(indexes) if isinstance(indexes, list) else () for indexes in document["orders"]),
        priority=_PRIORITIES.get(priority, Priority.NORMAL) if isinstance(priority, str) else Priority.NORMAL,
        **read,
    )
