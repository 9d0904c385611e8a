"""The Lua scripts that move a lane's tasks; see `layout` for its keys."""

from __future__ import annotations

from danqing_server.queue.gate_scripts import GATE, LET_TRY
from danqing_server.queue.layout import LINES
from danqing_server.queue.turn_scripts import TAKE_TURNS

__all__ = [
    "ACKNOWLEDGE",
    "DEPTH",
    "GIVE_BACK",
    "POSITION",
    "PUSH",
    "PUSH_AND_RESERVE",
    "RELEASE",
    "REMOVE",
    "RESERVE",
    "TURNS",
    "WAKE",
]

_PUSH = """
-- ARGV: an entry for each, at most some thousand; answers how many were new, then how many tasks of each one's user
-- wait. A known one that is due later than it may be, of itself or set aside by us (five minutes), is so since the
-- clock was set back.
local whole = '^(%S+) (%d+),(%d+) ([%d,]+:(%a):([^:]*):[^:]*:(.*))$'
local tasks, ids, users, counts = {}, {}, {}, {} -- read and written together: a command costs more than its work
for i = 1, #ARGV do
  local id, delay_ms, longest_ms, entry, p, owner, user = string.match(ARGV[i], whole) -- `read` and `parts` at once
  local who = owner .. ':' .. user
  ids[i] = id
  tasks[i] = {entry = entry, p = p, owner = owner, user = user, who = who, delay_ms = tonumber(delay_ms),
    longest_ms = tonumber(longest_ms)}
  if not counts[who] then
    counts[who] = 0
    users[#users + 1] = who
  end
end
local known = redis.call('HMGET', B .. ':ids', unpack(ids))
for i, count in ipairs(redis.call('HMGET', B .. ':waits', unpack(users))) do
  counts[users[i]] = tonumber(count or '0')
end
local reply, rows, added, grown = {0}, {}, {}, {}
for i, task in ipairs(tasks) do
  local id = ids[i]
  if not known[i] and not added[id] then
    reply[1] = reply[1] + 1
    added[id], grown[task.who] = true, true
    counts[task.who] = counts[task.who] + 1
    if task.delay_ms > 0 then
      delay(id, task.entry, task.owner, now + task.delay_ms)
    else
      rows[#rows + 1] = id
      rows[#rows + 1] = 'q' .. task.entry
      enqueue(id, task.p, task.owner, task.user, false)
    end
  elseif known[i] and string.sub(known[i], 1, 1) == 'd' then
    local due = redis.call('ZSCORE', B .. ':later', id)
    local longest_ms = math.max(task.longest_ms, 300000) + 1000
    if due and due - now > longest_ms then redis.call('ZADD', B .. ':later', now + task.delay_ms, id) end
  end
  reply[i + 1] = counts[task.who]
end
if #rows > 0 then redis.call('HSET', B .. ':ids', unpack(rows)) end
local changed = {}
for who in pairs(grown) do
  changed[#changed + 1] = who
  changed[#changed + 1] = counts[who]
end
if #changed > 0 then redis.call('HSET', B .. ':waits', unpack(changed)) end
wake(reply[1])
return reply
"""

PUSH = LINES + _PUSH
RESERVE = LINES + GATE + TAKE_TURNS

PUSH_AND_RESERVE = f"""{LINES}{GATE}
-- ARGV: those of RESERVE, then those of PUSH; answers what PUSH answers, and what RESERVE does
local function push(ARGV) {_PUSH} end
local function reserve(ARGV) {TAKE_TURNS} end
local pushed = push({{unpack(ARGV, 6)}})
local reserved = reserve({{unpack(ARGV, 1, 5)}})
local left = redis.call('EXISTS', B .. ':owners:h', B .. ':owners:n', B .. ':owners:l')
if left == 0 then redis.call('DEL', B .. ':wake') end -- nothing is left for anybody to wake up for
return {{pushed, reserved}}
"""

ACKNOWLEDGE = (
    LINES
    + GATE
    + """
-- ARGV: worker, then id, ran_ms, how it ended for each (1: a call of it succeeded, 2: it failed, 3: both); answers
-- how many were held
local held, ran, ran_ms, bad, well = 0, 0, 0, 0, false
for i = 2, #ARGV, 3 do
  local ended = tonumber(ARGV[i + 2])
  well = well or ended % 2 == 1
  if redis.call('SREM', B .. ':held:' .. ARGV[1], ARGV[i]) == 1 then
    redis.call('HDEL', B .. ':ids', ARGV[i])
    held = held + 1
  end
  if tonumber(ARGV[i + 1]) > 0 then
    ran = ran + 1
    ran_ms = ran_ms + tonumber(ARGV[i + 1])
    if ended >= 2 then bad = bad + 1 end
  end
end
if ran > 0 then
  local pace = B .. ':pace:' .. math.floor(now / 60000)
  redis.call('HINCRBY', pace, 'n', ran)
  redis.call('HINCRBY', pace, 'ms', ran_ms)
  if bad > 0 then redis.call('HINCRBY', pace, 'bad', bad) end
  redis.call('EXPIRE', pace, 3900)
end
if well then
  note_success()
  return held
end
"""
    + LET_TRY
    + """
return held
"""
)

RELEASE = (
    LINES
    + """
-- ARGV: worker, then an entry for each: held no more, first in line
for i = 2, #ARGV do
  local id, entry, delay_ms = read(ARGV[i])
  local held = redis.call('SREM', B .. ':held:' .. ARGV[1], id) == 1
  if held or redis.call('HEXISTS', B .. ':ids', id) == 0 then place(id, entry, delay_ms, true) end
end
wake(#ARGV - 1)
"""
    + LET_TRY
    + """
return 1
"""
)

GIVE_BACK = (
    LINES
    + """
-- ARGV: worker, delay_ms, then ids, or none for all it holds; answers how many came back
local delay_ms = tonumber(ARGV[2])
local held = B .. ':held:' .. ARGV[1]
local ids = {}
for i = 3, #ARGV do ids[#ids + 1] = ARGV[i] end
local all = #ids == 0
if all then ids = redis.call('SMEMBERS', held) end
local returned = 0
for _, id in ipairs(ids) do
  local value = redis.call('HGET', B .. ':ids', id)
  if redis.call('SREM', held, id) == 1 then
    returned = returned + 1
    if value and string.sub(value, 1, 1) == 'h' then place(id, string.sub(value, 2), delay_ms, true) end
  end
end
if all then
  redis.call('SREM', B .. ':workers', ARGV[1])
  redis.call('DEL', B .. ':last:' .. ARGV[1])
end
wake(returned)
"""
    + LET_TRY
    + """
return returned
"""
)

REMOVE = (
    LINES
    + """
-- ARGV: ids; takes those out that no worker holds; answers how many were there
local removed = 0
for _, id in ipairs(ARGV) do
  local value = redis.call('HGET', B .. ':ids', id)
  if value and string.sub(value, 1, 1) ~= 'h' then
    local _, owner, _, user = parts(string.sub(value, 2))
    redis.call('HDEL', B .. ':ids', id)
    if redis.call('ZREM', B .. ':later', id) == 1 then add(':delays', owner, -1) end
    add(':waits', owner .. ':' .. user, -1)
    removed = removed + 1
  end
end
return removed
"""
)

POSITION = (
    LINES
    + """
-- ARGV: an entry; answers state, how many stand before it in its line (-1: unknown), how many users of its owner
-- take turns, how many owners do
local id, entry = read(ARGV[1])
local p, owner, _, user = parts(entry)
local value = redis.call('HGET', B .. ':ids', id)
local state = value and string.sub(value, 1, 1) or ''
local before = -1
if state == 'q' then before = redis.call('LPOS', line_of(p, owner, user), id, 'MAXLEN', 100000) or -1 end
local users = redis.call('LLEN', B .. ':users:' .. p .. ':' .. owner)
return {state, before, users, redis.call('LLEN', B .. ':owners:' .. p)}
"""
)

DEPTH = (
    LINES
    + """
-- ARGV: soon_ms; answers how many tasks the lane knows, how many are delayed, of these due soon, how many are held
local held = 0
for _, worker in ipairs(redis.call('SMEMBERS', B .. ':workers')) do
  held = held + redis.call('SCARD', B .. ':held:' .. worker)
end
local later = B .. ':later'
local soon = redis.call('ZCOUNT', later, '-inf', now + tonumber(ARGV[1]))
return {redis.call('HLEN', B .. ':ids'), redis.call('ZCARD', later), soon, held}
"""
)

WAKE = f"""{LINES}
wake(16)
return 1
"""

TURNS = (
    LINES
    + """
-- ARGV: `owner:user` of each that waits; answers after how many turns of others each one's comes, -1: it has none.
-- That of the highest priority it waits at; users of an owner count as if each owner had as many.
local reply, rings = {}, {}
local function ring(key)
  rings[key] = rings[key] or redis.call('LRANGE', B .. key, 0, 1999)
  return rings[key]
end
local function place(list, wanted)
  for i, each in ipairs(list) do if each == wanted then return i - 1 end end
end
for i, name in ipairs(ARGV) do
  local owner, user = string.match(name, '^([^:]*):(.*)$')
  reply[i] = -1
  local before = 0
  for _, p in ipairs({'h', 'n', 'l'}) do
    local owners = ring(':owners:' .. p)
    local mine = place(owners, owner)
    local turn = mine and place(ring(':users:' .. p .. ':' .. owner), user)
    if turn then
      reply[i] = before + turn * #owners + mine
      break
    end
    before = before + #owners
  end
end
return reply
"""
)
