-- Prepended to the scripts that go through all types.
-- Every announced type, and those (at most 512) that have work though nobody announced them, with their limits.
local function known_types()
  local known, flat = {}, call('HGETALL', P .. 'limits')
  for i = 1, #flat, 2 do known[flat[i]] = unpack_limits(flat[i + 1]) end
  local nobody = unpack_limits(nil)
  for _, index in ipairs({'ready:', 'due:'}) do
    for _, t in ipairs(call('ZRANGE', P .. index .. nobody.lane, 0, 255)) do known[t] = known[t] or nobody end
  end
  known['arq.unreadable'] = call('EXISTS', P .. 'parked:arq.unreadable') == 1 and nobody or nil
  return known
end
