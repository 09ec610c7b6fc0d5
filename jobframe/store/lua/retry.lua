-- Queue a failed, cancelled or parked job again: attempts and snoozes from 0, history and crashes kept.
-- ARGV: clock, type, id
-- Returns: {'OK'}; {'STATE', the state it is in} when that cannot be retried; {'HELD', id} when a live job has its key;
--          {'NONE'} when there is no such job
local t, id = ARGV[2], ARGV[3]
local from
for _, state in ipairs({'failed', 'cancelled', 'parked'}) do
  if call('ZSCORE', P .. state .. ':' .. t, id) then from = state end
end
if not from then
  for _, state in ipairs({'active', 'completed', 'given'}) do
    if call('ZSCORE', P .. state .. ':' .. t, id) then return {'STATE', state == 'given' and 'completed' or state} end
  end
  return {call('HEXISTS', P .. 'payload:' .. t, id) == 1 and 'STATE' or 'NONE', 'waiting'}
end
local payload = call('HGET', P .. 'payload:' .. t, id)
if not payload then return {'NONE'} end
local options = payload_options(payload)
if options.key then
  local holder = holder_of(t, options.key)
  if holder and holder ~= id then return {'HELD', holder} end
  call('HSET', P .. 'keys:' .. t, options.key, id)
end
call('ZREM', P .. from .. ':' .. t, id)
call('HDEL', P .. 'reason:' .. t, id)
call('ZREM', P .. 'needs:' .. t, id)
local record = call('HGET', P .. 'record:' .. t, id)
if record then call('HSET', P .. 'record:' .. t, id, (string.gsub(record, '^%d+,(%d+),(%d+),%d+', '0,%1,%2,0', 1))) end
local p = limits(t)
if options.expires or p.expires > 0 then -- its time runs anew
  payload = whole(now) .. string.sub(payload, 14)
  call('HSET', P .. 'payload:' .. t, id, payload)
end
call('ZADD', P .. 'queue:' .. t .. ':' .. queue_of(t, p, options), now, id)
arm(t, p)
return {'OK'}
