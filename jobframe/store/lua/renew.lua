-- Renew a worker's lease: one call, whatever the number of jobs it holds.
-- ARGV: clock, worker, lease ms
-- Returns: {'GONE'} when another worker took its jobs over, else
--          {'OK', now, how many jobs the store thinks it holds, policy version, 1 when some worker is overdue,
--           then the pending cancels: type\tid, fence\treason}
local worker, lease = ARGV[2], tonumber(ARGV[3])
if not call('ZSCORE', P .. 'workers', worker) then return {'GONE'} end
call('ZADD', P .. 'workers', now + lease, worker)
local control = call('HMGET', P .. 'control', 'policy', 'swept')
local overdue = call('ZCOUNT', P .. 'workers', '-inf', now + lease / 2) > 0
  or call('ZCOUNT', P .. 'workers', now + 2 * lease, '+inf') > 0
  or (tonumber(control[2]) or 0) < now - lease / 3
local answer = {'OK', whole(now), call('HLEN', P .. 'held:' .. worker), tonumber(control[1] or 0), overdue and 1 or 0}
for _, value in ipairs(call('HGETALL', P .. 'cancels:' .. worker)) do answer[#answer + 1] = value end
return answer
