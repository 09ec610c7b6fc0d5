-- Prepended to the scripts that enqueue: what a new payload does to the job that has its key, where the type replaces.
local MOST_DELAYS = 10 -- new delays put a job off no longer than so many of them, unless its type says how long

-- Is there a job that this enqueue would only give a new payload to, or leave as it is?
local function finds_equal(t, options)
  local holder = holder_of(t, options)
  return holder and not (options.replace and call('ZSCORE', P .. 'active:' .. t, holder))
end

-- Take a job out of the place where it waits. Returns when it was due; a parked one is due now.
local function leave_place(t, p, id, options)
  leave_lines(t, p, by_groups(p, {id}, {options}))
  for _, level in ipairs({'h', 'n', 'l', 'b'}) do
    local queue = P .. 'queue:' .. t .. ':' .. level
    local due = call('ZSCORE', queue, id)
    if due then
      call('ZREM', queue, id)
      return tonumber(due)
    end
  end
  call('ZREM', P .. 'parked:' .. t, id)
  call('ZREM', P .. 'needs:' .. t, id)
  call('HDEL', P .. 'reason:' .. t, id)
  return now
end

local function postponed(when, first, options)
  local due = due_time(when)
  return math.min(due, first + (options.max_wait or MOST_DELAYS * math.max(due - now, 0)))
end

-- Let a job wait, behind another if there is one that has not ended.
local function queue_behind(t, p, id, due, options, after)
  if after then
    call('HSET', P .. 'behind:' .. t, after, whole(due) .. ' ' .. id)
    due = math.max(due, now + LOOK_AGAIN)
  end
  call('ZADD', P .. 'queue:' .. t .. ':' .. queue_of(t, p, options), due, id)
end

-- Give a job that waits a new payload, as if it had never been tried. It stays the job it was: its id, whether that was
-- given, its first enqueue, and which job it stands behind.
local function renew(t, p, id, when, tail, options)
  local payload = call('HGET', P .. 'payload:' .. t, id)
  local old = payload_options(payload)
  local first = old.first or tonumber(string.sub(payload, 1, 13)) or now
  local after = old.after and is_live(t, old.after) and old.after
  local due = leave_place(t, p, id, old)
  if after then due = split_behind(call('HGET', P .. 'behind:' .. t, after)) or now end
  if when ~= '' then due = postponed(when, first, options) end
  local head = whole(now) .. ';f' .. whole(first) .. (after and ';a' .. after or '') .. (old.given and ';g' or '')
  call('HSET', P .. 'payload:' .. t, id, head .. string.gsub(tail, '^;g([;\n])', '%1'))
  call('HDEL', P .. 'record:' .. t, id)
  drop_notes(t, {id})
  if not options.window ~= not old.window then take_key(t, id, options) end -- the window of its type was changed
  queue_behind(t, p, id, due, options, after)
end

-- Enqueue one job: into the one that waits under its key; behind the one that runs; else like any other. Answers as put.
local function put_or_renew(t, p, id, when, tail, options)
  local holder = holder_of(t, options)
  local after = holder and call('ZSCORE', P .. 'active:' .. t, holder) and holder
  if holder and not after then
    renew(t, p, holder, when, tail, options)
    return holder
  end
  take_key(t, id, options)
  call('HSET', P .. 'payload:' .. t, id, whole(now) .. (after and ';a' .. after or '') .. tail)
  queue_behind(t, p, id, due_time(when), options, after)
  return 1
end
