-- Jobs of arq's queue have been handed over: only arq's own `Job` shall still see them there.
-- ARGV: clock, arq's queue, then per job: id, score it was read with, when arq's producer made it (ms),
--       type\tid; '' when it has to wait until its type is known
-- Returns: how many were still there as they were read
-- `bridged` keeps for each: type\tid\twhen it was made. Their payloads lose arq's time limit, after which arq's `Job`
-- would know nothing of them. An abort older than the job was meant for an earlier one of its id.
local queue, marked = ARGV[2], 0
for at = 3, #ARGV, 4 do
  local id, score, made, field = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if call('ZSCORE', queue, id) == score then
    call('ZADD', queue, 'XX', '-' .. whole(now), id)
    call('PERSIST', 'arq:job:' .. id)
    if field ~= '' then call('HSET', P .. 'bridged', id, field .. '\t' .. made) end
    local abort = tonumber(call('ZSCORE', 'arq:abort', id))
    if abort and abort < tonumber(made) then call('ZREM', 'arq:abort', id) end
    marked = marked + 1
  end
end
return marked
