"""What a project may do with its webhooks: name endpoints, change and delete them, see what was delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.delivery.webhooks.directory import Directory, WebhookSubscriber
from danqing_server.delivery.webhooks.events import TASK_TYPES, TEST, types_among
from danqing_server.delivery.webhooks.keeper import BY_HAND, Keeper
from danqing_server.delivery.webhooks.outbox import Form, Outbox, Show
from danqing_server.delivery.webhooks.sending import Sender, Sessions
from danqing_server.delivery.webhooks.signing import new_secret
from danqing_server.delivery.webhooks.targets import Targets
from danqing_server.errors import Conflict, NotFound, StoreUnavailable
from danqing_server.ids import new_id, new_token
from danqing_server.log import get_logger
from danqing_server.queue.lanes import Queue
from danqing_server.records.deliveries import Delivery, DeliveryState
from danqing_server.records.tasks import TaskWebhook
from danqing_server.settings.server import Settings
from danqing_server.store.client import Database
from danqing_server.store.deliveries import DeliveryStore
from danqing_server.store.endpoints import TASKS, Endpoint, EndpointStore, OldSecret, tasks_id
from danqing_server.store.tasks import TaskStore

__all__ = ["MOST_ENDPOINTS", "Webhooks", "open_webhooks"]

MOST_ENDPOINTS = 100
MOST_OLD_SECRETS = 5

TOO_MANY = Message(
    key="too_many_webhooks",
    en="a project may have {most} webhooks; delete one that is not needed any more",
    zh="每个项目最多 {most} 个 webhook，请先删除不再需要的",
)

log = get_logger(__name__)


@attrs.define(eq=False, kw_only=True)
class Webhooks:
    """The webhooks of all projects; a *caller* touches its own project's, all others are NotFound.

    Every method raises StoreUnavailable.
    """

    store: EndpointStore
    deliveries: DeliveryStore
    directory: Directory
    sender: Sender
    outbox: Outbox
    targets: Targets
    clock: Clock
    subscriber: WebhookSubscriber

    async def create(
        self, caller: Caller, *, url: str, events: Sequence[str], description: str, enabled: bool, base: str
    ) -> Endpoint:
        """Make an endpoint. Raises Conflict: the project has as many as it may have."""
        if len([each for each in self.directory.of(caller.owner) if each.url is not None]) >= MOST_ENDPOINTS:
            raise Conflict(TOO_MANY(most=MOST_ENDPOINTS), code="too_many_webhooks")
        now = self.clock.now()
        endpoint = Endpoint(
            id=f"wh_{new_id(self.clock.now_ms())}",
            owner=caller.owner,
            url=url,
            events=tuple(events),
            secret=new_secret(),
            description=description,
            base=base,
            created_at=now,
            updated_at=now,
            enabled=enabled,
            disabled_at=None if enabled else now,
            disabled_because=None if enabled else BY_HAND,
        )
        await self.deliveries.ensure_indexes()
        await self.store.insert(endpoint)
        await self.directory.changed()
        return endpoint

    async def list_for(self, caller: Caller) -> list[Endpoint]:
        """Return the endpoints that *caller* may touch, oldest first."""
        await self.directory.refresh()
        return [each for each in self.directory.all() if each.url is not None and caller.reach.covers(each.owner)]

    async def find(self, caller: Caller, endpoint_id: str) -> Endpoint:
        """Return an endpoint; `tasks` is what stands for the webhooks of the caller's tasks."""
        await self.directory.refresh()
        wanted = tasks_id(caller.owner) if endpoint_id == TASKS else endpoint_id
        found = self.directory.find(wanted)
        if found is None or not caller.reach.covers(found.owner):
            raise NotFound("webhook", endpoint_id)
        return found

    async def change(self, caller: Caller, endpoint_id: str, sets: Mapping[str, Any]) -> Endpoint:
        """Change an endpoint; one that is enabled again begins anew."""
        endpoint = await self._endpoint(caller, endpoint_id)
        now = self.clock.now()
        changed = {**sets, "updated_at": now}
        gone: tuple[str, ...] = ()
        if sets.get("enabled") is True:
            gone = ("disabled_at", "disabled_because")
        elif sets.get("enabled") is False and endpoint.enabled:
            changed |= {"disabled_at": now, "disabled_because": BY_HAND}
        return await self._write(endpoint, changed, gone)

    async def delete(self, caller: Caller, endpoint_id: str) -> None:
        """Remove an endpoint, and what was to be delivered to it.

        What of that cannot be removed now is sent to nobody any more, and expires.
        """
        endpoint = await self._endpoint(caller, endpoint_id)
        await self.store.delete(endpoint.id)
        await self.directory.changed()
        try:
            await self.deliveries.delete_of(endpoint.id)
        except StoreUnavailable as error:
            log.warning("deliveries_not_removed", endpoint=endpoint.id, reason=str(error))

    async def rotate(self, caller: Caller, endpoint_id: str, overlap: timedelta) -> Endpoint:
        """Give an endpoint another secret; for the time of *overlap* the present one signs as well."""
        while True:
            endpoint = await self.find(caller, endpoint_id)
            now = self.clock.now()
            good = [old for old in endpoint.old_secrets if old.until > now]
            if overlap:
                good = [OldSecret(secret=endpoint.secret, until=now + overlap), *good][:MOST_OLD_SECRETS]
            sets = {"secret": new_secret(), "old_secrets": good if overlap else [], "updated_at": now}
            changed = await self.store.change(endpoint.id, sets, secret=endpoint.secret)
            if changed is not None:  # else somebody else's came between: who was told it is to find it good, too
                await self.directory.changed()
                return changed

    async def test(self, caller: Caller, endpoint_id: str) -> Delivery:
        """Send an endpoint an event that means nothing."""
        endpoint = await self._endpoint(caller, endpoint_id)
        data = {"webhook_id": endpoint.id, "message": "This is a test. 这是一条测试消息。"}
        return await self.outbox.send_to(endpoint, TEST, f"{TEST}/{new_token()}", self.clock.now(), data)

    async def list_deliveries(
        self,
        caller: Caller,
        endpoint_id: str,
        *,
        limit: int,
        wanted: Mapping[str, str],
        before: tuple[datetime, str] | None,
    ) -> list[Delivery]:
        """Return an endpoint's deliveries, the newest first."""
        endpoint = await self.find(caller, endpoint_id)
        return await self.deliveries.list_of(endpoint.id, limit=limit, wanted=wanted, before=before)

    async def resend(self, caller: Caller, endpoint_id: str, delivery_id: str) -> Delivery:
        """Send a delivery once more that has ended, whether it arrived or not; one under way is left to itself."""
        endpoint = await self.find(caller, endpoint_id)
        found = await self.deliveries.find(delivery_id)
        if found is None or found.endpoint_id != endpoint.id:
            raise NotFound("delivery", delivery_id)
        await self.deliveries.resend(endpoint.id, self.clock.now(), {"_id": delivery_id})
        self.sender.wake()
        return await self.deliveries.find(delivery_id) or found

    async def resend_failed(self, caller: Caller, endpoint_id: str, since: datetime) -> int:
        """Send once more all that failed of what happened since a moment; returns how many."""
        endpoint = await self.find(caller, endpoint_id)
        failed = {"state": DeliveryState.FAILED.value, "created_at": {"$gte": since}}
        count = await self.deliveries.resend(endpoint.id, self.clock.now(), failed)
        self.sender.wake()
        return count

    async def for_task(self, owner: str | None, webhook: TaskWebhook) -> TaskWebhook:
        """Make sure that a task may bring *webhook*, before it is stored: there is a secret, and all listen."""
        known = self.directory.find(tasks_id(owner))
        types = types_among(webhook.events, TASK_TYPES)
        if known is None or not types <= set(known.events):
            await self._begin_tasks(owner, sorted(types))
        return webhook

    async def secret_of_tasks(self, caller: Caller) -> Endpoint:
        """Return what signs the webhooks that the caller's tasks bring, made when it is asked for first."""
        if self.directory.find(tasks_id(caller.owner)) is None:
            await self._begin_tasks(caller.owner, [])
        return await self.find(caller, TASKS)

    async def _endpoint(self, caller: Caller, endpoint_id: str) -> Endpoint:
        """Return an endpoint that stands for itself."""
        endpoint = await self.find(caller, endpoint_id)
        if endpoint.url is None:
            raise NotFound("webhook", endpoint_id)
        return endpoint

    async def _begin_tasks(self, owner: str | None, types: Sequence[str]) -> None:
        now = self.clock.now()
        record = Endpoint(
            id=tasks_id(owner), owner=owner, events=(), secret=new_secret(), created_at=now, updated_at=now
        )
        await self.deliveries.ensure_indexes()
        await self.store.ensure_tasks(record, types)
        await self.directory.changed()

    async def _write(self, endpoint: Endpoint, sets: Mapping[str, Any], unsets: Sequence[str] = ()) -> Endpoint:
        changed = await self.store.change(endpoint.id, sets, unsets)
        if changed is None:
            raise NotFound("webhook", endpoint.id)
        await self.directory.changed()
        return changed


@asynccontextmanager
async def open_webhooks(
    settings: Settings,
    database: Database,
    queue: Queue,
    tasks: TaskStore,
    clock: Clock,
    show: Show,
    forms: Mapping[str, Form],
) -> AsyncIterator[Webhooks]:
    """Yield the webhooks of a process. Nothing is read or sent before its loops run, or a project uses them."""
    store, deliveries, targets = EndpointStore(database), DeliveryStore(database), Targets.of(settings)
    directory = Directory(store, deliveries, queue.announce)
    async with targets.session(named=False) as public, targets.session(named=True) as named:
        keeper = Keeper(store, directory, clock)
        sender = Sender(
            store=deliveries,
            directory=directory,
            targets=targets,
            sessions=Sessions(public, named),
            clock=clock,
            keeper=keeper,
        )
        outbox = Outbox(directory, sender, tasks, clock, show, forms)
        keeper.announce = outbox.announce
        subscriber = WebhookSubscriber(
            name="webhooks",
            hear=outbox.hear,
            kinds=frozenset(),
            subscribed=lambda: directory.is_open,
            wanted=directory.wants,
        )
        directory.subscriber = subscriber
        yield Webhooks(
            store=store,
            deliveries=deliveries,
            directory=directory,
            sender=sender,
            outbox=outbox,
            targets=targets,
            clock=clock,
            subscriber=subscriber,
        )
