-- Enqueue jobs of any mix of types, all or none.
-- ARGV: clock, client, call number, then per type: name, policy version it was encoded with, count,
--       and per job: id, when, options .. '\n' .. envelope
-- Returns: {'OK', per job: 1 or the id of the job that stands in its place}
--          {'STALE', name, document or ''} when a policy is another by now: nothing was changed, encode again
local client, number = ARGV[2], ARGV[3]
local STAMP_EVERY = 60000 -- the sweep forgets clients ten minutes after their last stamp
local answer, stamp = earlier_answer(client, number)
if answer then
  local kept = cmsgpack.unpack(answer)
  table.insert(kept, 1, 'OK')
  return kept
end

local policies = {}
local at = 4
while at <= #ARGV do
  local t, version, n = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local p = limits(t)
  if p.version ~= tonumber(version) then return {'STALE', t, call('HGET', P .. 'types', t) or ''} end
  policies[at] = p
  at = at + 3 + 3 * n
end

call('HSETNX', P .. 'control', 'epoch', whole(now_us))
local answers = {}
at = 4
while at <= #ARGV do
  local n = tonumber(ARGV[at + 2])
  put(ARGV[at], policies[at], ARGV, at + 3, n, answers)
  at = at + 3 + 3 * n
end

if not stamp or stamp < now - STAMP_EVERY then
  stamp = now
  call('ZADD', P .. 'clients', now, client)
end
call('HSET', P .. 'calls', client, number .. ':' .. whole(stamp) .. ':' .. cmsgpack.pack(answers))
table.insert(answers, 1, 'OK')
return answers
