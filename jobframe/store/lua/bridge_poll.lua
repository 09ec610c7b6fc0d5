-- What producers with plain arq have left on their queue, and what can be told them. Changes no job.
-- A job that was handed over stays on arq's queue with the negative of that time as its score: arq's own `Job` still
-- finds it there, and these entries are the list of answers still owed.
-- ARGV: clock, arq's queue, bridge, its period ms, most jobs, most bytes of them, rank to look for owed answers from
-- Returns: {now, this bridge's place among those alive (from 0), how many they are, 1 when more is due than it lists,
--           rank for the next look, due, aborted, ended}
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

-- Find out where jobs of one type are: those that ended are owed an answer, those that are nowhere are due again.
local PLACES = {
  {key = 'queue:%s:n'}, {key = 'active:%s'}, {key = 'given:%s', ended = true}, {key = 'failed:%s', ended = true},
  {key = 'cancelled:%s', ended = true}, {key = 'parked:%s'}, {key = 'queue:%s:h'}, {key = 'queue:%s:l'}, {key = 'queue:%s:b'},
  {key = 'completed:%s', ended = true}, -- of one that found its equal, made by another producer
}
local function sort_out(t, jobs)
  for _, place in ipairs(PLACES) do
    local ids, elsewhere = {}, {}
    for i, job in ipairs(jobs) do ids[i] = job.unique end
    for i, score in ipairs(call('ZMSCORE', P .. string.format(place.key, t), unpack(ids))) do
      local job = jobs[i]
      if not score then
        elsewhere[#elsewhere + 1] = job
      elseif place.ended then
        ended[#ended + 1], ended[#ended + 2] = job.id, job.entry
      end
    end
    jobs = elsewhere
    if #jobs == 0 then return end
  end
  for _, job in ipairs(jobs) do add_due(job.id, job.score) end
end

local function look_for_owed()
  local page = call('ZRANGE', queue, rank, rank + MOST_OWED - 1, 'WITHSCORES')
  local ids, by_type = {}, {}
  for i = 1, #page, 2 do
    if tonumber(page[i + 1]) >= 0 then break end
    ids[#ids + 1] = page[i]
  end
  if #ids == 0 then return 0 end
  for i, entry in ipairs(call('HMGET', P .. 'bridged', unpack(ids))) do
    if entry then
      local t, unique = string.match(entry, '^(.-)\t(.-)\t')
      by_type[t] = by_type[t] or {}
      table.insert(by_type[t], {id = ids[i], score = page[2 * i], unique = unique, entry = entry})
    else
      add_due(ids[i], page[2 * i])
    end
  end
  for t, jobs in pairs(by_type) do sort_out(t, jobs) end
  return #ids == MOST_OWED and rank + MOST_OWED - #ended / 2 or 0 -- those that ended are answered, and go
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
local more = (jobs_left <= 0 or bytes_left <= 0) and 1 or 0
local next_rank = look_for_owed()
local place, alive = among_bridges()
return {whole(now), place, alive, more, next_rank, due, aborted, ended}
