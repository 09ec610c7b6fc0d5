-- Remove jobs of one type in one state with all that is kept of them; what runs is never touched.
-- ARGV: clock, type, state, least age in ms, most jobs, or 0 to count only, then, to take no others, per job:
--       id, when it ended or is due
--       Age counts from a job's end, from its parking, or from when it came due.
-- Returns: {how many were removed or would be, 1 when it should be called again}
local t, state, age, most = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local QUEUES = {'queue:' .. t .. ':h', 'queue:' .. t .. ':n', 'queue:' .. t .. ':l', 'queue:' .. t .. ':b'}
local INDEXES = {waiting = QUEUES, delayed = QUEUES, parked = {'parked:' .. t}, failed = {'failed:' .. t},
                 cancelled = {'cancelled:' .. t}, completed = {'completed:' .. t, 'given:' .. t}}
local LIVE = {waiting = true, delayed = true, parked = true}
local ALL, p = #ARGV == 5, limits(t)
local bytes_left = 1048576 -- a live job's exclusion key stands in its payload: a batch ends after a mebibyte of them

-- The latest time from which jobs go. A completed job whose id the caller chose answers a resend for a while, whoever
-- purges. Where no least age is asked for, one that ended by a clock ahead of this one goes as well.
local function latest(index)
  local least = index == 'given:' .. t and math.max(age, GIVEN_KEPT) or age
  return (least > 0 or state == 'waiting') and now - least or math.huge
end

-- The times whose jobs go.
local function span(index)
  if state == 'delayed' then return '(' .. whole(now), age > 0 and '-inf' or '+inf' end
  return '-inf', whole(latest(index))
end

-- Does the job stand in the index since that very time, and is that one whose jobs go?
local function is_meant(index, id, since)
  local score = tonumber(call('ZSCORE', P .. index, id))
  if score ~= tonumber(since) then return false end
  if state == 'delayed' then return age == 0 and score > now end
  return score <= latest(index)
end

local function candidates(index, n)
  if ALL then
    local first, last = span(index)
    return call('ZRANGEBYSCORE', P .. index, first, last, 'LIMIT', 0, n)
  end
  local meant = {}
  for at = 6, #ARGV, 2 do
    if is_meant(index, ARGV[at], ARGV[at + 1]) then meant[#meant + 1] = ARGV[at] end
  end
  return meant
end

-- Free the exclusion keys and the places of live jobs; returns those that were reached before the batch was full.
local function released(ids)
  local reached, fields, options = {}, {}, {}
  for i, id in ipairs(ids) do
    if bytes_left <= 0 then break end
    local payload = call('HGET', P .. 'payload:' .. t, id)
    options[i] = payload and payload_options(payload) or NONE
    if payload then
      call('HDEL', P .. 'payload:' .. t, id) -- first: a job that goes with it, and stood behind it, gives it no key back
      release_key(t, id, options[i], true)
      bytes_left = bytes_left - #payload
    end
    reached[i], fields[i] = id, t .. '\t' .. id
  end
  leave_lines(t, p, by_groups(p, reached, options))
  announce_ends(fields) -- whoever waits for one of them learns that it is gone
  return reached
end

local count = 0
for _, index in ipairs(INDEXES[state]) do
  if most == 0 then
    count = count + (ALL and call('ZCOUNT', P .. index, span(index)) or #candidates(index, 0))
  elseif count < most then
    local ids = candidates(index, most - count)
    if LIVE[state] then ids = released(ids) end
    forget(t, state, ids)
    if state == 'parked' then variadic('ZREM', P .. 'needs:' .. t, ids) end
    variadic('ZREM', P .. index, ids)
    count = count + #ids
  end
end
if most > 0 and LIVE[state] then arm(t, p) end
return {count, most > 0 and (count >= most or bytes_left <= 0) and 1 or 0}
