"""MongoDB's clock: the one that every process of ours tells the time by."""

from __future__ import annotations

from danqing_server.clock import SteadyTime
from danqing_server.store.client import Database, translated

__all__ = ["LISTEN_EVERY_S", "listen"]

LISTEN_EVERY_S = 60.0


async def listen(database: Database, time: SteadyTime) -> None:
    """Set *time* by MongoDB's clock, right to half of what the question took.

    `hello` tells `localTime`, "the time at which the MongoDB server received it" (manual, `hello`, 2026-11-28).

    Raises:
        StoreUnavailable: MongoDB did not answer.
    """
    began_s = time.monotonic_s()
    with translated():
        hello = await database.client.admin.command("hello")
    took_s = time.monotonic_s() - began_s
    time.hear(hello["localTime"].timestamp() + took_s / 2)
