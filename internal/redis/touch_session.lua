-- Changes a session that is there; one that has ended is not brought back.
-- KEYS: session. ARGV: session, end.
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2] + 60000)
end
return 1
