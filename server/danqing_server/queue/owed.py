"""Voids that are owed: clients were told that these tasks will not run, and MongoDB may hold them all the same.

A hash beside the lanes, id → transition id. A process that dies before MongoDB lets it void a task leaves it here
for the sweep, by which alone such a task could still come to run; who leads tasks to other lanes leaves it alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from typing import Any, Final, cast

import attrs

from danqing_server.queue.connection import RedisConnection, translated

__all__ = ["OwedVoids"]

KEPT_S: Final = 86_400

_NOTE: Final = """
-- KEYS: the hash; ARGV: for how many seconds it is kept from now on, then ids and transition ids
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""


@attrs.frozen(eq=False)
class OwedVoids:
    """Every method raises QueueUnavailable when Redis does not answer within a second."""

    connection: RedisConnection

    async def note(self, owed: Mapping[str, str]) -> None:
        """Note tasks that are not to run, by id, with the transition id that each was to be stored with."""
        pairs = [word for pair in owed.items() for word in pair]
        if pairs:
            await self.connection.run_at(_NOTE, self._key, [KEPT_S, *pairs])

    async def among(self, ids: Collection[str]) -> dict[str, str]:
        """Return which of *ids* were noted, with their transition ids."""
        wanted = list(ids)
        with translated():
            if not wanted or not await self.connection.hot.exists(self._key):
                return {}
            found = await cast("Awaitable[list[Any]]", self.connection.hot.hmget(self._key, wanted))
        return {id_: value.decode() for id_, value in zip(wanted, found, strict=True) if value is not None}

    async def settle(self, ids: Collection[str]) -> None:
        """Forget *ids*: they are voided, or somebody has asked for them anew."""
        if ids:
            with translated():
                await self.connection.hot.hdel(self._key, *ids)

    @property
    def _key(self) -> str:
        return f"{self.connection.prefix}:owed_voids"
