"""The documents as they stand, for backups: raw, one collection after the other, in the order of their ids.

Nothing holds writers up meanwhile. A replica set shows all collections as they were at one moment, for as long as
it remembers that moment. A server that stands alone cannot, so the order of the collections has to keep what is
read consistent: `docs/decisions/0040` says why this one does.

Source: MongoDB manual 6.0, "Read Concern snapshot", and PyMongo's `start_session`, read 2026-11-29.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING
from pymongo.errors import OperationFailure

from danqing_server.errors import SettingsError, StoreUnavailable
from danqing_server.log import get_logger
from danqing_server.store.batches import COLLECTION as BATCHES
from danqing_server.store.batches import STAGED
from danqing_server.store.client import Database, durable, translated
from danqing_server.store.leases import COLLECTION as WORKERS
from danqing_server.store.secrets import COLLECTION as SECRETS
from danqing_server.store.sessions import COLLECTION as SESSIONS
from danqing_server.store.sheets import COLLECTION as STATS
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.store.visits import COLLECTION as VISITS

__all__ = ["LEFT_OUT", "PREFIX", "Dump", "decoded", "open_dump", "require_used"]

PREFIX = "danqing_"
LEFT_OUT = frozenset({SECRETS, SESSIONS, STATS, VISITS, WORKERS})
"""What dies with the processes that made it, or is made up anew: it is in no backup.

How far the books are, and the sums that are kept of them, would be of a later moment than the books.
"""

PAGE = 2000
TRIES = 6
FIRST_PAUSE_S = 0.5
_IN_ORDER = (BATCHES, STAGED, TASKS)
_FORGOTTEN = (239, 246)  # SnapshotTooOld, SnapshotUnavailable
_RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)
_AWARE: CodecOptions[Any] = CodecOptions(tz_aware=True)

log = get_logger(__name__)


def decoded(raw: bytes) -> Mapping[str, Any]:
    """Return the document of these bytes. Raises ValueError when they are none."""
    try:
        return bson.decode(raw, _AWARE)
    except bson.errors.InvalidBSON as error:
        raise ValueError("is no BSON document") from error


@attrs.define(eq=False)
class Dump:
    """One reading of a database; made by `open_dump`. Every method raises StoreUnavailable.

    `session` reads all as it was at one moment; None when the server cannot, or no longer.
    """

    database: Database
    session: Any = None

    async def server_version(self) -> str:
        """Return which MongoDB this is."""
        with translated():
            return str((await self.database.command("buildInfo"))["version"])

    async def collections(self) -> list[str]:
        """Return the names of ours in the order in which they are to be read; some may be of a newer release."""
        with translated():
            found = await self.database.list_collection_names()
        ours = {name for name in found if name.startswith(PREFIX)} - LEFT_OUT
        first = [name for name in _IN_ORDER if name in ours]
        return [*first, *sorted(ours.difference(first))]

    async def indexes(self, name: str) -> list[Mapping[str, Any]]:
        """Return what the indexes of a collection are made by, without the one that each has."""
        with translated():
            found = await self.database[name].list_indexes().to_list(None)
        left_out = ("ns", "v")
        return [
            {
                field: dict(value) if field == "key" else value
                for field, value in each.items()
                if field not in left_out
            }
            for each in found
            if each["name"] != "_id_"
        ]

    async def documents(self, name: str) -> AsyncGenerator[bytes, None]:
        """Yield each document of a collection, in the order of their ids.

        A server that is away for a while, as while another one becomes primary, is asked again where it broke off.
        """
        last: Any = None
        tries = 0
        while True:
            seen = 0
            try:
                async for document in self._page(name, last):
                    last, seen, tries = document["_id"], seen + 1, 0
                    yield bytes(document.raw)
            except StoreUnavailable:
                tries += 1
                if tries == TRIES:
                    raise
                await asyncio.sleep(FIRST_PAUSE_S * 2 ** (tries - 1))
                continue
            if seen < PAGE:
                return

    async def find(self, name: str, ids: Collection[str]) -> dict[str, bytes]:
        """Return those of *ids* that are there now, whatever moment is shown otherwise.

        A document that no majority has deleted yet is there: its files go with it, and not before.
        """
        raw = durable(self.database.get_collection(name, codec_options=_RAW))
        with translated():
            found = await raw.find({"_id": {"$in": list(ids)}}).to_list(None)
        return {document["_id"]: bytes(document.raw) for document in found}

    async def _page(self, name: str, after: Any) -> AsyncGenerator[RawBSONDocument, None]:
        raw = self.database.get_collection(name, codec_options=_RAW)
        raw = durable(raw) if self.session is None else raw  # a session shows what a majority has, of its moment
        wanted = {} if after is None else {"_id": {"$gt": after}}
        cursor = raw.find(wanted, session=self.session).sort("_id", ASCENDING).limit(PAGE)
        with translated():
            try:
                async for document in cursor:
                    yield document
            except OperationFailure as error:
                if self.session is None or error.code not in _FORGOTTEN:
                    raise
                # What was read stays right: what follows is read later, which the order of collections allows for.
                log.info("snapshot_forgotten", collection=name)
                self.session = None
                raise StoreUnavailable("the server does not remember the moment any more") from error


@asynccontextmanager
async def open_dump(database: Database) -> AsyncGenerator[Dump, None]:
    """Yield a reading of *database*, of one moment where its server can show one."""
    with translated():
        hello = await database.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        yield Dump(database)
        return
    starting = database.client.start_session(snapshot=True)
    session = await starting if asyncio.iscoroutine(starting) or asyncio.isfuture(starting) else starting
    try:
        yield Dump(database, session)
    finally:
        with suppress(StoreUnavailable), translated():
            await session.end_session()


async def require_used(database: Database) -> None:
    """Raise SettingsError where no server ever kept anything: of such a database all is good, and nothing is left.

    Raises StoreUnavailable.
    """
    with translated():
        names = await database.list_collection_names()
    if not any(name.startswith(PREFIX) for name in names):
        raise SettingsError(
            f"the database {database.name!r} holds nothing of danqing, and never did: MONGO_URL, DANQING_DATABASE "
            "and DANQING_DATA_DIR have to be those of the server"
        )
