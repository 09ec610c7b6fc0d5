-- Write the wake markers of lanes where there is work, or a due time that nobody watches, for whoever has room.
-- ARGV: clock, lanes
-- Returns: nothing
for i = 2, #ARGV do
  local lane = ARGV[i]
  local upcoming = call('ZRANGE', P .. 'due:' .. lane, 0, 0, 'WITHSCORES')[2]
  if call('EXISTS', P .. 'ready:' .. lane) == 1 then
    wake(lane)
  elseif upcoming then
    wake_at(lane, tonumber(upcoming))
  end
end
