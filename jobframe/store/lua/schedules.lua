-- The schedules in force and how far each has come; changes nothing.
-- ARGV: clock
-- Returns: now, then per schedule: document, its last slot, when it last made a job or 0, jobs it made,
--          slots skipped because a job was live, slots skipped because its queue was full
local found = {whole(now)}
local documents = call('HGETALL', P .. 'schedules')
for i = 1, #documents, 2 do
  local state = call('HMGET', P .. 'schedule:' .. documents[i], 'slot', 'fired_at', 'fired', 'live', 'full')
  found[#found + 1] = documents[i + 1]
  for field = 1, 5 do found[#found + 1] = state[field] or 0 end
end
return found
