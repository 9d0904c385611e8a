"""The Lua scripts of a lane's gate, and what the scripts that ask it begin with.

A gate is three facts. A *pause* is a person's, and MongoDB's: what stands here of it is what stops every process
at once. A *hold* is the server's wish (the service's rate, the spend limit) and ends with its time. The *breaker*
follows how calls fare: a run of failures, or a refused account, opens it; a success closes it, and never ends a
hold. So does an answer that asks for fewer requests, of what failures opened: the service is there.

| key       | kind | holds |
|-----------|------|-------|
| B:gate    | hash | the hold: `hold_at`, `hold_until`, `hold_reason`; the breaker: `state` (open, half), `at`, |
|           |      | `until`, `since`, `reason`, `kind` (what opened it), `failures` and `opened` in a row; the |
|           |      | pause: `pause_rev`, the revision in MongoDB that it follows, `pause_at`, `pause_until` (`-`) |
| B:story   | list | `ms word left_ms reason` of each turn of the gate, the oldest first; for a day |
| B:refused | hash | task id → code of the refusals since the last success that may be of the account |
| B:tried   | set  | the tasks that failed, or were refused, while the breaker was not closed: others try first |
| B:models  | zset | the models that are held, by the end of that; the lane's others go on |
| B:told    | hash | model, or nothing for the lane → the task that was last told to wait |
| B:limited | zset | the same, by the end of what it was told |

Whoever follows is told of each turn on the channel `B:turned`. Times are milliseconds of Redis' own clock. A
stretch of time that is stored begins with an `at`: from the future it is old, the clock was set back since. Limits
of the service end within five minutes, or are old as well.
"""

from __future__ import annotations

from danqing_server.queue.layout import TIME

__all__ = ["END_HOLD", "GATE", "HOLD", "LET_TRY", "LOOK", "OPEN", "PAUSE", "PROBE", "REPORT", "STORY"]

GATE = """
local function read_gate()
  local names = {
    'state', 'at', 'until', 'failures', 'hold_at', 'hold_until', 'reason', 'hold_reason', 'pause_at', 'pause_until',
    'since'
  }
  local stored = redis.call('HMGET', B .. ':gate', unpack(names))
  return {
    state = stored[1] or nil, shut_ms = ms_left(stored[2], stored[3]), failures = tonumber(stored[4] or '0'),
    held_ms = ms_left(stored[5], stored[6]), reason = stored[7] or '', hold_reason = stored[8] or '',
    paused_ms = stored[10] == '-' and -1 or ms_left(stored[9], stored[10]), -- -1: without an end
    since = tonumber(stored[11] or stored[2] or '0'), held_since = tonumber(stored[5] or '0')
  }
end
local function tell_turn() redis.call('PUBLISH', B .. ':turned', '') end
local function note_turn(word, left_ms, reason)
  redis.call('RPUSH', B .. ':story', string.format('%.0f %s %.0f %s', now, word, left_ms, reason))
  redis.call('LTRIM', B .. ':story', -300, -1)
  redis.call('PEXPIRE', B .. ':story', 86400000)
  tell_turn()
end
local function limit_left(key, scope) -- ms of what a model, or the lane, was told
  local left = tonumber(redis.call('ZSCORE', B .. key, scope) or '0') - now
  return left <= 300000 and math.max(0, left) or 0
end
local function held_models() -- model → the end of its hold; nil when none is held
  local stored, found = redis.call('ZRANGE', B .. ':models', 0, -1, 'WITHSCORES'), nil
  for i = 1, #stored, 2 do
    local left = stored[i + 1] - now
    if left <= 0 or left > 300000 then
      redis.call('ZREM', B .. ':models', stored[i])
    else
      found = found or {}
      found[stored[i]] = now + left
    end
  end
  return found
end
local function close_breaker()
  if redis.call('HEXISTS', B .. ':gate', 'state') == 1 then note_turn('open', 0, '') end
  redis.call('HDEL', B .. ':gate', 'state', 'at', 'until', 'since', 'reason', 'kind', 'failures', 'opened')
  redis.call('DEL', B .. ':tried')
end
local function note_tried(task) -- others are to try before it does once more: what it met may be its own
  if task == '' or redis.call('SCARD', B .. ':tried') >= 2000 then return end
  redis.call('SADD', B .. ':tried', task)
  redis.call('EXPIRE', B .. ':tried', 3600)
end
local function note_success() -- of a call, whoever made it: what failed alone was not the service's fault
  redis.call('DEL', B .. ':refused')
  if redis.call('HEXISTS', B .. ':gate', 'state') == 0 then redis.call('HDEL', B .. ':gate', 'failures') end
end
"""

LET_TRY = """
if redis.call('HGET', B .. ':gate', 'state') == 'half' then -- who tried brings no verdict: another may
  redis.call('HSET', B .. ':gate', 'at', now, 'until', now)
end
"""

HOLD = (
    TIME
    + GATE
    + """
-- ARGV: for_ms, reason, model or nothing for the lane, task id or nothing, lone_ms. Nothing of it is reserved
-- meanwhile; a longer hold stays. A task's wish holds others back for lone_ms only, until another is told alike.
local gate, for_ms, reason, model, task = B .. ':gate', tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
if task ~= '' then
  local before = redis.call('HGET', B .. ':told', model)
  local told_another = before and before ~= task and limit_left(':limited', model) > 0
  redis.call('HSET', B .. ':told', model, task)
  redis.call('ZADD', B .. ':limited', now + for_ms, model)
  for _, key in ipairs({':told', ':limited'}) do redis.call('EXPIRE', B .. key, 3600) end
  if not told_another then for_ms = math.min(for_ms, tonumber(ARGV[5])) end
  if redis.call('HGET', gate, 'kind') == 'failure' then close_breaker() end
end
if model ~= '' then
  if limit_left(':models', model) < for_ms then redis.call('ZADD', B .. ':models', now + for_ms, model) end
else
  local held_ms = read_gate().held_ms
  if held_ms < for_ms then
    redis.call('HSET', gate, 'hold_at', now, 'hold_until', now + for_ms, 'hold_reason', reason)
    if held_ms == 0 and for_ms >= 10000 then note_turn('held', for_ms, reason) end -- shorter ones are no story
  end
end
"""
    + LET_TRY
    + """
return 1
"""
)

REPORT = (
    TIME
    + GATE
    + """
-- ARGV: kind (success, failure, account, refusal), task id, reason, threshold, first_ms, longest_ms; 1: not closed
local gate, kind, task, reason = B .. ':gate', ARGV[1], ARGV[2], ARGV[3]
if kind == 'success' then
  close_breaker()
  note_success()
  return 0
end
local breaker = read_gate()
if breaker.state then note_tried(task) end
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
redis.call('HSET', gate, 'state', 'open', 'at', now, 'until', now + ms, 'reason', reason, 'kind', kind)
if breaker.state then
  tell_turn()
else
  redis.call('HSET', gate, 'since', now)
  note_tried(task)
  note_turn('closed', ms, reason)
end
return 1
"""
)

LOOK = (
    TIME
    + GATE
    + """
-- answers the breaker's state, ms it is still shut, reason, failures; ms the lane is still held, reason; ms it is
-- still paused (-1: without an end); how many ms the breaker is not closed, and the hold holds; then the
-- second of this minute and, for it and each of the four before, how many tasks finished and how many ms they ran;
-- then each held model and how many ms it is still held
local gate = read_gate()
local minute, second = math.floor(now / 60000), math.floor(now % 60000 / 1000)
local reply = {
  gate.state or '', gate.shut_ms, gate.reason, gate.failures, gate.held_ms, gate.hold_reason, gate.paused_ms,
  math.max(0, now - gate.since), math.max(0, now - gate.held_since), second
}
for back = 0, 4 do
  local pace = redis.call('HMGET', B .. ':pace:' .. (minute - back), 'n', 'ms')
  reply[#reply + 1] = pace[1] or '0'
  reply[#reply + 1] = pace[2] or '0'
end
for model, till in pairs(held_models() or {}) do
  reply[#reply + 1] = model
  reply[#reply + 1] = till - now
end
return reply
"""
)

PAUSE = (
    TIME
    + GATE
    + """
-- ARGV: revision, ms until its end (-1: without one, 0: it is no pause any more); an older one changes nothing;
-- answers 1 when that was news
local gate, revision, ms = B .. ':gate', tonumber(ARGV[1]), tonumber(ARGV[2])
local known = tonumber(redis.call('HGET', gate, 'pause_rev') or '0')
local is_news = known < revision
if known > revision or (ms == 0 and not is_news) then return 0 end -- one that has an end ends by our own clock
redis.call('HSET', gate, 'pause_rev', revision)
if ms == 0 then
  redis.call('HDEL', gate, 'pause_at', 'pause_until')
else
  redis.call('HSET', gate, 'pause_at', now, 'pause_until', ms < 0 and '-' or now + ms)
end
if is_news then tell_turn() end
return is_news and 1 or 0
"""
)

PROBE = (
    TIME
    + GATE
    + """
-- lets one task try at once; answers 0 when the breaker is closed: nothing is to be tried
if redis.call('HEXISTS', B .. ':gate', 'state') == 0 then return 0 end
redis.call('HSET', B .. ':gate', 'state', 'open', 'at', now, 'until', now)
tell_turn()
return 1
"""
)

OPEN = (
    TIME
    + GATE
    + """
-- forgets what shuts the lane: the breaker, what it has seen, and every hold
close_breaker()
redis.call('HDEL', B .. ':gate', 'hold_at', 'hold_until', 'hold_reason')
for _, key in ipairs({':refused', ':models', ':told', ':limited'}) do redis.call('DEL', B .. key) end
tell_turn()
return 1
"""
)

END_HOLD = (
    TIME
    + GATE
    + """
-- ARGV: reason; ends the lane's hold if it holds for that reason, and answers 1 then
local gate = read_gate()
if gate.held_ms == 0 or gate.hold_reason ~= ARGV[1] then return 0 end
redis.call('HDEL', B .. ':gate', 'hold_at', 'hold_until', 'hold_reason')
if gate.state then tell_turn() else note_turn('open', 0, '') end
return 1
"""
)

STORY = (
    TIME
    + """
-- answers the time, each turn of the gate, and of each minute of the last hour, latest first, how many tasks ended
-- and how many of them failed
local reply, minute = {now, redis.call('LRANGE', B .. ':story', 0, -1)}, math.floor(now / 60000)
for back = 0, 59 do
  local pace = redis.call('HMGET', B .. ':pace:' .. (minute - back), 'n', 'bad')
  reply[#reply + 1] = pace[1] or '0'
  reply[#reply + 1] = pace[2] or '0'
end
return reply
"""
)
