"""How a lane is laid out in Redis, and what its scripts begin with. Each runs atomically, on keys of one hash tag.

Keys of a lane, `B` being `{<prefix>:<lane>}:<version>`:

| key               | kind   | holds |
|-------------------|--------|-------|
| B:ids             | hash   | id → state (`q`ueued, `d`elayed, `h`eld), then `images,calls:<p>:<o>:model:<u>` |
| B:line:<p>:<o>:<u>| list   | the ids of owner o's user u at priority p, next first |
| B:users:<p>:<o>   | list   | the users of owner o whose line at priority p is not empty, next first, each once |
| B:owners:<p>      | list   | the owners that have such users, next first, each once |
| B:waits           | hash   | `owner:user` → how many tasks of theirs are queued or delayed |
| B:delays          | hash   | owner → how many of theirs are delayed |
| B:later           | zset   | delayed ids by the millisecond they are due |
| B:held:<w>        | set    | the ids that worker w has reserved |
| B:workers         | set    | the workers that have a held set |
| B:last:<w>        | hash   | the nonce of w's last reservation and what it returned |
| B:tick            | string | reservations made, to let every priority have its share |
| B:wake            | list   | tokens that idle fetchers wait for |
| B:rate:<kind>     | hash   | a token bucket: `tokens` left `at` a millisecond; may be negative |
| B:pace:<minute>   | hash   | tasks finished in that minute, `n`, how long they ran, `ms`, how many failed, `bad` |
| and the gate's    |        | see `gate_scripts` |

An id that is taken out of `ids` may still stand in a line; `reserve` passes over it. So cancelling costs the same
however long the line is. `p` is `h`, `n` or `l`. Owners and models are percent-encoded; users, who may be called
anything, come last.

Every time is of Redis' own clock, so that callers whose clocks differ, or are set back, share one. It may be set
back too: what is stored from the future is old, and what is due later than it can have asked for is due anew.

Whoever changes the layout raises `VERSION`: the queue is then rebuilt from MongoDB under new keys, and `FORGET`
takes the old ones away. Until the last old process ends both stand, and MongoDB lets one start of a task win.

Redis 6.2 is enough: no LMPOP, and TIME may precede writes since effects are replicated (the default since 5.0).
Source: redis.io/docs/latest/commands and /develop/interact/programmability/eval-intro, read 2026-11-28.
"""

from __future__ import annotations

__all__ = ["FORGET", "LINES", "TIME", "VERSION"]

VERSION = 2

TIME = """
local B = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function ms_left(since, till) -- of a stretch of time that is stored
  if tonumber(since or '0') > now + 1000 then return 0 end
  return math.max(0, tonumber(till or '0') - now)
end
"""

LINES = (
    TIME
    + """
local function add(key, field, by)
  local count = redis.call('HINCRBY', B .. key, field, by)
  if count <= 0 then redis.call('HDEL', B .. key, field) end
  return count
end
local function parts(entry) -- without its state
  return string.match(entry, '^[%d,]+:(%a):([^:]*):([^:]*):(.*)$')
end
local function line_of(p, owner, user) return B .. ':line:' .. p .. ':' .. owner .. ':' .. user end
local function enqueue(id, p, owner, user, head)
  if redis.call(head and 'LPUSH' or 'RPUSH', line_of(p, owner, user), id) > 1 then return end
  if redis.call('RPUSH', B .. ':users:' .. p .. ':' .. owner, user) > 1 then return end
  redis.call('RPUSH', B .. ':owners:' .. p, owner)
end
local function delay(id, entry, owner, due)
  redis.call('HSET', B .. ':ids', id, 'd' .. entry)
  redis.call('ZADD', B .. ':later', due, id)
  add(':delays', owner, 1)
end
local function place(id, entry, delay_ms, head) -- a task that does not wait yet; answers how many of its user wait
  local p, owner, _, user = parts(entry)
  if delay_ms > 0 then
    delay(id, entry, owner, now + delay_ms)
  else
    redis.call('HSET', B .. ':ids', id, 'q' .. entry)
    enqueue(id, p, owner, user, head)
  end
  return add(':waits', owner .. ':' .. user, 1)
end
local function read(argument) -- `id delay_ms,longest_ms entry`
  local id, delay_ms, longest_ms, entry = string.match(argument, '^(%S+) (%d+),(%d+) (.*)$')
  return id, entry, tonumber(delay_ms), tonumber(longest_ms)
end
local function wake(count)
  local tokens = redis.call('LLEN', B .. ':wake')
  for _ = tokens + 1, math.min(16, tokens + count) do redis.call('RPUSH', B .. ':wake', '1') end
end
"""
)

FORGET = """
-- KEYS: what the keys of a lane began with in version 1; takes them away
local B = KEYS[1]
if redis.call('EXISTS', B .. ':ids', B .. ':gate', B .. ':workers', B .. ':tick') == 0 then return 0 end
for _, p in ipairs({'h', 'n', 'l'}) do
  for _, user in ipairs(redis.call('LRANGE', B .. ':turns:' .. p, 0, -1)) do
    redis.call('UNLINK', B .. ':line:' .. p .. ':' .. user)
  end
  redis.call('UNLINK', B .. ':turns:' .. p)
end
for _, worker in ipairs(redis.call('SMEMBERS', B .. ':workers')) do
  redis.call('UNLINK', B .. ':held:' .. worker, B .. ':last:' .. worker)
end
for _, key in ipairs({'ids', 'later', 'workers', 'tick', 'wake', 'gate', 'rate:images', 'rate:calls'}) do
  redis.call('UNLINK', B .. ':' .. key)
end
return 1
"""
