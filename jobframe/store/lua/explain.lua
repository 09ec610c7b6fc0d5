-- Everything that decides whether a job may run, in one read that changes nothing.
-- ARGV: clock, type, unique part
-- Returns: {} when there is no such job, else
--          {now, job, jobs due before it, when it expires or '', what its worker was told to cancel it for or '',
--           document of the policy in force or '', who paused it or '', the rate's arrival time (microseconds) or 0,
--           running jobs of the type, slots of processes that are ending, when the first of these has ended or 0,
--           longest running jobs, workers, {} or of the live job that it stands behind: type, unique part, when it was claimed
--           or 0, worker or '', then resources, its group}
--          job: as list_jobs.lua answers one   workers: as read_workers.lua says
--          longest running jobs: per job type, unique part, when it was claimed, worker or ''; of a waiting job's type only
--          resources: of a waiting job's type, per resource name, what a job takes, how much there is, how much is in use,
--          and the MOST_NAMED longest running jobs that use it
--          its group: of a job that stands behind it, places taken, and the MOST_NAMED longest running jobs of it, else {}
local t, id = ARGV[2], ARGV[3]
local MOST_RUNNING, MOST_NAMED = 512, 5
local field = t .. '\t' .. id
local workers = call('ZRANGE', P .. 'workers', 0, -1)

-- The state of the job, its score there, and in which of the type's queues it stands.
local function find()
  local claimed = call('ZSCORE', P .. 'active:' .. t, id)
  if claimed then return 'active', claimed end
  for _, level in ipairs({'h', 'n', 'l', 'b'}) do
    local due = call('ZSCORE', P .. 'queue:' .. t .. ':' .. level, id)
    if due then return tonumber(due) <= now and 'waiting' or 'delayed', due, level end
  end
  for _, state in ipairs({'failed', 'parked', 'cancelled', 'completed', 'given'}) do
    local ended = call('ZSCORE', P .. state .. ':' .. t, id)
    if ended then return state == 'given' and 'completed' or state, ended end
  end
end

-- How many due jobs of the type a claim would take first: those of an earlier effective time, of equal ones those above.
local function before(due, level, g)
  if level == 'b' then
    return call('ZRANK', P .. 'turn:' .. t, g .. id) or call('ZRANK', P .. 'line:' .. t .. ':' .. g, id) or 0
  end
  local count = call('ZRANK', P .. 'queue:' .. t .. ':' .. level, id)
  for other, boost in pairs(BOOST) do
    if other ~= level then
      local last = due - BOOST[level] + boost
      local exclusive = last <= now and boost < BOOST[level]
      count = count + call('ZCOUNT', P .. 'queue:' .. t .. ':' .. other, '-inf', (exclusive and '(' or '') .. whole(math.min(last, now)))
    end
  end
  return count
end

local function holders(fields)
  local found = {}
  for _, worker in ipairs(workers) do
    for at, value in ipairs(#fields > 0 and read_fields(P .. 'held:' .. worker, fields) or {}) do
      if value then found[at] = worker end
    end
  end
  return found
end

-- Name who holds jobs, each {type, unique part, when it was claimed}.
local function with_holders(jobs)
  local fields, found = {}, {}
  for i, job in ipairs(jobs) do fields[i] = job[1] .. '\t' .. job[2] end
  local held_by = holders(fields)
  for i, job in ipairs(jobs) do
    for _, value in ipairs(job) do found[#found + 1] = value end
    found[#found + 1] = held_by[i] or ''
  end
  return found
end

-- The n longest running jobs of some types.
local function longest_running(types, n)
  local jobs = {}
  for _, each in ipairs(types) do
    local flat = call('ZRANGE', P .. 'active:' .. each, 0, n - 1, 'WITHSCORES')
    for i = 1, #flat, 2 do jobs[#jobs + 1] = {each, flat[i], flat[i + 1]} end
  end
  table.sort(jobs, function(a, b) return tonumber(a[3]) < tonumber(b[3]) end)
  for i = n + 1, #jobs do jobs[i] = nil end
  return with_holders(jobs)
end

local function full_group(g)
  if not call('ZSCORE', P .. 'line:' .. t .. ':' .. g, id) then return {} end
  local places, jobs = P .. 'group:' .. t .. ':' .. g, {}
  local flat = call('ZRANGEBYSCORE', places, '(0', '+inf', 'WITHSCORES', 'LIMIT', 0, MOST_NAMED)
  for i = 1, #flat, 2 do jobs[#jobs + 1] = {t, flat[i], flat[i + 1]} end
  return {call('ZCARD', places), with_holders(jobs)}
end

local function resources()
  local found = {}
  for name, amount in pairs(users()[t] or NONE) do
    local at, types = #found, {}
    for other, amounts in pairs(users()) do
      if amounts[name] then types[#types + 1] = other end
    end
    found[at + 1], found[at + 2], found[at + 3] = name, amount, tonumber(call('HGET', P .. 'resources', name) or 0)
    found[at + 4], found[at + 5] = used_of(name), longest_running(types, MOST_NAMED)
  end
  return found
end

local function stands_behind(other)
  if not other or not is_live(t, other) then return {} end
  return with_holders({{t, other, call('ZSCORE', P .. 'active:' .. t, other) or 0}})
end

local state, score, level = find()
if not state then return {} end
local payload = call('HGET', P .. 'payload:' .. t, id) or ''
local options = payload_options(payload)
local expires, g = options.expires or limits(t).expires, group_of(options)
local worker = state == 'active' and holders({field})[1] or ''
local stamp = tonumber(string.sub(payload, 1, 13)) -- damaged bytes have none
local job = {t, state, id, score, string.sub(payload, 1, 13), worker, call('HGET', P .. 'record:' .. t, id) or '',
             call('HGET', P .. 'reason:' .. t, id) or '', call('HGET', P .. 'progress:' .. t, id) or '',
             call('HGET', P .. 'steps:' .. t, id) or ''}
return {
  whole(now), job,
  state == 'waiting' and before(tonumber(score), level, g) or 0,
  stamp and expires > 0 and whole(stamp + expires) or '',
  worker ~= '' and string.match(call('HGET', P .. 'cancels:' .. worker, field) or '', '\t(.*)$') or false,
  call('HGET', P .. 'types', t) or '', call('HGET', P .. 'paused', t) or '', call('HGET', P .. 'rates', t) or 0,
  call('ZCARD', P .. 'active:' .. t), call('ZCOUNT', P .. 'leaving:' .. t, now, '+inf'),
  call('ZRANGEBYSCORE', P .. 'leaving:' .. t, now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or 0,
  state == 'waiting' and longest_running({t}, MOST_RUNNING) or {}, read_workers(), stands_behind(options.after),
  state == 'waiting' and resources() or {}, full_group(g),
}
