-- Prepended to the scripts that move jobs of types with a `group`.
-- A job that is due and was looked at stands in queue:T:b, and in one of two lines: in turn:T when it has a place in its
-- group, else in line:T:<group> until another job of its group gives its place up. group:T:<group> holds the places:
-- id → 0 while it waits for its turn, then when it started. So a claim meets only jobs that may start, and what fills a
-- group is the set of its jobs, not a counter. Jobs not yet due, and those given back, stand in the other queues until
-- they are looked at.
local UNGROUPED = string.rep('-', 16) -- the group of jobs that were enqueued before their type had one: without a limit
local MOST_PLACED = 128               -- a group gets so many places at once

-- Are jobs of a type lined up, or running without a group? So long the type stays a grouped one, also without a limit.
local function lines_left(t)
  return call('EXISTS', P .. 'queue:' .. t .. ':b', P .. 'group:' .. t .. ':' .. UNGROUPED) > 0
end

local function group_of(options)
  return options.group or UNGROUPED
end

-- Let those that stand behind take the places of their group that are free. The turns of a group count on from the one
-- that is served next: groups take turns one by one, however many of a group wait and for how long.
local function fill(t, p, g)
  local behind, places, turn = P .. 'line:' .. t .. ':' .. g, P .. 'group:' .. t .. ':' .. g, P .. 'turn:' .. t
  local limit = g == UNGROUPED and math.huge or p.group
  local taken = call('ZCARD', places)
  local free = math.min(limit - taken, MOST_PLACED)
  local first = free > 0 and call('ZPOPMIN', behind, free) or NONE
  if #first > 0 then
    local served = tonumber(call('ZRANGE', turn, 0, 0, 'WITHSCORES')[2]) or 0
    local turns, placed = served + call('ZCOUNT', places, 0, 0), {}
    local line = {}
    for i = 1, #first, 2 do
      placed[i], placed[i + 1] = 0, first[i]
      line[i], line[i + 1] = turns + (i + 1) / 2, g .. first[i]
    end
    call('ZADD', places, unpack(placed))
    call('ZADD', turn, unpack(line))
  end
  if call('EXISTS', behind) == 1 then
    local full = taken + #first / 2 >= limit
    call('ZADD', P .. 'groups:' .. t, full and limit or 0, g)
  else
    call('ZREM', P .. 'groups:' .. t, g)
  end
end

-- Line up due jobs, each {id, due, boost, group}.
local function line_up(t, p, jobs)
  local queued, by_group = {}, {}
  for i, job in ipairs(jobs) do
    local id, due, boost, g = unpack(job)
    queued[2 * i - 1], queued[2 * i] = due, id
    local each = by_group[g] or {behind = {}, ids = {}}
    by_group[g] = each
    each.behind[#each.behind + 1], each.behind[#each.behind + 2] = due - boost, id
    each.ids[#each.ids + 1] = id
  end
  variadic('ZADD', P .. 'queue:' .. t .. ':b', queued)
  for g, each in pairs(by_group) do
    variadic('ZREM', P .. 'group:' .. t .. ':' .. g, each.ids) -- one given back by a thread kept its place until now
    variadic('ZADD', P .. 'line:' .. t .. ':' .. g, each.behind)
    fill(t, p, g)
  end
end

-- The jobs of a type, ids and options side by side, by their groups.
local function by_groups(p, ids, options)
  local found = {}
  for i, id in ipairs(ids) do
    if p.grouped or options[i].group then
      local g = group_of(options[i])
      found[g] = found[g] or {}
      table.insert(found[g], id)
    end
  end
  return found
end

-- Jobs that run no more give their places to those behind them.
local function vacate(t, p, groups)
  for g, ids in pairs(groups) do
    variadic('ZREM', P .. 'group:' .. t .. ':' .. g, ids)
    fill(t, p, g)
  end
end

-- Jobs that shall never start leave their lines too.
local function leave_lines(t, p, groups)
  for g, ids in pairs(groups) do
    local turns = {}
    for i, id in ipairs(ids) do turns[i] = g .. id end
    variadic('ZREM', P .. 'turn:' .. t, turns)
    variadic('ZREM', P .. 'line:' .. t .. ':' .. g, ids)
  end
  vacate(t, p, groups)
end
