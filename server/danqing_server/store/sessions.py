"""Who is signed in to the studio, in MongoDB. Nothing is there before the first one signs in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
from pymongo import ASCENDING, DESCENDING, IndexModel

from danqing_server.codec.documents import from_document, to_document
from danqing_server.records.tenancy import StudioSession
from danqing_server.store.client import Database, translated
from danqing_server.store.reading import versioned

__all__ = ["SessionStore"]

COLLECTION = "danqing_sessions"
_NEWEST = [("created_at", DESCENDING)]


@attrs.define(eq=False)
class SessionStore:
    """The sessions by their ids. Raises StoreUnavailable like the task store.

    MongoDB removes those whose time is over (manual 6.0, "TTL indexes", read 2026-11-28), a minute late at times:
    whoever reads one looks at `expires_at`.
    """

    database: Database

    @property
    def _sessions(self) -> Any:
        return self.database[COLLECTION]

    async def insert(self, session: StudioSession, most: int) -> None:
        """Keep a new session, and of its key the newest *most* with it."""
        indexes = [
            IndexModel([("key", ASCENDING), *_NEWEST], name="by_key"),
            IndexModel([("expires_at", ASCENDING)], name="expires", expireAfterSeconds=0),
        ]
        with translated():
            await self._sessions.create_indexes(indexes)
            await self._sessions.insert_one(versioned(to_document(session)))
            surplus = self._sessions.find({"key": session.key}, {"_id": 1}).sort(_NEWEST).skip(most)
            ids = [each["_id"] for each in await surplus.to_list(None)]
            if ids:
                await self._sessions.delete_many({"_id": {"$in": ids}})

    async def find(self, session_id: str) -> StudioSession | None:
        """Return the session of that id, also when its time is over; None when there is none."""
        with translated():
            document = await self._sessions.find_one({"_id": session_id})
        return None if document is None else from_document(StudioSession, document)

    async def extend(self, session_id: str, seen_at: datetime, expires_at: datetime) -> None:
        """Write down when a session was used, and until when it is good; one that ended meanwhile stays ended."""
        sets = {"seen_at": seen_at, "expires_at": expires_at}
        with translated():
            await self._sessions.update_one({"_id": session_id}, {"$set": sets})

    async def list(self, key: str | None, now: datetime, limit: int) -> list[StudioSession]:
        """Return the sessions of *key*, or of all keys for None, that go on, newest first."""
        wanted = {**_of(key), "expires_at": {"$gt": now}}
        with translated():
            found = await self._sessions.find(wanted).sort(_NEWEST).to_list(limit)
        return [from_document(StudioSession, document) for document in found]

    async def end(self, session_id: str, key: str | None = None) -> bool:
        """Remove a session of *key*, or of any for None; False when there is none."""
        with translated():
            result = await self._sessions.delete_one({**_of(key), "_id": session_id})
        return bool(result.deleted_count)


def _of(key: str | None) -> dict[str, str]:
    return {} if key is None else {"key": key}
