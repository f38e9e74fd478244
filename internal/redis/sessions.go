package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"roster/internal/account"
	"roster/internal/directory"
)

// sessionFields are the fields of a session's hash, as readSession reads them.
var sessionFields = []string{"id", "user", "created", "lastUsed", "expires", "authenticated", "ip", "userAgent", "ends"}

// readSession reads a session that has not ended by now.
func readSession(organizationID, tokenHash string, values []any, now time.Time) (account.Session, error) {
	if values[0] == nil {
		return account.Session{}, directory.ErrNotFound
	}
	r := reader{values: values}
	s := account.Session{
		OrganizationID: organizationID, TokenHash: tokenHash,
		ID: r.text(), UserID: r.text(), CreatedAt: r.time(), LastUsedAt: r.time(), ExpiresAt: r.time(), AuthenticatedAt: r.time(),
		Origin: directory.Origin{IP: r.text(), UserAgent: r.text()},
	}
	ends := r.time()
	switch {
	case r.err != nil:
		return account.Session{}, r.err
	case !now.Before(ends):
		return account.Session{}, directory.ErrNotFound
	}
	return s, nil
}

// index is the end of each script that changes a user's index of sessions. It
// takes out what Redis has cleared away by now (its own clock, which did that,
// is the one to ask), and lets the index go with the last session in it.
const index = `
local clock = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', clock[1] * 1000 + math.floor(clock[2] / 1000))
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if last[2] then redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', last[2])) end
return 0`

// KEYS: session, index, counts of limits. ARGV: token hash, when to clear away,
// how many of the counts are forgotten, while of the others one use is taken
// back, and then id, user and the other fields with their names.
var putSession = redis.NewScript(refundOne + `
for i = 3, #KEYS do
  if i - 2 <= tonumber(ARGV[3]) then redis.call('DEL', KEYS[i]) else refundOne(KEYS[i]) end
end
local replaced = redis.call('HGET', KEYS[1], 'id')
if replaced then redis.call('ZREM', KEYS[2], replaced .. ' ' .. ARGV[1]) end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('PEXPIREAT', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[5] .. ' ' .. ARGV[1])` + index)

// KEYS: session, index. ARGV: token hash, when to clear away, last use, end.
var touchSession = redis.NewScript(`
local session = redis.call('HMGET', KEYS[1], 'id', 'ends')
if not session[1] or tonumber(session[2]) <= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'lastUsed', ARGV[3], 'ends', ARGV[4])
redis.call('PEXPIREAT', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[2], session[1] .. ' ' .. ARGV[1])` + index)

// KEYS: index, sessions. ARGV: user, then of each session its id and its entry
// in the index. A session that has been replaced by another is left alone.
var endSessions = redis.NewScript(`
for i = 2, #KEYS do
  local id, entry = ARGV[2 * i - 2], ARGV[2 * i - 1]
  local session = redis.call('HMGET', KEYS[i], 'id', 'user')
  if session[1] == id and session[2] == ARGV[1] then redis.call('DEL', KEYS[i]) end
  redis.call('ZREM', KEYS[1], entry)
end
return 0`)

// PutSession implements account.Vault.
func (v *Vault) PutSession(ctx context.Context, s account.Session, ends time.Time) error {
	return v.StartSession(ctx, s, ends, account.Released{})
}

// StartSession implements account.Vault.
func (v *Vault) StartSession(ctx context.Context, s account.Session, ends time.Time, released account.Released) error {
	keys, forgotten := v.sessionKeys(s), 0
	if released.Forget != "" {
		keys, forgotten = append(keys, v.key(s.OrganizationID, "limit", released.Forget)), 1
	}
	if released.Refund != "" {
		keys = append(keys, v.key(s.OrganizationID, "limit", released.Refund))
	}
	return unavailable(putSession.Run(ctx, v.client, keys,
		s.TokenHash, milliseconds(ends.Add(keptAfterEnd)), forgotten,
		"id", s.ID, "user", s.UserID,
		"created", milliseconds(s.CreatedAt), "lastUsed", milliseconds(s.LastUsedAt),
		"expires", milliseconds(s.ExpiresAt), "authenticated", milliseconds(s.AuthenticatedAt),
		"ip", s.Origin.IP, "userAgent", s.Origin.UserAgent, "ends", milliseconds(ends),
	).Err())
}

// Session implements account.Vault.
func (v *Vault) Session(ctx context.Context, organizationID, tokenHash string, now time.Time) (account.Session, error) {
	values, err := v.client.HMGet(ctx, v.key(organizationID, "session", tokenHash), sessionFields...).Result()
	if err != nil {
		return account.Session{}, unavailable(err)
	}
	return readSession(organizationID, tokenHash, values, now)
}

// Sessions implements account.Vault.
func (v *Vault) Sessions(ctx context.Context, organizationID, userID string, now time.Time) ([]account.Session, error) {
	entries, err := v.entries(ctx, organizationID, userID)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	answers := make([]*redis.SliceCmd, len(entries))
	if _, err := v.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, e := range entries {
			answers[i] = p.HMGet(ctx, v.key(organizationID, "session", e.tokenHash), sessionFields...)
		}
		return nil
	}); err != nil {
		return nil, unavailable(err)
	}
	var sessions []account.Session
	for i, e := range entries {
		s, err := readSession(organizationID, e.tokenHash, answers[i].Val(), now)
		switch {
		case err == nil:
			// The index may be behind: the session there may be another by now.
			if s.ID == e.id && s.UserID == userID {
				sessions = append(sessions, s)
			}
		case !errors.Is(err, directory.ErrNotFound):
			return nil, err
		}
	}
	return sessions, nil
}

// TouchSession implements account.Vault.
func (v *Vault) TouchSession(ctx context.Context, s account.Session, lastUsed, ends time.Time) error {
	return unavailable(touchSession.Run(ctx, v.client, v.sessionKeys(s),
		s.TokenHash, milliseconds(ends.Add(keptAfterEnd)), milliseconds(lastUsed), milliseconds(ends),
	).Err())
}

// EndSessions implements account.Vault. Keys that a script uses have to be
// known before it runs, so the index is read first; a session that is put
// meanwhile was put after this.
func (v *Vault) EndSessions(ctx context.Context, organizationID, userID string, ids []string) error {
	entries, err := v.entries(ctx, organizationID, userID)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool { return !slices.Contains(ids, e.id) })
	if len(entries) == 0 {
		return nil
	}
	keys, args := []string{v.key(organizationID, "sessions", userID)}, []any{userID}
	for _, e := range entries {
		keys = append(keys, v.key(organizationID, "session", e.tokenHash))
		args = append(args, e.id, e.String())
	}
	return unavailable(endSessions.Run(ctx, v.client, keys, args...).Err())
}

// entry is what the index of a user's sessions says about one.
type entry struct{ id, tokenHash string }

func (e entry) String() string { return e.id + " " + e.tokenHash }

func (v *Vault) entries(ctx context.Context, organizationID, userID string) ([]entry, error) {
	texts, err := v.client.ZRange(ctx, v.key(organizationID, "sessions", userID), 0, -1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	entries := make([]entry, len(texts))
	for i, text := range texts {
		id, tokenHash, ok := strings.Cut(text, " ")
		if !ok {
			return nil, fmt.Errorf("redis: an entry of an index of sessions is %q", text)
		}
		entries[i] = entry{id, tokenHash}
	}
	return entries, nil
}

func (v *Vault) sessionKeys(s account.Session) []string {
	return []string{
		v.key(s.OrganizationID, "session", s.TokenHash),
		v.key(s.OrganizationID, "sessions", s.UserID),
	}
}

// KEYS: challenge. ARGV: when to clear away, the fields with their names.
var putChallenge = redis.NewScript(`
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return 0`)

// PutChallenge implements account.Vault.
func (v *Vault) PutChallenge(ctx context.Context, c account.Challenge) error {
	return unavailable(putChallenge.Run(ctx, v.client, []string{v.key(c.OrganizationID, "challenge", c.TokenHash)},
		milliseconds(c.ExpiresAt.Add(keptAfterEnd)),
		"user", c.UserID, "credentialsVersion", c.CredentialsVersion, "expires", milliseconds(c.ExpiresAt),
	).Err())
}

// Challenge implements account.Vault.
func (v *Vault) Challenge(ctx context.Context, organizationID, tokenHash string, now time.Time) (account.Challenge, error) {
	values, err := v.client.HMGet(ctx, v.key(organizationID, "challenge", tokenHash), "user", "credentialsVersion", "expires").Result()
	if err != nil {
		return account.Challenge{}, unavailable(err)
	}
	if values[0] == nil {
		return account.Challenge{}, directory.ErrNotFound
	}
	r := reader{values: values}
	c := account.Challenge{
		OrganizationID: organizationID, TokenHash: tokenHash,
		UserID: r.text(), CredentialsVersion: int(r.number()), ExpiresAt: r.time(),
	}
	switch {
	case r.err != nil:
		return account.Challenge{}, r.err
	case !now.Before(c.ExpiresAt):
		return account.Challenge{}, directory.ErrNotFound
	}
	return c, nil
}

// EndChallenge implements account.Vault.
func (v *Vault) EndChallenge(ctx context.Context, organizationID, tokenHash string) error {
	return unavailable(v.client.Del(ctx, v.key(organizationID, "challenge", tokenHash)).Err())
}
