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

// KEYS: counts. ARGV: now, how long to keep, and for each count n, uses, window
// and delay; n is at least 1. Answers which has to wait, from 0 on, and for how
// long.
var reserve = redis.NewScript(`
local now, refused, wait, counts = tonumber(ARGV[1]), 0, 0, {}
for i, key in ipairs(KEYS) do
  local n, limit, window, delay = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1]), tonumber(ARGV[4 * i + 2])
  local count = redis.call('HMGET', key, 'uses', 'first', 'last', 'ends')
  local uses, first, last, ends = tonumber(count[1]), tonumber(count[2]), tonumber(count[3]), tonumber(count[4])
  if not uses or ends <= now then
    uses, first, last, ends = 0, now, now, now + window
  end
  -- Another server's clock is ahead: what it has counted was now, at the latest.
  first, last, ends = math.min(first, now), math.min(last, now), math.min(ends, now + window)

  -- directory.Limit.Wait
  if wait == 0 and uses + n > limit then
    local next = first + window
    if n > limit then
      next = now + window
    elseif delay > 0 then
      next = last + math.min(delay * 2 ^ math.max(uses - limit, 0), window)
    end
    refused, wait = i - 1, math.max(next - now, 0)
  end
  counts[i] = {uses, first, last, ends, n, now + window, delay}
end

for i, key in ipairs(KEYS) do
  local uses, first, last, ends, n, latest, delay = unpack(counts[i])
  if wait == 0 then
    uses, last = uses + n, now
    if delay > 0 then ends = latest end
  end
  if uses > 0 then
    redis.call('HSET', key, 'uses', uses, 'first', string.format('%.0f', first), 'last', string.format('%.0f', last), 'ends', string.format('%.0f', ends))
    redis.call('PEXPIRE', key, string.format('%.0f', ends - now + tonumber(ARGV[2])))
  end
end
return {refused, wait}`)

// refundOne takes a use back. The latest is made to be long ago, so that nothing
// waits for it.
const refundOne = `
local function refundOne(count)
  local uses = tonumber(redis.call('HGET', count, 'uses')) or 0
  if uses > 1 then redis.call('HSET', count, 'uses', uses - 1, 'last', 0) else redis.call('DEL', count) end
end
`

// KEYS: count.
var refund = redis.NewScript(refundOne + `
refundOne(KEYS[1])
return 0`)

// Reserve implements directory.Limiter.
func (v *Vault) Reserve(ctx context.Context, organizationID string, now time.Time, uses ...directory.Use) (refused int, wait time.Duration, err error) {
	var which []int
	var keys []string
	args := []any{milliseconds(now), keptAfterEnd.Milliseconds()}
	for i, use := range uses {
		if use.N < 1 {
			continue
		}
		which, keys = append(which, i), append(keys, v.key(organizationID, "limit", use.Key))
		args = append(args, use.N, use.Limit.Uses, use.Limit.Window.Milliseconds(), use.Limit.Delay.Milliseconds())
	}
	if len(keys) == 0 {
		return 0, 0, nil
	}
	answer, err := reserve.Run(ctx, v.client, keys, args...).Int64Slice()
	if err != nil {
		return 0, 0, unavailable(err)
	}
	return which[answer[0]], time.Duration(answer[1]) * time.Millisecond, nil
}

// Forget implements directory.Limiter.
func (v *Vault) Forget(ctx context.Context, organizationID, key string) error {
	return unavailable(v.client.Del(ctx, v.key(organizationID, "limit", key)).Err())
}

// Refund implements directory.Limiter.
func (v *Vault) Refund(ctx context.Context, organizationID, key string) error {
	return unavailable(refund.Run(ctx, v.client, []string{v.key(organizationID, "limit", key)}).Err())
}
