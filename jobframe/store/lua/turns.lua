-- Prepended to claim.lua: how jobs of types with a `group` come to their start; groups.lua says how they stand.

-- Line up what has come due since, as many as one look may. Returns how many that were, and the bytes it had to read.
local function line_up_due(t, p, most)
  local jobs, ids, size = {}, {}, 0
  for _, level in ipairs(p.mixed and {'h', 'n', 'l'} or {'n'}) do
    local queue = P .. 'queue:' .. t .. ':' .. level
    local found = call('ZRANGEBYSCORE', queue, '-inf', now, 'WITHSCORES', 'LIMIT', 0, most - #jobs)
    for i = 1, #found, 2 do
      ids[#ids + 1] = found[i]
      jobs[#jobs + 1] = {found[i], tonumber(found[i + 1]), BOOST[level]}
    end
    if #found > 0 then call('ZREMRANGEBYRANK', queue, 0, #found / 2 - 1) end
    if #jobs == most then break end
  end
  if #jobs == 0 then return 0, 0 end
  for i, payload in ipairs(call('HMGET', P .. 'payload:' .. t, unpack(ids))) do
    jobs[i][4] = group_of(payload and payload_options(payload) or NONE)
    size = size + #(payload or '')
  end
  line_up(t, p, jobs)
  return #jobs, size
end

-- A raised limit, or none any more, lets more of a group have places.
local function fill_raised(t, p, most)
  for _, g in ipairs(call('ZRANGEBYSCORE', P .. 'groups:' .. t, '-inf', '(' .. p.group, 'LIMIT', 0, most)) do fill(t, p, g) end
end

-- How many jobs of a group may start: as many as have a place, unless the limit was lowered since they got theirs.
local function group_allows(t, p, g)
  local places = P .. 'group:' .. t .. ':' .. g
  if g == UNGROUPED or call('ZCARD', places) <= p.group then return math.huge end
  return p.group - call('ZCOUNT', places, '(0', '+inf')
end

-- Take up to n jobs whose turn it is out of their lines. Returns their ids, due times and groups, and whether more wait
-- for their turn. Those that a lowered limit holds back stand behind again.
local function take_turns(t, p, n)
  local turns = call('ZRANGE', P .. 'turn:' .. t, 0, n)
  local more, ids, groups, allowed, back = #turns > n, {}, {}, {}, {}
  turns[n + 1] = nil
  if #turns == 0 then return {}, {}, {}, false end
  call('ZREMRANGEBYRANK', P .. 'turn:' .. t, 0, #turns - 1)
  for i, member in ipairs(turns) do ids[i] = string.sub(member, 17) end
  local lined_up, started, dues = call('ZMSCORE', P .. 'queue:' .. t .. ':b', unpack(ids)), {}, {}
  for i, member in ipairs(turns) do
    local id, g, due = ids[i], string.sub(member, 1, 16), lined_up[i]
    allowed[g] = allowed[g] or group_allows(t, p, g)
    if due and allowed[g] > 0 then
      due = math.min(due, now) -- it was due when it was lined up; by now the clock may have been set back
      started[#started + 1], dues[#dues + 1], groups[id] = id, whole(due), g
      allowed[g] = allowed[g] - 1
    elseif due then
      back[#back + 1] = {id, tonumber(due), 0, g}
    else
      vacate(t, p, {[g] = {id}}) -- a damaged store: it is in no queue
    end
  end
  if #started > 0 then call('ZREM', P .. 'queue:' .. t .. ':b', unpack(started)) end
  if #back > 0 then line_up(t, p, back) end
  return started, dues, groups, more
end

-- Note in their places since when jobs run.
local function note_starts(t, groups, started)
  local running = {}
  for _, id in ipairs(started) do
    local g = groups[id]
    running[g] = running[g] or {}
    table.insert(running[g], now)
    table.insert(running[g], id)
  end
  for g, scored in pairs(running) do call('ZADD', P .. 'group:' .. t .. ':' .. g, unpack(scored)) end
end
