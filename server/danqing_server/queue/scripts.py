"""The Lua scripts of the queue. Each runs atomically on one lane, whose keys share one hash tag.

Keys of a lane, `B` being `{<prefix>:<lane>}`:

| key              | kind   | holds |
|------------------|--------|-------|
| B:ids            | hash   | each id → state (`q`ueued, `d`elayed, `h`eld), then `images,calls:priority:user` |
| B:line:<p>:<u>   | list   | the ids of user u at priority p, next first |
| B:turns:<p>      | list   | the users whose line at priority p is not empty, next first, each once |
| B:later          | zset   | delayed ids by the millisecond they are due |
| B:held:<w>       | set    | the ids that worker w has reserved |
| B:workers        | set    | the workers that have a held set |
| B:last:<w>       | hash   | the nonce of w's last reservation and what it returned |
| B:tick           | string | reservations made, to let every priority have its share |
| B:wake           | list   | tokens that idle fetchers wait for |
| B:gate, B:refused | hash  | what holds the lane back: see `gate_scripts` |
| B:rate:<kind>    | hash   | a token bucket: `tokens` left `at` a millisecond; may be negative |
| B:pace:<minute>  | hash   | tasks finished in that minute, `n`, and the milliseconds they ran, `ms` |

An id that is taken out of `ids` may still stand in a line; `reserve` passes over it. So cancelling costs the same
however long the line is. `p` is `h`, `n` or `l`.

Every time is of Redis' own clock, so that callers whose clocks differ, or are set back, share one. It may be set
back too: what is stored from the future is old, and what is due later than it can have asked for is due anew.

Redis 6.2 is enough: no LMPOP, and TIME may precede writes since effects are replicated (the default since 5.0).
Source: redis.io/docs/latest/commands and /develop/interact/programmability/eval-intro, read 2026-11-28.
"""

from __future__ import annotations

from danqing_server.queue.gate_scripts import TIME

__all__ = [
    "ACKNOWLEDGE",
    "GIVE_BACK",
    "POSITION",
    "PUSH",
    "PUSH_AND_RESERVE",
    "RELEASE",
    "REMOVE",
    "RESERVE",
]

_SHARED = (
    TIME
    + """
local function enqueue(id, p, user, head)
  local line = B .. ':line:' .. p .. ':' .. user
  local length = redis.call(head and 'LPUSH' or 'RPUSH', line, id)
  if length == 1 then redis.call('RPUSH', B .. ':turns:' .. p, user) end
end
local function parts(value)
  local images, p, user = string.match(value, '^.([%d,]+):(%a):(.*)$')
  return images, p, user
end
local function entry(argument) -- `id images,calls priority delay_ms,longest_ms user`
  local id, images, p, delay, longest, user = string.match(argument, '^(%S+) (%S+) (%S+) (%d+),(%d+) (.*)$')
  return id, images, p, tonumber(delay), user, tonumber(longest)
end
local function place(id, images, p, user, delay, head)
  local rest = images .. ':' .. p .. ':' .. user
  if delay > 0 then
    redis.call('HSET', B .. ':ids', id, 'd' .. rest)
    redis.call('ZADD', B .. ':later', now + delay, id)
  else
    redis.call('HSET', B .. ':ids', id, 'q' .. rest)
    enqueue(id, p, user, head)
  end
end
local function wake(count)
  local tokens = redis.call('LLEN', B .. ':wake')
  for _ = tokens + 1, math.min(16, tokens + count) do redis.call('RPUSH', B .. ':wake', '1') end
end
local function give_back(worker, id)
  if redis.call('SREM', B .. ':held:' .. worker, id) == 0 then return 0 end
  local value = redis.call('HGET', B .. ':ids', id)
  if value and string.sub(value, 1, 1) == 'h' then
    local images, p, user = parts(value)
    place(id, images, p, user, 0, true)
  end
  return 1
end
"""
)

_PUSH = """
-- ARGV: an entry for each; answers how many were new, then the length of each one's line
local reply = {0}
for i = 1, #ARGV do
  local id, images, p, delay, user, longest = entry(ARGV[i])
  local known = redis.call('HGET', B .. ':ids', id)
  if not known then
    place(id, images, p, user, delay, false)
    reply[1] = reply[1] + 1
  elseif string.sub(known, 1, 1) == 'd' then
    local due = redis.call('ZSCORE', B .. ':later', id)
    if due and tonumber(due) - now > longest + 1000 then redis.call('ZADD', B .. ':later', now + delay, id) end
  end
  reply[i + 1] = redis.call('LLEN', B .. ':line:' .. p .. ':' .. user)
end
wake(reply[1])
return reply
"""

_RESERVE = """
-- ARGV: worker, nonce, count, images_per_min, calls_per_min; answers ms to wait, 1 if the gate has seen failures,
-- then ids; the same nonce gives the same ids again
local worker, nonce, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
local last = B .. ':last:' .. worker
local gate = read_gate()
local suspect = (gate.state or gate.failures > 0 or redis.call('EXISTS', B .. ':refused') == 1) and 1 or 0
local function answer(wait, ids)
  local reply = {wait, suspect}
  for _, id in ipairs(ids) do reply[#reply + 1] = id end
  return reply
end
if redis.call('HGET', last, 'nonce') == nonce then
  return answer(0, cjson.decode(redis.call('HGET', last, 'ids')))
end
local shut_ms = math.max(gate.held_ms, gate.shut_ms)
if shut_ms > 0 then return answer(shut_ms, {}) end
if gate.state then count = 1 end
local buckets = {}
for i, kind in ipairs({'images', 'calls'}) do
  local per_min = tonumber(ARGV[3 + i])
  if per_min > 0 then
    local key = B .. ':rate:' .. kind
    local stored = redis.call('HMGET', key, 'tokens', 'at')
    local capacity = math.max(1, per_min / 10)
    local tokens = tonumber(stored[1] or capacity)
    local at = tonumber(stored[2] or now)
    if at > now then redis.call('HSET', key, 'at', now) end -- from the future: counted from now on
    tokens = math.min(capacity, tokens + math.max(0, now - at) * per_min / 60000)
    buckets[#buckets + 1] = {i = i, key = key, tokens = tokens, capacity = capacity, per_ms = per_min / 60000}
  end
end
local function ms_until_affordable(costs)
  local wait = 0
  for _, bucket in ipairs(buckets) do
    local lacking = math.min(costs[bucket.i], bucket.capacity) - bucket.tokens
    if lacking > 0.000001 then wait = math.max(wait, math.ceil(lacking / bucket.per_ms)) end
  end
  return wait
end
local wait = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', B .. ':later', '-inf', now, 'LIMIT', 0, 256)) do
  redis.call('ZREM', B .. ':later', id)
  local value = redis.call('HGET', B .. ':ids', id)
  if value and string.sub(value, 1, 1) == 'd' then
    local images, p, user = parts(value)
    place(id, images, p, user, 0, true)
  end
end
local tick = tonumber(redis.call('GET', B .. ':tick') or '0')
local function next_turn()
  local order = {'h', 'n', 'l'}
  if tick % 10 == 9 then order = {'l', 'h', 'n'} elseif tick % 10 == 4 then order = {'n', 'h', 'l'} end
  for _, p in ipairs(order) do
    local user = redis.call('LPOP', B .. ':turns:' .. p)
    if user then return p, user end
  end
end
local taken = {}
for _ = 1, 5000 do
  if #taken >= count then break end
  local p, user = next_turn()
  if not p then break end
  local line = B .. ':line:' .. p .. ':' .. user
  local id, value
  repeat
    id = redis.call('LPOP', line)
    value = id and redis.call('HGET', B .. ':ids', id)
  until not id or (value and string.sub(value, 1, 1) == 'q')
  local costs = {0, 0}
  if id and #buckets > 0 then
    local images, calls = string.match(value, '^.(%d+),(%d+)')
    costs = {tonumber(images), tonumber(calls)}
    wait = ms_until_affordable(costs)
    if wait > 0 then
      redis.call('LPUSH', line, id)
      redis.call('LPUSH', B .. ':turns:' .. p, user)
      break
    end
  end
  if redis.call('EXISTS', line) == 1 then redis.call('RPUSH', B .. ':turns:' .. p, user) end
  if id then
    for _, bucket in ipairs(buckets) do bucket.tokens = bucket.tokens - costs[bucket.i] end
    redis.call('HSET', B .. ':ids', id, 'h' .. string.sub(value, 2))
    redis.call('SADD', B .. ':held:' .. worker, id)
    taken[#taken + 1] = id
    tick = tick + 1
  end
end
if #taken == 0 then
  redis.call('DEL', B .. ':wake')
  return answer(wait, taken)
end
for _, bucket in ipairs(buckets) do
  redis.call('HSET', bucket.key, 'tokens', tostring(bucket.tokens), 'at', now)
end
if gate.state then -- one task tries whether the service is back; the others wait for its report, but not for ever
  redis.call('HSET', B .. ':gate', 'state', 'half', 'until', now + 30000, 'at', now)
end
redis.call('SET', B .. ':tick', tick % 1000000)
redis.call('SADD', B .. ':workers', worker)
redis.call('HSET', last, 'nonce', nonce, 'ids', cjson.encode(taken))
redis.call('EXPIRE', last, 3600)
return answer(0, taken)
"""

PUSH = _SHARED + _PUSH
RESERVE = _SHARED + _RESERVE

PUSH_AND_RESERVE = f"""{_SHARED}
-- ARGV: those of RESERVE, then those of PUSH; answers what PUSH answers, and what RESERVE does
local function push(ARGV) {_PUSH} end
local function reserve(ARGV) {_RESERVE} end
local pushed = push({{unpack(ARGV, 6)}})
local reserved = reserve({{unpack(ARGV, 1, 5)}})
local left = redis.call('EXISTS', B .. ':turns:h', B .. ':turns:n', B .. ':turns:l')
if left == 0 then redis.call('DEL', B .. ':wake') end -- nothing is left for anybody to wake up for
return {{pushed, reserved}}
"""

ACKNOWLEDGE = (
    _SHARED
    + """
-- ARGV: worker, then id, ran_ms, whether a call of it succeeded (1, 0) for each; answers how many were held
local held, ran, ran_ms, well = 0, 0, 0, false
for i = 2, #ARGV, 3 do
  well = well or ARGV[i + 2] == '1'
  if redis.call('SREM', B .. ':held:' .. ARGV[1], ARGV[i]) == 1 then
    redis.call('HDEL', B .. ':ids', ARGV[i])
    held = held + 1
  end
  if tonumber(ARGV[i + 1]) > 0 then
    ran = ran + 1
    ran_ms = ran_ms + tonumber(ARGV[i + 1])
  end
end
if ran > 0 then
  local pace = B .. ':pace:' .. math.floor(now / 60000)
  redis.call('HINCRBY', pace, 'n', ran)
  redis.call('HINCRBY', pace, 'ms', ran_ms)
  redis.call('EXPIRE', pace, 900)
end
if well then note_success() end
return held
"""
)

RELEASE = (
    _SHARED
    + """
-- ARGV: worker, then an entry for each: held no more, first in line
local worker = ARGV[1]
for i = 2, #ARGV do
  local id, images, p, delay, user = entry(ARGV[i])
  local held = redis.call('SREM', B .. ':held:' .. worker, id) == 1
  if held or redis.call('HEXISTS', B .. ':ids', id) == 0 then
    place(id, images, p, user, delay, true)
  end
end
wake(#ARGV - 1)
return 1
"""
)

GIVE_BACK = (
    _SHARED
    + """
-- ARGV: worker, then ids, or none for all it holds; answers how many came back
local ids = {}
for i = 2, #ARGV do ids[#ids + 1] = ARGV[i] end
local all = #ids == 0
if all then ids = redis.call('SMEMBERS', B .. ':held:' .. ARGV[1]) end
local returned = 0
for _, id in ipairs(ids) do returned = returned + give_back(ARGV[1], id) end
if all then
  redis.call('SREM', B .. ':workers', ARGV[1])
  redis.call('DEL', B .. ':last:' .. ARGV[1])
end
wake(returned)
return returned
"""
)

REMOVE = (
    _SHARED
    + """
-- ARGV: id; takes it out unless a worker holds it; answers 1 when it was there
local value = redis.call('HGET', B .. ':ids', ARGV[1])
if not value or string.sub(value, 1, 1) == 'h' then return 0 end
redis.call('HDEL', B .. ':ids', ARGV[1])
redis.call('ZREM', B .. ':later', ARGV[1])
return 1
"""
)

POSITION = """
-- ARGV: id, priority, user; answers state, how many stand before it in its line (-1: unknown), how many users wait,
-- how many of the user's tasks wait
local B = KEYS[1]
local value = redis.call('HGET', B .. ':ids', ARGV[1])
local state = value and string.sub(value, 1, 1) or ''
local line = B .. ':line:' .. ARGV[2] .. ':' .. ARGV[3]
local before = -1
if state == 'q' then before = redis.call('LPOS', line, ARGV[1], 'MAXLEN', 100000) or -1 end
return {state, before, redis.call('LLEN', B .. ':turns:' .. ARGV[2]), redis.call('LLEN', line)}
"""
