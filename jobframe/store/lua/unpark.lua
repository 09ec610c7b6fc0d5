-- Queue parked jobs again whose payload a worker can read.
-- ARGV: clock, delay ms until they are due, most jobs, how many keys it has, the id of each,
--       then per type: name, version of the payload that it reads
-- Returns: {jobs released, 1 when it should be called again}
local delay, left, released, keys = tonumber(ARGV[2]), tonumber(ARGV[3]), 0, tonumber(ARGV[4])
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

-- Release what needs this key, or none, and no newer version.
local function release_some(t, version, kid)
  if left <= 0 or bytes_left <= 0 then return end
  local least, most = whole(need(0, kid)), whole(need(version, kid))
  local ids = call('ZRANGEBYSCORE', P .. 'needs:' .. t, least, most, 'LIMIT', 0, left)
  if #ids > 0 then release(t, ids) end
end

for at = 5 + keys, #ARGV, 2 do
  local t, version = ARGV[at], ARGV[at + 1]
  release_some(t, version)
  for key = 5, 4 + keys do release_some(t, version, ARGV[key]) end
end
return {released, (left <= 0 or bytes_left <= 0) and 1 or 0}
