-- What the store thinks a worker holds, for one that knows of fewer jobs than the store does.
-- ARGV: clock, worker
-- Returns: type\tid, fence ...
local answer = {}
local held = call('HGETALL', P .. 'held:' .. ARGV[2])
for i = 1, #held, 2 do
  answer[i], answer[i + 1] = held[i], split_held(held[i + 1])
end
return answer
