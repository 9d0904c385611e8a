"""Deliveries of events to webhooks, as they are kept.

    pending ──→ delivered
       │   ↑ by hand
       └──→ failed

A delivery's id is made of the event and the endpoint: however often an event is told, there is one delivery, and
receivers know a repeat by it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from hashlib import sha256

import attrs

__all__ = ["Delivery", "DeliveryState", "Try", "Way", "delivery_id"]

Way = tuple[str | None, str]
"""A project, and a host that it sends to."""


class DeliveryState(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class Try:
    """One try at a delivery. `status` None: there was no answer, `error` says why. `answer` is how that began."""

    at: datetime
    ms: int
    status: int | None = None
    error: str | None = None
    answer: str | None = None


@attrs.frozen(kw_only=True)
class Delivery:
    """One event for one endpoint. `body` is what is sent, to the byte, each time.

    `url` is that of a task's own webhook; None: the endpoint's, as it is when it is sent. `tries` counts since it
    was last sent by hand; `attempts` has all, the oldest left out of many. `failed_because` says why it ended.
    """

    id: str
    owner: str | None = None
    endpoint_id: str
    event_id: str
    type: str
    task_id: str | None = None
    body: str = attrs.field(repr=False)
    host: str
    url: str | None = attrs.field(default=None, repr=False)
    state: DeliveryState = DeliveryState.PENDING
    created_at: datetime
    due_at: datetime | None = None
    claim: str | None = None
    tries: int = 0
    attempts: tuple[Try, ...] = ()
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    failed_because: str | None = None

    @property
    def way(self) -> Way:
        """Whose it is, and where it goes."""
        return self.owner, self.host


def delivery_id(event_id: str, endpoint_id: str) -> str:
    """Return the id of an event's delivery to an endpoint; it holds no dot, as signatures want it."""
    return f"msg_{sha256(f'{event_id} {endpoint_id}'.encode()).hexdigest()[:32]}"
