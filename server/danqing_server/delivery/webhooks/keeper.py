"""What becomes of endpoints by what becomes of their deliveries: good ones are noted, dead ones turned off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from danqing_server.clock import Clock
from danqing_server.delivery.webhooks.directory import Directory
from danqing_server.delivery.webhooks.events import DISABLED
from danqing_server.log import get_logger
from danqing_server.store.endpoints import Endpoint, EndpointStore

__all__ = ["BY_HAND", "FAILING", "GONE", "Keeper"]

BY_HAND, FAILING, GONE = "by_hand", "failing", "gone"
"""Why an endpoint is turned off."""

SUCCESS_NOTED_EVERY = timedelta(minutes=1)

Announce = Callable[[str | None, str, str, datetime, Mapping[str, Any]], Awaitable[None]]
"""Tells a project's endpoints of an event: owner, type, its id, when, and what is said of it."""

log = get_logger(__name__)


async def _nobody(_owner: str | None, _type: str, _event_id: str, _at: datetime, _data: Mapping[str, Any]) -> None:
    """Tell nobody."""


@attrs.define(eq=False)
class Keeper:
    """Looks after the endpoints. Every method raises StoreUnavailable."""

    store: EndpointStore
    directory: Directory
    clock: Clock
    announce: Announce = _nobody

    async def disable(self, endpoint: Endpoint, because: str) -> None:
        """Turn an endpoint off, once, and say so: in the log, to its project, to the project's other endpoints."""
        now = self.clock.now()
        sets = {"enabled": False, "disabled_at": now, "disabled_because": because, "updated_at": now}
        if await self.store.change(endpoint.id, sets, enabled=True) is None:
            return
        log.warning("webhook_disabled", endpoint=endpoint.id, project=endpoint.owner, because=because)
        await self.directory.changed()
        data = {"webhook_id": endpoint.id, "description": endpoint.description, "because": because}
        await self.announce(endpoint.owner, DISABLED, f"{DISABLED}/{endpoint.id}/{now.isoformat()}", now, data)

    async def note_success(self, endpoint: Endpoint) -> None:
        """Note that an endpoint answers, about once a minute."""
        now, last = self.clock.now(), endpoint.last_success_at
        if endpoint.url is None or (last is not None and now - last < SUCCESS_NOTED_EVERY):
            return
        changed = await self.store.change(endpoint.id, {"last_success_at": now})
        if changed is not None:
            self.directory.put(changed)
