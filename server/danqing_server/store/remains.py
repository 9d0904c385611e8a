"""What is left in MongoDB of a name: a look at every document of every collection, whoever wrote it.

It knows nothing of how deletion works, and so proves it: documents are searched as the bytes that they are.
Source for how a text stands in a document: bsonspec.org, version 1.1, read 2026-11-29.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import bson
import pymongo
from bson.raw_bson import RawBSONDocument

from danqing_server.codec import dump_json
from danqing_server.store.client import Database, translated
from danqing_server.store.keys import DELETED
from danqing_server.store.ledger import COLLECTION as LEDGER
from danqing_server.store.ledger import FORGOTTEN
from danqing_server.store.reach import Reach

__all__ = ["Remain", "RemainsStore"]

LONGEST_S = 24 * 3600.0
EVERYBODYS = Reach.everybody()
_RAW: Any = bson.CodecOptions(document_class=RawBSONDocument)
_NOTE = frozenset({"_id", "expires_at", "untold"})


@attrs.frozen(kw_only=True)
class Remain:
    """A document in which a name stands. `why` says what it is kept for; None: it should not be there."""

    collection: str
    id: str
    why: str | None = None


@attrs.define(eq=False)
class RemainsStore:
    """Looks through the whole database. Every method raises StoreUnavailable."""

    database: Database

    async def mentions(self, name: str) -> AsyncIterator[Remain]:
        """Yield every document that has *name* in it anywhere, as a text or a part of one."""
        async for remain in self._search(name.encode()):
            yield remain

    async def values(self, name: str, *, member: str = "", reach: Reach = EVERYBODYS) -> AsyncIterator[Remain]:
        """Yield every document in which a whole text is *name*, or that holds JSON with it as *member*.

        Left out is what says that it is of somebody outside *reach*.
        """
        encoded = name.encode()
        needles = [struct.pack("<i", len(encoded) + 1) + encoded + b"\0"]
        if member:
            needles.append(dump_json({member: name})[1:-1])
        async for remain in self._search(*needles, reach=reach):
            yield remain

    async def _search(self, *needles: bytes, reach: Reach = EVERYBODYS) -> AsyncIterator[Remain]:
        with translated():
            names = sorted(await self.database.list_collection_names())
        for name in names:
            for remain in await self._look_through(name, needles, reach):
                yield remain

    async def _look_through(self, name: str, needles: Sequence[bytes], reach: Reach) -> Sequence[Remain]:
        documents = self.database.get_collection(name, codec_options=_RAW).find()
        with pymongo.timeout(LONGEST_S), translated():  # a client's own bound holds for a cursor as a whole
            return [
                Remain(collection=name, id=str(document["_id"]), why=_why(name, document))
                async for document in documents
                if any(needle in document.raw for needle in needles) and _is_in(document, reach)
            ]


def _is_in(document: RawBSONDocument, reach: Reach) -> bool:
    owner = document.get("owner", document.get("project"))
    return owner is None or reach.covers(owner)


def _why(collection: str, document: RawBSONDocument) -> str | None:
    if collection == DELETED and _NOTE.issuperset(document) and not document.get("untold"):
        return "the note that this id is not to be made again, until it expires"
    if collection == LEDGER and document.get("user") == FORGOTTEN:
        return "what was paid, without whose it was"
    return None
