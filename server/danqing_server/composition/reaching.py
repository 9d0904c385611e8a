"""Waiting for the servers that a process needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from danqing_server.errors import ServiceUnavailable
from danqing_server.log import get_logger
from danqing_server.queue.lanes import Queue
from danqing_server.settings.addresses import place_of
from danqing_server.settings.server import Settings

__all__ = ["look_for_redis", "with_mongodb"]

FIRST_PAUSE_S = 0.5

log = get_logger(__name__)


async def with_mongodb(settings: Settings, *steps: Callable[[], Awaitable[None]]) -> None:
    """Take *steps*, waiting for a MongoDB that is not there yet, or goes away meanwhile; each may be repeated."""
    address = place_of(settings.mongo_url or "")
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            for step in steps:
                await step()
        except ServiceUnavailable as error:
            log.warning("waiting_for_mongodb", address=address, reason=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(5.0, pause_s * 2)
        else:
            return


async def look_for_redis(queue: Queue, settings: Settings) -> None:
    """Say so when Redis is not there yet. Nothing waits for it here: `/health` does."""
    try:
        await queue.ping()
    except ServiceUnavailable as error:
        log.warning("waiting_for_redis", address=place_of(settings.redis_url or ""), reason=str(error))
