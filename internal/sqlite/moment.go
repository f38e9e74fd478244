package sqlite

import (
	"context"
	"errors"
	"sync"
	"time"
)

// moment is the moment of the file at which a request is answered as far as
// memory goes, so that not each of its reads asks for the version again. It
// begins with the first read of the request, and so after whatever was answered
// before the request came. It ends when the request writes, or when this process
// commits; and before long, so that whoever waits for another process sees what
// that does.
type moment struct {
	mu      sync.Mutex
	version int64
	until   time.Time
}

// momentLasts is how long a moment is good for.
const momentLasts = 10 * time.Millisecond

type momentKey struct{}

// Moment answers a context for one request, which is not for what lasts longer.
func (db *DB) Moment(ctx context.Context) context.Context {
	return context.WithValue(ctx, momentKey{}, &moment{})
}

// known is the version of the file at the context's moment, if it has begun.
func (m *moment) known() (version int64, ok bool) {
	if m == nil {
		return 0, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version, m.version != 0 && time.Now().Before(m.until)
}

// set begins the moment anew; 0 ends it.
func (m *moment) set(version int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version, m.until = version, time.Now().Add(momentLasts)
}

func momentOf(ctx context.Context) *moment {
	m, _ := ctx.Value(momentKey{}).(*moment)
	return m
}

// errForgotten: what is asked for is not in memory.
var errForgotten = errors.New("not in memory")

// recollect runs do with a transaction that sees what is in memory of a moment,
// and answers everything else with errForgotten. What goes wrong otherwise is
// for the transaction that follows to tell.
func (db *DB) recollect(ctx context.Context, do func(*tx) error) error {
	now := momentOf(ctx)
	if version, ok := now.known(); ok {
		err := do(&tx{ctx: ctx, memory: db.memory, seen: version})
		if !errors.Is(err, errForgotten) || db.memory.isAt(version) {
			return err
		}
	}
	version, err := db.version(ctx)
	if err != nil {
		return errForgotten
	}
	now.set(version)
	return do(&tx{ctx: ctx, memory: db.memory, seen: version})
}

// version is the moment of the file now.
func (db *DB) version(ctx context.Context) (int64, error) {
	select {
	case <-db.reader.closed:
	case <-ctx.Done():
	case <-db.reader.free:
		c := db.reader.take()
		defer func() { db.reader.give(c) }()
		if c != nil {
			return (&tx{ctx: ctx, conn: c, memory: db.memory, observe: db.reader.observe}).version()
		}
	}
	return 0, errForgotten
}
