-- Queue parked jobs again whose payload a worker can read.
-- ARGV: clock, delay ms until they are due, most jobs, then per type: name, version of the payload that the worker reads
-- Returns: jobs released; when that is the most, call again
local delay, left, released = tonumber(ARGV[2]), tonumber(ARGV[3]), 0

local function release(t, ids)
  local p = limits(t)
  for _, id in ipairs(ids) do
    local payload = call('HGET', P .. 'payload:' .. t, id)
    local options = payload and payload_options(payload) or NONE
    call('ZADD', P .. 'queue:' .. t .. ':' .. queue_of(t, p, options), now + delay, id)
  end
  variadic('ZREM', P .. 'parked:' .. t, ids)
  variadic('ZREM', P .. 'needs:' .. t, ids)
  variadic('HDEL', P .. 'reason:' .. t, ids)
  arm(t, p)
end

for at = 4, #ARGV, 2 do
  local t = ARGV[at]
  local ids = left > 0 and call('ZRANGEBYSCORE', P .. 'needs:' .. t, '-inf', ARGV[at + 1], 'LIMIT', 0, left) or {}
  if #ids > 0 then
    release(t, ids)
    left, released = left - #ids, released + #ids
  end
end
return released
