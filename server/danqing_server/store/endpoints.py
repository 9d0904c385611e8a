"""Where webhooks go, in MongoDB: a project's endpoints, and what its tasks' own webhooks are signed with.

Secrets are kept as they are: whoever signs must have them. Reading them takes MongoDB itself, or the scope
`webhooks` at the moment they are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
from pymongo import ReturnDocument

from danqing_server.codec.documents import value_of
from danqing_server.log import get_logger
from danqing_server.store.client import Database, translated
from danqing_server.store.reading import decoded, versioned

__all__ = ["TASKS", "Endpoint", "EndpointStore", "OldSecret", "tasks_id"]

COLLECTION = "danqing_webhooks"
TASKS = "tasks"
"""What a project's stand-in for all webhooks that tasks bring themselves is called by clients."""

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class OldSecret:
    """A secret that was replaced; signed with as well until then, so that receivers can change theirs."""

    secret: str = attrs.field(repr=False)
    until: datetime


@attrs.frozen(kw_only=True)
class Endpoint:
    """Where a project's events go. `owner` None: the project of who comes without authentication.

    `events` are filters (`task.*`). `base` is how the client that made it reached this server: links begin with it.
    `disabled_because` is `by_hand`, `gone` (it answered 410) or `failing`; None while it is enabled.
    `last_success_at` is right to a minute. With `url` None it stands for the webhooks that the project's tasks
    bring themselves: `secret` signs them, `events` are those that any of them asked for.
    """

    id: str
    owner: str | None = None
    url: str | None = attrs.field(default=None, repr=False)
    events: tuple[str, ...] = ()
    secret: str = attrs.field(repr=False)
    old_secrets: tuple[OldSecret, ...] = ()
    description: str = ""
    base: str = ""
    created_at: datetime
    updated_at: datetime
    enabled: bool = True
    disabled_at: datetime | None = None
    disabled_because: str | None = None
    last_success_at: datetime | None = None

    def secrets(self, now: datetime) -> list[str]:
        """Return what to sign with at *now*, the newest first."""
        return [self.secret, *(old.secret for old in self.old_secrets if old.until > now)]


def tasks_id(owner: str | None) -> str:
    """Return the id of what stands for the webhooks of a project's tasks."""
    return TASKS if owner is None else f"{TASKS}@{owner}"


@attrs.define(eq=False)
class EndpointStore:
    """The endpoints. There are few: all are read at once. Every method raises StoreUnavailable."""

    database: Database

    @property
    def _endpoints(self) -> Any:
        return self.database[COLLECTION]

    async def all(self) -> list[Endpoint]:
        """Return every endpoint that this release can read."""
        with translated():
            found = await self._endpoints.find({}).to_list(None)
        return [endpoint for document in found if (endpoint := _read(document)) is not None]

    async def is_there(self, endpoint_id: str) -> bool:
        """Tell whether there is an endpoint of that id, though this release may not be able to read it."""
        with translated():
            return await self._endpoints.find_one({"_id": endpoint_id}, ["_id"]) is not None

    async def insert(self, endpoint: Endpoint) -> None:
        """Keep a new endpoint."""
        with translated():
            await self._endpoints.insert_one(_document(endpoint))

    async def ensure_tasks(self, endpoint: Endpoint, events: Sequence[str]) -> None:
        """Keep what stands for a project's tasks' webhooks, unless it is there; note what *events* are wanted."""
        fresh = _document(endpoint)
        del fresh["_id"]
        fresh.pop("events", None)
        update = {"$setOnInsert": fresh, "$addToSet": {"events": {"$each": list(events)}}}
        with translated():
            await self._endpoints.update_one({"_id": endpoint.id}, update, upsert=True)

    async def change(
        self,
        endpoint_id: str,
        sets: Mapping[str, Any],
        unsets: Sequence[str] = (),
        *,
        enabled: bool | None = None,
        secret: str | None = None,
    ) -> Endpoint | None:
        """Change fields of an endpoint and return it; None when it is gone, or differs in *enabled* or *secret*."""
        wanted = {"_id": endpoint_id} | ({} if enabled is None else _is(enabled=enabled))
        if secret is not None:
            wanted["secret"] = secret
        update: dict[str, Any] = {"$set": {name: value_of(value) for name, value in sets.items()}}
        if unsets:
            update["$unset"] = dict.fromkeys(unsets, "")
        with translated():
            found = await self._endpoints.find_one_and_update(wanted, update, return_document=ReturnDocument.AFTER)
        return None if found is None else _read(found)

    async def delete(self, endpoint_id: str) -> None:
        """Remove an endpoint; nothing happens when it is gone."""
        with translated():
            await self._endpoints.delete_one({"_id": endpoint_id})


def _is(*, enabled: bool) -> dict[str, Any]:
    return {"enabled": {"$ne": False} if enabled else False}  # what is at its default is not written


def _document(endpoint: Endpoint) -> dict[str, Any]:
    document = dict(value_of(endpoint))
    return dict(versioned({"_id": document.pop("id"), **document}))


def _read(document: Mapping[str, Any]) -> Endpoint | None:
    found = decoded(Endpoint, document)
    if isinstance(found, Endpoint):
        return found
    log.error("endpoint_unreadable", endpoint=document["_id"], reason=type(found).__name__)
    return None
