-- Put policies in force, whoever put the present ones; the workers learn of it at once.
-- ARGV: clock, then per type what in_force.lua reads
-- Returns: the names of the types whose policy is another by now
local changed = {}
for at = 2, #ARGV, PER_TYPE do
  local t = ARGV[at]
  if call('HGET', P .. 'digests', t) ~= ARGV[at + 1] then
    put_in_force(t, at)
    changed[#changed + 1] = t
  end
end
for _, t in ipairs(changed) do arm(t, limits(t)) end
if #changed > 0 then
  arm_sharing(users()) -- there may be more of a resource, or a type uses less of it
  announce_policies()
end
return changed
