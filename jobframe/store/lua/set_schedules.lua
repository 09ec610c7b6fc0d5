-- Put the schedules of a file in force for some job types, and those of them that it lacks out of force.
-- ARGV: clock, time the file was edited (ms) or '' for an operator who means it, number of job types, their names,
--       then per schedule of these types: name, digest, its timing, job type, document (JSON object without version and at)
-- Returns: the names of the schedules that changed, came or went
-- As with policies, what was superseded after the file's last edit is not brought back; having no schedule of a name
-- has the digest ''. Versions come from the counter of all policies, so that none of a name is ever given twice.
local PER_SCHEDULE = 5
local MOST_SUPERSEDED = 1000 -- older files than the newest so many edits are taken for new ones
local edited, types, wanted, changed = tonumber(ARGV[2]), {}, {}, {}
local first = 4 + tonumber(ARGV[3])
for at = 4, first - 1 do types[ARGV[at]] = true end

local function may_put(name, digest)
  if not edited then return true end
  return tonumber(call('ZSCORE', P .. 'superseded', name .. '\t' .. digest) or -1) <= edited
end

local function supersede(name, digest)
  call('ZADD', P .. 'superseded', now, name .. '\t' .. digest)
  call('ZREMRANGEBYRANK', P .. 'superseded', 0, -1 - MOST_SUPERSEDED)
  changed[#changed + 1] = name
end

for at = first, #ARGV, PER_SCHEDULE do
  local name, digest, timing = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local key = P .. 'schedule:' .. name
  local old = call('HMGET', key, 'digest', 'timing')
  wanted[name] = true
  if old[1] ~= digest and may_put(name, digest) then
    supersede(name, old[1] or '')
    if old[2] ~= timing then call('HSET', key, 'slot', now) end -- it misses nothing from before
    local version = call('HINCRBY', P .. 'control', 'policy', 1)
    call('HSET', key, 'digest', digest, 'timing', timing, 'type', ARGV[at + 3], 'version', version)
    call('HSET', P .. 'schedules', name, string.sub(ARGV[at + 4], 1, -2) .. ',"version":' .. version .. ',"at":' .. whole(now) .. '}')
  end
end

for _, name in ipairs(call('HKEYS', P .. 'schedules')) do
  local key = P .. 'schedule:' .. name
  local old = call('HMGET', key, 'digest', 'type')
  if not wanted[name] and types[old[2]] and may_put(name, '') then
    supersede(name, old[1])
    call('HDEL', P .. 'schedules', name)
    call('DEL', key)
    call('HINCRBY', P .. 'control', 'policy', 1)
  end
end

if #changed > 0 then call('PUBLISH', P .. 'control', 'policy') end
return changed
