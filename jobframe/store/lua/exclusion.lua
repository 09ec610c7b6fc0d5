-- Prepended to the scripts that give, ask for or free exclusion keys.
-- `keys:T` has the job of each key. A key without a window is held until its job ends; one with a window until its time
-- in `lapses:T`, whether the job has ended or not. `behind:T` has, for a running job, the one that waits for its end.
local LOOK_AGAIN = 60000 -- a job behind another is looked at so often, should nobody tell that the other has ended

-- Has this job not ended yet? One whose payload is gone from the store lives only while it runs.
local function is_live(t, id)
  if call('HEXISTS', P .. 'payload:' .. t, id) == 0 then return call('ZSCORE', P .. 'active:' .. t, id) ~= false end
  return not (call('ZSCORE', P .. 'failed:' .. t, id) or call('ZSCORE', P .. 'cancelled:' .. t, id))
end

-- Which job does an enqueue with these options find under its key? None when its window has lapsed, or its payload is
-- gone from the store; one that has ended only inside the window of a type that ignores equal jobs.
local function holder_of(t, options)
  local id = call('HGET', P .. 'keys:' .. t, options.key)
  if not id then return nil end
  local lapse = tonumber(call('ZSCORE', P .. 'lapses:' .. t, options.key))
  if not lapse then return call('HEXISTS', P .. 'payload:' .. t, id) == 1 and id or nil end
  if lapse <= now then return nil end
  if options.window and lapse > now + options.window then -- another clock wrote it, or the window was longer then
    call('ZADD', P .. 'lapses:' .. t, now + options.window, options.key)
  end
  local outlives = options.window and not options.replace
  return (outlives or is_live(t, id)) and id or nil
end

local function take_key(t, id, options)
  call('HSET', P .. 'keys:' .. t, options.key, id)
  if options.window then
    call('ZADD', P .. 'lapses:' .. t, now + options.window, options.key)
  else
    call('ZREM', P .. 'lapses:' .. t, options.key)
  end
end

-- Give a job that had ended its key again; a window goes on as it began.
local function retake_key(t, id, options)
  if not options.window then
    take_key(t, id, options)
  elseif (tonumber(call('ZSCORE', P .. 'lapses:' .. t, options.key)) or 0) > now then
    call('HSET', P .. 'keys:' .. t, options.key, id)
  end
end

-- Free at most n keys whose windows have lapsed.
local function drop_lapsed(t, n)
  local keys = call('ZRANGEBYSCORE', P .. 'lapses:' .. t, '-inf', now, 'LIMIT', 0, n)
  variadic('HDEL', P .. 'keys:' .. t, keys)
  variadic('ZREM', P .. 'lapses:' .. t, keys)
end

-- behind:T values are when the job wants to be due, a space, its id.
local function split_behind(value)
  local due, id = string.match(value or '', '^(%d+) (.*)$')
  return tonumber(due), id
end

-- A job has ended: the one behind it may start. One enqueued before the clock was set back has its delay from now on.
local function let_go(t, id)
  local due, successor = split_behind(call('HGET', P .. 'behind:' .. t, id))
  if not successor then return end
  local enqueued = tonumber(string.sub(call('HGET', P .. 'payload:' .. t, successor) or '', 1, 13)) or now
  due = whole(due - math.max(enqueued - now, 0))
  call('HDEL', P .. 'behind:' .. t, id)
  for level in pairs(BOOST) do call('ZADD', P .. 'queue:' .. t .. ':' .. level, 'XX', due, successor) end
  arm(t, limits(t))
end

-- A job ends, or is removed before it ended: free its key, unless its window goes on, or the job that it stood behind
-- has it again.
local function release_key(t, id, options, removed)
  if not options.key then return end
  let_go(t, id) -- whatever its own mode: its type may replace equal jobs only since it was enqueued
  if options.after then
    local _, successor = split_behind(call('HGET', P .. 'behind:' .. t, options.after))
    if successor == id then call('HDEL', P .. 'behind:' .. t, options.after) end
  end
  if call('HGET', P .. 'keys:' .. t, options.key) ~= id then return end
  if options.after and is_live(t, options.after) then
    call('HSET', P .. 'keys:' .. t, options.key, options.after)
  elseif removed or not options.window or (tonumber(call('ZSCORE', P .. 'lapses:' .. t, options.key)) or 0) <= now then
    call('HDEL', P .. 'keys:' .. t, options.key)
    call('ZREM', P .. 'lapses:' .. t, options.key)
  end
end
