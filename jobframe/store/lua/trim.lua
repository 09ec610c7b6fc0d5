-- Drop what is kept of a type's ended jobs beyond its policy in force.
-- ARGV: clock, type, most jobs per state
-- Returns: how many were dropped; call again until it is 0
local t, most = ARGV[2], tonumber(ARGV[3])

local function kept()
  local total = 0
  for _, state in ipairs({'completed:', 'given:', 'cancelled:', 'failed:'}) do total = total + call('ZCARD', P .. state .. t) end
  return total
end

local before = kept()
retain(t, limits(t), most)
return before - kept()
