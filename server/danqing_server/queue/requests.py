"""How many requests were made within the last minute, by project and by key, over all processes."""

from __future__ import annotations

from urllib.parse import quote

import attrs

from danqing_server.queue.connection import RedisConnection

__all__ = ["RequestCounter"]

_COUNT = """
-- ARGV: how many are allowed in a minute. Answers 0 and counts one more, or in how many milliseconds there is room.
-- The minute before counts by the part of it that is not over yet: so a burst at the turn of two is no double one.
local limit = tonumber(ARGV[1])
local time = redis.call('TIME')
local ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local minute, passed = math.floor(ms / 60000), ms % 60000
local here, before = KEYS[1] .. ':' .. minute, KEYS[1] .. ':' .. (minute - 1)
local now = tonumber(redis.call('GET', here) or '0')
local last = tonumber(redis.call('GET', before) or '0')
if last * (60000 - passed) / 60000 + now + 1 <= limit then
  redis.call('INCR', here)
  redis.call('PEXPIRE', here, 120000)
  return 0
end
if limit < 1 then return 60000 end
if now + 1 <= limit then return math.ceil(60000 - (limit - 1 - now) * 60000 / last) - passed end
return 60000 - passed + math.ceil(60000 - (limit - 1) * 60000 / now)
"""

_TAKE_BACK = """
local time = redis.call('TIME')
local here = KEYS[1] .. ':' .. math.floor(tonumber(time[1]) / 60)
if tonumber(redis.call('GET', here) or '0') > 0 then redis.call('DECR', here) end
return 0
"""


@attrs.frozen
class RequestCounter:
    """Counts in Redis, for who is limited and nobody else."""

    redis: RedisConnection

    async def count(self, whose: str, id_: str, limit: int) -> float:
        """Count a request of the project or key *id_*, and return 0; or the seconds until there is room for one.

        Raises QueueUnavailable.
        """
        base = f"{{{self.redis.prefix}:requests:{whose}:{quote(id_, safe='')}}}"
        wait_ms: int = await self.redis.run_at(_COUNT, base, [limit])
        return wait_ms / 1000

    async def take_back(self, whose: str, id_: str) -> None:
        """Count one less, within the minute in which it was counted. Raises QueueUnavailable."""
        base = f"{{{self.redis.prefix}:requests:{whose}:{quote(id_, safe='')}}}"
        await self.redis.run_at(_TAKE_BACK, base, [])
