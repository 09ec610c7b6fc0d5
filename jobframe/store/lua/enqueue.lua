-- Enqueue jobs of any mix of types, all or none.
-- ARGV: clock, client, call number, then per type: name, policy version it was encoded with, count,
--       and per job: id, when, options .. '\n' .. envelope
-- Returns: {'OK', per job: 1 or the id of the job that stands in its place}
--          {'STALE', name, document or ''} when a policy is another by now: nothing was changed, encode again
--          {'FULL', name, its max_waiting} when more jobs would wait than it allows: nothing was changed
local client, number = ARGV[2], ARGV[3]
local STAMP_EVERY = 60000 -- the sweep forgets clients ten minutes after their last stamp
local answer, stamp = earlier_answer(client, number)
if answer then
  call('HSET', P .. 'calls', client, call('HGET', P .. 'calls', client)) -- a replica is waited for up to a write
  local kept = cmsgpack.unpack(answer)
  table.insert(kept, 1, 'OK')
  return kept
end

-- How many of a group's jobs would be new: one that finds its equal makes nobody wait.
local function count_new(t, from, n)
  local count, seen = 0, {}
  for i = from, from + 3 * (n - 1), 3 do
    local id, tail = ARGV[i], ARGV[i + 2]
    local options = parse_options(string.sub(tail, 1, string.find(tail, '\n', 1, true) - 1))
    local equal = (options.given and (seen[id] or exists(t, id)))
      or (options.key and (seen['key ' .. options.key] or finds_equal(t, options)))
    if not equal then count = count + 1 end
    seen[id] = true
    if options.key then seen['key ' .. options.key] = true end
  end
  return count
end

local queued = {}
local function is_full(t, p, from, n)
  queued[t] = queued[t] or queue_length(t)
  if queued[t] + n > p.max_waiting then n = count_new(t, from, n) end
  queued[t] = queued[t] + n
  return n > 0 and queued[t] > p.max_waiting
end

local policies = {}
local at = 4
while at <= #ARGV do
  local t, version, n = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local p = limits(t)
  if p.version ~= tonumber(version) then return {'STALE', t, call('HGET', P .. 'types', t) or ''} end
  if p.max_waiting > 0 and is_full(t, p, at + 3, n) then return {'FULL', t, p.max_waiting} end
  policies[at] = p
  at = at + 3 + 3 * n
end

call('HSETNX', P .. 'control', 'epoch', whole(now_us))
note_time() -- before these jobs stand among those that may have to be moved
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
