"""A lane in Redis, as a test holds it: time passes for it by moving every moment that is stored."""

from __future__ import annotations

from danqing_server.queue.connection import RedisConnection

__all__ = ["pass_time"]

MOMENTS = (
    ("gate", ("at", "until", "hold_at", "hold_until")),
    ("rate:images", ("at",)),
    ("rate:calls", ("at",)),
)

SHIFT = """
for _, key in ipairs({':later', ':models', ':limited'}) do
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1] .. key, 0, -1)) do
    redis.call('ZINCRBY', KEYS[1] .. key, -tonumber(ARGV[1]), member)
  end
end
for i = 2, #ARGV, 2 do
  local moment = redis.call('HGET', KEYS[1] .. ':' .. ARGV[i], ARGV[i + 1])
  if moment then
    redis.call('HSET', KEYS[1] .. ':' .. ARGV[i], ARGV[i + 1], string.format('%.0f', moment - ARGV[1]))
  end
end
"""


async def pass_time(connection: RedisConnection, lane: str, seconds: float) -> None:
    """Let *seconds* pass for *lane*, less than none when Redis' clock is set back, by moving all that it stores.

    The lane goes by Redis' own clock, which no test can turn.
    """
    moments = [word for key, fields in MOMENTS for field in fields for word in (key, field)]
    await connection.run(SHIFT, lane, [int(seconds * 1000), *moments])
