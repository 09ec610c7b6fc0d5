-- Prepended to the scripts that take jobs back from workers.
local POISON_CRASHES = 10

-- record: attempts,crashes,interrupts,snoozes|history; absent while all are 0.
local COUNT_OF = {crashed = 2, interrupted = 3}
local function counted(record, counter)
  local a, c, i, s, rest = string.match(record or '', '^(%d+),(%d+),(%d+),(%d+)(.*)$')
  local counts = {tonumber(a) or 0, tonumber(c) or 0, tonumber(i) or 0, tonumber(s) or 0}
  counts[COUNT_OF[counter]] = counts[COUNT_OF[counter]] + 1
  return table.concat(counts, ',') .. (rest or '|[]'), counts
end

-- Take up to n jobs from a worker that is gone (counter crashed) or goes (interrupted), back to where they stood in
-- their queues; a job with a pending cancel ends as cancelled, one at its tenth crash as failed. Returns how many.
local function take_back(worker, counter, n)
  local held, cancels = P .. 'held:' .. worker, P .. 'cancels:' .. worker
  local fields = call('HGETALL', held)
  local types, ended, taken = {}, {}, math.min(n, #fields / 2)
  for i = 1, 2 * taken, 2 do
    local field = fields[i]
    local t, id = split_field(field)
    local _, due, options = split_held(fields[i + 1])
    due = math.min(due or now, now) -- it was due when it started; by now the clock may have been set back
    types[t] = types[t] or {p = limits(t), lined_up = {}, ids = {}, options = {}}
    local of = types[t]
    local p = of.p
    call('ZREM', P .. 'active:' .. t, id)
    local record, counts = counted(call('HGET', P .. 'record:' .. t, id), counter)
    call('HSET', P .. 'record:' .. t, id, record)
    call('HINCRBY', P .. 'counters:' .. t, counter, 1)
    local cancel = call('HGET', cancels, field)
    local state, reason
    if cancel then
      state, reason = 'cancelled', string.match(cancel, '\t(.*)$')
    elseif counter == 'crashed' and counts[2] >= POISON_CRASHES then
      state, reason = 'failed', 'poison: its worker died ' .. counts[2] .. ' times while it ran'
    end
    local lines_up = not state and p.grouped
    if lines_up then
      table.insert(of.lined_up, {id, due, BOOST[queue_of(t, p, options)], group_of(options)})
    else
      table.insert(of.ids, id)
      table.insert(of.options, options)
    end
    if state then
      end_kept(t, state, {id}, {reason})
      release_key(t, id, options)
      ended[#ended + 1] = field
    elseif not lines_up then
      call('ZADD', P .. 'queue:' .. t .. ':' .. queue_of(t, p, options), due, id)
    end
    call('HDEL', held, field)
  end
  local freed = {}
  for t, of in pairs(types) do
    local p = of.p
    line_up(t, p, of.lined_up) -- together with giving their places up, so that they are the next in their groups
    vacate(t, p, by_groups(p, of.ids, of.options))
    if p.uses then freed[t] = true else arm(t, p) end
  end
  arm_sharing(freed)
  announce_ends(ended)
  return taken
end

-- Somebody else shall watch what this worker watched.
local function give_up_watches(worker)
  local control = call('HGETALL', P .. 'control')
  for i = 1, #control, 2 do
    local lane = string.match(control[i], '^watch:(.*)$')
    if lane and string.match(control[i + 1], ' (.*)$') == worker then
      call('HDEL', P .. 'control', control[i])
      wake(lane)
    end
  end
end

local function remove_worker(worker)
  give_up_watches(worker)
  call('ZREM', P .. 'workers', worker)
  for _, key in ipairs({'worker-info', 'claims', 'calls', 'suspicions'}) do call('HDEL', P .. key, worker) end
  call('DEL', P .. 'cancels:' .. worker, P .. 'held:' .. worker)
end
