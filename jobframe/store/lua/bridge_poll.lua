-- What producers with plain arq have left on their queue, and what can be told them. Changes no job.
-- A job that was handed over stays on arq's queue with the negative of that time as its score: arq's own `Job` still
-- finds it there, and these entries are the list of answers still owed.
-- ARGV: clock, arq's queue, bridge, its period ms, most jobs, most bytes of them, rank to look for owed answers from
-- Returns: {now, this bridge's place among those alive (from 0), how many they are, rank for the next look, due, aborted, ended}
--          due: per job id, score, ms its payload has left or -1, when it was aborted or '', payload or ''; these are
--               also jobs that were handed over but are in no queue of ours
--          aborted: per job handed over, id, its entry in `bridged` or ''   ended: per job that ended unanswered, the same
local queue, bridge, period = ARGV[2], ARGV[3], tonumber(ARGV[4])
local jobs_left, bytes_left, rank = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local MOST_ABORTS, MOST_OWED = 100, 100
local ABORT_KEPT = 86400000 -- arq never forgets the abort of a job that it does not find
local due, aborted, ended = {}, {}, {}
local listed = {}

local function add_due(id, score)
  if listed[id] or jobs_left <= 0 or bytes_left <= 0 then return end
  listed[id] = true
  local payload = call('GET', 'arq:job:' .. id) or ''
  jobs_left, bytes_left = jobs_left - 1, bytes_left - #payload
  for _, value in ipairs({id, score, call('PTTL', 'arq:job:' .. id), call('ZSCORE', 'arq:abort', id) or '', payload}) do
    due[#due + 1] = value
  end
end

local function among_bridges()
  local key = P .. 'bridges'
  call('ZADD', key, now, bridge)
  local count = call('ZCARD', key)
  call('ZREMRANGEBYSCORE', key, '-inf', now - 2 * period * count - 2000)
  local place, alive = 0, call('ZRANGE', key, 0, -1)
  for _, other in ipairs(alive) do
    if other < bridge then place = place + 1 end
  end
  return place, #alive
end

local function state_of(t, id)
  for _, state in ipairs({'given', 'completed', 'failed', 'cancelled'}) do
    if call('ZSCORE', P .. state .. ':' .. t, id) then return 'ended' end
  end
  return call('HEXISTS', P .. 'payload:' .. t, id) == 1 and 'alive' or 'none'
end

local function look_for_owed()
  local found = call('ZRANGE', queue, rank, rank + MOST_OWED - 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local id, score = found[i], found[i + 1]
    if tonumber(score) >= 0 then return 0 end
    local entry = call('HGET', P .. 'bridged', id)
    local state = entry and state_of(string.match(entry, '^(.-)\t(.-)\t')) or 'none'
    if state == 'none' then add_due(id, score) end
    if state == 'ended' then ended[#ended + 1], ended[#ended + 2] = id, entry end
  end
  return #found == 2 * MOST_OWED and rank + MOST_OWED - #ended / 2 or 0 -- those that ended are answered, and go
end

local aborts = call('ZREVRANGE', 'arq:abort', 0, MOST_ABORTS - 1)
if #aborts > 0 then call('ZREMRANGEBYSCORE', 'arq:abort', '-inf', now - ABORT_KEPT) end
for _, id in ipairs(aborts) do
  local score = tonumber(call('ZSCORE', queue, id))
  if score and score >= 0 then
    add_due(id, call('ZSCORE', queue, id))
  elseif score then
    aborted[#aborted + 1], aborted[#aborted + 2] = id, call('HGET', P .. 'bridged', id) or ''
  end
end
local ripe = call('ZRANGEBYSCORE', queue, 0, now, 'WITHSCORES', 'LIMIT', 0, jobs_left)
for i = 1, #ripe, 2 do add_due(ripe[i], ripe[i + 1]) end
local next_rank = look_for_owed()
local place, alive = among_bridges()
return {whole(now), place, alive, next_rank, due, aborted, ended}
