-- Queue failed, cancelled or parked jobs of one type again: attempts and snoozes from 0, all else of their record kept.
-- ARGV: clock, type, who asks, microseconds from one job's due time to the next's or 0 for now, the first due time in
--       microseconds or 0 for now, the state they must be in or '' for any of the three, then per job: id, when it must
--       have ended or ''
-- Returns: {microseconds of the next due time, then per job two values: 'OK', '';
--          'STATE', the state it is in, when that cannot be retried or is not as asked;
--          'HELD', id, when a live job has its key; 'NONE', '' when there is no such job or its payload is lost}
local t, gap, next_us, only_state = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local who = string.gsub(ARGV[3], '|', '/') -- which ends it in the record
local p, moved = limits(t), false
local LATEST = 9999999999999 -- ms; an enqueue time, which the due time may become, has 13 digits
if next_us < now_us then next_us = now_us end

-- Where a job stands, and since when.
local function place(id)
  for _, state in ipairs({'failed', 'cancelled', 'parked', 'active', 'completed', 'given'}) do
    local since = call('ZSCORE', P .. state .. ':' .. t, id)
    if since then return state == 'given' and 'completed' or state, since end
  end
  for _, level in ipairs({'n', 'h', 'l', 'b'}) do
    local due = call('ZSCORE', P .. 'queue:' .. t .. ':' .. level, id)
    if due then return tonumber(due) <= now and 'waiting' or 'delayed', due end
  end
end

-- Attempts and snoozes from 0; who did it is kept, of several the last.
local function renew_record(id)
  local record = call('HGET', P .. 'record:' .. t, id) or '0,0,0,0|[]'
  local crashes, interrupts, history = string.match(record, '^%d+,(%d+),(%d+),%d+[^|]*(.*)$')
  if not history then return end -- a damaged one stays as it is
  local counts = table.concat({0, crashes, interrupts, 0, whole(now) .. ' ' .. who}, ',')
  call('HSET', P .. 'record:' .. t, id, counts .. history)
end

local function queue_again(id, from, payload, options)
  call('ZREM', P .. from .. ':' .. t, id)
  call('HDEL', P .. 'reason:' .. t, id)
  call('ZREM', P .. 'needs:' .. t, id)
  renew_record(id)
  local due = whole(math.min(math.floor(next_us / 1000), LATEST))
  if options.expires or p.expires > 0 then -- its time runs anew, from when it comes due
    call('HSET', P .. 'payload:' .. t, id, due .. string.sub(payload, 14))
  end
  call('ZADD', P .. 'queue:' .. t .. ':' .. queue_of(t, p, options), due, id)
  next_us = next_us + gap
  moved = true
end

local function retry(id, ended_at)
  local state, since = place(id)
  if not state then return 'NONE', '' end
  if not (state == 'failed' or state == 'cancelled' or state == 'parked') or (only_state ~= '' and state ~= only_state)
    or (ended_at ~= '' and tonumber(since) ~= tonumber(ended_at)) then
    return 'STATE', state
  end
  local payload = call('HGET', P .. 'payload:' .. t, id)
  if not payload then return 'NONE', '' end
  local options = payload_options(payload)
  if options.key and state ~= 'parked' then -- a parked job has its key, or the one behind it has
    local holder = holder_of(t, options)
    if holder and holder ~= id and is_live(t, holder) then return 'HELD', holder end
    retake_key(t, id, options)
  end
  queue_again(id, state, payload, options)
  return 'OK', ''
end

local answer = {''}
for at = 7, #ARGV, 2 do
  answer[#answer + 1], answer[#answer + 2] = retry(ARGV[at], ARGV[at + 1])
end
if moved then arm(t, p) end
answer[1] = whole(next_us)
return answer
