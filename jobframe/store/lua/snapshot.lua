-- What the status pages show of a namespace, in one read that changes nothing.
-- ARGV: clock, a type or '' for all of them, histograms: 'recent' (this hour and the one before), 'total' or ''
-- Returns: now, types, workers, histograms, server, epoch, digests
--          types: per type name, announced 0/1, cap or 0, paused 0/1, active, failed, parked, waiting, delayed, oldest due time or '',
--                 then COUNTERS and the failures of today, '' for 0
--          workers: per worker name, end of its lease, jobs held, document or ''
--          histograms: per hash type, its fields and counts in one string (cheaper than a list)
--          server: what INFO says of the server, persistence, memory and replication
--          digests: per type the fingerprint of its policy in force
--          With a type there are no workers and no server: counting one type's jobs costs what that type costs.
local only, wanted = ARGV[2], ARGV[3]
local COUNTERS = {'completed', 'failed', 'cancelled', 'parked', 'retried', 'snoozed', 'crashed', 'interrupted', 'expired'}
COUNTERS[#COUNTERS + 1] = 'failed:' .. math.floor(now / 86400000)

-- When the due job that has waited longest was due.
local function oldest(t, p)
  local first = earliest(t, p)
  local lined_up = p.grouped and tonumber(call('ZRANGE', P .. 'queue:' .. t .. ':b', 0, 0, 'WITHSCORES')[2])
  return lined_up and math.min(lined_up, first or lined_up) or first
end

local function append_type(rows, t, p)
  local waiting, delayed = 0, 0
  local queues = p.mixed and {':h', ':n', ':l'} or {':n'}
  if p.grouped then queues[#queues + 1] = ':b' end
  for _, queue in ipairs(queues) do
    local key = P .. 'queue:' .. t .. queue
    local all = call('ZCARD', key)
    local due = all > 0 and call('ZCOUNT', key, '-inf', now) or 0
    waiting, delayed = waiting + due, delayed + all - due
  end
  local row = {t, p.version > 0 and 1 or 0, p.cap, p.paused and 1 or 0, call('ZCARD', P .. 'active:' .. t),
               call('ZCARD', P .. 'failed:' .. t), call('ZCARD', P .. 'parked:' .. t), waiting, delayed, waiting > 0 and whole(oldest(t, p)) or ''}
  for _, value in ipairs(row) do rows[#rows + 1] = value end
  for _, count in ipairs(call('HMGET', P .. 'counters:' .. t, unpack(COUNTERS))) do rows[#rows + 1] = count or '' end
end

local histograms = {}
local function append_histogram(t, key)
  local flat = call('HGETALL', key)
  if #flat > 0 then histograms[#histograms + 1], histograms[#histograms + 2] = t, table.concat(flat, ' ') end
end

local known, rows = only == '' and known_types() or {[only] = limits(only)}, {}
for t, p in pairs(known) do append_type(rows, t, p) end

if wanted ~= '' then
  local hour = math.floor(now / 3600000)
  for t in pairs(known) do
    if wanted == 'total' then
      append_histogram(t, P .. 'total:' .. t)
    else
      append_histogram(t, P .. 'hour:' .. t .. ':' .. hour)
      append_histogram(t, P .. 'hour:' .. t .. ':' .. hour - 1)
    end
  end
  local first = wanted == 'total' and '-inf' or (hour - 1) * 60
  for _, member in ipairs(call('ZRANGEBYSCORE', P .. 'minutes', first, '+inf')) do -- those not rolled up yet
    local t, minute = split_field(member)
    if known[t] then append_histogram(t, P .. 'minute:' .. t .. ':' .. minute) end
  end
end

local epoch = call('HGET', P .. 'control', 'epoch') or 0
if only ~= '' then return {whole(now), rows, {}, histograms, '', epoch, {}} end
return {whole(now), rows, read_workers(), histograms, call('INFO', 'server', 'persistence', 'memory', 'replication'), epoch,
        call('HGETALL', P .. 'digests')}
