-- Put policies in force, whoever put the present ones; the workers learn of it at once.
-- ARGV: clock, then per type what in_force.lua reads
-- Returns: the names of the types whose policy is another by now
local changed = {}
for at = 2, #ARGV, PER_TYPE do
  local t = ARGV[at]
  if call('HGET', P .. 'digests', t) ~= ARGV[at + 1] then
    put_in_force(t, at)
    arm(t, limits(t))
    changed[#changed + 1] = t
  end
end
if #changed > 0 then announce_policies() end
return changed
