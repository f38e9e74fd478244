package redis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"roster/internal/directory"
)

// A count has four fields: how many uses are counted ("uses"), when the first
// and the latest of them were ("first", "last"), and when all are forgotten
// ("ends"). What they mean is in directory.Limit and its Wait.
//
// The time is the caller's and not Redis' own: time comes in from outside
// everywhere, and a limit is then judged by the same clock as what it is about.
// When the clocks of servers differ, a limit is shifted by the difference.

// KEYS: count. ARGV: now, n, uses, window, delay, how long to keep; n is from 1
// to uses. Answers how long to wait.
var reserve = redis.NewScript(`
local now, n, limit, window, delay = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local count = redis.call('HMGET', KEYS[1], 'uses', 'first', 'last', 'ends')
local uses, first, last, ends = tonumber(count[1]), tonumber(count[2]), tonumber(count[3]), tonumber(count[4])
if not uses or ends <= now then
  uses, first, last, ends = 0, now, now, now + window
end
-- Another server's clock is ahead: what it has counted was now, at the latest.
first, last, ends = math.min(first, now), math.min(last, now), math.min(ends, now + window)

-- directory.Limit.Wait
local wait = 0
if uses + n > limit then
  local next = first + window
  if delay > 0 then next = last + math.min(delay * 2 ^ math.max(uses - limit, 0), window) end
  wait = math.max(next - now, 0)
end

if wait == 0 then
  uses, last = uses + n, now
  if delay > 0 then ends = now + window end
end
redis.call('HSET', KEYS[1], 'uses', uses, 'first', string.format('%.0f', first), 'last', string.format('%.0f', last), 'ends', string.format('%.0f', ends))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ends - now + tonumber(ARGV[6])))
return wait`)

// The latest use is made to be long ago, so that nothing waits for it.
// KEYS: count.
var refund = redis.NewScript(`
local uses = tonumber(redis.call('HGET', KEYS[1], 'uses')) or 0
if uses > 1 then redis.call('HSET', KEYS[1], 'uses', uses - 1, 'last', 0) else redis.call('DEL', KEYS[1]) end
return 0`)

// Reserve implements directory.Limiter.
func (v *Vault) Reserve(ctx context.Context, organizationID, key string, limit directory.Limit, n int, now time.Time) (time.Duration, error) {
	switch {
	case n < 1:
		return 0, nil
	case n > limit.Uses:
		// It never fits, whatever is counted.
		return limit.Window, nil
	}
	wait, err := reserve.Run(ctx, v.client, []string{v.key(organizationID, "limit", key)},
		milliseconds(now), n, limit.Uses, limit.Window.Milliseconds(), limit.Delay.Milliseconds(), keptAfterEnd.Milliseconds(),
	).Int64()
	if err != nil {
		return 0, unavailable(err)
	}
	return time.Duration(wait) * time.Millisecond, nil
}

// Forget implements directory.Limiter.
func (v *Vault) Forget(ctx context.Context, organizationID, key string) error {
	return unavailable(v.client.Del(ctx, v.key(organizationID, "limit", key)).Err())
}

// Refund implements directory.Limiter.
func (v *Vault) Refund(ctx context.Context, organizationID, key string) error {
	return unavailable(refund.Run(ctx, v.client, []string{v.key(organizationID, "limit", key)}).Err())
}
