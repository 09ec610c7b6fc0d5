-- Note how far running jobs have come; of a job that another run owns nothing is changed.
-- ARGV: clock, worker, then per job: type, id, fence, JSON object
-- Returns: how many were noted
local worker, noted = ARGV[2], 0
for at = 3, #ARGV, 4 do
  local t, id, fence, report = unpack(ARGV, at, at + 3)
  if holds(worker, t, id, fence) then
    note_progress(t, id, report)
    noted = noted + 1
  end
end
return noted
