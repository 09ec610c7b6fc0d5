-- Everything that decides whether a job may run, in one read that changes nothing.
-- ARGV: clock, type, unique part
-- Returns: {} when there is no such job, else
--          {now, job, jobs due before it, when it expires or '', what its worker was told to cancel it for or '',
--           document of the policy in force or '', who paused it or '', the rate's arrival time (microseconds) or 0,
--           running jobs of the type, slots of processes that are ending, when the first of these has ended or 0,
--           longest running jobs, workers, {} or of the live job that it stands behind: unique part, when it was claimed or
--           0, worker or ''}
--          job: as list_jobs.lua answers one   workers: as read_workers.lua says
--          longest running jobs: per job unique part, when it was claimed, worker or ''; of a waiting job's type only
local t, id = ARGV[2], ARGV[3]
local MOST_RUNNING = 512
local field = t .. '\t' .. id
local workers = call('ZRANGE', P .. 'workers', 0, -1)

-- The state of the job, its score there, and in which of the type's queues it stands.
local function find()
  local claimed = call('ZSCORE', P .. 'active:' .. t, id)
  if claimed then return 'active', claimed end
  for level in pairs(BOOST) do
    local due = call('ZSCORE', P .. 'queue:' .. t .. ':' .. level, id)
    if due then return tonumber(due) <= now and 'waiting' or 'delayed', due, level end
  end
  for _, state in ipairs({'failed', 'parked', 'cancelled', 'completed', 'given'}) do
    local ended = call('ZSCORE', P .. state .. ':' .. t, id)
    if ended then return state == 'given' and 'completed' or state, ended end
  end
end

-- How many due jobs of the type a claim would take first: those of an earlier effective time, of equal ones those above.
local function before(due, level)
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

local function longest_running()
  local flat, fields, found = call('ZRANGE', P .. 'active:' .. t, 0, MOST_RUNNING - 1, 'WITHSCORES'), {}, {}
  for i = 1, #flat, 2 do fields[#fields + 1] = t .. '\t' .. flat[i] end
  local held_by = holders(fields)
  for i = 1, #flat, 2 do
    local at = #found
    found[at + 1], found[at + 2], found[at + 3] = flat[i], flat[i + 1], held_by[(i + 1) / 2] or ''
  end
  return found
end

local function stands_behind(other)
  if not other or not is_live(t, other) then return {} end
  return {other, call('ZSCORE', P .. 'active:' .. t, other) or 0, holders({t .. '\t' .. other})[1] or ''}
end

local state, score, level = find()
if not state then return {} end
local payload = call('HGET', P .. 'payload:' .. t, id) or ''
local options = payload_options(payload)
local expires = options.expires or limits(t).expires
local worker = state == 'active' and holders({field})[1] or ''
local stamp = tonumber(string.sub(payload, 1, 13)) -- damaged bytes have none
local job = {t, state, id, score, string.sub(payload, 1, 13), worker, call('HGET', P .. 'record:' .. t, id) or '',
             call('HGET', P .. 'reason:' .. t, id) or '', call('HGET', P .. 'progress:' .. t, id) or '',
             call('HGET', P .. 'steps:' .. t, id) or ''}
return {
  whole(now), job,
  state == 'waiting' and before(tonumber(score), level) or 0,
  stamp and expires > 0 and whole(stamp + expires) or '',
  worker ~= '' and string.match(call('HGET', P .. 'cancels:' .. worker, field) or '', '\t(.*)$') or false,
  call('HGET', P .. 'types', t) or '', call('HGET', P .. 'paused', t) or '', call('HGET', P .. 'rates', t) or 0,
  call('ZCARD', P .. 'active:' .. t), call('ZCOUNT', P .. 'leaving:' .. t, now, '+inf'),
  call('ZRANGEBYSCORE', P .. 'leaving:' .. t, now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or 0,
  state == 'waiting' and longest_running() or {}, read_workers(), stands_behind(options.after),
}
