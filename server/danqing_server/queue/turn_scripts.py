"""The Lua that takes a lane's tasks for a worker: whose turn it is, and what the service's rates let through."""

from __future__ import annotations

__all__ = ["TAKE_TURNS"]

TAKE_TURNS = """
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
local shut_ms = math.max(gate.held_ms, gate.shut_ms, gate.paused_ms < 0 and 1000 or gate.paused_ms)
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
    local cost = costs[bucket.i]
    local lacking = cost > 0 and math.min(cost, bucket.capacity) - bucket.tokens or 0
    if lacking > 0.000001 then wait = math.max(wait, math.ceil(lacking / bucket.per_ms)) end
  end
  return wait
end
local due = redis.call('ZRANGEBYSCORE', B .. ':later', '-inf', now, 'LIMIT', 0, 256)
for i = #due, 1, -1 do -- the first that was due is first in its line
  redis.call('ZREM', B .. ':later', due[i])
  local value = redis.call('HGET', B .. ':ids', due[i])
  if value and string.sub(value, 1, 1) == 'd' then
    local entry = string.sub(value, 2)
    local p, owner, _, user = parts(entry)
    add(':delays', owner, -1)
    redis.call('HSET', B .. ':ids', due[i], 'q' .. entry)
    enqueue(due[i], p, owner, user, true)
  end
end
local tick = tonumber(redis.call('GET', B .. ':tick') or '0')
local taken = {}
local alone = {} -- priority → its owner, when there is no other: such a ring need not be turned
local function next_turn() -- who is asked now stands at the end of its ring afterwards
  local order = {'h', 'n', 'l'}
  if tick % 10 == 9 then order = {'l', 'h', 'n'} elseif tick % 10 == 4 then order = {'n', 'h', 'l'} end
  for _, p in ipairs(order) do
    local owners = B .. ':owners:' .. p
    local owner = alone[p] or redis.call('LMOVE', owners, owners, 'LEFT', 'RIGHT')
    if owner then
      if not alone[p] and #taken == 1 and redis.call('LLEN', owners) == 1 then alone[p] = owner end
      local users = B .. ':users:' .. p .. ':' .. owner
      return owners, users, redis.call('LMOVE', users, users, 'LEFT', 'RIGHT'), p, owner
    end
  end
end
local models, aside = held_models(), 0
local mine, moved, counts, wait = {}, {}, {}, 0
local passed, tried = {}, gate.state and redis.call('EXISTS', B .. ':tried') == 1
local function pass_over(id, value) -- who was refused already while others wait to try
  if not tried or #passed >= 500 or redis.call('SISMEMBER', B .. ':tried', id) == 0 then return false end
  passed[#passed + 1] = {id = id, entry = string.sub(value, 2)}
  return true
end
local function take()
  for _ = 1, 5000 do
    if #taken >= count or aside >= 500 then break end
    local owners, users, user, p, owner = next_turn()
    if not owners then break end
    local line = line_of(p, owner, user)
    local id, value
    repeat
      id = redis.call('LPOP', line)
      value = id and redis.call('HGET', B .. ':ids', id)
    until not id or (value and string.sub(value, 1, 1) == 'q' and not mine[id] and not pass_over(id, value))
    local costs, held_until = {0, 0}, nil
    if id and models then
      local _, _, model = parts(string.sub(value, 2))
      held_until = models[model]
    end
    if id and #buckets > 0 and not held_until then
      local images, calls = string.match(value, '^.(%d+),(%d+)')
      costs = {tonumber(images), tonumber(calls)}
      wait = ms_until_affordable(costs)
      if wait > 0 then
        redis.call('LPUSH', line, id)
        redis.call('LMOVE', users, users, 'RIGHT', 'LEFT')
        redis.call('LMOVE', owners, owners, 'RIGHT', 'LEFT')
        break
      end
    end
    if redis.call('EXISTS', line) == 0 then
      redis.call('RPOP', users)
      if redis.call('EXISTS', users) == 0 then
        redis.call('RPOP', owners)
        alone[p] = nil
      end
    end
    if held_until then
      delay(id, string.sub(value, 2), owner, held_until)
      aside = aside + 1
    elseif id then
      for _, bucket in ipairs(buckets) do bucket.tokens = bucket.tokens - costs[bucket.i] end
      moved[#moved + 1] = id
      moved[#moved + 1] = 'h' .. string.sub(value, 2)
      taken[#taken + 1] = id
      mine[id] = true
      local who = owner .. ':' .. user
      counts[who] = (counts[who] or 0) + 1
      tick = tick + 1
    end
  end
end
take()
for i = #passed, 1, -1 do
  local p, owner, _, user = parts(passed[i].entry)
  enqueue(passed[i].id, p, owner, user, true)
end
if #passed > 0 and #taken == 0 and wait == 0 and aside < 500 then -- there is nobody else: they begin anew
  redis.call('DEL', B .. ':tried')
  tried = false
  take()
end
if #taken == 0 then
  if aside >= 500 then return answer(1, taken) end -- there may be others behind them
  redis.call('DEL', B .. ':wake')
  return answer(wait, taken)
end
redis.call('HSET', B .. ':ids', unpack(moved))
redis.call('SADD', B .. ':held:' .. worker, unpack(taken))
local users, left, gone = {}, {}, {}
for user in pairs(counts) do users[#users + 1] = user end
for i, stored in ipairs(redis.call('HMGET', B .. ':waits', unpack(users))) do
  local count = tonumber(stored or '0') - counts[users[i]]
  if count > 0 then
    left[#left + 1] = users[i]
    left[#left + 1] = count
  else
    gone[#gone + 1] = users[i]
  end
end
if #left > 0 then redis.call('HSET', B .. ':waits', unpack(left)) end
if #gone > 0 then redis.call('HDEL', B .. ':waits', unpack(gone)) end
for _, bucket in ipairs(buckets) do
  redis.call('HSET', bucket.key, 'tokens', tostring(bucket.tokens), 'at', now)
end
if gate.state then -- one task tries whether the service is back; the others wait for its report, but not for ever
  redis.call('HSET', B .. ':gate', 'state', 'half', 'until', now + 30000, 'at', now)
  tell_turn()
end
redis.call('SET', B .. ':tick', tick % 1000000)
redis.call('SADD', B .. ':workers', worker)
redis.call('HSET', last, 'nonce', nonce, 'ids', cjson.encode(taken))
redis.call('EXPIRE', last, 3600)
return answer(0, taken)
"""
