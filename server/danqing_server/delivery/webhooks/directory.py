"""Which webhooks there are, as this process knows them: read anew every few seconds, and at once where one changed.

While there are none, nothing is marked, told, kept or sent on their account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import attrs

from danqing_server.delivery.webhooks.events import TASK_TYPES, kinds_among, matches_any, type_of, types_among
from danqing_server.errors import QueueUnavailable
from danqing_server.life.subscribers import Gathering
from danqing_server.log import get_logger
from danqing_server.store.deliveries import DeliveryStore
from danqing_server.store.endpoints import Endpoint, EndpointStore
from danqing_server.store.untold import Notice

__all__ = ["ANNOUNCED", "LOOK_EVERY_S", "Directory", "WebhookSubscriber"]

LOOK_EVERY_S = 10.0
ANNOUNCED = "(webhooks)"
"""What other processes hear when an endpoint changed; no task is called so."""

log = get_logger(__name__)


@attrs.define(eq=False, kw_only=True)
class WebhookSubscriber(Gathering):
    """Hears for the webhooks. A task's own one is heard of though no endpoint wants its kind."""

    def wants(self, notice: Notice) -> bool:
        """Tell whether anybody is to be told of it."""
        return self.wanted(notice)


@attrs.define(eq=False)
class Directory:
    """The endpoints of all projects. `in_use` is set while there are any; `is_open`: one of them is enabled.

    `announce` tells other processes to `refresh`; who does not hear it does so within `LOOK_EVERY_S` seconds.
    """

    store: EndpointStore
    deliveries: DeliveryStore
    announce: Callable[[str], Awaitable[None]]
    subscriber: WebhookSubscriber | None = None
    in_use: asyncio.Event = attrs.field(factory=asyncio.Event)
    is_open: bool = attrs.field(default=False, init=False)
    _by_id: Mapping[str, Endpoint] = attrs.field(factory=dict, init=False)
    _types: Mapping[str, frozenset[str]] = attrs.field(factory=dict, init=False)
    _by_owner: Mapping[str | None, Sequence[Endpoint]] = attrs.field(factory=dict, init=False)

    async def refresh(self) -> None:
        """Read the endpoints anew. Raises StoreUnavailable: then they are as they were."""
        found = await self.store.all()
        if found and not self.in_use.is_set():
            await self.deliveries.ensure_indexes()
        self._know(found)

    async def changed(self) -> None:
        """Have an endpoint's change known, here at once and to the other processes soon."""
        await self.refresh()
        try:
            await self.announce(ANNOUNCED)
        except QueueUnavailable as error:
            log.warning("change_not_announced", what=ANNOUNCED, reason=str(error))

    def find(self, endpoint_id: str) -> Endpoint | None:
        """Return an endpoint, None when there is none."""
        return self._by_id.get(endpoint_id)

    def put(self, endpoint: Endpoint) -> None:
        """Take over one that was just read, if it is known."""
        if endpoint.id in self._by_id:
            self._know([*{**self._by_id, endpoint.id: endpoint}.values()])

    def of(self, owner: str | None) -> Sequence[Endpoint]:
        """Return what a project has, oldest first."""
        return self._by_owner.get(owner, ())

    def all(self) -> Iterable[Endpoint]:
        """Return what all projects have, oldest first."""
        return self._by_id.values()

    def interested(self, owner: str | None, type_: str) -> list[Endpoint]:
        """Return which of a project's endpoints are to hear of an event of *type_*."""
        return [
            each
            for each in self.of(owner)
            if each.enabled and each.url is not None and type_ in self._types[each.id]
        ]

    def wants(self, notice: Notice) -> bool:
        """Tell whether any endpoint, or the task's own webhook, is to hear of a task's change."""
        type_ = type_of(notice.event.kind)
        hook = notice.webhook
        return (hook is not None and matches_any(type_, hook.events)) or bool(self.interested(notice.owner, type_))

    def _know(self, found: Sequence[Endpoint]) -> None:
        by_owner: dict[str | None, list[Endpoint]] = {}
        for each in sorted(found, key=lambda endpoint: (endpoint.created_at, endpoint.id)):
            by_owner.setdefault(each.owner, []).append(each)
        self._by_owner = by_owner
        self._by_id = {each.id: each for endpoints in by_owner.values() for each in endpoints}
        self._types = {each.id: types_among(each.events) for each in found}
        self.is_open = any(each.enabled for each in found)
        if self.subscriber is not None:
            wanted = {type_ for each in found if each.enabled for type_ in self._types[each.id]}
            self.subscriber.kinds = kinds_among(wanted & set(TASK_TYPES))
        if found:
            self.in_use.set()
        else:
            self.in_use.clear()
