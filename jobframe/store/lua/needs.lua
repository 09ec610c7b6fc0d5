-- Prepended to the scripts that park and release.
-- What a parked job waits for is one number, so that one range finds all that a worker can read: the version of its
-- payload, and above it, when it is sealed, the hash of the key's id.
local VERSIONS = 1048576 -- 2^20: 32 bits of hash above it are exact in a score

local function need(version, kid)
  local hash = kid and tonumber(string.sub(redis.sha1hex(kid), 1, 8), 16) or 0
  return hash * VERSIONS + math.min(tonumber(version), VERSIONS - 1)
end
