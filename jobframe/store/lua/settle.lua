-- Record how a batch of attempts ended. Each job's outcome counts only if this worker still holds it under that fence.
-- ARGV: clock, worker, call number, then groups, each opened by a word:
--   'end'      type, kind, count, per job: id, fence, argument, data
--              completed: data = result JSON or ''         retried, snoozed: argument = when, data = record
--              failed, cancelled, parked: argument = reason, data = record or ''   crashed, interrupted: argument = when, data = record
--   'observed' type, count, per bucket: field of the minute's histogram, how many
--   'reached'  type, count, per job that did not complete: id, JSON of how far it came
--   'follow'   type, count, per job: parent as type\tid, id, when, options .. '\n' .. envelope
-- Returns: per job of the 'end' groups, in order: 1 recorded, 0 fenced (another run owns the job: nothing was changed)
-- The 'end' groups come first. When one outcome of a type is refused, its histogram leaves out the whole call.
local worker, number = ARGV[2], ARGV[3]
local held, cancels = P .. 'held:' .. worker, P .. 'cancels:' .. worker
local answer, stamp = earlier_answer(worker, number)
if answer then return cmsgpack.unpack(answer) end

local RESULTS_WORTH_A_LOOK = 16384 -- bytes of results in one call, from which on it looks whether memory is full
local codes, recorded, refused, ended, freed = {}, {}, {}, {}, {} -- recorded: type\tid → kind; freed: types that use resources
local cancelling = call('EXISTS', cancels) == 1
local policies = {}
local function policy(t)
  local p = policies[t] or limits(t)
  policies[t] = p
  return p
end

local function new_group()
  return {ids = {}, arguments = {}, data = {}, options = {}, fields = {}}
end

-- The jobs of a group that are still held under their fence, as parallel lists; the others get code 0.
local function still_held(t, kind, at, n)
  local fields, group, fence, mark = {}, new_group(), nil, nil
  for i = 1, n do fields[i] = t .. '\t' .. ARGV[at + 4 * (i - 1)] end
  local values = read_fields(held, fields)
  for i = 1, n do
    local from, field, value = at + 4 * (i - 1), fields[i], values[i]
    if fence ~= ARGV[from + 1] then
      fence = ARGV[from + 1]
      mark = fence .. '@'
    end
    if value and not recorded[field] and string.find(value, mark, 1, true) == 1 then
      local m, options = #group.ids + 1, string.find(value, ';', 1, true)
      group.ids[m], group.arguments[m], group.data[m] = ARGV[from], ARGV[from + 2], ARGV[from + 3]
      group.options[m] = options and parse_options(string.sub(value, options)) or NONE
      group.fields[m] = field
      recorded[field] = kind
      codes[#codes + 1] = 1
    else
      refused[t] = true
      codes[#codes + 1] = 0
    end
  end
  return group
end

local function store_pairs(key, ids, values)
  local stored = {}
  for i, id in ipairs(ids) do
    if values[i] ~= '' then stored[#stored + 1], stored[#stored + 2] = id, values[i] end
  end
  variadic('HSET', key, stored)
end

local function memory_is_full()
  local facts = call('INFO', 'memory')
  local limit = tonumber(string.match(facts, 'maxmemory:(%d+)'))
  return limit > 0 and tonumber(string.match(facts, 'used_memory:(%d+)')) >= limit
end

-- Results are what a full server can do without; that the jobs completed is not.
local function store_results(t, group)
  local size = 0
  for _, result in ipairs(group.data) do size = size + #result end
  if size >= RESULTS_WORTH_A_LOOK and memory_is_full() then return end
  store_pairs(P .. 'result:' .. t, group.ids, group.data)
end

local function complete(t, p, group)
  local plain, given = {}, {}
  for i, id in ipairs(group.ids) do
    local options = group.options[i]
    local list = options.given and given or plain
    list[#list + 1], list[#list + 2] = now, id
    release_key(t, id, options)
    ended[#ended + 1] = group.fields[i]
  end
  variadic('HDEL', P .. 'payload:' .. t, group.ids)
  drop_notes(t, group.ids)
  variadic('ZADD', P .. 'completed:' .. t, plain)
  variadic('ZADD', P .. 'given:' .. t, given)
  store_results(t, group)
  call('HINCRBY', P .. 'counters:' .. t, 'completed', #group.ids)
  if #plain > 0 then trim(t, p, 'completed', #plain) end
  if #given > 0 then trim(t, p, 'given', #given) end
end

-- Jobs that were parked for a newer payload or a key are released by a worker that has it, which may already be there.
local function note_needs(t, group)
  local needs = {}
  for i, id in ipairs(group.ids) do
    local version, rest = string.match(group.arguments[i], '^[%a_ ]+: payload version (%d+)(.*)$')
    local kid = rest and string.match(rest, "key '([%w_-]+)'")
    if version then needs[#needs + 1], needs[#needs + 2] = whole(need(version, kid)), id end
  end
  variadic('ZADD', P .. 'needs:' .. t, needs)
  if #needs > 0 then call('PUBLISH', P .. 'control', 'parked\t' .. t) end
end

local function end_with_reason(t, p, kind, group)
  end_kept(t, kind, group.ids, group.arguments)
  store_pairs(P .. 'record:' .. t, group.ids, group.data)
  for i, id in ipairs(group.ids) do
    if kind ~= 'parked' then
      release_key(t, id, group.options[i])
      ended[#ended + 1] = group.fields[i]
    end
  end
  if kind == 'parked' then return note_needs(t, group) end
  trim(t, p, kind, 2 * #group.ids)
end

-- When a job comes back: one given back where it stood was due when it started; by now the clock may have been set back.
local function due_again(when)
  local due = due_time(when)
  return string.sub(when, 1, 1) == '@' and math.min(due, now) or due
end

-- A thread's job is given back with a delay, for its handler runs on until its process has ended: so long its slot is
-- taken.
local function hold_slots(t, group)
  local leaving = {}
  for i, id in ipairs(group.ids) do
    local due = due_again(group.arguments[i])
    if due > now then leaving[#leaving + 1], leaving[#leaving + 2] = due, id end
  end
  call('ZREMRANGEBYSCORE', P .. 'leaving:' .. t, '-inf', '(' .. now)
  variadic('ZADD', P .. 'leaving:' .. t, leaving)
end

-- The jobs' places in their groups go to those behind them, except that a thread's is kept as its slot is.
local function give_up_places(t, p, kind, group)
  local ids, options = {}, {}
  for i, id in ipairs(group.ids) do
    local keeps = kind == 'interrupted' and due_again(group.arguments[i]) > now
    if (p.grouped or group.options[i].group) and not keeps then ids[#ids + 1], options[#options + 1] = id, group.options[i] end
  end
  if #ids > 0 then vacate(t, p, by_groups(p, ids, options)) end
end

local function requeue(t, p, kind, group)
  local queues = {h = {}, n = {}, l = {}}
  for i, id in ipairs(group.ids) do
    local queue = queues[queue_of(t, p, group.options[i])]
    queue[#queue + 1], queue[#queue + 2] = due_again(group.arguments[i]), id
  end
  for name, queue in pairs(queues) do variadic('ZADD', P .. 'queue:' .. t .. ':' .. name, queue) end
  if kind == 'interrupted' and (p.cap > 0 or p.uses) then hold_slots(t, group) end
  store_pairs(P .. 'record:' .. t, group.ids, group.data)
  call('HINCRBY', P .. 'counters:' .. t, kind, #group.ids)
end

-- A job that was asked to be cancelled while it ran does not run again.
local function take_cancelled(group)
  local rest, cancelled = new_group(), new_group()
  for i, field in ipairs(group.fields) do
    local cancel = call('HGET', cancels, field)
    local into = cancel and cancelled or rest
    local m = #into.ids + 1
    for name, list in pairs(into) do list[m] = group[name][i] end
    if cancel then into.arguments[m] = string.match(cancel, '\t(.*)$') end
  end
  return rest, cancelled
end

local REQUEUES = {retried = true, snoozed = true, crashed = true, interrupted = true}
local function settle_group(t, kind, at, n)
  local p, group = policy(t), still_held(t, kind, at, n)
  if #group.ids == 0 then return end
  variadic('HDEL', held, group.fields)
  variadic('ZREM', P .. 'active:' .. t, group.ids)
  give_up_places(t, p, kind, group)
  local fields = group.fields
  if kind == 'completed' then
    complete(t, p, group)
  elseif REQUEUES[kind] then
    local cancelled = {ids = {}}
    if cancelling then group, cancelled = take_cancelled(group) end
    if #group.ids > 0 then requeue(t, p, kind, group) end
    if #cancelled.ids > 0 then
      give_up_places(t, p, 'cancelled', cancelled) -- a thread's too: the job does not come back for it
      end_with_reason(t, p, 'cancelled', cancelled)
    end
  else
    end_with_reason(t, p, kind, group)
  end
  if cancelling then variadic('HDEL', cancels, fields) end
  if p.uses then
    freed[t] = true
  elseif p.cap > 0 or p.grouped or REQUEUES[kind] then
    arm(t, p)
  end
end

local function observe(t, at, n)
  if refused[t] then return end
  local minute = math.floor(now / 60000)
  local key = P .. 'minute:' .. t .. ':' .. minute
  for i = at, at + 2 * (n - 1), 2 do call('HINCRBY', key, ARGV[i], ARGV[i + 1]) end
  call('ZADD', P .. 'minutes', minute, t .. '\t' .. minute)
end

local function reach(t, at, n)
  for i = at, at + 2 * (n - 1), 2 do
    if recorded[t .. '\t' .. ARGV[i]] then note_progress(t, ARGV[i], ARGV[i + 1]) end
  end
end

local function follow(t, at, n)
  local jobs = {}
  for i = at, at + 4 * (n - 1), 4 do
    if recorded[ARGV[i]] == 'completed' then
      local m = #jobs
      jobs[m + 1], jobs[m + 2], jobs[m + 3] = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    end
  end
  if #jobs > 0 then put(t, policy(t), jobs, 1, #jobs / 3, {}) end
end

local at = 4
while at <= #ARGV do
  local t = ARGV[at + 1]
  if ARGV[at] == 'end' then
    local n = tonumber(ARGV[at + 3])
    settle_group(t, ARGV[at + 2], at + 4, n)
    at = at + 4 + 4 * n
  elseif ARGV[at] == 'observed' then
    local n = tonumber(ARGV[at + 2])
    observe(t, at + 3, n)
    at = at + 3 + 2 * n
  elseif ARGV[at] == 'reached' then
    local n = tonumber(ARGV[at + 2])
    reach(t, at + 3, n)
    at = at + 3 + 2 * n
  else
    local n = tonumber(ARGV[at + 2])
    follow(t, at + 3, n)
    at = at + 3 + 4 * n
  end
end
arm_sharing(freed)
announce_ends(ended)
if next(recorded) and is_member(worker) then
  call('HSET', P .. 'calls', worker, number .. ':' .. whole(now) .. ':' .. cmsgpack.pack(codes))
end
return codes
