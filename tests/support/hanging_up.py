"""How a server of a test's own process ends."""

from __future__ import annotations

from typing import Any

__all__ = ["hang_up"]


async def hang_up(server: Any) -> None:
    """Close *server*, which `listen` returned, with all of its connections.

    Since Python 3.12.1 a server counts as closed when the last of them is, and clients keep theirs.
    Source: docs.python.org/3/library/asyncio-eventloop.html#asyncio.Server.wait_closed, read 2026-11-30.
    """
    await server.before_stop()
    server.close()
    for connection in list(server.connections):
        connection.abort()
    await server.wait_closed()
