-- Pause a type (no more claims; what runs goes on) or let it run again; doing it twice changes nothing.
-- ARGV: clock, type, 1 to pause or 0 to resume, a JSON object that says who
-- Returns: 1, or 0 when the type was never announced
local t, pause = ARGV[2], ARGV[3] == '1'
local packed = call('HGET', P .. 'limits', t)
if not packed then return 0 end
local flags = string.byte(packed)
local is_paused = flags % 2 == 1
if pause ~= is_paused then
  flags = flags + (pause and PAUSED or -PAUSED)
  call('HSET', P .. 'limits', t, string.char(flags) .. string.sub(packed, 2))
  if pause then
    call('HSET', P .. 'paused', t, string.sub(ARGV[4], 1, -2) .. ',"at":' .. whole(now) .. '}')
  else
    call('HDEL', P .. 'paused', t)
  end
  arm(t, limits(t))
end
return 1
