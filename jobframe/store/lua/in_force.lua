-- Prepended to the scripts that put policies in force. Per type they are given PER_TYPE arguments: name, digest, weight,
-- cap (0 none), keep_completed, keep_result ms, keep_failed ms, expires ms (0 never), max_waiting (0 none), microseconds
-- between starts (0 no rate), starts at once, jobs of one group at once (0 none), resources as
-- name:amount:capacity,…, pool, document (JSON object without version and at)
local PER_TYPE = 15
local HISTORY = 20 -- documents a type that are kept

-- Note what a type uses of its resources, and how much there is of each: the last word on that holds for all.
local function put_uses(t, text)
  local uses = {}
  for name, amount, capacity in string.gmatch(text, '([^:,]+):(%d+):(%d+)') do
    uses[#uses + 1] = name .. ':' .. amount
    call('HSET', P .. 'resources', name, capacity)
  end
  if #uses > 0 then
    call('HSET', P .. 'uses', t, table.concat(uses, ','))
  else
    call('HDEL', P .. 'uses', t)
  end
  users_ = nil
end

-- Put the policy in force that stands at ARGV[at]; pauses, lanes and what is queued stay as they are.
local function put_in_force(t, at)
  local known, old = call('HGET', P .. 'digests', t), limits(t)
  local flags = (old.paused and PAUSED or 0) + ((known and old.mixed) and MIXED or 0)
  if not known and call('EXISTS', P .. 'queue:' .. t .. ':h', P .. 'queue:' .. t .. ':l') > 0 then flags = flags + MIXED end
  if ARGV[at + 12] ~= '' then flags = flags + USES end
  put_uses(t, ARGV[at + 12])
  if tonumber(ARGV[at + 11]) > 0 or lines_left(t) then flags = flags + GROUPED end
  call('HSET', P .. 'digests', t, ARGV[at + 1])
  call('HSET', P .. 'runs-in', t, ARGV[at + 13])
  local numbers = {}
  for i = 2, 11 do numbers[i] = tonumber(ARGV[at + i]) end
  call('HSET', P .. 'limits', t, struct.pack(LIMITS, flags, numbers[2], numbers[3], old.version + 1, unpack(numbers, 4, 11))
    .. old.lane)
  local document = string.sub(ARGV[at + 14], 1, -2) .. ',"version":' .. old.version + 1 .. ',"at":' .. whole(now) .. '}'
  call('HSET', P .. 'types', t, document)
  call('LPUSH', P .. 'history:' .. t, document)
  call('LTRIM', P .. 'history:' .. t, 0, HISTORY - 1)
end

-- Tell the fleet that policies have changed.
local function announce_policies()
  call('HINCRBY', P .. 'control', 'policy', 1)
  call('PUBLISH', P .. 'control', 'policy')
end
