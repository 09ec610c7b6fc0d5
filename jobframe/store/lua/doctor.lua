-- Look for what no script leaves behind, and only evicted, damaged or hand-deleted keys can: one step through one index.
-- ARGV: clock, what to look for, a type (for 'unlisted' a worker), cursor, entries per step, 1 to repair or 0,
--       for 'lost' which of the type's queues, for 'leftover' which of its hashes
--   'unheld'   active jobs that no worker holds: they fill the type's concurrency for ever   repair: as after a crash
--   'unlisted' held jobs that are not among the active ones: concurrency is exceeded         repair: list them
--   'lost'     queued jobs without a payload: they cannot run                                repair: end them as failed
--   'stray'    payloads of jobs that are in no state: they would never run                   repair: queue them
--   'unlined'  lined up for their turn in a group, but in no line: they would never run  repair: line them up
--   'placed'   jobs that keep a place in their group and neither run nor wait for it     repair: free it
--   'locked'   exclusion keys of jobs that have ended: no job can be made with them again    repair: free them
--   'leftover' what is kept of jobs that are in no state: it would never be dropped          repair: drop it
--   'behind'   jobs that wait for the end of one that has ended or is gone                   repair: let them start
-- Returns: {next cursor or '0' when this index is done, entries looked at, type\tid of each one found ...}
local what, subject, cursor, step, repair, queue = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1', ARGV[7]
local t = subject
local QUEUES = {'queue:' .. t .. ':n', 'queue:' .. t .. ':h', 'queue:' .. t .. ':l', 'queue:' .. t .. ':b'}
local LIVE = {'active:' .. t, 'parked:' .. t, unpack(QUEUES)}
local ENDED = {'failed:' .. t, 'cancelled:' .. t, 'completed:' .. t, 'given:' .. t}
local found = {}

local function stands_in(indexes, id)
  for _, index in ipairs(indexes) do
    if call('ZSCORE', P .. index, id) then return true end
  end
  return false
end

-- The next entries of an index, as name, value, name, value …
local function scan(command, key)
  local answer = call(command, P .. key, cursor, 'COUNT', step)
  cursor = answer[1]
  return answer[2]
end

local function is_held(field)
  for _, worker in ipairs(call('ZRANGE', P .. 'workers', 0, -1)) do
    if call('HEXISTS', P .. 'held:' .. worker, field) == 1 then return true end
  end
  return false
end

local look = {}

function look.unheld()
  local entries = scan('ZSCAN', 'active:' .. t)
  for i = 1, #entries, 2 do
    local field = t .. '\t' .. entries[i]
    if not is_held(field) then
      found[#found + 1] = field
      local payload = repair and call('HGET', P .. 'payload:' .. t, entries[i])
      local options = payload and payload_options(payload).text or ''
      if repair then call('HSET', P .. 'held:nobody', field, '0@' .. entries[i + 1] .. options) end
    end
  end
  if repair then take_back('nobody', 'crashed', #found) end
  return entries
end

function look.unlisted()
  local entries = scan('HSCAN', 'held:' .. subject)
  for i = 1, #entries, 2 do
    local type_of_job, id = split_field(entries[i])
    if not call('ZSCORE', P .. 'active:' .. type_of_job, id) then
      found[#found + 1] = entries[i]
      if repair then call('ZADD', P .. 'active:' .. type_of_job, now, id) end
    end
  end
  return entries
end

function look.lost()
  local index = 'queue:' .. t .. ':' .. queue
  local entries, ids, reasons = scan('ZSCAN', index), {}, {}
  for i = 1, #entries, 2 do
    if call('HEXISTS', P .. 'payload:' .. t, entries[i]) == 0 then
      found[#found + 1] = t .. '\t' .. entries[i]
      ids[#ids + 1], reasons[#reasons + 1] = entries[i], LOST
    end
  end
  if repair then
    variadic('ZREM', P .. index, ids)
    end_kept(t, 'failed', ids, reasons)
    announce_ends(found)
  end
  return entries
end

function look.stray()
  local entries, p = scan('HSCAN', 'payload:' .. t), limits(t)
  for i = 1, #entries, 2 do
    local id, payload = entries[i], entries[i + 1]
    if not stands_in(LIVE, id) and not stands_in(ENDED, id) and not is_held(t .. '\t' .. id) then
      found[#found + 1] = t .. '\t' .. id
      if repair then
        local options = payload_options(payload)
        local level = queue_of(t, p, options)
        if options.key then call('HSETNX', P .. 'keys:' .. t, options.key, id) end
        call('ZADD', P .. 'queue:' .. t .. ':' .. level, tonumber(string.sub(payload, 1, 13)) or now, id)
      end
    end
  end
  if repair and #found > 0 then arm(t, p) end
  return entries
end

function look.unlined()
  local entries, p = scan('ZSCAN', 'queue:' .. t .. ':b'), limits(t)
  for i = 1, #entries, 2 do
    local id, payload = entries[i], call('HGET', P .. 'payload:' .. t, entries[i])
    local g = group_of(payload and payload_options(payload) or NONE)
    if not call('ZSCORE', P .. 'turn:' .. t, g .. id) and not call('ZSCORE', P .. 'line:' .. t .. ':' .. g, id) then
      found[#found + 1] = t .. '\t' .. id
      if repair then line_up(t, p, {{id, tonumber(entries[i + 1]), 0, g}}) end
    end
  end
  if repair and #found > 0 then arm(t, p) end
  return entries
end

-- Groups with nobody behind are not looked at: nobody misses a place in them.
function look.placed()
  local entries, p = scan('ZSCAN', 'groups:' .. t), limits(t)
  for i = 1, #entries, 2 do
    local g, kept = entries[i], {}
    for _, id in ipairs(call('ZRANGE', P .. 'group:' .. t .. ':' .. g, 0, -1)) do
      local waits = call('ZSCORE', P .. 'turn:' .. t, g .. id)
      if not waits and not stands_in({'active:' .. t, QUEUES[1], QUEUES[2], QUEUES[3]}, id) then
        kept[#kept + 1], found[#found + 1] = id, t .. '\t' .. id
      end
    end
    if repair and #kept > 0 then vacate(t, p, {[g] = kept}) end
  end
  if repair and #found > 0 then arm(t, p) end
  return entries
end

function look.locked()
  local entries = scan('HSCAN', 'keys:' .. t)
  for i = 1, #entries, 2 do
    if not stands_in(LIVE, entries[i + 1]) and not call('ZSCORE', P .. 'lapses:' .. t, entries[i]) then
      found[#found + 1] = t .. '\t' .. entries[i + 1]
      if repair then call('HDEL', P .. 'keys:' .. t, entries[i]) end
    end
  end
  return entries
end

function look.leftover()
  local entries = scan('HSCAN', queue .. ':' .. t)
  for i = 1, #entries, 2 do
    local id = entries[i]
    if not stands_in(LIVE, id) and not stands_in(ENDED, id) and call('HEXISTS', P .. 'payload:' .. t, id) == 0 then
      found[#found + 1] = t .. '\t' .. id
      if repair then call('HDEL', P .. queue .. ':' .. t, id) end
    end
  end
  return entries
end

function look.behind()
  local entries = scan('HSCAN', 'behind:' .. t)
  for i = 1, #entries, 2 do
    if not is_live(t, entries[i]) then
      local _, successor = split_behind(entries[i + 1])
      found[#found + 1] = t .. '\t' .. (successor or entries[i])
      if repair then let_go(t, entries[i]) end
    end
  end
  return entries
end

local entries = look[what]()
return {cursor, #entries / 2, unpack(found)}
