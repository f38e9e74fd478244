-- Keeps a session and its place in the user's set, which lasts as long as the
-- session that lasts longest. A minute more is left to be cleared away.
-- KEYS: session, user's set. ARGV: session, token hash, end, absolute end.
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[3] + 60000)
redis.call('SADD', KEYS[2], ARGV[2])
if redis.call('PEXPIRETIME', KEYS[2]) < ARGV[4] + 60000 then
  redis.call('PEXPIREAT', KEYS[2], ARGV[4] + 60000)
end
return 1
