-- Take over the jobs of dead workers and keep house. Every worker may call it at any time; it is idempotent and bounded.
-- A worker is dead when its lease has ended, was suspected at least one interval ago, and was not renewed since.
-- ARGV: clock, lease ms, interval ms, 1 to take over or 0 to write suspicions only (a sweeper that was itself late)
-- Returns: {jobs taken back, workers removed, minutes rolled up, 1 when there is more to take}
local lease, interval, may_take = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local MOST_WORKERS, MOST_JOBS, MOST_MINUTES, MOST_CLIENTS = 1000, 1000, 64, 1000
local KEEP_HOURS, KEEP_CALLS = 8 * 24, 600000
local taken, removed, rolled, more = 0, 0, 0, 0

-- A lease that ends later than any clock of this server could have granted, by the worker's own length, counts as ended.
local function has_ended(worker, lease_end)
  if lease_end <= now + 2 * lease then return lease_end < now end
  local own = tonumber(string.match(call('HGET', P .. 'worker-info', worker) or '', '"lease_ms":(%d+)')) or lease
  return lease_end > now + 2 * own
end

-- Suspicion first, take-over later: a single late renewal or a stalled server costs nobody their jobs.
local function is_dead(worker, lease_end)
  if lease_end == 0 then return true end -- given up before, when it held more than one sweep takes
  local seen_end, since = string.match(call('HGET', P .. 'suspicions', worker) or '', '^(%d+) (%d+)$')
  if seen_end ~= whole(lease_end) or tonumber(since) > now then
    call('HSET', P .. 'suspicions', worker, whole(lease_end) .. ' ' .. whole(now))
    return false
  end
  return may_take and now - since >= interval and has_ended(worker, lease_end)
end

local suspects = call('ZRANGEBYSCORE', P .. 'workers', '-inf', now + lease / 2, 'WITHSCORES', 'LIMIT', 0, MOST_WORKERS)
local ahead = call('ZRANGEBYSCORE', P .. 'workers', '(' .. whole(now + 2 * lease), '+inf', 'WITHSCORES', 'LIMIT', 0, MOST_WORKERS)
for _, value in ipairs(ahead) do suspects[#suspects + 1] = value end
for i = 1, #suspects, 2 do
  local worker = suspects[i]
  if taken >= MOST_JOBS then
    more = 1
    break
  end
  if is_dead(worker, tonumber(suspects[i + 1])) then
    taken = taken + take_back(worker, 'crashed', MOST_JOBS - taken)
    if call('HLEN', P .. 'held:' .. worker) == 0 then
      remove_worker(worker)
      removed = removed + 1
    else
      call('ZADD', P .. 'workers', 0, worker)
      more = 1
    end
  end
end

if not note_time() then more = 1 end

-- The rest is done once an interval by whoever comes first.
if swept_since(now - interval) then return {taken, removed, 0, more} end
call('HSET', P .. 'control', 'swept', whole(now))

-- Roll minutes that are over up into their hour and into the total.
local minute = math.floor(now / 60000)
local over = call('ZRANGEBYSCORE', P .. 'minutes', '-inf', minute - 2, 'LIMIT', 0, MOST_MINUTES)
for _, member in ipairs(over) do
  local t, n = split_field(member)
  local hour = math.floor(n / 60)
  local counts = call('HGETALL', P .. 'minute:' .. t .. ':' .. n)
  for i = 1, #counts, 2 do
    call('HINCRBY', P .. 'hour:' .. t .. ':' .. hour, counts[i], counts[i + 1])
    call('HINCRBY', P .. 'total:' .. t, counts[i], counts[i + 1])
  end
  call('ZADD', P .. 'hours', hour, t .. '\t' .. hour)
  call('DEL', P .. 'minute:' .. t .. ':' .. n)
  call('ZREM', P .. 'minutes', member)
  rolled = rolled + 1
end
for _, member in ipairs(call('ZRANGEBYSCORE', P .. 'hours', '-inf', math.floor(minute / 60) - KEEP_HOURS, 'LIMIT', 0, MOST_MINUTES)) do
  local t, hour = split_field(member)
  call('DEL', P .. 'hour:' .. t .. ':' .. hour)
  call('ZREM', P .. 'hours', member)
end

-- Forget clients that have been silent for long, with the answers kept for their resends.
local silent = call('ZRANGEBYSCORE', P .. 'clients', '-inf', now - KEEP_CALLS, 'LIMIT', 0, MOST_CLIENTS)
variadic('HDEL', P .. 'calls', silent)
variadic('ZREM', P .. 'clients', silent)

-- Retention of a few types a time, in turn, and arming them again in case anything was left out.
local names = call('HKEYS', P .. 'limits')
table.sort(names)
local turn = tonumber(call('HGET', P .. 'control', 'turn')) or 0
local today = math.floor(now / 86400000)
for i = 1, math.min(8, #names) do
  local t = names[(turn + i) % #names + 1]
  local p = limits(t)
  retain(t, p, 256)
  drop_lapsed(t, 256)
  call('ZREMRANGEBYSCORE', P .. 'leaving:' .. t, '-inf', '(' .. now)
  call('HDEL', P .. 'counters:' .. t, 'failed:' .. today - 9)
  if p.grouped and p.group == math.huge and not lines_left(t) then set_flags(t, bit.bxor, GROUPED) end
  arm(t, p)
end
call('HSET', P .. 'control', 'turn', turn + 8)
return {taken, removed, rolled, more}
