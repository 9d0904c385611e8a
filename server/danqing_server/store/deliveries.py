"""What is to be delivered to webhooks, and what became of it, in MongoDB.

A pending delivery that is due belongs to whoever claims it, for as long as the claim lasts: `due_at` moves on with
it, so that what a dead process had claimed is due again by itself.

Source for covered queries and partial indexes: MongoDB manual 6.0, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from danqing_server.codec.documents import value_of
from danqing_server.log import get_logger
from danqing_server.loops.batching import GATHER_S, Batcher
from danqing_server.loops.steps import step
from danqing_server.records.deliveries import Delivery, DeliveryState, Try, Way
from danqing_server.store.client import Database, translated, unhurried
from danqing_server.store.late_indexes import LateIndexes
from danqing_server.store.newest import NEWEST_FIRST, Place, past, place_of
from danqing_server.store.reading import decoded, versioned

__all__ = ["KEPT", "Backlog", "DeliveryStore", "Due", "Full", "Outcome"]

COLLECTION = "danqing_deliveries"
DUPLICATE_KEY = 11000
KEPT = timedelta(days=14)
MOST_TRIES_KEPT = 40
MOST_LOOKED_AT = 512
MOST_WAYS_NAMED = 256
MOST_COUNTED = 100_000
INDEX_OF_DUE = "due_of_projects"

INDEXES = [
    IndexModel(
        [("due_at", ASCENDING), ("host", ASCENDING), ("owner", ASCENDING), ("_id", ASCENDING)],
        name=INDEX_OF_DUE,
        partialFilterExpression={"state": "pending"},
    ),
    IndexModel([("endpoint_id", ASCENDING), *NEWEST_FIRST], name="by_endpoint"),
    IndexModel([("expires_at", ASCENDING)], name="expiry", expireAfterSeconds=0),
]

_OF_TASK = IndexModel([("task_id", ASCENDING)], name="of_task", partialFilterExpression={"task_id": {"$gt": ""}})


log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class Due:
    """A delivery that is due, as far as it is needed to choose it."""

    id: str
    owner: str | None
    host: str

    @property
    def way(self) -> Way:
        """Whose it is, and where it goes."""
        return self.owner, self.host


@attrs.frozen(kw_only=True)
class Full:
    """Where nothing more may go at the moment: projects, hosts, and single projects' ways to a host."""

    projects: tuple[str | None, ...] = ()
    hosts: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of a try: delivered, failed for good (*because*), or due again (*due_at*)."""

    delivery: Delivery
    attempt: Try | None
    state: DeliveryState
    due_at: datetime | None = None
    because: str | None = None
    at: datetime

    def as_update(self) -> UpdateOne:
        """Return it as one operation. Only a delivery is written without a claim: nothing undoes that."""
        wanted: dict[str, Any] = {"_id": self.delivery.id, "state": DeliveryState.PENDING.value}
        if self.state is not DeliveryState.DELIVERED:
            wanted["claim"] = self.delivery.claim
        update: dict[str, Any] = {"$set": {"state": self.state.value}, "$unset": {"claim": ""}}
        if self.attempt is not None:
            update["$push"] = {"attempts": {"$each": [value_of(self.attempt)], "$slice": -MOST_TRIES_KEPT}}
            update["$inc"] = {"tries": 1}
        if self.due_at is not None:
            update["$set"]["due_at"] = self.due_at
        else:
            update["$set"] |= {"ended_at": self.at, "expires_at": self.at + KEPT}
            update["$unset"]["due_at"] = ""
        if self.because is not None:
            update["$set"]["failed_because"] = self.because
        return UpdateOne(wanted, update)


@attrs.frozen(kw_only=True)
class Backlog:
    """How many deliveries are pending, and when the first of them is due; None without any."""

    count: int
    first_due_at: datetime | None


@attrs.define(eq=False)
class DeliveryStore:
    """The deliveries. Every method raises StoreUnavailable."""

    database: Database
    _outcomes: Batcher[Outcome, None] = attrs.field(init=False)
    _late_indexes: LateIndexes = attrs.field(init=False)
    _is_used: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._outcomes = Batcher(self._write, gather_s=GATHER_S)
        self._late_indexes = LateIndexes(self._deliveries)

    @property
    def _deliveries(self) -> Any:
        return self.database[COLLECTION]

    async def ensure_indexes(self) -> None:
        """Create the indexes that are missing; only where webhooks are used."""
        with translated():
            await self._deliveries.create_indexes(INDEXES)

    @step("deliver.keep")
    async def insert(self, deliveries: Sequence[Delivery]) -> set[str]:
        """Keep *deliveries* and return the ids of those that are new; the others are there already."""
        with translated():
            try:
                await self._deliveries.insert_many([_document(each) for each in deliveries], ordered=False)
            except BulkWriteError as error:
                details = error.details
                known = {entry["index"] for entry in details["writeErrors"] if entry["code"] == DUPLICATE_KEY}
                if details.get("writeConcernErrors") or len(known) < len(details["writeErrors"]):
                    raise
                return {each.id for number, each in enumerate(deliveries) if number not in known}
        return {each.id for each in deliveries}

    async def backlog(self) -> Backlog:
        """Return what is still to be delivered; of very much the first `MOST_COUNTED` are counted."""
        pending = {"state": DeliveryState.PENDING.value}
        with translated():
            count = await self._deliveries.count_documents(pending, limit=MOST_COUNTED, hint=INDEX_OF_DUE)
            first = await self._deliveries.find_one(pending, {"due_at": 1}, sort=[("due_at", 1)], hint=INDEX_OF_DUE)
        return Backlog(count=count, first_due_at=None if first is None else first["due_at"])

    async def due(self, now: datetime, full: Full) -> list[Due]:
        """Return `MOST_LOOKED_AT` deliveries at most, the longest due first, and none of where it is *full*."""
        wanted: dict[str, Any] = {"state": DeliveryState.PENDING.value, "due_at": {"$lte": now}}
        if full.projects:
            wanted["owner"] = {"$nin": list(full.projects)}
        if full.hosts:
            wanted["host"] = {"$nin": list(full.hosts)}
        if full.ways:  # those that are left over are seen by who chooses
            wanted["$nor"] = [{"owner": owner, "host": host} for owner, host in full.ways[:MOST_WAYS_NAMED]]
        with translated():
            found = self._deliveries.find(wanted, {"host": 1, "owner": 1})
            documents = await found.sort("due_at", ASCENDING).limit(MOST_LOOKED_AT).to_list(None)
        return [Due(id=each["_id"], owner=each.get("owner"), host=each["host"]) for each in documents]

    @step("deliver.claim")
    async def claim(self, claim: str, due: Sequence[Due], now: datetime, until: datetime) -> list[Delivery]:
        """Make deliveries that are *due* ours until *until*, and return them; others may be quicker with some.

        *claim* is a word that was never used before. What cannot be read is others', once its claim is over.
        """
        ours = {"_id": {"$in": [each.id for each in due]}}
        free = {**ours, "state": DeliveryState.PENDING.value, "due_at": {"$lte": now}}
        with translated():
            await self._deliveries.update_many(free, {"$set": {"due_at": until, "claim": claim}})
            documents = await self._deliveries.find({**ours, "claim": claim}).to_list(None)
        return _readable(documents)

    async def give_back(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Let others have what was claimed and will not be sent."""
        ids, claims = [each.id for each in deliveries], list({each.claim for each in deliveries})
        ours = {"_id": {"$in": ids}, "claim": {"$in": claims}, "state": DeliveryState.PENDING.value}
        with translated():
            await self._deliveries.update_many(ours, {"$set": {"due_at": now}, "$unset": {"claim": ""}})

    @step("deliver.record")
    async def record(self, outcome: Outcome) -> None:
        """Write down what came of a try, with others of the moment; nothing is done of what is in other hands."""
        await self._outcomes.submit(outcome)

    async def find(self, delivery_id: str) -> Delivery | None:
        """Return a delivery, None when there is none, or it cannot be read."""
        with translated():
            found = await self._deliveries.find_one({"_id": delivery_id})
        return None if found is None else _read(found)

    async def list_of(
        self,
        endpoint_id: str,
        *,
        limit: int,
        wanted: Mapping[str, str],
        before: Place | None = None,
    ) -> list[Delivery]:
        """Return an endpoint's deliveries that can be read, newest first; *wanted* are fields and their values."""
        readable: list[Delivery] = []
        while len(readable) < limit:
            asked = limit - len(readable)
            page = await self._page({"endpoint_id": endpoint_id, **wanted}, asked, before)
            readable += _readable(page)
            if len(page) < asked:
                break
            before = place_of(page[-1])
        return readable

    async def resend(self, endpoint_id: str, now: datetime, wanted: Mapping[str, Any]) -> int:
        """Make deliveries due at once that have ended, from the first try on; returns how many.

        *wanted*: one by its `_id`, or those that failed since a moment.
        """
        ended = {"endpoint_id": endpoint_id, "state": {"$ne": DeliveryState.PENDING.value}, **wanted}
        sets = {"state": DeliveryState.PENDING.value, "due_at": now, "tries": 0}
        gone = dict.fromkeys(("ended_at", "expires_at", "failed_because", "claim"), "")
        with translated():
            outcome = await self._deliveries.update_many(ended, {"$set": sets, "$unset": gone})
        return int(outcome.modified_count)

    async def delete_of(self, endpoint_id: str) -> None:
        """Remove all deliveries of an endpoint, of which there may be very many."""
        async with unhurried(self.database):
            await self._deliveries.delete_many({"endpoint_id": endpoint_id})

    @step("erase.deliveries")
    async def forget(self, task_id: str, kept_types: Sequence[str]) -> int:
        """Remove what was delivered of a task, or never will be; returns how many are still to be delivered.

        Of *kept_types* those stay that failed: they can be sent again by hand, until they expire.
        """
        if not await self._are_any():
            return 0
        await self._late_indexes.prepare(_OF_TASK)
        failed = {"state": DeliveryState.FAILED.value, "type": {"$nin": list(kept_types)}}
        ended = [{"state": DeliveryState.DELIVERED.value}, failed]
        with translated():
            await self._deliveries.delete_many({"task_id": task_id, "$or": ended})
            owed = {"task_id": task_id, "state": DeliveryState.PENDING.value}
            return int(await self._deliveries.count_documents(owed))

    async def drain(self) -> None:
        """Wait for the writes under way."""
        await self._late_indexes.drain()
        await self._outcomes.drain()

    async def _page(self, query: Mapping[str, Any], limit: int, before: Place | None) -> list[Mapping[str, Any]]:
        older = {} if before is None else past(before)
        with translated():
            found: list[Mapping[str, Any]] = (
                await self._deliveries.find({**query, **older}).sort(NEWEST_FIRST).limit(limit).to_list(None)
            )
        return found

    async def _are_any(self) -> bool:
        if not self._is_used:
            with translated():
                self._is_used = await self._deliveries.find_one({}, ["_id"]) is not None
        return self._is_used

    async def _write(self, outcomes: Sequence[Outcome]) -> list[Exception | None]:
        with translated():
            await self._deliveries.bulk_write([each.as_update() for each in outcomes], ordered=False)
        return [None] * len(outcomes)


def _document(delivery: Delivery) -> dict[str, Any]:
    document = dict(value_of(delivery))
    document["state"] = delivery.state.value  # what is at its default is not written, and this is looked for
    return dict(versioned({"_id": document.pop("id"), **document}))


def _readable(documents: Sequence[Mapping[str, Any]]) -> list[Delivery]:
    return [delivery for document in documents if (delivery := _read(document)) is not None]


def _read(document: Mapping[str, Any]) -> Delivery | None:
    found = decoded(Delivery, document)
    if isinstance(found, Delivery):
        return found
    log.error("delivery_unreadable", delivery=document["_id"], reason=type(found).__name__)
    return None
