-- Prepended to the scripts that enqueue.

-- Jobs that wait for their start, due or not.
local function queue_length(t)
  local queue = P .. 'queue:' .. t
  return call('ZCARD', queue .. ':n') + call('ZCARD', queue .. ':h') + call('ZCARD', queue .. ':l')
    + call('ZCARD', queue .. ':b')
end

-- Enqueue n jobs of one type, given flat as id, when, options .. '\n' .. envelope.
-- Appends to answers, per job: 1 when it was made, else the id of the job that stands in its place.
local function put(t, p, args, at, n, answers)
  local queues, payloads, stamp = {h = {}, n = {}, l = {}}, {}, whole(now)
  local made, keys, lined, windows, moved, due_now, future = {}, {}, {}, 0, false, false, nil
  for i = at, at + 3 * (n - 1), 3 do
    local id, when, tail = args[i], args[i + 1], args[i + 2]
    local options = NONE
    if string.byte(tail) ~= 10 then options = parse_options(string.sub(tail, 1, string.find(tail, '\n', 1, true) - 1)) end
    local other = options.given and (made[id] or exists(t, id)) and id
    if not other and options.key and not options.replace then other = keys[options.key] or holder_of(t, options) end
    if other then
      answers[#answers + 1] = other
    elseif options.replace then
      answers[#answers + 1] = put_or_renew(t, p, id, when, tail, options)
      moved = true
    else
      if options.key then
        keys[options.key] = id
        take_key(t, id, options)
        if options.window then windows = windows + 1 end
      end
      local due, level = due_time(when), queue_of(t, p, options)
      local queue = queues[level]
      if due <= now then due_now = true elseif not future or due < future then future = due end
      if p.grouped and due <= now then
        lined[#lined + 1] = {id, due, BOOST[level], group_of(options)}
      else
        queue[#queue + 1], queue[#queue + 2] = due, id
      end
      payloads[#payloads + 1], payloads[#payloads + 2] = id, stamp .. tail
      made[id] = true
      answers[#answers + 1] = 1
    end
  end
  if #payloads == 0 and not moved then return end
  variadic('HSET', P .. 'payload:' .. t, payloads)
  for level, queue in pairs(queues) do variadic('ZADD', P .. 'queue:' .. t .. ':' .. level, queue) end
  if windows > 0 then drop_lapsed(t, 2 * windows) end
  if #lined > 0 then line_up(t, p, lined) end
  if p.paused then return end
  if moved then return arm(t, p) end
  if due_now then
    if p.cap > 0 or p.interval > 0 or p.uses or p.grouped then return arm(t, p) end
    enter(t, p.lane)
    wake(p.lane)
  end
  if future then
    call('ZADD', P .. 'due:' .. p.lane, 'LT', future, t)
    wake_at(p.lane, future)
  end
end
