-- Tell producers with plain arq, in arq's own keys, what became of their jobs.
-- ARGV: clock, then per job: word, arq's queue, arq's id, type\tid, text, data
--   'started'    text = ms that arq's mark of a running job may live
--   'stopped'    the attempt is over: if the job is too, say how; data = its result when the caller has it
--   'cancelled'  it never was in our store, and never will be
--   'refused'    text = reason; its payload is deleted
--   'parked'     text = reason, data = options .. '\n' .. envelope: kept under that type and id
-- Returns: how many were answered for good
-- Nothing is said of a job that is no longer on arq's queue: it has been answered.
local PER_JOB, answered = 6, 0

local function exception(kind, message)
  return '{"__exc__":[' .. cjson.encode(kind) .. ',' .. cjson.encode(message) .. ']}'
end

local function failure(t, u, reason)
  return exception('JobFailed', 'job ' .. t .. ':' .. u .. ' failed: ' .. reason)
end

local function attempts_of(t, u)
  return tonumber(string.match(call('HGET', P .. 'record:' .. t, u) or '', '^%d+')) or 0
end

-- Write the result as arq would, with no arguments in it, and remove all else that arq keeps of a job.
local function answer(queue, id, t, success, result, attempts)
  local made = string.match(call('HGET', P .. 'bridged', id) or '', '(%d+)$') or whole(now)
  local started = string.match(call('GET', 'arq:in-progress:' .. id) or '', '^%d%d%d+$') or whole(now)
  local kept = math.max(limits(t).keep_result, GIVEN_KEPT)
  call('SET', 'arq:result:' .. id, string.format(
    '{"t":%d,"f":%s,"a":[],"k":{},"et":%s,"s":%s,"r":%s,"st":%s,"ft":%s,"q":%s,"id":%s}',
    attempts, cjson.encode(t), made, success, result, started, whole(now), cjson.encode(queue), cjson.encode(id)
  ), 'PX', whole(kept))
  call('DEL', 'arq:job:' .. id, 'arq:in-progress:' .. id, 'arq:retry:' .. id)
  call('ZREM', queue, id)
  call('ZREM', 'arq:abort', id)
  call('HDEL', P .. 'bridged', id)
  answered = answered + 1
end

local words = {}

function words.started(_, id, _, _, text)
  call('SET', 'arq:in-progress:' .. id, whole(now), 'PX', text)
end

function words.stopped(queue, id, t, u, _, data)
  local function ended_as(state) return call('ZSCORE', P .. state .. ':' .. t, u) end
  if ended_as('given') or ended_as('completed') then
    local result = data ~= '' and data or call('HGET', P .. 'result:' .. t, u) or 'null'
    answer(queue, id, t, 'true', result, attempts_of(t, u) + 1)
  elseif ended_as('failed') then
    local reason = call('HGET', P .. 'reason:' .. t, u) or ''
    answer(queue, id, t, 'false', failure(t, u, reason), math.max(attempts_of(t, u), 1))
  elseif ended_as('cancelled') then
    answer(queue, id, t, 'false', exception('CancelledError', call('HGET', P .. 'reason:' .. t, u) or ''), attempts_of(t, u))
  else
    call('DEL', 'arq:in-progress:' .. id)
  end
end

function words.cancelled(queue, id, t)
  answer(queue, id, t, 'false', exception('CancelledError', ''), 0)
end

function words.refused(queue, id, t, u, text)
  answer(queue, id, t, 'false', failure(t, u, text), 0)
end

function words.parked(queue, id, t, u, text, data)
  if call('HEXISTS', P .. 'payload:' .. t, u) == 0 then
    call('HSET', P .. 'payload:' .. t, u, whole(now) .. data)
    end_kept(t, 'parked', {u}, {text})
  end
  answer(queue, id, t, 'false', failure(t, u, text), 0)
end

for at = 2, #ARGV, PER_JOB do
  local word, queue, id, field = unpack(ARGV, at, at + 3)
  if call('ZSCORE', queue, id) then
    local t, u = split_field(field)
    words[word](queue, id, t, u, ARGV[at + 4], ARGV[at + 5])
  end
end
return answered
