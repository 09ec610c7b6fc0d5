-- Claim due jobs over all types of some lanes, in one pass; the same number answers the same jobs.
-- ARGV: clock, worker, claim number, room in all, quantum, then per lane: name, room in it
-- Returns: {'GONE'} when the worker is not registered, else
--          {'OK', now, fence, 1 when work is left, next due time to watch or 0,
--           then per type: name, count, and per job: id, due, payload, record or ''}
local worker, number, left, quantum = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local held_key = P .. 'held:' .. worker
if not is_member(worker) then return {'GONE'} end

-- What one call may do, lest it hold up everybody else's: looks at the lanes, also when all they find has expired; jobs
-- of one type at once, jobs in all, bytes of payloads after which no more are taken.
local ROUNDS, FRUITLESS_ROUNDS, MOST_AT_ONCE, MOST_JOBS, MOST_BYTES = 16, 256, 128, 2000, 1048576
local LARGEST_LAG = 1 -- of a lane behind the front, in passes
local answer = {'OK', whole(now), '', 0, 0}

-- Append the jobs of one type to the answer.
local function report(t, ids, dues, payloads)
  local records = call('EXISTS', P .. 'record:' .. t) == 1 and read_fields(P .. 'record:' .. t, ids)
  local at = #answer
  answer[at + 1], answer[at + 2] = t, #ids
  at = at + 2
  for i, id in ipairs(ids) do
    answer[at + 1], answer[at + 2], answer[at + 3] = id, dues[i], payloads[i] or ''
    answer[at + 4] = records and records[i] or ''
    at = at + 4
  end
end

local last_number, last_fence = string.match(call('HGET', P .. 'claims', worker) or '', '^(%d+) (%d+)$')
if last_number and tonumber(number) <= tonumber(last_number) then
  local by_type, held = {}, call('HGETALL', held_key)
  answer[3], answer[4] = last_fence, 1
  if number ~= last_number then return answer end -- the echo of an older claim, late: nobody waits for it
  for i = 1, #held, 2 do
    local fence, due = split_held(held[i + 1])
    if fence == last_fence then
      local t, id = split_field(held[i])
      local jobs = by_type[t] or {ids = {}, dues = {}}
      by_type[t] = jobs
      jobs.ids[#jobs.ids + 1], jobs.dues[#jobs.dues + 1] = id, whole(due)
    end
  end
  for t, jobs in pairs(by_type) do report(t, jobs.ids, jobs.dues, read_fields(P .. 'payload:' .. t, jobs.ids)) end
  return answer
end

local lanes, control_fields, pass_fields = {}, {'fence'}, {}
for i = 6, #ARGV, 2 do
  local n = #lanes + 1
  lanes[n] = {name = ARGV[i], room = tonumber(ARGV[i + 1])}
  control_fields[n + 1], pass_fields[n] = 'watch:' .. ARGV[i], 'lane:' .. ARGV[i]
end
if #lanes == 0 then return answer end
local control = call('HMGET', P .. 'control', unpack(control_fields))
for i, lane in ipairs(lanes) do pass_fields[#lanes + i] = 'shift:' .. lane.name end
pass_fields[2 * #lanes + 1] = ':front'
local virtual_times = call('HMGET', P .. 'passes', unpack(pass_fields))
local front = tonumber(virtual_times[2 * #lanes + 1] or 0)
local fence = whole(math.max(tonumber(control[1] or 0) + 1, now_us))
local holding, passes, handled, bytes = {}, {}, 0, 0

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
    for _, queue in ipairs({'h', 'n', 'l'}) do
      local due = tonumber(heads[queue][place[queue] + 1])
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

-- Jobs that cannot start any more end here: they have expired, or their payload is gone.
local function refuse(t, p, ids, reasons, options, expired)
  local fields = {}
  for i, id in ipairs(ids) do fields[i] = t .. '\t' .. id end
  if expired > 0 then call('HINCRBY', P .. 'counters:' .. t, 'expired', expired) end
  end_kept(t, 'failed', ids, reasons)
  for i, id in ipairs(ids) do release_key(t, id, options[i]) end -- when all have ended: none gives its key to another
  trim(t, p, 'failed', 2 * #ids)
  announce_ends(fields)
end

-- Of what was taken from the queues, start what can start. Returns how many.
local function start(t, p, ids, dues, groups)
  local payloads = call('HMGET', P .. 'payload:' .. t, unpack(ids))
  local started, started_dues, started_payloads, scored = {}, {}, {}, {}
  local failed, reasons, failed_options, vacated, vacated_options, expired = {}, {}, {}, {}, {}, 0
  for i, id in ipairs(ids) do
    local payload = payloads[i]
    local options = payload and payload_options(payload) or NONE
    local expires = options.expires or p.expires
    local too_late = payload and expires > 0 and now >= tonumber(string.sub(payload, 1, 13)) + expires
    if options.after and not too_late and is_live(t, options.after) then
      call('ZADD', P .. 'queue:' .. t .. ':' .. queue_of(t, p, options), now + LOOK_AGAIN, id)
    elseif payload and not too_late then
      local at = #started + 1
      started[at], started_dues[at], started_payloads[at] = id, dues[i], payload
      scored[2 * at - 1], scored[2 * at] = now, id
      holding[#holding + 1], holding[#holding + 2] = t .. '\t' .. id, fence .. '@' .. dues[i] .. (options.text or '')
      bytes = bytes + #payload
    else
      failed[#failed + 1], failed_options[#failed_options + 1] = id, options
      reasons[#reasons + 1] = too_late and 'expired' or LOST
      if too_late then expired = expired + 1 end
    end
    if started[#started] ~= id then
      vacated[#vacated + 1], vacated_options[#vacated + 1] = id, groups and {group = groups[id]} or options
    end
  end
  if groups then note_starts(t, groups, started) end
  if #vacated > 0 then vacate(t, p, by_groups(p, vacated, vacated_options)) end
  if #failed > 0 then refuse(t, p, failed, reasons, failed_options, expired) end
  if #started > 0 then
    call('ZADD', P .. 'active:' .. t, unpack(scored))
    report(t, started, started_dues, started_payloads)
  end
  return #started
end

-- The rate pays for what started, not for what had expired.
local function debit(t, p, started)
  call('HSET', P .. 'rates', t, whole(arrival(t, p) + started * p.interval))
end

-- What started takes its share of the type's resources.
local function use_resources(t, started)
  for name, amount in pairs(users()[t] or NONE) do in_use[name] = used_of(name) + amount * started end
end

local function may_start(t, p, running)
  return (p.cap == 0 or running < p.cap) and (p.interval == 0 or rate_allows(t, p) > 0)
    and (not p.uses or resources_allow(t) > 0)
end

-- Take the n jobs of a type that come next out of its queues: ids, due times, whether more could start, and the group of
-- each when it has groups.
local function next_jobs(t, p, n)
  if p.grouped then
    local lined_up, size = line_up_due(t, p, MOST_AT_ONCE)
    handled, bytes = handled + lined_up, bytes + size
    fill_raised(t, p, n)
    local ids, dues, groups, more = take_turns(t, p, n)
    return ids, dues, more or lined_up == MOST_AT_ONCE, groups
  end
  local ids, dues, taken, more = due_jobs(t, p, n)
  for queue, count in pairs(taken) do
    if count > 0 then call('ZREMRANGEBYRANK', P .. 'queue:' .. t .. ':' .. queue, 0, count - 1) end
  end
  return ids, dues, more
end

-- Take up to n jobs of a type at the head of its lane's ready index. Returns how many started, and its next pass when
-- it stays in the index.
local function take(t, p, pass, n)
  local running = 0
  if p.cap > 0 then
    running = taken_slots(t)
    n = math.min(n, p.cap - running)
  end
  if p.interval > 0 then n = math.min(n, rate_allows(t, p)) end
  if p.uses then n = math.min(n, resources_allow(t)) end
  if p.paused or n <= 0 then
    arm(t, p)
    return 0
  end
  local ids, dues, more, groups = next_jobs(t, p, n)
  if #ids == 0 then
    arm(t, p)
    return 0
  end
  handled = handled + #ids
  local started, next_pass = start(t, p, ids, dues, groups), pass + #ids / p.weight
  if p.interval > 0 then debit(t, p, started) end
  if p.uses then use_resources(t, started) end
  if more and may_start(t, p, running + started) then return started, next_pass end
  passes[#passes + 1], passes[#passes + 2] = t, next_pass
  arm(t, p)
  return started
end

-- Types whose time has come move from `due` to `ready`.
local function ripen(lane)
  for _, t in ipairs(call('ZRANGEBYSCORE', P .. 'due:' .. lane, '-inf', now, 'LIMIT', 0, 128)) do
    arm(t, limits(t))
  end
end

-- One look at the head of a lane: as many types as the room asks for, each taking its weight's share of it. Returns how
-- many jobs started, nil when no type was ready.
local function visit(lane, room)
  local ready = P .. 'ready:' .. lane.name
  local heads = call('ZRANGE', ready, 0, math.ceil(room / quantum) - 1, 'WITHSCORES')
  if #heads == 0 then return nil end
  local names, policies, weights = {}, {}, 0
  for i = 1, #heads, 2 do names[#names + 1] = heads[i] end
  for i, packed in ipairs(read_fields(P .. 'limits', names)) do
    policies[i] = unpack_limits(packed)
    weights = weights + policies[i].weight
  end
  lane.visited, lane.virtual_time = true, math.max(lane.virtual_time, tonumber(heads[2]))
  front = math.max(front, heads[2] + lane.shift)
  local got, stay = 0, {}
  for i, t in ipairs(names) do
    if got >= room or handled >= MOST_JOBS or bytes >= MOST_BYTES then break end
    local share = math.max(quantum, math.ceil(room * policies[i].weight / weights))
    local started, next_pass = take(t, policies[i], tonumber(heads[2 * i]), math.min(share, room - got, MOST_AT_ONCE))
    got = got + started
    if next_pass then stay[#stay + 1], stay[#stay + 2] = next_pass, t end
  end
  variadic('ZADD', ready, stay)
  return got
end

-- The lanes that have room and work, that first whose head has the lowest pass: so types share alike whatever lane they
-- stand in. Nobody may have had room in one of them for long: its passes are shifted, lest it had every turn until it has
-- caught up with the front, the furthest turn so far; nor may one wait for long because it is ahead of that.
local function in_turn()
  if #lanes == 1 or left <= 0 then return lanes end
  local found = {}
  for _, lane in ipairs(lanes) do
    local head = lane.room > 0 and call('ZRANGE', P .. 'ready:' .. lane.name, 0, 0, 'WITHSCORES')[2]
    if head then
      lane.shift = math.min(math.max(lane.shift, front - LARGEST_LAG - head), front + MOST_AT_ONCE - head)
      lane.turn, found[#found + 1] = head + lane.shift, lane
    end
  end
  table.sort(found, function(a, b) return a.turn < b.turn or (a.turn == b.turn and a.room < b.room) end)
  return found
end

local granted, round = 0, 0
for i, lane in ipairs(lanes) do
  lane.virtual_time, lane.shift = tonumber(virtual_times[i] or 0), tonumber(virtual_times[#lanes + i] or 0)
  lane.old_shift = lane.shift
  ripen(lane.name)
end
repeat
  local seen = false
  for _, lane in ipairs(in_turn()) do
    local room = math.min(left, lane.room)
    local got = room > 0 and visit(lane, room)
    if got then seen, granted, left, lane.room = true, granted + got, left - got, lane.room - got end
  end
  round = round + 1
until not seen or round >= (granted > 0 and ROUNDS or FRUITLESS_ROUNDS) or handled >= MOST_JOBS or bytes >= MOST_BYTES

-- Who has room watches the lane's next due time for everybody; who has none leaves that, and what is ready, to others.
local marks, unwatched = {}, {}
local function watch(lane, field, value)
  local upcoming = tonumber(call('ZRANGE', P .. 'due:' .. lane.name, 0, 0, 'WITHSCORES')[2])
  if not upcoming then return end
  local watched, watcher = string.match(value or '', '^(%d+) (.*)$')
  watched = tonumber(watched) or 0
  if watched > now and upcoming >= watched and watcher ~= worker then return end
  if left > 0 and lane.room > 0 then
    marks[#marks + 1], marks[#marks + 2] = field, whole(upcoming) .. ' ' .. worker
    if answer[5] == 0 or upcoming < answer[5] then answer[5] = upcoming end
  else
    if watcher == worker then unwatched[#unwatched + 1] = field end
    wake(lane.name)
  end
end

for i, lane in ipairs(lanes) do
  if call('EXISTS', P .. 'ready:' .. lane.name) == 1 then
    answer[4] = 1
    if left <= 0 or lane.room <= 0 then wake(lane.name) end
  end
  watch(lane, control_fields[i + 1], control[i + 1])
  if lane.visited then passes[#passes + 1], passes[#passes + 2] = pass_fields[i], lane.virtual_time end
  if lane.shift ~= lane.old_shift then passes[#passes + 1], passes[#passes + 2] = pass_fields[#lanes + i], lane.shift end
end
if #passes > 0 then passes[#passes + 1], passes[#passes + 2] = ':front', front end
answer[3], answer[5] = fence, whole(answer[5])
if granted > 0 then
  variadic('HSET', held_key, holding)
  call('HSET', P .. 'claims', worker, number .. ' ' .. fence)
  marks[#marks + 1], marks[#marks + 2] = 'fence', fence
end
variadic('HSET', P .. 'passes', passes)
variadic('HSET', P .. 'control', marks)
variadic('HDEL', P .. 'control', unwatched)
return answer
