-- How a job ended; for one that has not ended, the client is told when it does.
-- ARGV: clock, type, id, client
-- Returns: {state, result JSON or reason}; {'', ''} when it has not ended; {'none', ''} when there is no such job
local t, id, client = ARGV[2], ARGV[3], ARGV[4]
for _, state in ipairs({'completed', 'given', 'failed', 'cancelled'}) do
  if call('ZSCORE', P .. state .. ':' .. t, id) then
    if state == 'completed' or state == 'given' then return {'completed', call('HGET', P .. 'result:' .. t, id) or ''} end
    return {state, call('HGET', P .. 'reason:' .. t, id) or ''}
  end
end
if call('HEXISTS', P .. 'payload:' .. t, id) == 0 then return {'none', ''} end
local field = t .. '\t' .. id
local clients = call('HGET', P .. 'waiters', field)
if not clients then
  call('HSET', P .. 'waiters', field, client)
elseif not string.find(',' .. clients .. ',', ',' .. client .. ',', 1, true) then
  call('HSET', P .. 'waiters', field, clients .. ',' .. client)
end
return {'', ''}
