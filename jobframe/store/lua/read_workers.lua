-- Prepended to the scripts that show the fleet.
-- Per worker: name, end of its lease, jobs held, document or ''.
local function read_workers()
  local found, leases = {}, call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
  for i = 1, #leases, 2 do
    local worker, at = leases[i], #found
    found[at + 1], found[at + 2] = worker, leases[i + 1]
    found[at + 3] = call('HLEN', P .. 'held:' .. worker)
    found[at + 4] = call('HGET', P .. 'worker-info', worker) or ''
  end
  return found
end
