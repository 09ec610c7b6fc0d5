-- Prepended to the scripts that notice when the server's clock was set back.
-- control has the latest time at which jobs were enqueued or house was kept. One that is still to come was written before
-- the clock was set back, and what had come due by then would wait until the clock had caught up. So it is moved back as
-- the clock was, which keeps its order. What comes due later keeps its time: nothing starts early by the clock of then.
local NOTE_EVERY = 1000  -- the latest time is written so often, while jobs are enqueued
local UNNOTED = 10000    -- jobs that came due so long after it are moved as well, and so are still in order
local MOST_MOVED = 1000

-- Move at most n members of a set back, the earliest first. None is moved twice: it stands before the range by then.
local function move_back(key, ms, n)
  local from, to = now + UNNOTED, now + ms + UNNOTED
  local found, moved = call('ZRANGEBYSCORE', key, '(' .. whole(from), whole(to), 'WITHSCORES', 'LIMIT', 0, n), {}
  for i = 1, #found, 2 do moved[i], moved[i + 1] = whole(found[i + 1] - ms), found[i] end
  variadic('ZADD', key, moved)
  return #moved / 2
end

-- Move what had come due before the clock was set back by so much, as many jobs as one call may. Is nothing left?
local function all_moved(ms)
  local left = MOST_MOVED
  for t, p in pairs(known_types()) do
    local before = left
    for _, set in ipairs({'queue:%s:h', 'queue:%s:n', 'queue:%s:l', 'queue:%s:b', 'leaving:%s'}) do
      left = left - move_back(P .. string.format(set, t), ms, left)
    end
    if left < before then arm(t, p) end
    if left == 0 then return false end
  end
  return true
end

-- Note what time it is. Returns false while jobs are left to be moved because the clock was set back.
local function note_time()
  local latest = tonumber(call('HGET', P .. 'control', 'latest') or 0)
  if latest > now and not all_moved(latest - now) then return false end
  if latest > now or now - latest >= NOTE_EVERY then call('HSET', P .. 'control', 'latest', whole(now)) end
  return true
end
