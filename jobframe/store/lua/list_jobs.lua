-- One page of jobs, or one job, without their payloads; changes nothing.
-- ARGV: clock, a type or '' for all, a state or '' for all, the unique part of the one job wanted or '',
--       most jobs wanted, then where the last page ended: type, index, score and unique part, all '' at the start
-- Returns: {where this page ended or four '' when nothing is left, then
--          per job: type, state, unique part, score, enqueue time or '', worker or '', record or '', reason or '',
--                   progress or '', steps or ''}
-- Waiting, delayed and active jobs come soonest first, ended and parked ones newest first, types by name.
local only_type, only_state, only_id, left = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local after = {t = ARGV[6], index = tonumber(ARGV[7]) or 0, score = ARGV[8], id = ARGV[9]}
local bytes_left = 1048576 -- the enqueue time stands in the payload: a page ends early after a mebibyte of them

local FUTURE = '(' .. whole(now)
local INDEXES = {
  {state = 'active', key = 'active:%s'},
  {state = 'waiting', key = 'queue:%s:h', last = now},
  {state = 'waiting', key = 'queue:%s:n', last = now},
  {state = 'waiting', key = 'queue:%s:l', last = now},
  {state = 'waiting', key = 'queue:%s:b', last = now},
  {state = 'delayed', key = 'queue:%s:h', first = FUTURE},
  {state = 'delayed', key = 'queue:%s:n', first = FUTURE},
  {state = 'delayed', key = 'queue:%s:l', first = FUTURE},
  {state = 'delayed', key = 'queue:%s:b', first = FUTURE}, -- lined up, and then the clock was set back
  {state = 'failed', key = 'failed:%s', newest_first = true},
  {state = 'parked', key = 'parked:%s', newest_first = true},
  {state = 'cancelled', key = 'cancelled:%s', newest_first = true},
  {state = 'completed', key = 'completed:%s', newest_first = true},
  {state = 'completed', key = 'given:%s', newest_first = true},
}
local page = {'', '', '', ''}

local function sorted_types()
  if only_type ~= '' then return {only_type} end
  local names = {}
  for t in pairs(known_types()) do names[#names + 1] = t end
  table.sort(names)
  return names
end

-- How many jobs of the index stand before the first one wanted.
local function skipped(index, key, resumed)
  if resumed then
    if call('ZSCORE', key, after.id) == after.score then
      return call(index.newest_first and 'ZREVRANK' or 'ZRANK', key, after.id) + 1
    end
    if index.newest_first then return call('ZCOUNT', key, '(' .. after.score, '+inf') end
    return call('ZCOUNT', key, '-inf', '(' .. after.score)
  end
  return index.first and call('ZCOUNT', key, '-inf', now) or 0
end

-- The next ids of an index and their scores, at most n.
local function members(index, key, resumed, n)
  if only_id ~= '' then
    local score = call('ZSCORE', key, only_id)
    local due = score and tonumber(score) <= now
    if not score or (index.last and not due) or (index.first and due) then return {}, {} end
    return {only_id}, {score}
  end
  local from = skipped(index, key, resumed)
  local flat = call(index.newest_first and 'ZREVRANGE' or 'ZRANGE', key, from, from + n - 1, 'WITHSCORES')
  local ids, scores = {}, {}
  for i = 1, #flat, 2 do
    if index.last and tonumber(flat[i + 1]) > index.last then break end
    ids[#ids + 1], scores[#scores + 1] = flat[i], flat[i + 1]
  end
  return ids, scores
end

local function holders(t, ids)
  local fields, found = {}, {}
  for i, id in ipairs(ids) do fields[i] = t .. '\t' .. id end
  for _, worker in ipairs(call('ZRANGE', P .. 'workers', 0, -1)) do
    for i, value in ipairs(call('HMGET', P .. 'held:' .. worker, unpack(fields))) do
      if value then found[i] = worker end
    end
  end
  return found
end

-- Append the jobs of one index to the page; false when the page is full.
local function append(t, i, resumed)
  local index = INDEXES[i]
  local ids, scores = members(index, P .. string.format(index.key, t), resumed, left)
  if #ids == 0 then return true end
  local kept = {}
  for _, part in ipairs({'record', 'reason', 'progress', 'steps'}) do kept[part] = call('HMGET', P .. part .. ':' .. t, unpack(ids)) end
  local workers = index.state == 'active' and holders(t, ids) or {}
  for j, id in ipairs(ids) do
    local payload = call('HGET', P .. 'payload:' .. t, id) or ''
    local job = {t, index.state, id, scores[j], string.sub(payload, 1, 13), workers[j] or '',
                 kept.record[j] or '', kept.reason[j] or '', kept.progress[j] or '', kept.steps[j] or ''}
    for _, value in ipairs(job) do page[#page + 1] = value end
    left, bytes_left = left - 1, bytes_left - #payload - #(kept.steps[j] or '')
    if left == 0 or bytes_left <= 0 then
      page[1], page[2], page[3], page[4] = t, i, scores[j], id
      return false
    end
  end
  return true
end

for _, t in ipairs(sorted_types()) do
  if t >= after.t then
    local resumed = t == after.t and after.index or 0
    for i = math.max(resumed, 1), #INDEXES do
      if only_state == '' or only_state == INDEXES[i].state then
        if not append(t, i, i == resumed) then return page end
      end
    end
  end
end
return page
