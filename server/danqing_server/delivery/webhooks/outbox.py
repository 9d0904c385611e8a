"""What happened becomes deliveries: one for each endpoint that is to hear of it, under an id that never changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import attrs

from danqing_plugins import TaskEvent, TaskEventKind
from danqing_server.clock import Clock
from danqing_server.codec.bodies import dump_json
from danqing_server.delivery.webhooks.directory import Directory
from danqing_server.delivery.webhooks.events import matches_any, type_of
from danqing_server.delivery.webhooks.sending import Sender
from danqing_server.errors import Unreadable
from danqing_server.records.deliveries import Delivery, delivery_id
from danqing_server.records.tasks import Status, Task, TaskWebhook
from danqing_server.store.endpoints import Endpoint, tasks_id
from danqing_server.store.tasks import TaskStore
from danqing_server.store.untold import Notice

__all__ = ["STATUSES", "Form", "Outbox", "Show", "remembered"]

Data = Mapping[str, Any]
Show = Callable[[Task, str], Data]
"""Given a task and what its links begin with: what receivers are told of it, without its input."""

Form = Callable[[TaskEvent, Task | None, str], Data]
"""A body in a door's words, given what happened, the task as it is by now (None: gone), what links begin with."""

STATUSES: Mapping[TaskEventKind, frozenset[Status]] = {
    TaskEventKind.CREATED: frozenset({Status.PENDING, Status.SCHEDULED}),
    TaskEventKind.STARTED: frozenset({Status.PROCESSING}),
    TaskEventKind.RETRYING: frozenset({Status.PENDING}),
    TaskEventKind.COMPLETED: frozenset({Status.COMPLETED}),
    TaskEventKind.FAILED: frozenset({Status.FAILED}),
    TaskEventKind.CANCELLED: frozenset({Status.CANCELLED}),
    TaskEventKind.AMENDED: frozenset(Status),
    TaskEventKind.DELETED: frozenset(),
}
"""How a task may stand after each change."""


@attrs.define(eq=False)
class Outbox:
    """Makes deliveries and keeps them; the sender of this process begins with what it has room for.

    `forms` are those in which a task's own webhook may be told, by their names.
    """

    directory: Directory
    sender: Sender
    tasks: TaskStore
    clock: Clock
    show: Show
    forms: Mapping[str, Form] = attrs.field(factory=dict)

    async def hear(self, notices: Sequence[Notice]) -> None:
        """Keep what is to be delivered of tasks' changes; hearing of one again changes nothing.

        Raises:
            StoreUnavailable: some may not be kept; all are to be told again.
        """
        found = await asyncio.gather(*map(self._task_of, notices))
        made = [
            each for notice, task in zip(notices, found, strict=True) for each in self._deliveries_of(notice, task)
        ]
        await self._keep(made)

    async def announce(self, owner: str | None, type_: str, event_id: str, at: datetime, data: Data) -> None:
        """Tell a project's endpoints of something that is no task's change.

        *event_id* names it for ever. Raises StoreUnavailable.
        """
        body = _body(type_, at, data)
        made = [
            self._to_endpoint(endpoint, event_id, type_, body)
            for endpoint in self.directory.interested(owner, type_)
        ]
        await self._keep(made)

    async def send_to(self, endpoint: Endpoint, type_: str, event_id: str, at: datetime, data: Data) -> Delivery:
        """Send one endpoint an event, whatever its filter says. Raises StoreUnavailable."""
        delivery = self._to_endpoint(endpoint, event_id, type_, _body(type_, at, data))
        await self._keep([delivery])
        return delivery

    async def _task_of(self, notice: Notice) -> Task | None:
        found = notice.task or await self.tasks.look(notice.event.task_id)
        return None if isinstance(found, Unreadable) else found

    async def _keep(self, made: Sequence[Delivery]) -> None:
        if made:
            await self.sender.take_in(made)

    def _deliveries_of(self, notice: Notice, task: Task | None) -> list[Delivery]:
        event, hook = notice.event, notice.webhook
        type_ = type_of(event.kind)
        at = event.at or self.clock.now()
        made = [
            self._to_endpoint(endpoint, event.id, type_, self._told(event, at, task, endpoint.base), event.task_id)
            for endpoint in self.directory.interested(notice.owner, type_)
        ]
        if hook is not None and matches_any(type_, hook.events):
            body = self._told_to(hook, event, at, task)
            own = self._new(tasks_id(notice.owner), notice.owner, hook.url, event.id, type_, body, event.task_id)
            made.append(attrs.evolve(own, url=hook.url))
        return made

    def _to_endpoint(
        self, endpoint: Endpoint, event_id: str, type_: str, body: str, task_id: str | None = None
    ) -> Delivery:
        return self._new(endpoint.id, endpoint.owner, endpoint.url or "", event_id, type_, body, task_id)

    def _new(
        self,
        endpoint_id: str,
        owner: str | None,
        url: str,
        event_id: str,
        type_: str,
        body: str,
        task_id: str | None,
    ) -> Delivery:
        now = self.clock.now()
        return Delivery(
            id=delivery_id(event_id, endpoint_id),
            owner=owner,
            endpoint_id=endpoint_id,
            event_id=event_id,
            type=type_,
            task_id=task_id,
            body=body,
            host=urlsplit(url).hostname or "",
            created_at=now,
            due_at=now,
        )

    def _told_to(self, hook: TaskWebhook, event: TaskEvent, at: datetime, task: Task | None) -> str:
        form = self.forms.get(hook.form or "")
        if form is None:
            return self._told(event, at, task, hook.base)
        return dump_json(form(attrs.evolve(event, at=at), task, hook.base)).decode()

    def _told(self, event: TaskEvent, at: datetime, task: Task | None, base: str) -> str:
        """Return the body: the task as it is, unless it has moved on; then what the event itself says."""
        if task is not None and task.status in STATUSES[event.kind]:
            return _body(type_of(event.kind), at, self.show(task, base))
        return _body(type_of(event.kind), at, remembered(event))


def remembered(event: TaskEvent) -> Data:
    """Return what an event itself says of its task; `status` is None where it does not say one."""
    error = None if event.error_code is None else {"code": event.error_code}
    return {
        "id": event.task_id,
        "user_id": event.user_id,
        "status": _status_after(event.kind),
        "provider": event.provider,
        "model": event.model,
        "error": error,
    }


def _status_after(kind: TaskEventKind) -> str | None:
    if kind is TaskEventKind.DELETED:
        return "deleted"
    return None if kind is TaskEventKind.AMENDED else min(STATUSES[kind]).value


def _body(type_: str, at: datetime, data: Data) -> str:
    return dump_json({"type": type_, "timestamp": at, "data": data}).decode()
