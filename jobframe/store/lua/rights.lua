-- What the server's user may not do of what jobs need; changes nothing.
-- ARGV: clock, arq's queue or '' without the bridge
-- Returns: the commands that it may not use, each with the key or channel when that may be the reason
local WITHOUT_KEY = {'INFO', 'PING', 'TIME', 'WAIT'}
local WITH_KEY = {
  'DEL', 'EXISTS', 'GET', 'HDEL', 'HEXISTS', 'HGET', 'HGETALL', 'HINCRBY', 'HKEYS', 'HLEN', 'HMGET', 'HSET', 'HSETNX',
  'HVALS', 'LPUSH', 'LRANGE', 'LTRIM', 'PERSIST', 'PTTL', 'SET', 'ZADD', 'ZCARD', 'ZCOUNT', 'ZMSCORE', 'ZPOPMIN', 'ZRANGE',
  'ZRANGEBYSCORE', 'ZRANK', 'ZREM', 'ZREMRANGEBYRANK', 'ZREMRANGEBYSCORE', 'ZREVRANGE', 'ZSCORE',
}
local WITH_CHANNEL = {'PUBLISH', 'SUBSCRIBE'}
local WITH_KEY_OF_ARQ = {GET = 'arq:job:', SET = 'arq:result:', ZREM = 'arq:abort', ZRANGEBYSCORE = ARGV[2]}

local forbidden = {}
for _, command in ipairs(WITHOUT_KEY) do
  if not redis.acl_check_cmd(command) then forbidden[#forbidden + 1] = command end
end
for _, command in ipairs(WITH_KEY) do
  if not redis.acl_check_cmd(command, P .. 'control') then forbidden[#forbidden + 1] = command end
end
if not redis.acl_check_cmd('BZPOPMIN', P .. 'control', '0') then forbidden[#forbidden + 1] = 'BZPOPMIN' end
for _, command in ipairs(WITH_CHANNEL) do
  if not redis.acl_check_cmd(command, P .. 'control') then forbidden[#forbidden + 1] = command .. ' ' .. P .. 'control' end
end
if ARGV[2] ~= '' then
  for command, key in pairs(WITH_KEY_OF_ARQ) do
    if not redis.acl_check_cmd(command, key) then forbidden[#forbidden + 1] = command .. ' ' .. key end
  end
end
return forbidden
