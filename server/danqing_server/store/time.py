"""MongoDB's clock: the one that every process of ours tells the time by."""

from __future__ import annotations

from datetime import UTC, datetime

from danqing_server.clock import SteadyTime
from danqing_server.store.client import Database, translated

__all__ = ["LISTEN_EVERY_S", "listen", "local_time"]

LISTEN_EVERY_S = 60.0


async def listen(database: Database, time: SteadyTime) -> None:
    """Set *time* by MongoDB's clock, right to half of what the question took.

    `hello` tells `localTime`, "the time at which the MongoDB server received it" (manual, `hello`, 2026-11-28).

    Raises:
        StoreUnavailable: MongoDB did not answer.
    """
    began_s = time.monotonic_s()
    said = await local_time(database)
    took_s = time.monotonic_s() - began_s
    time.hear(said.timestamp() + took_s / 2)


async def local_time(database: Database) -> datetime:
    """Return what MongoDB's clock says, in UTC. Raises StoreUnavailable."""
    with translated():
        hello = await database.client.admin.command("hello")
    # What commands answer is decoded without the client's options: naive, though it is UTC as all of BSON's are.
    # Source: PyMongo's `Database.command`, "does not obey this Database's codec_options", read 2026-11-29.
    said: datetime = hello["localTime"]
    return said.replace(tzinfo=UTC)
