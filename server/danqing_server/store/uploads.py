"""Pictures that clients sent ahead, in MongoDB: whose they are, where they stand, how long they stay.

An upload is written down before its file, and vanishes after it, so that a death leaves no file that nobody knows:
what is half made, or condemned, is swept away like what has expired. Its content is unique within a project.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from danqing_server.codec.documents import from_document, to_document
from danqing_server.records.uploads import Upload
from danqing_server.store.client import Database, translated
from danqing_server.store.reach import Reach
from danqing_server.store.reading import versioned

__all__ = ["UploadStore"]

COLLECTION = "danqing_uploads"
HALF_MADE_FOR = timedelta(hours=1)
_READY: Mapping[str, Any] = {"ready": True}


@attrs.define(eq=False)
class UploadStore:
    """The uploads. Raises StoreUnavailable like the task store."""

    database: Database
    _indexed: bool = attrs.field(default=False, init=False)

    @property
    def _uploads(self) -> Any:
        return self.database[COLLECTION]

    async def count(self, owner: str | None, now: datetime, most: int) -> int:
        """Return how many an owner has, those that are announced among them, counted up to *most*."""
        living = {"owner": owner, "expires_at": {"$gt": now}}
        with translated():
            counted: int = await self._uploads.count_documents(living, limit=most)
        return counted

    async def announce(self, upload: Upload, now: datetime) -> None:
        """Write down what is about to be stored; nobody finds it yet."""
        await self._ensure_indexes()
        document = {**to_document(upload), "ready": False, "expires_at": now + HALF_MADE_FOR}
        with translated():
            await self._uploads.insert_one(versioned(document))

    async def publish(self, upload: Upload) -> bool:
        """Let an announced upload be found, its file being there; False when its owner has the same content."""
        sets = {"ready": True, "content": _content(upload.owner, upload.sha256), "expires_at": upload.expires_at}
        with translated():
            try:
                outcome = await self._uploads.update_one({"_id": upload.id, "ready": False}, {"$set": sets})
            except DuplicateKeyError:
                return False
        return bool(outcome.matched_count)

    async def find(self, upload_id: str, reach: Reach, now: datetime) -> Upload | None:
        """Return an upload, None when there is none in *reach*."""
        with translated():
            found = await self._uploads.find_one({"_id": upload_id, **_living(now), **reach.filter})
        return _upload(found)

    async def use(self, upload_id: str, reach: Reach, now: datetime, until: datetime) -> Upload | None:
        """Return an upload, which then stays at least *until*; None when there is none in *reach*."""
        return await self._prolong({"_id": upload_id, **_living(now), **reach.filter}, until)

    async def use_same(self, owner: str | None, sha256: str, until: datetime) -> Upload | None:
        """Return what its owner has of this content, which then stays at least *until*; None when that is nothing.

        One that has expired and is still there comes back to life.
        """
        return await self._prolong({"content": _content(owner, sha256)}, until)

    async def page(self, reach: Reach, now: datetime, limit: int, before_id: str | None) -> list[Upload]:
        """Return uploads, the youngest first, those before *before_id*."""
        wanted = {**_living(now), **reach.filter, **({} if before_id is None else {"_id": {"$lt": before_id}})}
        with translated():
            found = await self._uploads.find(wanted).sort("_id", DESCENDING).limit(limit).to_list(limit)
        return [upload for document in found if (upload := _upload(document)) is not None]

    async def condemn(self, upload_id: str, reach: Reach, now: datetime) -> bool:
        """Let an upload be found no more; False when there is none in *reach*. Its file is still there."""
        return await self._condemn({"_id": upload_id, **_living(now), **reach.filter}, now)

    async def condemn_expired(self, upload_id: str, now: datetime) -> bool:
        """Condemn what has expired; False when somebody has used it meanwhile."""
        return await self._condemn({"_id": upload_id, "expires_at": {"$lte": now}}, now)

    async def condemn_any(self, upload_id: str, now: datetime) -> None:
        """Condemn an upload whatever it is: half made, used a moment ago, condemned already."""
        await self._condemn({"_id": upload_id}, now)

    async def expired(self, now: datetime, limit: int) -> list[str]:
        """Return the ids of those that have expired, or were left half made or condemned."""
        with translated():
            found = await self._uploads.find({"expires_at": {"$lte": now}}, {"_id": 1}).limit(limit).to_list(limit)
        return [document["_id"] for document in found]

    async def forget(self, upload_id: str) -> None:
        """Remove a condemned upload, its file being gone."""
        with translated():
            await self._uploads.delete_one({"_id": upload_id, "ready": False})

    async def _prolong(self, wanted: Mapping[str, Any], until: datetime) -> Upload | None:
        with translated():
            found = await self._uploads.find_one_and_update(
                wanted, {"$max": {"expires_at": until}}, return_document=ReturnDocument.AFTER
            )
        return _upload(found)

    async def _condemn(self, wanted: Mapping[str, Any], now: datetime) -> bool:
        change = {"$set": {"ready": False, "expires_at": now}, "$unset": {"content": ""}}
        with translated():
            outcome = await self._uploads.update_one(wanted, change)
        return bool(outcome.matched_count)

    async def _ensure_indexes(self) -> None:
        """Create the indexes with the first upload: who uses none has none."""
        if self._indexed:
            return
        content = IndexModel([("content", ASCENDING)], name="by_content", unique=True, sparse=True)
        expiry = IndexModel([("expires_at", ASCENDING)], name="by_expiry")
        owned = IndexModel([("owner", ASCENDING), ("_id", DESCENDING)], name="by_owner")
        with translated():
            await self._uploads.create_indexes([content, expiry, owned])
        self._indexed = True


def _living(now: datetime) -> Mapping[str, Any]:
    return {**_READY, "expires_at": {"$gt": now}}


def _content(owner: str | None, sha256: str) -> str:
    return sha256 if owner is None else f"{sha256} {owner}"


def _upload(document: Mapping[str, Any] | None) -> Upload | None:
    return None if document is None else from_document(Upload, document)
