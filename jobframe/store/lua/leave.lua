-- A stopping worker gives back what it still holds, as interrupts, and leaves the fleet.
-- ARGV: clock, worker, most jobs
-- Returns: jobs given back; when that is the most, call again
local worker, most = ARGV[2], tonumber(ARGV[3])
local given_back = take_back(worker, 'interrupted', most)
if given_back < most then remove_worker(worker) end
return given_back
