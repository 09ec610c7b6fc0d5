-- A starting worker registers itself, puts its policies in force for the types it runs, and learns those in force.
-- ARGV: clock, worker, lease ms, or 0 for one that has joined, info JSON, 1 to apply or 0 to follow, time the file was
--       edited (ms), then per type what in_force.lua reads
-- Returns: per type, in order: name, lane, document in force; nothing when it had joined and was given up for dead since
-- A file whose policy was superseded after its last edit follows: a restarted old worker does not undo a newer file. But
-- the same file under another environment is nobody's older one: there the later start wins.
-- A lane is the set of worker kinds that run a type, with its pool: no worker is woken for a type it does not run.
local worker, lease, info, apply, edited = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5] == '1', tonumber(ARGV[6])
call('HSETNX', P .. 'control', 'epoch', whole(now_us))
if lease > 0 then
  call('ZADD', P .. 'workers', now + lease, worker)
elseif not is_member(worker) then
  return {} -- a dead worker's name never comes back
end
call('HSET', P .. 'worker-info', worker, info)

-- Is the policy at ARGV[at] an old one, replaced since its file was edited, by another file or by an operator?
local function superseded(t, at)
  local mine, newer = cjson.decode(ARGV[at + PER_TYPE - 1]), nil
  for _, text in ipairs(call('LRANGE', P .. 'history:' .. t, 0, -1)) do
    local each = cjson.decode(text)
    if not newer and mine.source ~= '' and each.source == mine.source then return false end
    if newer and each.digest == mine.digest then return newer.at > edited end
    newer = each
  end
  return false
end

local changed = false
for at = 7, #ARGV, PER_TYPE do
  local t, digest = ARGV[at], ARGV[at + 1]
  local complete = call('HEXISTS', P .. 'limits', t) + call('HEXISTS', P .. 'types', t) == 2 -- else one was evicted
  local known = complete and call('HGET', P .. 'digests', t)
  if not known or (known ~= digest and apply and not superseded(t, at)) then
    put_in_force(t, at)
    changed = true
  end
end

-- Which kinds of worker (set of types) are alive, and which of them run each type.
local kinds = {}
for _, text in ipairs(call('HVALS', P .. 'worker-info')) do
  local each = cjson.decode(text)
  kinds[each.kind] = each.types
end
local runners = {}
for kind, types in pairs(kinds) do
  for _, t in ipairs(types) do
    runners[t] = runners[t] or {}
    table.insert(runners[t], kind)
  end
end
local packed_of, run_in_of = call('HGETALL', P .. 'limits'), {}
local run_ins = call('HGETALL', P .. 'runs-in')
for i = 1, #run_ins, 2 do run_in_of[run_ins[i]] = run_ins[i + 1] end
local lane_of, in_use, left = {}, {}, {}
for i = 1, #packed_of, 2 do
  local t, packed = packed_of[i], packed_of[i + 1]
  local p = unpack_limits(packed)
  local lane = p.lane
  if runners[t] then
    table.sort(runners[t])
    lane = table.concat(runners[t], '+') .. '/' .. (run_in_of[t] or 'loop')
  end
  lane_of[t], in_use[lane] = lane, true
  if lane ~= p.lane then
    left[p.lane] = true
    call('ZREM', P .. 'ready:' .. p.lane, t)
    call('ZREM', P .. 'due:' .. p.lane, t)
    call('HDEL', P .. 'passes', t)
    call('HSET', P .. 'limits', t, string.sub(packed, 1, LIMITS_BYTES) .. lane)
    changed = true
  end
  if changed then arm(t, limits(t)) end
end
for lane in pairs(left) do
  if not in_use[lane] then
    call('DEL', P .. 'wake:' .. lane)
    call('HDEL', P .. 'control', 'watch:' .. lane)
    call('HDEL', P .. 'passes', 'lane:' .. lane, 'shift:' .. lane)
  end
end
if changed then
  announce_policies()
end

local answer = {}
for at = 7, #ARGV, PER_TYPE do
  local t = ARGV[at]
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = t, lane_of[t], call('HGET', P .. 'types', t)
end
return answer
