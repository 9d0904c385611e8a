"""The connection to MongoDB, and the one place where its errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError

from danqing_server.errors import SettingsError, StoreUnavailable
from danqing_server.settings import Settings

__all__ = ["TIMEOUT_MS", "Database", "client_options", "connect", "translated"]

Database = AsyncIOMotorDatabase[dict[str, Any]]

TIMEOUT_MS = 1800
"""How long one operation may take, in all: a client is answered 503 within two seconds."""


def client_options(timeout_ms: int = TIMEOUT_MS) -> dict[str, Any]:
    """Return the options of every client of ours: acknowledged by a majority and journaled, aware UTC datetimes."""
    return {
        "tz_aware": True,
        "timeoutMS": timeout_ms,
        "w": "majority",
        "journal": True,
        "retryWrites": True,
        "connect": False,
        "appname": "danqing",
    }


def connect(settings: Settings) -> tuple[AsyncIOMotorClient[dict[str, Any]], Database]:
    """Return a client and our database in it; nothing is sent before the first operation.

    Raises:
        SettingsError: the URL is not one the driver can read.
    """
    try:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(settings.mongo_url, **client_options())
        return client, client.get_default_database(settings.database)
    except (InvalidURI, ConfigurationError) as error:
        raise SettingsError(f"MONGO_URL: {error}") from error


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the driver raises into StoreUnavailable; the message holds no document and no address."""
    try:
        yield
    except PyMongoError as error:
        code = getattr(error, "code", None)
        detail = type(error).__name__ if code is None else f"{type(error).__name__} {code}"
        raise StoreUnavailable(f"MongoDB did not carry out the operation ({detail})") from error
