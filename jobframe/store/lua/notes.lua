-- What a handler has noted of its job: how far it has come, and which of its steps are done.

-- Does the worker hold the job under that fence?
local function holds(worker, t, id, fence)
  local value = call('HGET', P .. 'held:' .. worker, t .. '\t' .. id)
  return value and string.find(value, fence .. '@', 1, true) == 1
end

local function note_progress(t, id, report)
  call('HSET', P .. 'progress:' .. t, id, string.sub(report, 1, -2) .. ',"at_ms":' .. whole(now) .. '}')
end

-- Nothing of it is kept with a job that has completed.
local function drop_notes(t, ids)
  if call('EXISTS', P .. 'steps:' .. t, P .. 'progress:' .. t) == 0 then return end
  variadic('HDEL', P .. 'steps:' .. t, ids)
  variadic('HDEL', P .. 'progress:' .. t, ids)
end
