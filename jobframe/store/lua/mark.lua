-- Write the wake markers of lanes where there is work, for whoever has room.
-- ARGV: clock, lanes
-- Returns: nothing
for i = 2, #ARGV do
  if call('EXISTS', P .. 'ready:' .. ARGV[i]) == 1 then wake(ARGV[i]) end
end
