-- Prepended to the scripts that end jobs, or drop what is kept of ended ones.
local GIVEN_KEPT = 600000 -- a job whose id the caller chose keeps its record this long after its end

-- Tell the clients that wait for these jobs (given as T\tU) that they have ended.
local function announce_ends(fields)
  if #fields == 0 or call('EXISTS', P .. 'waiters') == 0 then return end
  for first = 1, #fields, CHUNK do
    local last = math.min(first + CHUNK - 1, #fields)
    local waiting = call('HMGET', P .. 'waiters', unpack(fields, first, last))
    for i, clients in ipairs(waiting) do
      if clients then
        for client in string.gmatch(clients, '[^,]+') do call('PUBLISH', P .. 'ended:' .. client, fields[first + i - 1]) end
        call('HDEL', P .. 'waiters', fields[first + i - 1])
      end
    end
  end
end

-- Drop all that is kept of ended jobs.
local function forget(t, state, ids)
  if #ids == 0 then return end
  for _, key in ipairs({'payload:', 'record:', 'reason:', 'result:', 'steps:', 'progress:'}) do variadic('HDEL', P .. key .. t, ids) end
  variadic('ZREM', P .. state .. ':' .. t, ids)
end

-- Drop the oldest ended jobs beyond what the policy keeps, by age and by count, at most n each. Only plain completed
-- jobs can go at once: the id of any other may have been chosen by its caller.
local function trim(t, p, state, n)
  local index, least = P .. state .. ':' .. t, state == 'completed' and 0 or GIVEN_KEPT
  local keep = math.max(state == 'failed' and p.keep_failed or p.keep_result, least)
  forget(t, state, call('ZRANGEBYSCORE', index, '-inf', now - keep, 'LIMIT', 0, n))
  local over = state == 'failed' and 0 or math.min(call('ZCARD', index) - p.keep_completed, n)
  if over <= 0 then return end
  if state == 'completed' and call('EXISTS', P .. 'result:' .. t, P .. 'record:' .. t) == 0 then
    call('ZREMRANGEBYRANK', index, 0, over - 1)
  else
    forget(t, state, call('ZRANGEBYSCORE', index, '-inf', now - least, 'LIMIT', 0, over))
  end
end

-- The same for all states in which a job ends.
local function retain(t, p, n)
  for _, state in ipairs({'completed', 'given', 'cancelled', 'failed'}) do trim(t, p, state, n) end
end

-- End jobs as failed, cancelled or parked: ids and reasons side by side; the payload stays for inspection and replay.
local function end_kept(t, state, ids, reasons)
  if #ids == 0 then return end
  local scored, pairs_ = {}, {}
  for i, id in ipairs(ids) do
    scored[2 * i - 1], scored[2 * i] = now, id
    pairs_[2 * i - 1], pairs_[2 * i] = id, reasons[i]
  end
  variadic('ZADD', P .. state .. ':' .. t, scored)
  variadic('HSET', P .. 'reason:' .. t, pairs_)
  call('HINCRBY', P .. 'counters:' .. t, state, #ids)
  if state == 'failed' then
    call('HINCRBY', P .. 'counters:' .. t, 'failed:' .. math.floor(now / 86400000), #ids)
  end
end
