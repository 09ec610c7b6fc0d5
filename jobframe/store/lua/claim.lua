-- Claim due jobs over all types of some lanes, in one pass; the same number answers the same jobs.
-- ARGV: clock, worker, claim number, room in all, quantum, then per lane: name, room in it
-- Returns: {'GONE'} when the worker is not registered, else
--          {'OK', now, fence, 1 when work is left, next due time to watch or 0,
--           then per type: name, count, and per job: id, due, payload, record or ''}
local worker, number, left, quantum = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local held_key = P .. 'held:' .. worker
if not call('ZSCORE', P .. 'workers', worker) then return {'GONE'} end

local answer = {'OK', whole(now), '', 0, 0}

-- Append the jobs of one type to the answer.
local function report(t, ids, dues, payloads)
  local records = call('EXISTS', P .. 'record:' .. t) == 1 and call('HMGET', P .. 'record:' .. t, unpack(ids))
  local at = #answer
  answer[at + 1], answer[at + 2] = t, #ids
  at = at + 2
  for i, id in ipairs(ids) do
    answer[at + 1], answer[at + 2], answer[at + 3] = id, dues[i], payloads[i]
    answer[at + 4] = records and records[i] or ''
    at = at + 4
  end
end

local last_number, last_fence = string.match(call('HGET', P .. 'claims', worker) or '', '^(%d+) (%d+)$')
if last_number == number then
  local by_type = {}
  local held = call('HGETALL', held_key)
  for i = 1, #held, 2 do
    if split_held(held[i + 1]) == last_fence then
      local t, id = split_field(held[i])
      by_type[t] = by_type[t] or {}
      table.insert(by_type[t], id)
    end
  end
  answer[3], answer[4] = last_fence, 1
  for t, ids in pairs(by_type) do
    report(t, ids, call('ZMSCORE', P .. 'active:' .. t, unpack(ids)), call('HMGET', P .. 'payload:' .. t, unpack(ids)))
  end
  return answer
end

local control = call('HMGET', P .. 'control', 'fence', 'vtime')
local fence = whole(math.max(tonumber(control[1] or 0) + 1, now_us))
virtual_time = tonumber(control[2] or 0)
local holding = {}

-- The n earliest due ids of a type by effective time, as ids, dues, how many from each queue, and whether more are due.
local function due_jobs(t, p, n)
  local ids, dues = {}, {}
  if not p.mixed then
    local found = call('ZRANGEBYSCORE', P .. 'queue:' .. t .. ':n', '-inf', now, 'WITHSCORES', 'LIMIT', 0, n + 1)
    for i = 1, math.min(n, #found / 2) do ids[i], dues[i] = found[2 * i - 1], found[2 * i] end
    return ids, dues, {n = #ids}, #found / 2 > n
  end
  local heads, place, taken = {}, {h = 1, n = 1, l = 1}, {h = 0, n = 0, l = 0}
  for queue in pairs(place) do
    heads[queue] = call('ZRANGEBYSCORE', P .. 'queue:' .. t .. ':' .. queue, '-inf', now, 'WITHSCORES', 'LIMIT', 0, n + 1)
  end
  local function best()
    local best_queue, best_time
    for queue, at in pairs(place) do
      local due = tonumber(heads[queue][at + 1])
      if due and (not best_time or due - BOOST[queue] < best_time) then best_queue, best_time = queue, due - BOOST[queue] end
    end
    return best_queue
  end
  while #ids < n do
    local queue = best()
    if not queue then break end
    ids[#ids + 1], dues[#dues + 1] = heads[queue][place[queue]], heads[queue][place[queue] + 1]
    place[queue], taken[queue] = place[queue] + 2, taken[queue] + 1
  end
  return ids, dues, taken, best() ~= nil
end

-- Sort what was taken from the queues into what can start and what has expired or lost its payload.
local function split_startable(t, p, ids, dues)
  local payloads = call('HMGET', P .. 'payload:' .. t, unpack(ids))
  local start, start_dues, start_payloads, failed, reasons, scored = {}, {}, {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local payload = payloads[i]
    local options = payload and payload_options(payload) or NONE
    local expires = options.expires or p.expires
    local expired = payload and expires > 0 and now >= tonumber(string.sub(payload, 1, 13)) + expires
    if payload and not expired then
      local at = #start + 1
      start[at], start_dues[at], start_payloads[at] = id, dues[i], payload
      scored[2 * at - 1], scored[2 * at] = now, id
      holding[#holding + 1], holding[#holding + 2] = t .. '\t' .. id, fence .. (options.text or '')
    else
      failed[#failed + 1] = id
      reasons[#reasons + 1] = expired and 'expired' or LOST
      if expired then call('HINCRBY', P .. 'counters:' .. t, 'expired', 1) end
      release_key(t, id, options)
    end
  end
  if #failed > 0 then
    end_kept(t, 'failed', failed, reasons)
    local fields = {}
    for i, id in ipairs(failed) do fields[i] = t .. '\t' .. id end
    announce_ends(fields)
  end
  if #start > 0 then
    call('ZADD', P .. 'active:' .. t, unpack(scored))
    report(t, start, start_dues, start_payloads)
  end
  return #start
end

-- Take up to n jobs of a type at the head of its lane's ready index. Returns how many and its next pass, nil when it
-- left the index.
local function take(t, p, pass, n)
  local running = 0
  if p.cap > 0 then
    running = call('ZCARD', P .. 'active:' .. t)
    n = math.min(n, p.cap - running)
  end
  if p.paused or n <= 0 then
    arm(t, p)
    return 0
  end
  local ids, dues, taken, more = due_jobs(t, p, n)
  if #ids == 0 then
    arm(t, p)
    return 0
  end
  for queue, count in pairs(taken) do
    if count > 0 then call('ZREMRANGEBYRANK', P .. 'queue:' .. t .. ':' .. queue, 0, count - 1) end
  end
  local started = split_startable(t, p, ids, dues)
  if more and (p.cap == 0 or running + started < p.cap) then return started, pass + #ids / p.weight end
  arm(t, p)
  return started
end

-- Types whose time has come move from `due` to `ready`.
local function ripen(lane)
  for _, t in ipairs(call('ZRANGEBYSCORE', P .. 'due:' .. lane, '-inf', now, 'LIMIT', 0, 128)) do
    local p = limits(t)
    if p.lane ~= lane then call('ZREM', P .. 'due:' .. lane, t) end
    arm(t, p)
  end
end

-- One look at the head of a lane: as many types as the room asks for. Returns how many jobs were taken.
local function visit(lane, room)
  local ready = P .. 'ready:' .. lane
  local heads = call('ZRANGE', ready, 0, math.ceil(room / quantum) - 1, 'WITHSCORES')
  if #heads == 0 then return 0 end
  local names = {}
  for i = 1, #heads, 2 do names[#names + 1] = heads[i] end
  virtual_time = math.max(virtual_time, tonumber(heads[2]))
  local packed, passes, got = call('HMGET', P .. 'limits', unpack(names)), {}, 0
  local share = math.max(quantum, math.ceil(room / #names)) -- few ready types share all the room at once
  for i, t in ipairs(names) do
    if got >= room then break end
    local p = unpack_limits(packed[i])
    if p.lane ~= lane then
      call('ZREM', ready, t)
      arm(t, p)
    else
      local started, pass = take(t, p, tonumber(heads[2 * i]), math.min(share, room - got))
      got = got + started
      if pass then passes[#passes + 1], passes[#passes + 2] = pass, t end
    end
  end
  if #passes > 0 then call('ZADD', ready, 'XX', unpack(passes)) end
  return got
end

local lanes = {}
for i = 6, #ARGV, 2 do
  lanes[#lanes + 1] = {name = ARGV[i], room = tonumber(ARGV[i + 1])}
  ripen(ARGV[i])
end
local granted = 0
for round = 0, 3 do
  local before = granted
  for i = 1, #lanes do
    local lane = lanes[(i + number + round) % #lanes + 1] -- no lane is always the first
    local room = math.min(left, lane.room)
    if room > 0 then
      local got = visit(lane.name, room)
      granted, left, lane.room = granted + got, left - got, lane.room - got
    end
  end
  if left <= 0 or granted == before then break end
end

local marks = {}
for _, lane in ipairs(lanes) do
  if call('EXISTS', P .. 'ready:' .. lane.name) == 1 then
    answer[4] = 1
    if left <= 0 or lane.room <= 0 then wake(lane.name) end -- somebody else may have room for what is left
  end
  local upcoming = tonumber(call('ZRANGE', P .. 'due:' .. lane.name, 0, 0, 'WITHSCORES')[2])
  if upcoming then
    local field = 'watch:' .. lane.name
    local watched, watcher = string.match(call('HGET', P .. 'control', field) or '', '^(%d+) (.*)$')
    watched = tonumber(watched) or 0
    if watched <= now or upcoming < watched or watcher == worker then
      marks[#marks + 1], marks[#marks + 2] = field, whole(upcoming) .. ' ' .. worker
      if answer[5] == 0 or upcoming < answer[5] then answer[5] = upcoming end
    end
  end
end
answer[3], answer[5] = fence, whole(answer[5])
if granted > 0 then
  variadic('HSET', held_key, holding)
  call('HSET', P .. 'claims', worker, number .. ' ' .. fence)
  marks[#marks + 1], marks[#marks + 2] = 'fence', fence
  marks[#marks + 1], marks[#marks + 2] = 'vtime', virtual_time
end
if #marks > 0 then call('HSET', P .. 'control', unpack(marks)) end
return answer
