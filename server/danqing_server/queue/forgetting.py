"""Takes all of a queue away: it is rebuilt from MongoDB."""

from __future__ import annotations

import re

from danqing_server.queue.connection import RedisConnection, translated

__all__ = ["forget_all"]

PAGE = 500


async def forget_all(connection: RedisConnection) -> int:
    """Remove every key of the connection's prefix, and return how many there were. Raises QueueUnavailable.

    Source for the patterns: redis.io/docs/latest/commands/scan, read 2026-11-29.
    """
    prefix = re.sub(r"([\\*?\[\]^-])", r"\\\1", connection.prefix)
    removed = 0
    with translated():
        for pattern in (f"{prefix}:*", f"{{{prefix}:*"):
            async for key in connection.hot.scan_iter(match=pattern, count=PAGE):
                removed += await connection.hot.unlink(key)
    return removed
