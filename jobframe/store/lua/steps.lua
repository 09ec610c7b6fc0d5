-- The steps that a running job has done, one more of them now if it is named; doing so again changes nothing.
-- ARGV: clock, worker, type, id, fence, name of the step or ''
-- Returns: {1, their names, a line each}; {0, ''} when another run owns the job: nothing was changed
local worker, t, id, fence, step = unpack(ARGV, 2, 6)
if not holds(worker, t, id, fence) then return {0, ''} end
local done = call('HGET', P .. 'steps:' .. t, id) or ''
if step ~= '' then
  if not string.find('\n' .. done .. '\n', '\n' .. step .. '\n', 1, true) then
    done = done == '' and step or done .. '\n' .. step
  end
  call('HSET', P .. 'steps:' .. t, id, done) -- also when it is there: a replica confirms what is written
end
return {1, done}
