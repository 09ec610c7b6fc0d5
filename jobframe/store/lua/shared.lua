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
local GIVEN_KEPT = 600000 -- a job whose id the caller chose keeps its record this long after its end
local LOST = 'lost: its payload is gone from the store'
local POISON_CRASHES = 3
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
local LIMITS = '<BBi4I4I4dddI4dI4'
local LIMITS_BYTES = 54
local PAUSED, MIXED = 1, 2 -- bits of the first byte: paused; priorities other than the type's own were used

local function unpack_limits(packed)
  if not packed then
    return {paused = false, mixed = true, weight = WEIGHT_OF_DEFAULT, cap = 0, version = 0,
            keep_completed = 10000, keep_result = 3600000, keep_failed = 2592000000, expires = 0, max_waiting = 0, interval = 0,
            burst = 0, lane = NOBODY}
  end
  local flags, weight, cap, version, keep_completed, keep_result, keep_failed, expires, max_waiting, interval, burst =
    struct.unpack(LIMITS, packed)
  return {paused = flags % 2 == 1, mixed = flags >= MIXED, weight = weight, cap = cap, version = version,
          keep_completed = keep_completed, keep_result = keep_result, keep_failed = keep_failed, expires = expires,
          max_waiting = max_waiting, interval = interval, burst = burst, lane = string.sub(packed, LIMITS_BYTES + 1)}
end

local function limits(t)
  return unpack_limits(call('HGET', P .. 'limits', t))
end

-- The options of a job: what stands between the 13 digits of its enqueue time and the newline before its envelope.
-- ;g the caller chose the id  ;x<ms> expires  ;p<weight> priority  ;k<exclusion key>, always the last
local NONE = {}
local function parse_options(text)
  if text == '' then return NONE end
  local rest, key = string.match(text, '^(.-);k(.*)$')
  rest = rest or text
  return {text = text, key = key, given = string.find(rest, ';g', 1, true) ~= nil,
          expires = tonumber(string.match(rest, ';x(%d+)')), weight = tonumber(string.match(rest, ';p(%d)'))}
end

local function payload_options(payload)
  if string.byte(payload, 14) == 10 then return NONE end
  local newline = string.find(payload, '\n', 14, true)
  return newline and parse_options(string.sub(payload, 14, newline - 1)) or NONE -- damaged bytes have none
end

-- Remember that the type uses other priorities than its own, so that claims look into all three queues.
local function mark_mixed(t, p)
  p.mixed = true
  local packed = call('HGET', P .. 'limits', t)
  if packed then
    local flags = string.byte(packed)
    if flags < MIXED then call('HSET', P .. 'limits', t, string.char(flags + MIXED) .. string.sub(packed, 2)) end
  end
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

-- Jobs that wait for their start, due or not.
local function queue_length(t)
  local queue = P .. 'queue:' .. t
  return call('ZCARD', queue .. ':n') + call('ZCARD', queue .. ':h') + call('ZCARD', queue .. ':l')
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
  local first = not p.paused and earliest(t, p)
  if first and p.cap > 0 and taken_slots(t) >= p.cap then first = next_slot(t, first) end
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

-- Does a record of this job exist? Every live, failed, cancelled or parked job has a payload; a completed one whose id
-- the caller chose stands in `given`.
local function exists(t, id)
  return call('HEXISTS', P .. 'payload:' .. t, id) == 1 or call('ZSCORE', P .. 'given:' .. t, id)
end

-- Which live job has this exclusion key? A holder whose payload is gone from the store holds nothing.
local function holder_of(t, key)
  local id = call('HGET', P .. 'keys:' .. t, key)
  return id and call('HEXISTS', P .. 'payload:' .. t, id) == 1 and id or nil
end

-- Enqueue n jobs of one type, given flat as id, when, options .. '\n' .. envelope.
-- Appends to answers, per job: 1 when it was made, else the id of the job that stands in its place.
local function put(t, p, args, at, n, answers)
  local queues, payloads, stamp = {h = {}, n = {}, l = {}}, {}, whole(now)
  local made, keys, due_now, future = {}, {}, false, nil
  for i = at, at + 3 * (n - 1), 3 do
    local id, when, tail = args[i], args[i + 1], args[i + 2]
    local options = NONE
    if string.byte(tail) ~= 10 then options = parse_options(string.sub(tail, 1, string.find(tail, '\n', 1, true) - 1)) end
    local other = options.given and (made[id] or exists(t, id)) and id
    if not other and options.key then other = keys[options.key] or holder_of(t, options.key) end
    if other then
      answers[#answers + 1] = other
    else
      if options.key then
        keys[options.key] = id
        call('HSET', P .. 'keys:' .. t, options.key, id)
      end
      local due, queue = due_time(when), queues[queue_of(t, p, options)]
      if due <= now then due_now = true elseif not future or due < future then future = due end
      queue[#queue + 1], queue[#queue + 2] = due, id
      payloads[#payloads + 1], payloads[#payloads + 2] = id, stamp .. tail
      made[id] = true
      answers[#answers + 1] = 1
    end
  end
  if #payloads == 0 then return end
  variadic('HSET', P .. 'payload:' .. t, payloads)
  for level, queue in pairs(queues) do variadic('ZADD', P .. 'queue:' .. t .. ':' .. level, queue) end
  if p.paused then return end
  if due_now then
    if p.cap > 0 or p.interval > 0 then return arm(t, p) end
    enter(t, p.lane)
    wake(p.lane)
  end
  if future then
    call('ZADD', P .. 'due:' .. p.lane, 'LT', future, t)
    wake_at(p.lane, future)
  end
end

-- Tell the clients that wait for these jobs (given as T\tU) that they have ended.
local function announce_ends(fields)
  if #fields == 0 or call('EXISTS', P .. 'waiters') == 0 then return end
  for first = 1, #fields, CHUNK do
    local last = math.min(first + CHUNK - 1, #fields)
    local waiting = call('HMGET', P .. 'waiters', unpack(fields, first, last))
    for i, clients in ipairs(waiting) do
      if clients then
        for client in string.gmatch(clients, '[^,]+') do call('PUBLISH', P .. 'ended:' .. client, fields[first + i - 1]) end
        call('HDEL', P .. 'waiters', fields[first + i - 1])
      end
    end
  end
end

-- Free the exclusion key of a job that ends.
local function release_key(t, id, options)
  if options.key and call('HGET', P .. 'keys:' .. t, options.key) == id then call('HDEL', P .. 'keys:' .. t, options.key) end
end

-- Drop all that is kept of ended jobs.
local function forget(t, state, ids)
  if #ids == 0 then return end
  for _, key in ipairs({'payload:', 'record:', 'reason:', 'result:'}) do variadic('HDEL', P .. key .. t, ids) end
  variadic('ZREM', P .. state .. ':' .. t, ids)
end

-- Drop the oldest ended jobs beyond what the policy keeps, by age and by count, at most n each. Only plain completed
-- jobs can go at once: the id of any other may have been chosen by its caller.
local function trim(t, p, state, n)
  local index, least = P .. state .. ':' .. t, state == 'completed' and 0 or GIVEN_KEPT
  local keep = math.max(state == 'failed' and p.keep_failed or p.keep_result, least)
  forget(t, state, call('ZRANGEBYSCORE', index, '-inf', now - keep, 'LIMIT', 0, n))
  local over = state == 'failed' and 0 or math.min(call('ZCARD', index) - p.keep_completed, n)
  if over <= 0 then return end
  if state == 'completed' and call('EXISTS', P .. 'result:' .. t, P .. 'record:' .. t) == 0 then
    call('ZREMRANGEBYRANK', index, 0, over - 1)
  else
    forget(t, state, call('ZRANGEBYSCORE', index, '-inf', now - least, 'LIMIT', 0, over))
  end
end

-- The same for all states in which a job ends.
local function retain(t, p, n)
  for _, state in ipairs({'completed', 'given', 'cancelled', 'failed'}) do trim(t, p, state, n) end
end

-- End jobs as failed, cancelled or parked: ids and reasons side by side; the payload stays for inspection and replay.
local function end_kept(t, state, ids, reasons)
  if #ids == 0 then return end
  local scored, pairs_ = {}, {}
  for i, id in ipairs(ids) do
    scored[2 * i - 1], scored[2 * i] = now, id
    pairs_[2 * i - 1], pairs_[2 * i] = id, reasons[i]
  end
  variadic('ZADD', P .. state .. ':' .. t, scored)
  variadic('HSET', P .. 'reason:' .. t, pairs_)
  call('HINCRBY', P .. 'counters:' .. t, state, #ids)
  if state == 'failed' then
    call('HINCRBY', P .. 'counters:' .. t, 'failed:' .. math.floor(now / 86400000), #ids)
  end
end

-- record: attempts,crashes,interrupts,snoozes|history; absent while all are 0.
local COUNT_OF = {crashed = 2, interrupted = 3}
local function counted(record, counter)
  local a, c, i, s, rest = string.match(record or '', '^(%d+),(%d+),(%d+),(%d+)(.*)$')
  local counts = {tonumber(a) or 0, tonumber(c) or 0, tonumber(i) or 0, tonumber(s) or 0}
  counts[COUNT_OF[counter]] = counts[COUNT_OF[counter]] + 1
  return table.concat(counts, ',') .. (rest or '|[]'), counts
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

-- Take up to n jobs from a worker that is gone (counter crashed) or goes (interrupted), back to where they stood in
-- their queues; a job with a pending cancel ends as cancelled, one at its third crash as failed. Returns how many.
local function take_back(worker, counter, n)
  local held, cancels = P .. 'held:' .. worker, P .. 'cancels:' .. worker
  local fields = call('HGETALL', held)
  local policies, ended, taken = {}, {}, math.min(n, #fields / 2)
  for i = 1, 2 * taken, 2 do
    local field = fields[i]
    local t, id = split_field(field)
    local _, due, options = split_held(fields[i + 1])
    local p = policies[t] or limits(t)
    policies[t] = p
    call('ZREM', P .. 'active:' .. t, id)
    local record, counts = counted(call('HGET', P .. 'record:' .. t, id), counter)
    call('HSET', P .. 'record:' .. t, id, record)
    call('HINCRBY', P .. 'counters:' .. t, counter, 1)
    local cancel = call('HGET', cancels, field)
    local state, reason
    if cancel then
      state, reason = 'cancelled', string.match(cancel, '\t(.*)$')
    elseif counter == 'crashed' and counts[2] >= POISON_CRASHES then
      state, reason = 'failed', 'poison: its worker died ' .. counts[2] .. ' times while it ran'
    end
    if state then
      end_kept(t, state, {id}, {reason})
      release_key(t, id, options)
      ended[#ended + 1] = field
    else
      call('ZADD', P .. 'queue:' .. t .. ':' .. queue_of(t, p, options), due or now, id)
    end
    call('HDEL', held, field)
  end
  for t, p in pairs(policies) do arm(t, p) end
  announce_ends(ended)
  return taken
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

-- Somebody else shall watch what this worker watched.
local function give_up_watches(worker)
  local control = call('HGETALL', P .. 'control')
  for i = 1, #control, 2 do
    local lane = string.match(control[i], '^watch:(.*)$')
    if lane and string.match(control[i + 1], ' (.*)$') == worker then
      call('HDEL', P .. 'control', control[i])
      wake(lane)
    end
  end
end

local function remove_worker(worker)
  give_up_watches(worker)
  call('ZREM', P .. 'workers', worker)
  for _, key in ipairs({'worker-info', 'claims', 'calls', 'suspicions'}) do call('HDEL', P .. key, worker) end
  call('DEL', P .. 'cancels:' .. worker, P .. 'held:' .. worker)
end

-- A call that is sent again answers as before: calls holds each caller's last number, its time and its answer. The echo
-- of an older call, late from a connection that was given up, does nothing and answers nothing.
local function earlier_answer(caller, number)
  local last = call('HGET', P .. 'calls', caller)
  if not last then return nil, nil end
  local last_number, stamp, answer = string.match(last, '^(%d+):(%d+):(.*)$')
  if tonumber(number) < tonumber(last_number) then answer = cmsgpack.pack({}) end
  return tonumber(number) <= tonumber(last_number) and answer or nil, tonumber(stamp)
end

-- Every announced type, and those (at most 512) that have work though nobody announced them, with their limits.
local function known_types()
  local known, flat = {}, call('HGETALL', P .. 'limits')
  for i = 1, #flat, 2 do known[flat[i]] = unpack_limits(flat[i + 1]) end
  local nobody = unpack_limits(nil)
  for _, index in ipairs({'ready:', 'due:'}) do
    for _, t in ipairs(call('ZRANGE', P .. index .. nobody.lane, 0, 255)) do known[t] = known[t] or nobody end
  end
  known['arq.unreadable'] = call('EXISTS', P .. 'parked:arq.unreadable') == 1 and nobody or nil
  return known
end
