"""What there is to know of a MongoDB before one trusts it with tasks: it is asked, and nothing is changed."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import attrs

from danqing_server.store.client import Database, translated
from danqing_server.store.tasks import COLLECTION, INDEXES
from danqing_server.store.time import local_time

__all__ = ["MongoState", "examine_mongodb"]


@attrs.frozen(kw_only=True)
class MongoState:
    """What a MongoDB said. `set_name` None: it is on its own. `ahead_s`: its clock before ours.

    `missing` are the indexes of the tasks that are not there, though there are tasks.
    """

    version: str
    set_name: str | None
    writable: bool
    took_s: float
    ahead_s: float
    missing: tuple[str, ...]


async def examine_mongodb(database: Database) -> MongoState:
    """Ask. Raises StoreUnavailable."""
    with translated():
        build = await database.command("buildInfo")
        hello = await database.client.admin.command("hello")
        began_s = time.monotonic()
        said = await local_time(database)
        took_s = time.monotonic() - began_s
        now = datetime.now(UTC)
        missing = await _missing(database)
    return MongoState(
        version=str(build["version"]),
        set_name=hello.get("setName") or ("a sharded cluster" if hello.get("msg") == "isdbgrid" else None),
        writable=bool(hello.get("isWritablePrimary")),
        took_s=took_s,
        ahead_s=(said - now).total_seconds() + took_s / 2,
        missing=missing,
    )


async def _missing(database: Database) -> tuple[str, ...]:
    if await database[COLLECTION].find_one({}, ["_id"]) is None:
        return ()
    there = await database[COLLECTION].index_information()
    return tuple(name for index in INDEXES if (name := index.document["name"]) not in there)
