"""Keys of projects in MongoDB: digests, never secrets. Nothing is there before the first one is made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel, ReturnDocument

from danqing_server.codec.documents import from_document, to_document, value_of
from danqing_server.records.tenancy import KEY_SCOPES, StoredKey
from danqing_server.store.client import Database, translated
from danqing_server.store.reading import versioned

__all__ = ["ApiKeyStore"]

COLLECTION = "danqing_api_keys"
USE_WRITTEN_EVERY = timedelta(minutes=1)
_DIGEST = "secrets.digest"


@attrs.define(eq=False)
class ApiKeyStore:
    """The keys, found by the digest of any of their secrets. Raises StoreUnavailable like the task store."""

    database: Database

    @property
    def _keys(self) -> Any:
        return self.database[COLLECTION]

    async def insert(self, key: StoredKey) -> None:
        """Keep a new key."""
        indexes = [
            IndexModel([(_DIGEST, ASCENDING)], name="by_digest", unique=True),
            IndexModel([("project", ASCENDING), ("_id", ASCENDING)], name="by_project"),
        ]
        with translated():
            await self._keys.create_indexes(indexes)
            await self._keys.insert_one(versioned(to_document(key)))

    async def exist(self) -> bool:
        """Tell whether there is any key, a revoked one included."""
        with translated():
            return await self._keys.find_one({}, {"_id": 1}) is not None

    async def find(self, key_id: str) -> StoredKey | None:
        """Return the key of that id, None when there is none."""
        with translated():
            document = await self._keys.find_one({"_id": key_id})
        return None if document is None else _key_of(document)

    async def find_by_digests(self, digests: Collection[bytes]) -> list[StoredKey]:
        """Return the keys that have a secret of one of *digests*, whatever became of key and secret."""
        with translated():
            found = await self._keys.find({_DIGEST: {"$in": [*digests]}}).to_list(None)
        return [_key_of(document) for document in found]

    async def list(self, project: str | None, *, limit: int, after: str | None = None) -> list[StoredKey]:
        """Return the keys of a project, or of all for None, by id, from the one behind *after* on."""
        wanted: dict[str, Any] = {} if project is None else {"project": project}
        if after is not None:
            wanted["_id"] = {"$gt": after}
        with translated():
            found = await self._keys.find(wanted).sort("_id", ASCENDING).to_list(limit)
        return [_key_of(document) for document in found]

    async def update(self, key: StoredKey, sets: Mapping[str, Any]) -> StoredKey | None:
        """Set fields of *key* and return it; None when it was revoked or rotated since it was read."""
        wanted = {"_id": key.id, "secrets.0.digest": key.secrets[0].digest, "revoked_at": key.revoked_at}
        changed = {name: value_of(value) for name, value in sets.items()}
        with translated():
            document = await self._keys.find_one_and_update(
                wanted, {"$set": changed}, return_document=ReturnDocument.AFTER
            )
        return None if document is None else _key_of(document)

    async def note_use(self, key_ids: Collection[str], now: datetime) -> None:
        """Write down that these keys were used, unless that was done within the last minute, by any process."""
        before = now - USE_WRITTEN_EVERY
        stale = {"_id": {"$in": [*key_ids]}, "$or": [{"last_used_at": None}, {"last_used_at": {"$lt": before}}]}
        with translated():
            await self._keys.update_many(stale, {"$set": {"last_used_at": now}})


def _key_of(document: dict[str, Any]) -> StoredKey:
    """Return the key; of its scopes, those this release knows."""
    return from_document(StoredKey, {**document, "scopes": [s for s in document["scopes"] if s in KEY_SCOPES]})
