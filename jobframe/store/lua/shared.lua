-- Prepended to every script: the clock, the keys, the policy numbers, and the few moves that several scripts share.
-- KEYS[1] is <prefix>control, which always exists; KEYS[2] is <prefix>guard, which never does. All other keys are built
-- from the prefix: the two declared ones make a cluster answer TRYAGAIN before any write while a slot moves.
-- ARGV[1] is '' for the server's clock, or milliseconds in a test.
local call = redis.call
local P = string.sub(KEYS[1], 1, -8)
local now_us
if ARGV[1] == '' then
  local time = call('TIME')
  now_us = time[1] * 1000000 + time[2]
else
  now_us = ARGV[1] * 1000
end
local now = math.floor(now_us / 1000)

local CHUNK = 2000        -- values per unpack, well under Lua's limit; even, so that no pair is torn apart
local LOST = 'lost: its payload is gone from the store'
local WEIGHT_OF_DEFAULT = 2
local BOOST = {h = 60000, n = 0, l = -60000} -- effective time = due - boost
local NOBODY = 'unclaimed' -- the lane of types that no worker has announced yet

-- Whole numbers above 1e14 lose digits when Lua writes them itself.
local function whole(number)
  return string.format('%.0f', number)
end

-- call(command, key, values...) in chunks, for a command that writes.
local function variadic(command, key, values)
  for first = 1, #values, CHUNK do
    call(command, key, unpack(values, first, math.min(first + CHUNK - 1, #values)))
  end
end

-- HMGET in chunks.
local function read_fields(key, names)
  if #names <= CHUNK then return call('HMGET', key, unpack(names)) end
  local values = {}
  for first = 1, #names, CHUNK do
    local some = call('HMGET', key, unpack(names, first, math.min(first + CHUNK - 1, #names)))
    for i = 1, #some do values[first + i - 1] = some[i] end
  end
  return values
end

-- The numbers of a type's policy in force: written by announce.lua, in the format that it packs.
local LIMITS = '<BBi4I4I4dddI4dI4I4'
local LIMITS_BYTES = 58
-- Bits of the first byte: paused; priorities other than the type's own were used; it uses resources; its jobs are lined
-- up by groups.
local PAUSED, MIXED, USES, GROUPED = 1, 2, 4, 8

local function unpack_limits(packed)
  if not packed then
    return {paused = false, mixed = true, uses = false, grouped = false, group = math.huge, weight = WEIGHT_OF_DEFAULT, cap = 0, version = 0,
            keep_completed = 10000, keep_result = 3600000, keep_failed = 2592000000, expires = 0, max_waiting = 0, interval = 0,
            burst = 0, lane = NOBODY}
  end
  local flags, weight, cap, version, keep_completed, keep_result, keep_failed, expires, max_waiting, interval, burst, group =
    struct.unpack(LIMITS, packed)
  return {paused = bit.band(flags, PAUSED) > 0, mixed = bit.band(flags, MIXED) > 0, uses = bit.band(flags, USES) > 0,
          grouped = bit.band(flags, GROUPED) > 0, group = group > 0 and group or math.huge,
          weight = weight, cap = cap, version = version,
          keep_completed = keep_completed, keep_result = keep_result, keep_failed = keep_failed, expires = expires,
          max_waiting = max_waiting, interval = interval, burst = burst, lane = string.sub(packed, LIMITS_BYTES + 1)}
end

local function limits(t)
  return unpack_limits(call('HGET', P .. 'limits', t))
end

-- The options of a job: what stands between the 13 digits of its enqueue time and the newline before its envelope.
-- ;g the caller chose the id  ;x<ms> expires  ;p<weight> priority  ;t<group>, 16 hexadecimal digits
-- ;w<ms> window of its key  ;r replace  ;r<ms> its max_wait  ;k<exclusion key>, always the last.
-- The scripts put before these: ;f<ms> first enqueue, of a replaced payload  ;a<id> the job that it stands behind
local NONE = {}
local function parse_options(text)
  if text == '' then return NONE end
  local rest, key = string.match(text, '^(.-);k(.*)$')
  rest = rest or text
  local options = {text = text, key = key, given = string.find(rest, ';g', 1, true) ~= nil,
                   expires = tonumber(string.match(rest, ';x(%d+)')), weight = tonumber(string.match(rest, ';p(%d)')),
                   group = string.match(rest, ';t(%x+)')}
  if key and rest ~= '' then
    options.window, options.max_wait = tonumber(string.match(rest, ';w(%d+)')), tonumber(string.match(rest, ';r(%d+)'))
    options.replace = string.find(rest, ';r', 1, true) ~= nil
    options.first, options.after = tonumber(string.match(rest, ';f(%d+)')), string.match(rest, ';a([^;]+)')
  end
  return options
end

local function payload_options(payload)
  if string.byte(payload, 14) == 10 then return NONE end
  local newline = string.find(payload, '\n', 14, true)
  return newline and parse_options(string.sub(payload, 14, newline - 1)) or NONE -- damaged bytes have none
end

local function set_flags(t, change, flag)
  local packed = call('HGET', P .. 'limits', t)
  if packed then call('HSET', P .. 'limits', t, string.char(change(string.byte(packed), flag)) .. string.sub(packed, 2)) end
end

-- Remember that the type uses other priorities than its own, so that claims look into all three queues.
local function mark_mixed(t, p)
  p.mixed = true
  set_flags(t, bit.bor, MIXED)
end

-- Which of a type's three queues a job is about to stand in: h above, n at, l below the type's own priority. That one
-- may have changed since the job was enqueued.
local function queue_of(t, p, options)
  if not options.weight or options.weight == p.weight then return 'n' end
  if not p.mixed then mark_mixed(t, p) end
  return options.weight > p.weight and 'h' or 'l'
end

-- ''  now   '+<ms>' from now   '@<ms>' at that time
local function due_time(when)
  local mark = string.sub(when, 1, 1)
  if mark == '+' then return now + tonumber(string.sub(when, 2)) end
  if mark == '@' then return tonumber(string.sub(when, 2)) end
  return now
end

local wake_written = {}
-- Wake one worker of the lane. One marker is enough: who finds more work than it can take writes the next.
local function wake(lane)
  if lane == NOBODY or wake_written[lane] then return end
  wake_written[lane] = true
  call('ZADD', P .. 'wake:' .. lane, now, 'm')
end

-- A worker watches the lane's earliest future time with a timer of its own; wake one only for an earlier time.
local function wake_at(lane, when)
  local watched = tonumber(string.match(call('HGET', P .. 'control', 'watch:' .. lane) or '', '^%d+')) or 0
  if watched <= now or when < watched then wake(lane) end
end

-- A type enters its lane's ready index at the lane's virtual time, but not before its own last pass: one that comes and
-- goes, because it is often full or empty, would always be the first.
local function enter(t, lane)
  local passes = call('HMGET', P .. 'passes', t, 'lane:' .. lane)
  call('ZADD', P .. 'ready:' .. lane, 'NX', math.max(tonumber(passes[1] or 0), tonumber(passes[2] or 0)), t)
end

local function earliest(t, p)
  local first = call('ZRANGE', P .. 'queue:' .. t .. ':n', 0, 0, 'WITHSCORES')[2]
  first = first and tonumber(first)
  if p.mixed then
    for _, queue in ipairs({':h', ':l'}) do
      local score = call('ZRANGE', P .. 'queue:' .. t .. queue, 0, 0, 'WITHSCORES')[2]
      if score and (not first or tonumber(score) < first) then first = tonumber(score) end
    end
  end
  return first
end

-- When the next job of a type can start as far as its queues say. Of a grouped type those that have a place in their group
-- can at once, and so can those that a raised limit lets have one.
local function next_due(t, p)
  local first = earliest(t, p)
  if not p.grouped or (first and first <= now) then return first end
  if call('EXISTS', P .. 'turn:' .. t) == 1 or call('ZCOUNT', P .. 'groups:' .. t, '-inf', '(' .. p.group) > 0 then return now end
  return first
end

-- The taken slots of a limited type: its running jobs, and those given back by a process that may not have ended yet.
local function taken_slots(t)
  return call('ZCARD', P .. 'active:' .. t) + call('ZCOUNT', P .. 'leaving:' .. t, now, '+inf')
end

-- When a full type may start a job that is due at `first` without anybody telling: when the next process has surely
-- ended. nil when only a running job can make room: its settling arms the type.
local function next_slot(t, first)
  local until_ = tonumber(call('ZRANGEBYSCORE', P .. 'leaving:' .. t, now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
  return until_ and math.max(first, until_ + 1)
end

-- Resources that types share. What is in use of one is the sum over its users of taken slots times amount: like a slot,
-- it cannot leak. Both are remembered for the length of a script; whoever changes slots before arm() tells it.
local users_, in_use = nil, {}
local function users()
  if users_ then return users_ end
  users_ = {}
  local flat = call('HGETALL', P .. 'uses')
  for i = 1, #flat, 2 do
    local amounts = {}
    for name, amount in string.gmatch(flat[i + 1], '([^:,]+):(%d+)') do amounts[name] = tonumber(amount) end
    users_[flat[i]] = amounts
  end
  return users_
end

local function used_of(name)
  if in_use[name] then return in_use[name] end
  local total = 0
  for t, amounts in pairs(users()) do
    if amounts[name] then total = total + amounts[name] * taken_slots(t) end
  end
  in_use[name] = total
  return total
end

-- How many jobs of a type its resources let start now; less than 1 while more is in use than there is.
local function resources_allow(t)
  local most = math.huge
  for name, amount in pairs(users()[t] or NONE) do
    local free = tonumber(call('HGET', P .. 'resources', name) or 0) - used_of(name)
    most = math.min(most, math.floor(free / amount))
  end
  return most
end

-- The types that use a resource which one of these types uses, those included.
local function sharing(types)
  local names, found = {}, {}
  for t in pairs(types) do
    for name in pairs(users()[t] or NONE) do names[name] = true end
  end
  for t, amounts in pairs(users()) do
    for name in pairs(amounts) do found[t] = found[t] or names[name] end
  end
  return found
end

-- As next_slot, for a type whose resources are used up: any type that shares them may make room.
local function next_share(t, first)
  local soonest
  for other in pairs(sharing({[t] = true})) do
    local at = next_slot(other, first)
    soonest = at and math.min(soonest or at, at) or soonest
  end
  return soonest
end

-- A type with a rate may start jobs while its theoretical arrival time (microseconds) is less than a burst ahead. One that
-- lies further ahead is of another clock or of a slower rate, and is cut to a burst.
local function arrival(t, p)
  local stored, furthest = tonumber(call('HGET', P .. 'rates', t) or 0), now_us + p.interval * p.burst
  if stored > furthest + 1 then
    call('HSET', P .. 'rates', t, whole(furthest))
    return furthest
  end
  return math.max(stored, now_us)
end

-- How many jobs the rate of a type lets start now.
local function rate_allows(t, p)
  return math.floor(p.burst - (arrival(t, p) - now_us) / p.interval)
end

-- When the rate of a type lets the next job start (ms).
local function rate_opens(t, p)
  return math.ceil((arrival(t, p) - (p.burst - 1) * p.interval) / 1000)
end

-- Put the type where it belongs: in `ready` (a due job and a free slot), in `due` (its next due time), or in neither
-- (paused, full or empty). Whatever frees a slot or adds a job calls this, so that no type stays out.
local function arm(t, p)
  local ready, due = P .. 'ready:' .. p.lane, P .. 'due:' .. p.lane
  local first = not p.paused and next_due(t, p)
  if first and p.cap > 0 and taken_slots(t) >= p.cap then first = next_slot(t, first) end
  if first and p.uses and resources_allow(t) < 1 then first = next_share(t, first) end
  if first and p.interval > 0 and rate_allows(t, p) < 1 then first = math.max(first, rate_opens(t, p)) end
  if not first then
    call('ZREM', ready, t)
    call('ZREM', due, t)
  elseif first <= now then
    enter(t, p.lane)
    call('ZREM', due, t)
    wake(p.lane)
  else
    call('ZREM', ready, t)
    call('ZADD', due, first, t)
    wake_at(p.lane, first)
  end
end

-- Slots of these types have become free: their resources make room for all that share them. Comes last in a script.
local function arm_sharing(types)
  if not next(types) then return end
  in_use = {}
  for t in pairs(sharing(types)) do arm(t, limits(t)) end
end

-- Does a record of this job exist? Every live, failed, cancelled or parked job has a payload; a completed one whose id
-- the caller chose stands in `given`.
local function exists(t, id)
  return call('HEXISTS', P .. 'payload:' .. t, id) == 1 or call('ZSCORE', P .. 'given:' .. t, id)
end

local function split_field(field)
  local tab = string.find(field, '\t', 1, true)
  return string.sub(field, 1, tab - 1), string.sub(field, tab + 1)
end

-- held:<worker> values are fence, @, due time, options.
local function split_held(value)
  local fence, due = string.match(value, '^(%d+)@?([^;]*)')
  local options = string.find(value, ';', 1, true)
  return fence, tonumber(due), options and parse_options(string.sub(value, options)) or NONE
end

-- Is it in the fleet? One that was given up but still holds jobs to take back has 0 for the end of its lease.
local function is_member(worker)
  return (tonumber(call('ZSCORE', P .. 'workers', worker)) or 0) > 0
end

-- Has anybody kept house since then? A time still to come was written by another clock.
local function swept_since(time)
  local swept = tonumber(call('HGET', P .. 'control', 'swept')) or 0
  return swept > time and swept <= now
end
