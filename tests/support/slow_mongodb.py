"""A MongoDB that takes longer over what is asked of it than an operation may, by its own test commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient

from danqing_server.store.client import client_options

__all__ = ["HURRIED_MS", "hurried", "slow"]

HURRIED_MS = 300
"""As long as one operation may take in all, where nothing else is said."""


def hurried(url: str) -> Any:
    """Return a client of which nothing may take long."""
    return AsyncIOMotorClient(url, **client_options(HURRIED_MS))


@asynccontextmanager
async def slow(database: Any, *commands: str) -> AsyncIterator[None]:
    """Have MongoDB take longer over *commands* than a hurried client's operation may."""
    admin = database.client.admin
    data = {"failCommands": [*commands], "blockConnection": True, "blockTimeMS": 2 * HURRIED_MS}
    await admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    try:
        yield
    finally:
        with pymongo.timeout(30):  # it waits for those that are held up
            await admin.command({"configureFailPoint": "failCommand", "mode": "off"})
