"""What is left in MongoDB of a name: a look at every document of every collection, whoever wrote it.

It knows nothing of how deletion works, and so proves it: documents are searched as the bytes that they are. Of what
is found there, only what `store.words` knows to be nobody's name is taken off again.
Source for how a text stands in a document: bsonspec.org, version 1.1, read 2026-11-29.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import attrs
import bson
from bson.raw_bson import RawBSONDocument

from danqing_server.codec.bodies import dump_json
from danqing_server.store.client import Database, translated, unhurried
from danqing_server.store.keys import DELETED
from danqing_server.store.ledger import COLLECTION as LEDGER
from danqing_server.store.ledger import FORGOTTEN
from danqing_server.store.reach import Reach
from danqing_server.store.words import Named, nobodys

__all__ = ["Named", "Remain", "RemainsStore"]

EVERYBODYS = Reach.everybody()
_RAW: Any = bson.CodecOptions(document_class=RawBSONDocument)
_Look = Callable[[str, RawBSONDocument], bool]
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
        needle = name.encode()
        async for remain in self._search(lambda _collection, document: needle in document.raw):
            yield remain

    async def values(self, name: str, named: Named, *, reach: Reach = EVERYBODYS) -> AsyncIterator[Remain]:
        """Yield every document in which a whole text is *name*, or, of a user, JSON in it has it as `user_id`.

        Left out is what says that it is of somebody outside *reach*, and the places where that text names nobody.
        """
        encoded = name.encode()
        whole = struct.pack("<i", len(encoded) + 1) + encoded + b"\0"
        member = dump_json({"user_id": name})[1:-1] if named is Named.USER else None

        def names_them(collection: str, document: RawBSONDocument) -> bool:
            raw = bytes(document.raw)
            if not _is_in(document, reach):
                return False
            if member is not None and member in raw:
                return True
            there = raw.count(whole)
            return there > 0 and there > nobodys(name, named, collection, raw)

        async for remain in self._search(names_them):
            yield remain

    async def _search(self, is_wanted: _Look) -> AsyncIterator[Remain]:
        with translated():
            names = sorted(await self.database.list_collection_names())
        for name in names:
            for remain in await self._look_through(name, is_wanted):
                yield remain

    async def _look_through(self, name: str, is_wanted: _Look) -> Sequence[Remain]:
        documents = self.database.get_collection(name, codec_options=_RAW).find()
        async with unhurried(self.database):  # a client's own bound holds for a cursor as a whole
            return [
                Remain(collection=name, id=str(document["_id"]), why=_why(name, document))
                async for document in documents
                if is_wanted(name, document)
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
