"""What administrators did, in MongoDB: written once, never changed."""

from __future__ import annotations

from typing import Any

import attrs
from pymongo import DESCENDING

from danqing_server.codec.documents import from_document, to_document
from danqing_server.records.tenancy import AuditEntry
from danqing_server.store.client import Database, translated
from danqing_server.store.reading import versioned

__all__ = ["AuditStore"]

COLLECTION = "danqing_audit"


@attrs.define(eq=False)
class AuditStore:
    """The entries, whose ids sort by time. Raises StoreUnavailable like the task store."""

    database: Database

    @property
    def _entries(self) -> Any:
        return self.database[COLLECTION]

    async def insert(self, entry: AuditEntry) -> None:
        """Keep an entry."""
        with translated():
            await self._entries.insert_one(versioned(to_document(entry)))

    async def list(self, *, limit: int, before: str | None = None) -> list[AuditEntry]:
        """Return entries, newest first, from the one behind *before* on."""
        wanted = {} if before is None else {"_id": {"$lt": before}}
        with translated():
            found = await self._entries.find(wanted).sort("_id", DESCENDING).to_list(limit)
        return [from_document(AuditEntry, document) for document in found]
