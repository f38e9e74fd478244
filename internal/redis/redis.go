// Package redis keeps what expires in Redis, for many servers at once: one
// server, a Sentinel or a Cluster.
//
// All keys of an organization have its id as their hash tag, so a Cluster keeps
// them in one slot and a script may change several of them together:
//
//	roster:{org_…}:session:<token hash>    hash  a session
//	roster:{org_…}:sessions:<user id>      zset  "<session id> <token hash>", scored by when the key of the session is cleared away
//	roster:{org_…}:challenge:<token hash>  hash  a challenge
//	roster:{org_…}:limit:<key>             hash  a count of what is limited
//	roster:{org_…}:request:<key>           hash  what was asked under an idempotency key, and the answer
//
// The first part is the name of the MongoDB database, so that several
// installations can share one Redis.
//
// Whether something has ended is judged by the time that the caller brings, as
// everywhere. The expiry of the keys only clears away: it comes a while after
// the end, so that a clock of Redis that is a little ahead ends nothing early.
package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"roster/internal/account"
	"roster/internal/directory"
)

// What the URL leaves unset. A server that hangs is given up after two tries of
// two seconds, or when the request's own time is over.
const (
	dialTimeout  = time.Second
	readTimeout  = 2 * time.Second
	writeTimeout = 2 * time.Second
	poolTimeout  = 2 * time.Second
	poolSize     = 64 // connections to one server
	retries      = 1
	redirects    = 2 // in a Cluster, retries included
)

// keptAfterEnd is how long a key is kept when what is in it has ended.
const keptAfterEnd = 10 * time.Minute

// Vault keeps what expires; see the package.
type Vault struct {
	client redis.UniversalClient
	prefix string
}

var _ account.Vault = (*Vault)(nil)

// Open makes a Vault whose keys begin with prefix, the name of the MongoDB
// database. It does not connect: Redis may be down at the start, and Ping tells.
//
// The URL is written as go-redis reads it, and its query says what kind of
// Redis it is: with master_name a Sentinel (redis.ParseFailoverURL), else with
// addr a Cluster (redis.ParseClusterURL), else one server (redis.ParseURL). An
// error does not repeat the URL, which may hold a password. What watches the
// commands is shown the client before it is used.
func Open(rawURL, prefix string, watch ...func(redis.UniversalClient) error) (*Vault, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Scheme != "redis" && u.Scheme != "rediss" {
		return nil, errors.New("write it as redis://USER:PASSWORD@HOST:PORT, or rediss:// for TLS; in a password, write signs like / and # as %2F and %23")
	}
	if database := strings.Trim(u.Path, "/"); database != "" {
		if _, err := strconv.ParseUint(database, 10, 16); err != nil {
			return nil, errors.New("what follows the host must be the number of a database, as in redis://HOST:PORT/0")
		}
	}
	logQuietly()
	client, err := newClient(u)
	if err != nil {
		return nil, fmt.Errorf("its query cannot be used: %w", err)
	}
	for _, one := range watch {
		if err := one(client); err != nil {
			return nil, errors.Join(fmt.Errorf("watch it: %w", err), client.Close())
		}
	}
	return &Vault{client: client, prefix: prefix}, nil
}

// logQuietly makes go-redis, which has one logger for all clients and writes
// each failed dial to stderr in a form of its own, tell slog at the level of
// debug. The errors themselves are answered, and told by whoever asked.
var logQuietly = sync.OnceFunc(func() { redis.SetLogger(logger{}) })

type logger struct{}

func (logger) Printf(ctx context.Context, format string, args ...any) {
	slog.DebugContext(ctx, fmt.Sprintf(format, args...))
}

// newClient leaves out what would answer decisions from replicas, which lag.
func newClient(u *url.URL) (redis.UniversalClient, error) {
	switch query := u.Query(); {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(u.String())
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled = true
		o.RouteByLatency, o.RouteRandomly, o.ReplicaOnly = false, false, false
		o.DialTimeout = cmp.Or(o.DialTimeout, dialTimeout)
		o.ReadTimeout = cmp.Or(o.ReadTimeout, readTimeout)
		o.WriteTimeout = cmp.Or(o.WriteTimeout, writeTimeout)
		o.PoolTimeout = cmp.Or(o.PoolTimeout, poolTimeout)
		o.PoolSize = cmp.Or(o.PoolSize, poolSize)
		o.MaxRetries = cmp.Or(o.MaxRetries, retries)
		o.DialerRetries = cmp.Or(o.DialerRetries, 1)
		o.PipelinePoolSize = cmp.Or(o.PipelinePoolSize, -1)
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(u.String())
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled = true
		o.RouteByLatency, o.RouteRandomly, o.ReadOnly = false, false, false
		o.DialTimeout = cmp.Or(o.DialTimeout, dialTimeout)
		o.ReadTimeout = cmp.Or(o.ReadTimeout, readTimeout)
		o.WriteTimeout = cmp.Or(o.WriteTimeout, writeTimeout)
		o.PoolTimeout = cmp.Or(o.PoolTimeout, poolTimeout)
		o.PoolSize = cmp.Or(o.PoolSize, poolSize)
		o.MaxRedirects = cmp.Or(o.MaxRedirects, redirects)
		o.DialerRetries = cmp.Or(o.DialerRetries, 1)
		o.PipelinePoolSize = cmp.Or(o.PipelinePoolSize, -1)
		o.MaintNotificationsConfig = noMaintenanceNotices()
		return redis.NewClusterClient(o), nil
	default:
		o, err := redis.ParseURL(u.String())
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled = true
		o.DialTimeout = cmp.Or(o.DialTimeout, dialTimeout)
		o.ReadTimeout = cmp.Or(o.ReadTimeout, readTimeout)
		o.WriteTimeout = cmp.Or(o.WriteTimeout, writeTimeout)
		o.PoolTimeout = cmp.Or(o.PoolTimeout, poolTimeout)
		o.PoolSize = cmp.Or(o.PoolSize, poolSize)
		o.MaxRetries = cmp.Or(o.MaxRetries, retries)
		o.DialerRetries = cmp.Or(o.DialerRetries, 1)
		o.PipelinePoolSize = cmp.Or(o.PipelinePoolSize, -1)
		o.MaintNotificationsConfig = noMaintenanceNotices()
		return redis.NewClient(o), nil
	}
}

// noMaintenanceNotices turns off what only Redis Enterprise sends; asking for
// it would cost each new connection a round trip.
func noMaintenanceNotices() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// Close closes all connections; what is asked later is refused.
func (v *Vault) Close() error { return v.client.Close() }

// Ping answers nil when Redis can be written, which a replica, a full one and
// one that can't save can not.
func (v *Vault) Ping(ctx context.Context) error {
	return unavailable(v.client.Set(ctx, v.prefix+":ping", 1, time.Minute).Err())
}

// key is the key of something of an organization.
func (v *Vault) key(organizationID, kind, name string) string {
	return v.prefix + ":{" + organizationID + "}:" + kind + ":" + name
}

// unavailable makes an error of Redis wrap directory.ErrUnavailable, unless it
// is a fault of ours: a command that Redis does not understand.
func unavailable(err error) error {
	var reply redis.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &reply) && (strings.HasPrefix(reply.Error(), "WRONGTYPE ") ||
		strings.HasPrefix(reply.Error(), "ERR ") && !redis.IsMaxClientsError(err)):
		return fmt.Errorf("redis: %w", err)
	}
	return fmt.Errorf("redis: %w: %w", directory.ErrUnavailable, err)
}

// milliseconds is a time as it is written, in Go's arguments and Redis' values.
func milliseconds(t time.Time) int64 { return t.UnixMilli() }

// reader reads the values of a hash in order, and keeps the first fault.
type reader struct {
	values []any
	err    error
}

func (r *reader) text() string {
	value, ok := r.values[0].(string)
	if !ok && r.err == nil {
		r.err = errors.New("redis: a value is missing")
	}
	r.values = r.values[1:]
	return value
}

func (r *reader) number() int64 {
	number, err := strconv.ParseInt(r.text(), 10, 64)
	if err != nil && r.err == nil {
		r.err = errors.New("redis: a value is no number")
	}
	return number
}

func (r *reader) time() time.Time { return time.UnixMilli(r.number()).UTC() }
