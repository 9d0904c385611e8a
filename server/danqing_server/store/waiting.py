"""Waiting tasks as the sweep reads them: what the queue needs to know, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from danqing_server.life.billing import STANDING
from danqing_server.models import Priority

__all__ = ["FIELDS", "WaitingTask", "waiting_of"]

_PRIORITIES = {priority.value: priority for priority in Priority}
FIELDS: dict[str, Any] = {
    **dict.fromkeys(("waiting", "provider", "model", "user_id", "owner", "priority", "images", "single_call"), 1),
    **dict.fromkeys(("updated_at", "run_at", "deadline_at"), 1),
    "outputs": {"$map": {"input": {"$objectToArray": {"$ifNull": ["$outputs", {}]}}, "in": "$$this.k"}},
    "orders": {
        "$map": {
            "input": {
                "$filter": {
                    "input": {"$objectToArray": {"$ifNull": ["$calls", {}]}},
                    "cond": {
                        "$and": [
                            {"$eq": ["$$this.v.resumable", True]},
                            {
                                "$in": [
                                    {"$ifNull": ["$$this.v.outcome", "open"]},
                                    [outcome.value for outcome in STANDING],
                                ]
                            },
                        ]
                    },
                }
            },
            "in": "$$this.v.indexes",
        }
    },
}
"""A find's projection, with expressions since MongoDB 4.4 (manual, read 2026-11-28): the pictures stay there."""


@attrs.frozen(kw_only=True)
class WaitingTask:
    """What the queue needs to know of a waiting task. `waiting` and `id` together are the sweep's cursor.

    `outputs` are the indexes, as text, that something is known of; `orders` those of each call whose outcome can
    still be asked for.
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

    @property
    def to_buy(self) -> int:
        """What `billing.to_buy` says of the whole task."""
        if not self.images:
            return 0 if self.orders else 1
        known = {str(index) for indexes in self.orders for index in indexes}.union(self.outputs)
        return sum(str(index) not in known for index in range(self.images))


def waiting_of(document: Mapping[str, Any]) -> WaitingTask:
    """Return what the projection `FIELDS` found of a task."""
    return WaitingTask(
        id=document["_id"],
        waiting=document["waiting"],
        provider=document["provider"],
        model=document["model"],
        user_id=document["user_id"],
        owner=document.get("owner"),
        outputs=frozenset(document["outputs"]),
        orders=tuple(tuple(indexes or ()) for indexes in document["orders"]),
        priority=_PRIORITIES.get(document.get("priority", ""), Priority.NORMAL),
        images=document["images"],
        single_call=document.get("single_call", False),
        updated_at=document["updated_at"],
        run_at=document.get("run_at"),
        deadline_at=document.get("deadline_at"),
    )
