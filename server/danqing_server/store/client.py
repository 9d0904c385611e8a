"""The connection to MongoDB, and the one place where its errors become ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from danqing_server.errors import SettingsError, StoreUnavailable
from danqing_server.settings.server import Settings
from danqing_server.store.refusals import ENCODING_ERRORS, as_unavailable

__all__ = [
    "OPERATORS_TIMEOUT_MS",
    "TIMEOUT_MS",
    "Database",
    "client_options",
    "connect",
    "connect_operator",
    "durable",
    "find_newest",
    "translated",
    "unhurried",
]

Database = Any
"""A database of either driver. Their types have nothing in common, so it has none."""

_DRIVERS: Mapping[str, Callable[..., Any]] = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}

TIMEOUT_MS = 1800
"""How long one operation may take, in all: a client is answered 503 within two seconds."""

OPERATORS_TIMEOUT_MS = 60_000
"""The same of an operator's command: nobody's HTTP answer waits for it, and a busy MongoDB is no reason to end."""

FIND_S = 5.0
"""How long an operator's command looks for MongoDB: one that is away is told while the operator still watches."""

CONNECT_TIMEOUT_MS = 2000
"""How long the driver waits for a connection to open, and for its first answer, before it tries another one.

An operation is over before that. What it bounds is the driver's look whether a server is there (PyMongo 4.20,
`synchronous/monitor.py`): it opens one connection at a time, and until that one has answered no operation is tried
at all. One that is begun while the network is cut may answer long after the cut, or never: the kernel asks again
after 1, 3, 7 and 15 s, and the driver's own bound is 20 s. Who waits for a server has the next look begun half a
second after the last, whatever heartbeatFrequencyMS says (10 s). It is also added to that where the driver listens
for changes: a connection that died without a word is found dead after 12 s, not 30.
"""

CLOSE_S = 0.3
LONGEST_WALK_S = 24 * 3600.0

_MAJORITY, _NEWEST = ReadConcern("majority"), ReadConcern("linearizable")
_NOT_A_REPLICA_SET = 123


def client_options(timeout_ms: int = TIMEOUT_MS) -> dict[str, Any]:
    """Return the options of every client of ours: acknowledged by a majority and journaled, aware UTC datetimes.

    They go before what the URL says: a follower, who may be asked by its `readPreference`, does not know yet what
    was just written, and who won is read back.
    """
    return {
        "tz_aware": True,
        "timeoutMS": timeout_ms,
        "connectTimeoutMS": CONNECT_TIMEOUT_MS,
        # Closing a client asks for a server too, outside of timeoutMS.
        "serverSelectionTimeoutMS": timeout_ms,
        "w": "majority",
        "journal": True,
        "retryWrites": True,
        "readPreference": "primary",
        "connect": False,
        "appname": "danqing",
    }


@asynccontextmanager
async def connect(settings: Settings, timeout_ms: int = TIMEOUT_MS) -> AsyncIterator[Database]:
    """Yield our database; nothing is sent before the first operation, which may take *timeout_ms* like all others.

    Both drivers take the same calls, as far as this package makes them. `docs/decisions/0004` says which is when.

    Raises:
        SettingsError: the URL is not one the driver can read, or its files for TLS are of no use.
    """
    try:
        client = _DRIVERS[settings.mongo_driver](settings.mongo_url, **client_options(timeout_ms))
        database = client.get_default_database(settings.database)
    except (InvalidURI, ConfigurationError) as error:
        raise SettingsError(f"MONGO_URL: {error}") from error
    except OSError as error:
        raise SettingsError(f"MONGO_URL: TLS cannot be set up with its files: {error}") from error
    try:
        yield database
    finally:
        # Closing tells the server that our sessions end: a courtesy, not worth waiting for one that is away.
        with pymongo.timeout(CLOSE_S):
            closing = client.close()
            if closing is not None:  # PyMongo's own client closes asynchronously, motor's does not
                await closing


@asynccontextmanager
async def connect_operator(settings: Settings) -> AsyncIterator[Database]:
    """Yield our database, which is there, to an operator's command, whose operations may take a minute each.

    A bound of all that an operation takes is also the driver's only bound of its search for a server (PyMongo 4.20,
    `synchronous/topology.py`, `get_server_selection_timeout`), so the search is an operation of its own.

    Raises:
        SettingsError: as `connect` does.
        StoreUnavailable: MongoDB is away.
    """
    async with connect(settings, OPERATORS_TIMEOUT_MS) as database:
        with translated(), pymongo.timeout(FIND_S):
            await database.command("ping")
        yield database


def durable(collection: Any) -> Any:
    """Return *collection* as it shows what a majority has, and no failover takes back; not always the newest.

    `docs/decisions/0046` says what is read so.
    """
    return collection.with_options(read_concern=_MAJORITY)


async def find_newest(collection: Any, id_: str) -> Any:
    """Return the document of that id once the leader has proved that it is one; None when there is none.

    It writes to answer, so this costs some milliseconds. A server that stands alone refuses to: what it was asked
    before is all there is. Source: mongodb.com/docs/manual/reference/read-concern-linearizable, read 2026-11-29.
    """
    try:
        return await collection.with_options(read_concern=_NEWEST).find_one({"_id": id_})
    except OperationFailure as error:
        if error.code == _NOT_A_REPLICA_SET:
            return None
        raise


@asynccontextmanager
async def unhurried(database: Database) -> AsyncIterator[None]:
    """Let what is asked in the block take as long as it does, of a server that answers; it is translated.

    For who walks through a collection that may be of any size: a bound of time ends it, and the next try as well.
    """
    with translated():
        await database.command("ping")  # in the usual time: below, who is away is waited for
        with pymongo.timeout(LONGEST_WALK_S):
            yield


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the driver raises into StoreUnavailable, `permanent` where `refusals` says so."""
    try:
        yield
    except ENCODING_ERRORS as error:
        message = f"a value cannot be encoded for MongoDB ({type(error).__name__})"
        raise StoreUnavailable(message, permanent=True) from error
    except PyMongoError as error:
        raise as_unavailable(error) from error
