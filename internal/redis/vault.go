// Package redis keeps what expires in Redis: one server, a Sentinel, or a Cluster.
package redis

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"

	"roster/internal/account"
	"roster/internal/directory"
)

// Times of one operation. The caller's context may end it sooner.
const (
	dialTimeout = 2 * time.Second
	ioTimeout   = 2 * time.Second
	poolTimeout = 2 * time.Second
)

// Vault keeps what expires. Each key names the installation, and the
// organization in the hash tag: what one operation needs is in one slot of a
// Cluster.
type Vault struct {
	client redis.UniversalClient
	prefix string
}

var _ account.Vault = (*Vault)(nil)

// Open makes a Vault; it connects when it is used. With master_name in its
// query the URL is a Sentinel's, else with addr a Cluster's (see
// redis.ParseFailoverURL and redis.ParseClusterURL). prefix keeps
// installations that share a server apart.
func Open(address, prefix string) (*Vault, error) {
	client, err := newClient(address)
	if err != nil {
		return nil, err
	}
	return &Vault{client: client, prefix: prefix}, nil
}

func newClient(address string) (redis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	switch query := u.Query(); {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(address)
		if err != nil {
			return nil, err
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.ContextTimeoutEnabled = dialTimeout, ioTimeout, ioTimeout, poolTimeout, true
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, err
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.ContextTimeoutEnabled = dialTimeout, ioTimeout, ioTimeout, poolTimeout, true
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, err
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.ContextTimeoutEnabled = dialTimeout, ioTimeout, ioTimeout, poolTimeout, true
	return redis.NewClient(o), nil
}

// Close ends the connections.
func (v *Vault) Close() error { return v.client.Close() }

// Ping answers nil when Redis can be written: a replica that lost its master
// can be read, and is no place for sessions.
func (v *Vault) Ping(ctx context.Context) error {
	return fault(v.client.Set(ctx, v.prefix+":ping", 1, time.Minute).Err())
}

// key is the name of something of an organization.
func (v *Vault) key(organizationID, kind, name string) string {
	return v.prefix + ":{" + organizationID + "}:" + kind + ":" + name
}

// fault makes what Redis answers one of the contract's errors.
func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return directory.ErrNotFound
	}
	return fmt.Errorf("redis: %w: %w", directory.ErrUnavailable, err)
}

// Sessions stand under their token's hash, and their names in a set of the
// user's, which expires with the last of them.

// storedSession is a session as Redis keeps it, with the end that counts:
// Redis' own expiry only clears away.
type storedSession struct {
	account.Session
	Ends time.Time
}

// putSession and the others change a session and its user's set together.
var (
	//go:embed put_session.lua
	putSessionScript string
	putSession       = redis.NewScript(putSessionScript)

	//go:embed touch_session.lua
	touchSessionScript string
	touchSession       = redis.NewScript(touchSessionScript)

	//go:embed reserve.lua
	reserveScript string
	reserve       = redis.NewScript(reserveScript)

	//go:embed refund.lua
	refundScript string
	refund       = redis.NewScript(refundScript)
)

// PutSession implements account.Vault.
func (v *Vault) PutSession(ctx context.Context, s account.Session, ends time.Time) error {
	text, err := json.Marshal(storedSession{s, ends})
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	keys := []string{v.key(s.OrganizationID, "session", s.TokenHash), v.key(s.OrganizationID, "sessions", s.UserID)}
	return fault(putSession.Run(ctx, v.client, keys, text, s.TokenHash, ends.UnixMilli(), s.ExpiresAt.UnixMilli()).Err())
}

// Session implements account.Vault.
func (v *Vault) Session(ctx context.Context, organizationID, tokenHash string, now time.Time) (account.Session, error) {
	text, err := v.client.Get(ctx, v.key(organizationID, "session", tokenHash)).Bytes()
	if err != nil {
		return account.Session{}, fault(err)
	}
	return readSession(text, now)
}

func readSession(text []byte, now time.Time) (account.Session, error) {
	var s storedSession
	if err := json.Unmarshal(text, &s); err != nil {
		return account.Session{}, fmt.Errorf("decode session: %w", err)
	}
	if !now.Before(s.Ends) {
		return account.Session{}, directory.ErrNotFound
	}
	return s.Session, nil
}

// Sessions implements account.Vault.
func (v *Vault) Sessions(ctx context.Context, organizationID, userID string, now time.Time) ([]account.Session, error) {
	hashes, err := v.client.SMembers(ctx, v.key(organizationID, "sessions", userID)).Result()
	if err != nil || len(hashes) == 0 {
		return nil, fault(err)
	}
	keys := make([]string, len(hashes))
	for i, hash := range hashes {
		keys[i] = v.key(organizationID, "session", hash)
	}
	texts, err := v.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fault(err)
	}
	var all []account.Session
	for _, text := range texts {
		// Those that Redis has cleared away are still in the set.
		if text, ok := text.(string); ok {
			s, err := readSession([]byte(text), now)
			if errors.Is(err, directory.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// TouchSession implements account.Vault.
func (v *Vault) TouchSession(ctx context.Context, s account.Session, lastUsed, ends time.Time) error {
	s.LastUsedAt = lastUsed
	text, err := json.Marshal(storedSession{s, ends})
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	return fault(touchSession.Run(ctx, v.client, []string{v.key(s.OrganizationID, "session", s.TokenHash)}, text, ends.UnixMilli()).Err())
}

// EndSessions implements account.Vault.
func (v *Vault) EndSessions(ctx context.Context, organizationID, userID string, ids []string) error {
	// Long before any session that can be there: all are looked at.
	all, err := v.Sessions(ctx, organizationID, userID, time.Time{})
	if err != nil {
		return err
	}
	for _, s := range all {
		for _, id := range ids {
			if s.ID != id {
				continue
			}
			if err := v.client.Del(ctx, v.key(organizationID, "session", s.TokenHash)).Err(); err != nil {
				return fault(err)
			}
			if err := v.client.SRem(ctx, v.key(organizationID, "sessions", userID), s.TokenHash).Err(); err != nil {
				return fault(err)
			}
		}
	}
	return nil
}

// PutChallenge implements account.Vault.
func (v *Vault) PutChallenge(ctx context.Context, c account.Challenge) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode challenge: %w", err)
	}
	return fault(v.client.SetArgs(ctx, v.key(c.OrganizationID, "challenge", c.TokenHash), text, redis.SetArgs{ExpireAt: c.ExpiresAt.Add(clearAfter)}).Err())
}

// clearAfter is how long something that has ended is left to be cleared away,
// so that Redis' clock never ends it before ours does.
const clearAfter = time.Minute

// Challenge implements account.Vault.
func (v *Vault) Challenge(ctx context.Context, organizationID, tokenHash string, now time.Time) (account.Challenge, error) {
	text, err := v.client.Get(ctx, v.key(organizationID, "challenge", tokenHash)).Bytes()
	if err != nil {
		return account.Challenge{}, fault(err)
	}
	var c account.Challenge
	if err := json.Unmarshal(text, &c); err != nil {
		return account.Challenge{}, fmt.Errorf("decode challenge: %w", err)
	}
	if !now.Before(c.ExpiresAt) {
		return account.Challenge{}, directory.ErrNotFound
	}
	return c, nil
}

// EndChallenge implements account.Vault.
func (v *Vault) EndChallenge(ctx context.Context, organizationID, tokenHash string) error {
	return fault(v.client.Del(ctx, v.key(organizationID, "challenge", tokenHash)).Err())
}

// Reserve implements directory.Limiter. The time is the caller's: clocks of
// servers that differ shift a limit by the difference, and tests own theirs.
func (v *Vault) Reserve(ctx context.Context, organizationID, key string, limit directory.Limit, n int, now time.Time) (time.Duration, error) {
	wait, err := reserve.Run(ctx, v.client, []string{v.key(organizationID, "limit", key)},
		limit.Uses, limit.Window.Milliseconds(), limit.Delay.Milliseconds(), n, now.UnixMilli()).Int64()
	return time.Duration(wait) * time.Millisecond, fault(err)
}

// Forget implements directory.Limiter.
func (v *Vault) Forget(ctx context.Context, organizationID, key string) error {
	return fault(v.client.Del(ctx, v.key(organizationID, "limit", key)).Err())
}

// Refund implements directory.Limiter.
func (v *Vault) Refund(ctx context.Context, organizationID, key string) error {
	return fault(refund.Run(ctx, v.client, []string{v.key(organizationID, "limit", key)}).Err())
}
