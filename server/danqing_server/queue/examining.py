"""What there is to know of a Redis before one dispatches with it: it is asked, and nothing is changed."""

from __future__ import annotations

import time
from typing import Any

import attrs

from danqing_server.queue.connection import RedisConnection, translated

__all__ = ["RedisState", "examine_redis"]


@attrs.frozen(kw_only=True)
class RedisState:
    """What a Redis said. `ahead_s`: its clock before ours. `full`: the part of its memory in use.

    `policy` is what it does when its memory is full, None when it does not say.
    """

    version: str
    is_master: bool
    policy: str | None
    full: float | None
    took_s: float
    ahead_s: float


async def examine_redis(connection: RedisConnection) -> RedisState:
    """Ask. Raises QueueUnavailable."""
    with translated():
        server = await connection.hot.info("server")
        memory = await connection.hot.info("memory")
        replication = await connection.hot.info("replication")
        began_s = time.monotonic()
        seconds, micro = await connection.hot.time()
        took_s = time.monotonic() - began_s
    return RedisState(
        version=str(server["redis_version"]),
        is_master=replication.get("role", "master") == "master",
        policy=memory.get("maxmemory_policy"),
        full=_full(memory),
        took_s=took_s,
        ahead_s=seconds + micro / 1e6 - time.time() + took_s / 2,
    )


def _full(memory: dict[str, Any]) -> float | None:
    most = memory.get("maxmemory") or 0
    return memory["used_memory"] / most if most else None
