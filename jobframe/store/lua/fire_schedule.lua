-- Enqueue the job of one slot of a schedule: once, whoever asks and how often.
-- ARGV: clock, schedule, its version, slot (ms), time from there to the next slot (ms), while jobs of it are live:
--       'skip', 'queue-one' or 'allow', or 'hand' for an operator who wants a job whatever the slots say;
--       then its job: type, policy version it was encoded with, id, options .. '\n' .. envelope
-- Returns: {now, what came of it, detail}
--   FIRED     it is enqueued
--   DONE      the slot was dealt with before
--   EARLY     the slot is still to come by the server's clock
--   LIVE      skipped: detail is the job of the schedule that is live
--   FULL      skipped: as many jobs of the type wait as its max_waiting, the detail, allows
--   CHANGED   another version of the schedule is in force, or none: nothing was changed
--   STALE     the type's policy is another by now: nothing was changed, encode again; detail is the document
local name, version, slot, period, mode = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local t, id, p = ARGV[7], ARGV[9], limits(ARGV[7])
local key = P .. 'schedule:' .. name
local state = call('HMGET', key, 'version', 'slot', 'jobs')
local by_hand = mode == 'hand'
local MOST_KNOWN = 8 -- newest live or parked jobs of a schedule that are remembered

local function answer(what, detail) return {whole(now), what, detail or ''} end

local function skip(why, detail)
  call('HINCRBY', key, why, 1)
  return answer(string.upper(why), detail)
end

if state[1] ~= version then return answer('CHANGED') end
if p.version ~= tonumber(ARGV[8]) then return answer('STALE', call('HGET', P .. 'types', t) or '') end
if not by_hand then
  local last = tonumber(state[2])
  if slot > now then return answer('EARLY') end
  if last > now + period then last = 0 end -- of another clock, that was ahead
  if slot <= last then
    call('HSET', key, 'slot', whole(last)) -- a replica is waited for up to a write
    return answer('DONE')
  end
  call('HSET', key, 'slot', whole(slot))
end

-- The jobs of the schedule that are live; a parked one is not, but will be when it is released. None has a priority of its
-- own; one that took that of an equal job is found by its key.
local live, known, waiting = {}, {}, nil
for job in string.gmatch(state[3] or '', '[^\t]+') do
  local queued = call('ZSCORE', P .. 'queue:' .. t .. ':n', job) or call('ZSCORE', P .. 'queue:' .. t .. ':b', job)
  local is_live = queued or call('ZSCORE', P .. 'active:' .. t, job)
  if is_live then live[#live + 1] = job end
  if is_live or call('ZSCORE', P .. 'parked:' .. t, job) then known[#known + 1] = job end
  waiting = waiting or (queued and job)
end
local blocker = (mode == 'skip' and live[1]) or (mode == 'queue-one' and (waiting or live[2]))
if blocker then return skip('live', blocker) end
if p.max_waiting > 0 and queue_length(t) >= p.max_waiting then return skip('full', p.max_waiting) end

local made = {}
call('HSETNX', P .. 'control', 'epoch', whole(now_us))
put(t, p, {id, '', ARGV[10]}, 1, 1, made)
if made[1] == id then return answer('DONE') end -- fired before the clock stepped back
if made[1] ~= 1 then return skip('live', made[1]) end -- an equal job
call('HINCRBY', key, 'fired', 1)
known[#known + 1] = id
call('HSET', key, 'fired_at', whole(now), 'jobs', table.concat(known, '\t', math.max(1, #known - MOST_KNOWN + 1)))
return answer('FIRED')
