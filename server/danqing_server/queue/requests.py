"""How many requests were made within the last minute, by project and by key, over all processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from urllib.parse import quote

import attrs

from danqing_server.errors import QueueUnavailable
from danqing_server.loops.batching import Batcher
from danqing_server.queue.connection import RedisConnection

__all__ = ["RequestCounter"]

_COUNT = """
-- ARGV: how many are allowed in a minute, and how many ask. Counts those for whom there is room, answers how many
-- they are, and in how many milliseconds there is room for one more.
-- The minute before counts by the part of it that is not over yet: so a burst at the turn of two is no double one.
local limit, asked = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local minute, passed = math.floor(ms / 60000), ms % 60000
local here, before = KEYS[1] .. ':' .. minute, KEYS[1] .. ':' .. (minute - 1)
local now = tonumber(redis.call('GET', here) or '0')
local last = tonumber(redis.call('GET', before) or '0')
local room = math.floor(limit - last * (60000 - passed) / 60000 - now)
local granted = math.max(0, math.min(asked, room))
if granted > 0 then
  now = redis.call('INCRBY', here, granted)
  redis.call('PEXPIRE', here, 120000)
end
if granted == asked then return {granted, 0} end
if limit < 1 then return {0, 60000} end
if now + 1 <= limit then return {granted, math.ceil(60000 - (limit - 1 - now) * 60000 / last) - passed} end
return {granted, 60000 - passed + math.ceil(60000 - (limit - 1) * 60000 / now)}
"""

_TAKE_BACK = """
local time = redis.call('TIME')
local here = KEYS[1] .. ':' .. math.floor(tonumber(time[1]) / 60)
if tonumber(redis.call('GET', here) or '0') > 0 then redis.call('DECR', here) end
return 0
"""


@attrs.define(eq=False)
class RequestCounter:
    """Counts in Redis, for who is limited and nobody else; those who ask at once, by one command for each key.

    A crowd would otherwise open as many connections as the pool has, and the rest of it wait for one in vain.
    """

    redis: RedisConnection
    _asking: Batcher[tuple[str, int], float] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._asking = Batcher(self._count_batch)

    async def count(self, whose: str, id_: str, limit: int) -> float:
        """Count a request of the project or key *id_*, and return 0; or the seconds until there is room for one.

        Raises QueueUnavailable.
        """
        return await self._asking.submit((self._base(whose, id_), limit))

    async def _count_batch(self, asked: Sequence[tuple[str, int]]) -> list[float | Exception]:
        """Return for each what `count` does; the first of those who ask for the same are granted."""
        crowds = Counter(asked)
        answers = await asyncio.gather(*(self._count(*crowd) for crowd in crowds.items()))
        left = dict(zip(crowds, answers, strict=True))
        return [next(left[each]) for each in asked]

    async def _count(self, what: tuple[str, int], asked: int) -> Iterator[float | Exception]:
        base, limit = what
        try:
            granted, wait_ms = await self.redis.run_at(_COUNT, base, [limit, asked])
        except QueueUnavailable as error:
            return repeat(error)
        return chain(repeat(0.0, granted), repeat(wait_ms / 1000))

    async def take_back(self, whose: str, id_: str) -> None:
        """Count one less, within the minute in which it was counted. Raises QueueUnavailable."""
        await self.redis.run_at(_TAKE_BACK, self._base(whose, id_), [])

    def _base(self, whose: str, id_: str) -> str:
        return f"{{{self.redis.prefix}:requests:{whose}:{quote(id_, safe='')}}}"
