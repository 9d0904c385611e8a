"""The Lua scripts of a lane's gate, and what every script of a lane begins with.

A gate is two facts. A *hold* is somebody's wish (the service's rate, the spend limit) and ends with its time. The
*breaker* follows how calls fare: a run of failures, or a refused account, opens it; a success closes it, and never
ends a hold.

| key       | kind | holds |
|-----------|------|-------|
| B:gate    | hash | the hold: `hold_at`, `hold_until`, `hold_reason`; the breaker: `state` (open, half), `at`, |
|           |      | `until`, `reason`, `failures` and `opened` in a row; `limited…`: the task last told to wait |
| B:refused | hash | task id → code of the refusals since the last success that may be of the account |

Times are milliseconds of Redis' own clock. A stretch of time that is stored begins with an `at`: from the future
it is old, the clock was set back since.
"""

from __future__ import annotations

__all__ = ["HOLD", "LOOK", "REPORT", "TIME"]

TIME = """
local B = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function ms_left(since, till) -- of a stretch of time that is stored
  if tonumber(since or '0') > now + 1000 then return 0 end
  return math.max(0, tonumber(till or '0') - now)
end
local function read_gate()
  local names = {'state', 'at', 'until', 'failures', 'hold_at', 'hold_until', 'reason', 'hold_reason'}
  local stored = redis.call('HMGET', B .. ':gate', unpack(names))
  return {
    state = stored[1] or nil, shut_ms = ms_left(stored[2], stored[3]), failures = tonumber(stored[4] or '0'),
    held_ms = ms_left(stored[5], stored[6]), reason = stored[7] or '', hold_reason = stored[8] or ''
  }
end
local function note_success() -- of a call, whoever made it: what failed alone was not the service's fault
  redis.call('DEL', B .. ':refused')
  if redis.call('HEXISTS', B .. ':gate', 'state') == 0 then redis.call('HDEL', B .. ':gate', 'failures') end
end
"""

HOLD = (
    TIME
    + """
-- ARGV: for_ms, reason, then a task id and lone_ms, or nothing. Nothing of the lane is reserved meanwhile; a longer
-- hold stays. A task's wish holds the others back for lone_ms only, until another task is told the same meanwhile.
local gate, for_ms = B .. ':gate', tonumber(ARGV[1])
local task, lone_ms = ARGV[3], tonumber(ARGV[4] or '0')
if task then
  local stored = redis.call('HMGET', gate, 'limited', 'limited_at', 'limited_until')
  local told_another = stored[1] and stored[1] ~= task and ms_left(stored[2], stored[3]) > 0
  redis.call('HSET', gate, 'limited', task, 'limited_at', now, 'limited_until', now + for_ms)
  if not told_another then for_ms = math.min(for_ms, lone_ms) end
end
if read_gate().held_ms < for_ms then
  redis.call('HSET', gate, 'hold_at', now, 'hold_until', now + for_ms, 'hold_reason', ARGV[2])
end
if redis.call('HGET', gate, 'state') == 'half' then -- the one that tried was told to wait: another may try then
  redis.call('HSET', gate, 'at', now, 'until', now)
end
return 1
"""
)

REPORT = (
    TIME
    + """
-- ARGV: kind (success, failure, account, refusal), task id, reason, threshold, first_ms, longest_ms; 1: not closed
local gate, kind, task, reason = B .. ':gate', ARGV[1], ARGV[2], ARGV[3]
if kind == 'success' then
  redis.call('HDEL', gate, 'state', 'at', 'until', 'reason', 'failures', 'opened')
  note_success()
  return 0
end
local breaker = read_gate()
local alike, known = false, false
if kind == 'refusal' then
  local refused = redis.call('HGETALL', B .. ':refused')
  for i = 1, #refused, 2 do
    if refused[i] == task then known = true else alike = alike or refused[i + 1] == reason end
  end
  if #refused < 2000 then redis.call('HSET', B .. ':refused', task, reason) end
  redis.call('EXPIRE', B .. ':refused', 3600)
end
if breaker.state == 'open' and breaker.shut_ms > 0 then return 1 end
local opens = breaker.state or kind == 'account'
if kind == 'refusal' then
  if breaker.state and known then -- nothing new: another task may try at once
    redis.call('HSET', gate, 'at', now, 'until', now)
    return 1
  end
  opens = opens or alike
else
  opens = redis.call('HINCRBY', gate, 'failures', 1) >= tonumber(ARGV[4]) or opens
end
if not opens then return 0 end
local opened = redis.call('HINCRBY', gate, 'opened', 1)
local ms = math.min(tonumber(ARGV[6]), tonumber(ARGV[5]) * 2 ^ math.min(opened - 1, 20))
redis.call('HSET', gate, 'state', 'open', 'at', now, 'until', now + ms, 'reason', reason)
return 1
"""
)

LOOK = (
    TIME
    + """
-- answers the breaker's state, ms it is still shut, reason, failures; ms the lane is still held, reason; then the
-- second of this minute and, for it and each of the four before, how many tasks finished and how many ms they ran
local gate = read_gate()
local minute, second = math.floor(now / 60000), math.floor(now % 60000 / 1000)
local reply = {
  gate.state or '', gate.shut_ms, gate.reason, gate.failures, gate.held_ms, gate.hold_reason, second
}
for back = 0, 4 do
  local pace = redis.call('HMGET', B .. ':pace:' .. (minute - back), 'n', 'ms')
  reply[#reply + 1] = pace[1] or '0'
  reply[#reply + 1] = pace[2] or '0'
end
return reply
"""
)
