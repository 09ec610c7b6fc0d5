-- A bridge to arq ends: the others share its turns.
-- ARGV: clock, bridge
-- Returns: 1, 0 when it was not among them
return call('ZREM', P .. 'bridges', ARGV[2])
