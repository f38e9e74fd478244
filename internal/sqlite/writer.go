package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

// Writers queue for the one connection that writes, and whoever gets it writes
// for all who wait at that moment: their jobs run one after the other in one
// transaction, each behind a savepoint of its own, and one commit, with one
// flush of the disk, makes all of them final. So a writer waits for two flushes
// at most, however many write at the same time; each is answered when its own
// job is on the disk, as if it had been alone.

// line is who waits to write.
type line struct {
	mu      sync.Mutex
	waiting []*job
}

// job is what somebody wants to write.
type job struct {
	do func(*tx) error
	// lazy is whether it need not be flushed.
	lazy bool
	// done is closed when err is its answer, or panicked says why there is none.
	done     chan struct{}
	err      error
	panicked any
}

// write runs do in a transaction in which nobody else writes at the same time
// (BEGIN IMMEDIATE), and commits it if do answers nil. When write answers nil,
// what was written is on the disk, and so is all that was written before. Once
// do has begun it is not interrupted: ctx is for how long to wait for that.
func (db *DB) write(ctx context.Context, do func(*tx) error) error {
	return db.enqueue(ctx, &job{do: do, done: make(chan struct{})})
}

// writeLazily is write for what may be lost when the power fails before
// anything else is written: the next write puts it on the disk too, in order.
// The death of the process loses none of it.
func (db *DB) writeLazily(ctx context.Context, do func(*tx) error) error {
	return db.enqueue(ctx, &job{do: do, lazy: true, done: make(chan struct{})})
}

func (db *DB) enqueue(ctx context.Context, j *job) error {
	if db.within != nil {
		return j.do(db.within)
	}
	if err := ctx.Err(); err != nil {
		return translate(err)
	}
	defer momentOf(ctx).set(0)
	db.line.join(j)
	var gone error
	select {
	case <-j.done:
	case <-db.writer.free:
		// Whoever had the connection before may have done j already; then this is
		// for those who have come since.
		db.writer.give(db.writeAll(context.WithoutCancel(ctx), db.writer.take()))
	case <-db.writer.closed:
		gone = sql.ErrConnDone
	case <-ctx.Done():
		gone = ctx.Err()
	}
	if gone != nil && db.line.leave(j) {
		return translate(gone)
	}
	<-j.done
	if j.panicked != nil {
		panic(j.panicked)
	}
	return translate(j.err)
}

func (l *line) join(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, j)
}

// leave takes j out of the line; false when it has its turn already.
func (l *line) leave(j *job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.waiting, j)
	if at >= 0 {
		l.waiting = slices.Delete(l.waiting, at, at+1)
	}
	return at >= 0
}

func (l *line) takeAll() []*job {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.waiting
	l.waiting = nil
	return all
}

// writeAll does what waits in one transaction, and answers the connection, or
// nil when it is broken.
func (db *DB) writeAll(ctx context.Context, c *conn) *conn {
	jobs := db.line.takeAll()
	if len(jobs) == 0 {
		return c
	}
	lazy := !slices.ContainsFunc(jobs, func(j *job) bool { return !j.lazy })
	err := db.writer.run(ctx, &c, lazy, func(t *tx) error {
		for _, j := range jobs {
			if err := j.run(t, len(jobs) == 1); err != nil {
				return err
			}
		}
		return nil
	})
	for _, j := range jobs {
		if j.err == nil {
			j.err = err
		}
		close(j.done)
	}
	return c
}

// run does the job within t, and undoes what it has done when it fails. The
// error says that the transaction cannot go on.
func (j *job) run(t *tx, alone bool) error {
	if alone {
		j.try(t)
		return j.err
	}
	if _, err := t.exec("SAVEPOINT job"); err != nil {
		return err
	}
	before := len(t.changes)
	j.try(t)
	if j.err != nil {
		t.changes = t.changes[:before]
		if _, err := t.exec("ROLLBACK TO job"); err != nil {
			return errors.Join(err, j.err)
		}
	}
	_, err := t.exec("RELEASE job")
	return err
}

// try keeps a panic for the one whose job it is.
func (j *job) try(t *tx) {
	defer func() {
		if cause := recover(); cause != nil {
			j.panicked = fmt.Sprintf("%v\n%s", cause, debug.Stack())
			j.err = errors.New("panic")
		}
	}()
	j.err = j.do(t)
}
