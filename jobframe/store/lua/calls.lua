-- Prepended to the scripts whose callers may send a call again.
-- A call that is sent again answers as before: calls holds each caller's last number, its time and its answer. The echo
-- of an older call, late from a connection that was given up, does nothing and answers nothing.
local function earlier_answer(caller, number)
  local last = call('HGET', P .. 'calls', caller)
  if not last then return nil, nil end
  local last_number, stamp, answer = string.match(last, '^(%d+):(%d+):(.*)$')
  if tonumber(number) < tonumber(last_number) then answer = cmsgpack.pack({}) end
  return tonumber(number) <= tonumber(last_number) and answer or nil, tonumber(stamp)
end
