package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"roster/internal/directory"
)

// A request has the fingerprint that it was begun with, and either the end of
// its lease ("lease"), or the answer and until when it is kept ("answer",
// "until").

// KEYS: request. ARGV: now, fingerprint, lease, when to clear away. Answers the
// state, the fingerprint and the answer.
var beginRequest = redis.NewScript(`
local now = tonumber(ARGV[1])
local kept = redis.call('HMGET', KEYS[1], 'fingerprint', 'lease', 'answer', 'until')
if kept[3] and now < tonumber(kept[4]) then return {'` + string(directory.StateDone) + `', kept[1], kept[3]} end
if kept[2] and now < tonumber(kept[2]) then return {'` + string(directory.StateBusy) + `', kept[1], ''} end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'lease', ARGV[3])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return {'` + string(directory.StateBegun) + `', ARGV[2], ''}`)

// KEYS: request. ARGV: fingerprint, answer, until, when to clear away.
var finishRequest = redis.NewScript(`
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'answer', ARGV[2], 'until', ARGV[3])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return 0`)

// BeginRequest implements directory.Requests.
func (v *Vault) BeginRequest(ctx context.Context, organizationID, key, fingerprint string, now, lease time.Time) (directory.Request, error) {
	kept, err := beginRequest.Run(ctx, v.client, v.requestKeys(organizationID, key),
		milliseconds(now), fingerprint, milliseconds(lease), milliseconds(lease.Add(keptAfterEnd)),
	).StringSlice()
	if err != nil {
		return directory.Request{}, unavailable(err)
	}
	if len(kept) != 3 {
		return directory.Request{}, fmt.Errorf("redis: a request is %q", kept)
	}
	r := directory.Request{State: directory.RequestState(kept[0]), Fingerprint: kept[1]}
	if r.State == directory.StateDone {
		r.Answer = []byte(kept[2])
	}
	return r, nil
}

// FinishRequest implements directory.Requests.
func (v *Vault) FinishRequest(ctx context.Context, organizationID, key, fingerprint string, answer []byte, until time.Time) error {
	return unavailable(finishRequest.Run(ctx, v.client, v.requestKeys(organizationID, key),
		fingerprint, answer, milliseconds(until), milliseconds(until.Add(keptAfterEnd)),
	).Err())
}

// KEYS: request.
var abandonRequest = redis.NewScript(`
if redis.call('HEXISTS', KEYS[1], 'answer') == 0 then redis.call('DEL', KEYS[1]) end
return 0`)

// AbandonRequest implements directory.Requests.
func (v *Vault) AbandonRequest(ctx context.Context, organizationID, key string) error {
	return unavailable(abandonRequest.Run(ctx, v.client, v.requestKeys(organizationID, key)).Err())
}

func (v *Vault) requestKeys(organizationID, key string) []string {
	return []string{v.key(organizationID, "request", key)}
}
