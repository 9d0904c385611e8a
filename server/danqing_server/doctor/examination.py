"""All checks together, each for itself: what one cannot look at keeps no other from looking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from danqing_server.doctor.accounts import look_at_accounts
from danqing_server.doctor.configuration import look_at_configuration
from danqing_server.doctor.finding import Finding, wrong
from danqing_server.doctor.machine import look_at_disks, look_at_limits, look_at_storage
from danqing_server.doctor.running import look_at_server
from danqing_server.doctor.servers import look_at_mongodb, look_at_redis

__all__ = ["examine_all"]

LONGEST_S = 15.0


async def examine_all(environment: Mapping[str, str]) -> Sequence[Finding]:
    """Return everything that was found, in the order in which it is to be read."""
    configuration = look_at_configuration(environment)
    settings = configuration.settings
    asked = await asyncio.gather(
        _within("server", look_at_server(settings)),
        _within("mongodb", look_at_mongodb(settings)),
        _within("redis", look_at_redis(settings)),
        _within("storage", look_at_storage(settings)),
        _within("providers", look_at_accounts(configuration.registry)),
    )
    server, mongodb, redis, storage, accounts = asked
    machine = [*look_at_disks(settings), look_at_limits()]
    return [*configuration.findings, *server, *mongodb, *redis, *storage, *machine, *accounts]


async def _within(part: str, looking: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(LONGEST_S):
            return await looking
    except TimeoutError:
        return [wrong(part, f"does not answer within {LONGEST_S:.0f} s", "look at the network between")]
