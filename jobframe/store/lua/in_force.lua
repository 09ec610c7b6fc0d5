-- Prepended to the scripts that put policies in force. Per type they are given PER_TYPE arguments: name, digest, weight,
-- cap (0 none), keep_completed, keep_result ms, keep_failed ms, expires ms (0 never), max_waiting (0 none), microseconds
-- between starts (0 no rate), starts at once, pool, document (JSON object without version and at)
local PER_TYPE = 13
local HISTORY = 20 -- documents a type that are kept

-- Put the policy in force that stands at ARGV[at]; pauses, lanes and what is queued stay as they are.
local function put_in_force(t, at)
  local known, old = call('HGET', P .. 'digests', t), limits(t)
  local flags = (old.paused and PAUSED or 0) + ((known and old.mixed) and MIXED or 0)
  if not known and call('EXISTS', P .. 'queue:' .. t .. ':h', P .. 'queue:' .. t .. ':l') > 0 then flags = flags + MIXED end
  call('HSET', P .. 'digests', t, ARGV[at + 1])
  call('HSET', P .. 'runs-in', t, ARGV[at + 11])
  local numbers = {}
  for i = 2, 10 do numbers[i] = tonumber(ARGV[at + i]) end
  call('HSET', P .. 'limits', t, struct.pack(LIMITS, flags, numbers[2], numbers[3], old.version + 1, unpack(numbers, 4, 10))
    .. old.lane)
  local document = string.sub(ARGV[at + 12], 1, -2) .. ',"version":' .. old.version + 1 .. ',"at":' .. whole(now) .. '}'
  call('HSET', P .. 'types', t, document)
  call('LPUSH', P .. 'history:' .. t, document)
  call('LTRIM', P .. 'history:' .. t, 0, HISTORY - 1)
end

-- Tell the fleet that policies have changed.
local function announce_policies()
  call('HINCRBY', P .. 'control', 'policy', 1)
  call('PUBLISH', P .. 'control', 'policy')
end
