-- Queue parked jobs again whose payload a worker can read.
-- ARGV: clock, delay ms until they are due, most jobs, then per type: name, version of the payload that the worker reads
-- Returns: {jobs released, 1 when it should be called again}
local delay, left, released = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
local bytes_left = 1048576 -- a job's priority stands in its payload: a batch ends after a mebibyte of them

local function release(t, ids)
  local p, reached = limits(t), {}
  for i, id in ipairs(ids) do
    if bytes_left <= 0 then break end
    local payload = call('HGET', P .. 'payload:' .. t, id)
    local options = payload and payload_options(payload) or NONE
    bytes_left = bytes_left - #(payload or '')
    call('ZADD', P .. 'queue:' .. t .. ':' .. queue_of(t, p, options), now + delay, id)
    reached[i] = id
  end
  variadic('ZREM', P .. 'parked:' .. t, reached)
  variadic('ZREM', P .. 'needs:' .. t, reached)
  variadic('HDEL', P .. 'reason:' .. t, reached)
  arm(t, p)
  left, released = left - #reached, released + #reached
end

for at = 4, #ARGV, 2 do
  if left <= 0 or bytes_left <= 0 then break end
  local t = ARGV[at]
  local ids = call('ZRANGEBYSCORE', P .. 'needs:' .. t, '-inf', ARGV[at + 1], 'LIMIT', 0, left)
  if #ids > 0 then release(t, ids) end
end
return {released, (left <= 0 or bytes_left <= 0) and 1 or 0}
