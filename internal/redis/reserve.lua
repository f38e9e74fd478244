-- Counts n more uses of a key if the limit allows them, and answers 0, or else
-- how many milliseconds to wait. The rule is directory.Limit.Wait's.
-- KEYS: limit. ARGV: uses, window, delay, n, now; times in milliseconds.
local allowed, window, delay, n, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local state = redis.call('HMGET', KEYS[1], 'uses', 'first', 'last', 'ends')
local uses, first, last = tonumber(state[1]) or 0, tonumber(state[2]) or now, tonumber(state[3]) or now
if (tonumber(state[4]) or 0) <= now then
  uses, first, last = 0, now, now
end
if uses + n > allowed then
  local at = first + window
  if n > allowed then
    return window
  end
  if delay > 0 then
    local over = uses - allowed
    while over > 0 and delay < window do
      delay, over = delay * 2, over - 1
    end
    at = last + math.min(delay, window)
  end
  if at > now then
    return at - now
  end
end
local ends = first + window
if delay > 0 then
  ends = now + window
end
redis.call('HSET', KEYS[1], 'uses', uses + n, 'first', first, 'last', now, 'ends', ends)
-- By the server's own clock, since it only clears away.
redis.call('PEXPIRE', KEYS[1], window + 60000)
return 0
