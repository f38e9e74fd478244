-- Takes one use of a key back. KEYS: limit.
if (tonumber(redis.call('HGET', KEYS[1], 'uses')) or 0) > 0 then
  redis.call('HINCRBY', KEYS[1], 'uses', -1)
end
return 1
