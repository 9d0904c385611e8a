"""Secrets that all processes of a database share, made up by the first one that needs them."""

from __future__ import annotations

import os
from typing import Any

import attrs
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from danqing_server.store.client import Database, translated

__all__ = ["SecretStore"]

COLLECTION = "danqing_secrets"
SIZE_BYTES = 32


@attrs.define(eq=False)
class SecretStore:
    """The secrets in MongoDB. Raises StoreUnavailable when it does not answer in time."""

    database: Database

    async def get(self, name: str) -> bytes:
        """Return the secret of that name, a new one when there is none yet."""
        with translated():
            try:
                return await self._get(name)
            except DuplicateKeyError:  # another process made it at the same moment
                return await self._get(name)

    async def _get(self, name: str) -> bytes:
        secrets: Any = self.database[COLLECTION]
        found = await secrets.find_one_and_update(
            {"_id": name},
            {"$setOnInsert": {"secret": os.urandom(SIZE_BYTES)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return bytes(found["secret"])
