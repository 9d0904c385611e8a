"""What Idempotency-Keys were used for: the request's fingerprint and the id of its task, kept for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel, ReturnDocument

from danqing_server.clock import Clock
from danqing_server.loops.steps import step
from danqing_server.store.client import Database, durable, translated, unhurried
from danqing_server.store.late_indexes import create_with_patience
from danqing_server.store.reading import versioned

__all__ = ["KeyRecord", "KeyStore"]

COLLECTION = "danqing_keys"
DELETED = "danqing_deleted"
AFTER = ReturnDocument.AFTER
_FORGOTTEN = {"$set": {"task_id": "", "fingerprint": "", "deleted": True}, "$unset": {"meaning": ""}}


@attrs.frozen(kw_only=True)
class KeyRecord:
    """One key in use: what was asked, and the id its task has or will have.

    `fingerprint` is a hash of the request as it was sent, `meaning` of what it meant; None: the same. Of one whose
    task was deleted, `is_deleted`, nothing else is known.
    """

    fingerprint: str
    task_id: str
    meaning: str | None = None
    is_deleted: bool = False

    def answers(self, fingerprint: str, meaning: str | None) -> bool:
        """Tell whether a request of these hashes asks for the same."""
        alike = (self.meaning or self.fingerprint) == (meaning or fingerprint)
        return alike or self.fingerprint == fingerprint  # an older release wrote no meaning down


@attrs.define(eq=False)
class KeyStore:
    """The keys in MongoDB; each vanishes `kept_s` seconds after its first use. Raises StoreUnavailable."""

    database: Database
    clock: Clock
    kept_s: float

    _keys: Any = attrs.field(init=False)
    _durable: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._keys = self.database[COLLECTION]  # once: a driver makes a new object each time it is asked
        self._durable = durable(self._keys)

    async def ensure_indexes(self) -> None:
        """Create the indexes that let keys and what is known of deleted tasks expire, and wait for them."""
        expiry = IndexModel([("expires_at", ASCENDING)], name="expiry", expireAfterSeconds=0)
        for collection in (self._keys, self.database[DELETED]):
            await create_with_patience(collection, [expiry])

    async def find(self, key: str) -> KeyRecord | None:
        """Return what a key is used for, None when it is free, or no majority knows yet.

        MongoDB removes expired ones once a minute.
        """
        with translated():
            wanted = {"_id": key, "expires_at": {"$gt": self.clock.now()}}
            found = await self._durable.find_one(wanted)
        return None if found is None else _record(found)

    @step("submit.claim_key")
    async def claim(
        self, key: str, fingerprint: str, task_id: str, meaning: str | None = None, *, at_least_s: float = 0.0
    ) -> KeyRecord:
        """Use a free key for *task_id*, and return what it is used for now: ours, or an earlier request's.

        It is known for `kept_s`, and for *at_least_s*. One command does both, and a majority has acknowledged what
        it returns, also when it changed nothing: a key that a failover takes back would be used for two tasks.
        """
        now = self.clock.now()
        document: dict[str, Any] = {
            "fingerprint": fingerprint,
            "task_id": task_id,
            "expires_at": now + timedelta(seconds=max(self.kept_s, at_least_s)),
        }
        if meaning is not None:
            document["meaning"] = meaning
        with translated():
            await self._keys.delete_one({"_id": key, "expires_at": {"$lte": now}})
            found = await self._keys.find_one_and_update(
                {"_id": key}, {"$setOnInsert": versioned(document)}, upsert=True, return_document=AFTER
            )
        return _record(found)

    @step("erase.key")
    async def forget(self, key: str, task_id: str) -> None:
        """Have a key say no more than that its task was deleted: nothing of the request that it came with."""
        with translated():
            await self._keys.update_one({"_id": key, "task_id": task_id}, _FORGOTTEN)

    async def forget_all(self, ids: Sequence[str]) -> None:
        """Forget the keys of whatever has these ids, as `forget` does; it reads all keys that are known."""
        async with unhurried(self.database):
            await self._keys.update_many({"task_id": {"$in": [*ids]}}, _FORGOTTEN)

    async def is_buried(self, task_id: str) -> bool:
        """Tell whether the task of that id was deleted: its key must not make it again.

        What no majority knows yet counts: it forbids.
        """
        with translated():
            return await self.database[DELETED].find_one({"_id": task_id}) is not None

    async def replace(self, key: str, old: KeyRecord, new: KeyRecord) -> bool:
        """Point a key to another task; False when someone else did so first."""
        sets: dict[str, Any] = {
            "task_id": new.task_id,
            "expires_at": self.clock.now() + timedelta(seconds=self.kept_s),
        }
        update: dict[str, Any] = {"$set": sets}
        if old.is_deleted:
            sets["fingerprint"] = new.fingerprint
            update["$unset"] = {"deleted": ""}
            if new.meaning is not None:
                sets["meaning"] = new.meaning
        with translated():
            outcome = await self._keys.update_one({"_id": key, "task_id": old.task_id}, update)
        return bool(outcome.matched_count)


def _record(document: Mapping[str, Any]) -> KeyRecord:
    return KeyRecord(
        fingerprint=document["fingerprint"],
        task_id=document["task_id"],
        meaning=document.get("meaning"),
        is_deleted=document.get("deleted", False),
    )
