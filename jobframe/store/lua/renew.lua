-- Renew a worker's lease: one call, whatever the number of jobs it holds.
-- ARGV: clock, worker, lease ms
-- Returns: {'GONE'} when another worker took its jobs over, else
--          {'OK', now, how many jobs the store thinks it holds, policy version, 1 when some worker is overdue,
--           then the pending cancels: type\tid, fence\treason}
local worker, lease = ARGV[2], tonumber(ARGV[3])
if not is_member(worker) then return {'GONE'} end
call('ZADD', P .. 'workers', now + lease, worker)
local policy = tonumber(call('HGET', P .. 'control', 'policy') or 0)
local overdue = call('ZCOUNT', P .. 'workers', '-inf', now + lease / 2) > 0
  or not swept_since(now - lease / 3)
local answer = {'OK', whole(now), call('HLEN', P .. 'held:' .. worker), policy, overdue and 1 or 0}
for _, value in ipairs(call('HGETALL', P .. 'cancels:' .. worker)) do answer[#answer + 1] = value end
return answer
