"""Requests that wait for their task's end, by what they ask: what a repeat of one needs to find it.

One document for each request that differs (`_id`: a hash of whose it is and of what it asks), with the visits that
were not answered yet, the oldest first, and until when repeats of refused ones may come. Nothing is made before the
first visit: who has no client that waits has no collection and no index either.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from danqing_server.store.client import Database, translated

__all__ = ["KNOWN_FOR", "Asked", "VisitRecord", "VisitState", "VisitStore"]

COLLECTION = "danqing_visits"
KNOWN_FOR = timedelta(minutes=30)
"""How long a visit can be joined after its client left, or was to be heard of at the latest."""

MOST_VISITS = 1000
"""Of one request; of more, all at once, the oldest cannot be joined."""


class VisitState(StrEnum):
    """Where a client is: on a connection, between two of a chain of redirects, or gone without an answer."""

    OPEN = "open"
    AWAY = "away"
    LOST = "lost"


@attrs.frozen(kw_only=True)
class VisitRecord:
    """One visit. `key` is what its task is kept under in `KeyStore`; who joins takes it over, under a new `id`.

    `holder` is the process (`processes.identity_of`) that has the connection, None where that cannot be told.
    `until`: if it was not heard of by then, the client is gone, whatever became of the holder.
    """

    id: str
    key: str
    state: VisitState
    holder: str | None
    at: datetime
    until: datetime

    def as_document(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {**attrs.asdict(self), "state": self.state.value}


@attrs.frozen(kw_only=True)
class Asked:
    """What is known of one request: its visits, and until when repeats of refused ones may come."""

    visits: tuple[VisitRecord, ...] = ()
    refused: tuple[datetime, ...] = ()


@attrs.define(eq=False)
class VisitStore:
    """The visits in MongoDB. Every method raises StoreUnavailable."""

    database: Database
    _has_indexes: bool = attrs.field(default=False, init=False)

    @property
    def _visits(self) -> Any:
        return self.database[COLLECTION]

    async def find(self, digest: str) -> Asked:
        """Return what is known of a request."""
        with translated():
            found = await self._visits.find_one({"_id": digest})
        return Asked() if found is None else _asked(found)

    async def enter(self, digest: str, visit: VisitRecord) -> None:
        """Add a visit; its request is kept for as long as it can be joined."""
        await self._ensure_indexes()
        pushed = {"$each": [visit.as_document()], "$slice": -MOST_VISITS}
        update = {"$push": {"visits": pushed}, **_kept_after(visit.until)}
        with translated():
            try:
                await self._visits.update_one({"_id": digest}, update, upsert=True)
            except DuplicateKeyError:  # two were the first at once; both are in when each has been written
                await self._visits.update_one({"_id": digest}, update)

    async def take_over(self, digest: str, seen: VisitRecord, visit: VisitRecord) -> bool:
        """Put *visit* in the place of one; False when that is no longer as it was seen."""
        with translated():
            outcome = await self._visits.update_one(
                {"_id": digest, "visits": {"$elemMatch": _as_seen(seen)}},
                {"$set": {"visits.$": visit.as_document()}, **_kept_after(visit.until)},
            )
        return bool(outcome.matched_count)

    async def come_back(self, visit_id: str, holder: str | None, until: datetime) -> tuple[str, VisitRecord] | None:
        """Note that a visit's client is back on a connection; its request and the visit, None when it ended."""
        changes = {"visits.$.state": VisitState.OPEN.value, "visits.$.holder": holder, "visits.$.until": until}
        with translated():
            found = await self._visits.find_one_and_update(
                {"visits.id": visit_id},
                {"$set": changes, **_kept_after(until)},
                return_document=ReturnDocument.AFTER,
            )
        if found is None:
            return None
        return found["_id"], next(each for each in _asked(found).visits if each.id == visit_id)

    async def note(self, visit_id: str, state: VisitState, until: datetime) -> None:
        """Note where a visit's client is; nothing happens when another took it over."""
        changes = {"visits.$.state": state.value, "visits.$.until": until}
        with translated():
            await self._visits.update_one({"visits.id": visit_id}, {"$set": changes, **_kept_after(until)})

    async def stay(self, visit_id: str, until: datetime) -> None:
        """Note that a visit's client still waits on its connection; nothing happens to one that does not."""
        seen = {"id": visit_id, "state": VisitState.OPEN.value}
        with translated():
            await self._visits.update_one(
                {"visits": {"$elemMatch": seen}}, {"$set": {"visits.$.until": until}, **_kept_after(until)}
            )

    async def end(self, digest: str, visit_id: str, refused_until: datetime | None = None) -> None:
        """Forget a visit that was answered; with *refused_until* that its client may repeat it as a new one."""
        update: dict[str, Any] = {"$pull": {"visits": {"id": visit_id}}}
        if refused_until is not None:
            update["$push"] = {"refused": {"$each": [refused_until], "$slice": -MOST_VISITS}}
        with translated():
            await self._visits.update_one({"_id": digest}, update)

    async def note_refusal(self, digest: str, refused_until: datetime) -> None:
        """Note that a request was refused before it was a visit, and that its client may repeat it as a new one."""
        await self._ensure_indexes()
        pushed = {"refused": {"$each": [refused_until], "$slice": -MOST_VISITS}}
        with translated():
            await self._visits.update_one(
                {"_id": digest}, {"$push": pushed, **_kept_after(refused_until)}, upsert=True
            )

    async def take_refusal(self, digest: str, refused_until: datetime) -> bool:
        """Take one of the refusals that a repeat may belong to; False when another took it."""
        with translated():
            outcome = await self._visits.update_one(
                {"_id": digest, "refused": refused_until}, {"$pull": {"refused": refused_until}}
            )
        return bool(outcome.modified_count)

    async def _ensure_indexes(self) -> None:
        if self._has_indexes:
            return
        expiry = IndexModel([("expires_at", ASCENDING)], name="expiry", expireAfterSeconds=0)
        by_visit = IndexModel([("visits.id", ASCENDING)], name="by_visit")
        with translated():
            await self._visits.create_indexes([expiry, by_visit])
        self._has_indexes = True


def _kept_after(until: datetime) -> Mapping[str, Any]:
    return {"$max": {"expires_at": until + KNOWN_FOR}}


def _as_seen(visit: VisitRecord) -> Mapping[str, Any]:
    return {"id": visit.id, "state": visit.state.value, "until": visit.until}


def _asked(document: Mapping[str, Any]) -> Asked:
    visits = (
        VisitRecord(
            id=each["id"],
            key=each["key"],
            state=VisitState(each["state"]),
            holder=each["holder"],
            at=each["at"],
            until=each["until"],
        )
        for each in document.get("visits", ())
    )
    return Asked(visits=tuple(visits), refused=tuple(document.get("refused", ())))
