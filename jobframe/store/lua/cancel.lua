-- Cancel a job, whatever it is doing; cancelling an ended one changes nothing.
-- ARGV: clock, type, id, reason
-- Returns: 'cancelled' now; 'active' when its worker was asked to cancel it; 'completed' or 'failed' when it was over;
--          'none' when there is no such job
local t, id, reason = ARGV[2], ARGV[3], ARGV[4]
local field = t .. '\t' .. id

local function cancelled()
  local payload = call('HGET', P .. 'payload:' .. t, id)
  local options, p = payload and payload_options(payload) or NONE, limits(t)
  release_key(t, id, options)
  leave_lines(t, p, by_groups(p, {id}, {options}))
  call('ZREM', P .. 'needs:' .. t, id)
  end_kept(t, 'cancelled', {id}, {reason})
  trim(t, p, 'cancelled', 2)
  if p.uses then arm_sharing({[t] = true}) else arm(t, p) end
  announce_ends({field})
  return 'cancelled'
end

for _, set in ipairs({'queue:' .. t .. ':n', 'queue:' .. t .. ':h', 'queue:' .. t .. ':l', 'queue:' .. t .. ':b', 'parked:' .. t}) do
  if call('ZREM', P .. set, id) == 1 then return cancelled() end
end
if call('ZSCORE', P .. 'active:' .. t, id) then
  for _, worker in ipairs(call('ZRANGE', P .. 'workers', 0, -1)) do
    local value = call('HGET', P .. 'held:' .. worker, field)
    if value then
      local fence = split_held(value)
      call('HSET', P .. 'cancels:' .. worker, field, fence .. '\t' .. reason)
      call('PUBLISH', P .. 'control', 'cancel\t' .. worker)
      return 'active'
    end
  end
  call('ZREM', P .. 'active:' .. t, id) -- nobody holds it
  return cancelled()
end
for _, state in ipairs({'completed', 'given', 'failed', 'cancelled'}) do
  if call('ZSCORE', P .. state .. ':' .. t, id) then return state == 'given' and 'completed' or state end
end
return 'none'
