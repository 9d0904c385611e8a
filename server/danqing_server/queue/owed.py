"""Voids that are owed: clients were told that these tasks will not run, and MongoDB may hold them all the same.

A hash beside the lanes, id → transition ids with blanks between: requests of one key name one task, and none of
them may have stored what runs. A process that dies before MongoDB lets it void a task leaves it here for the sweep,
by which alone such a task could still come to run; who leads tasks to other lanes leaves it alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

import attrs

from danqing_server.queue.connection import RedisConnection, translated

__all__ = ["Owed", "OwedVoids"]

KEPT_S: Final = 86_400

Owed: TypeAlias = tuple[str, str]
"""The id of a task that is not to run, and the transition id that it was to be stored with."""

_WITHOUT: Final = """
local function without(id, transition) -- the other transition ids that are noted of a task
  local others = {}
  for each in string.gmatch(redis.call('HGET', KEYS[1], id) or '', '%S+') do
    if each ~= transition then table.insert(others, each) end
  end
  return others
end
"""

_NOTE: Final = (
    _WITHOUT
    + """
-- KEYS: the hash; ARGV: for how many seconds it is kept from now on, then ids and transition ids
for at = 2, #ARGV, 2 do
  local noted = without(ARGV[at], ARGV[at + 1])
  table.insert(noted, ARGV[at + 1])
  redis.call('HSET', KEYS[1], ARGV[at], table.concat(noted, ' '))
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""
)

_SETTLE: Final = (
    _WITHOUT
    + """
-- KEYS: the hash; ARGV: ids and transition ids
for at = 1, #ARGV, 2 do
  local left = without(ARGV[at], ARGV[at + 1])
  if #left > 0 then
    redis.call('HSET', KEYS[1], ARGV[at], table.concat(left, ' '))
  else
    redis.call('HDEL', KEYS[1], ARGV[at])
  end
end
"""
)


@attrs.frozen(eq=False)
class OwedVoids:
    """Every method raises QueueUnavailable when Redis does not answer within a second.

    What is noted outlives a failover: a replica has it, too.
    """

    connection: RedisConnection

    async def note(self, owed: Iterable[Owed]) -> None:
        """Note what is not to run."""
        words = _words(owed)
        if words:
            await self.connection.run_for_good(_NOTE, self._key, [KEPT_S, *words])

    async def among(self, ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """Return which of *ids* were noted, with the transition ids that each is not to run with."""
        wanted = list(ids)
        with translated():
            if not wanted or not await self.connection.hot.exists(self._key):
                return {}
            found = await cast("Awaitable[list[Any]]", self.connection.hot.hmget(self._key, wanted))
        return {id_: value.decode().split() for id_, value in zip(wanted, found, strict=True) if value is not None}

    async def settle(self, owed: Iterable[Owed]) -> None:
        """Forget what is voided, or was asked for anew; what else was noted of the same tasks stays."""
        words = _words(owed)
        if words:
            await self.connection.run_at(_SETTLE, self._key, words)

    @property
    def _key(self) -> str:
        return f"{self.connection.prefix}:owed_voids"


def _words(owed: Iterable[Owed]) -> list[str]:
    return [word for pair in owed for word in pair]
