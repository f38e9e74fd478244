// Package sqlite keeps everything of a small installation in one SQLite file:
// Store keeps the documents, Vault what expires.
package sqlite

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"roster/internal/directory"
)

// DB is one SQLite file, shared by the Store and the Vault.
//
// SQLite has one writer at a time, whatever one does. So there is one
// connection that writes, for which writers queue here, in order and as long as
// their context lasts; and a few connections that only read, which in WAL mode
// neither wait for the writer nor hold it up.
type DB struct {
	writer, reader *pool
	memory         *memory
	// beside is what runs beside the requests.
	beside sync.WaitGroup
	// line is who waits to write.
	line line
	// within is the transaction in which all is written, while a store is filled.
	within *tx
}

// migrations are the embedded files that make the tables, in the order in which
// they are applied, each once for a file: PRAGMA user_version is how many have
// been. What has been released is never edited; a change of it is a new file.
var migrations = []string{"schema.sql", "vault.sql", "changes.sql"}

//go:embed *.sql
var migrationFiles embed.FS

// Settings of the connections.
//
//   - WAL with synchronous=FULL: a commit is flushed to the disk before it is
//     answered, so an acknowledged write survives not only the process but a
//     power failure. NORMAL, the usual advice for WAL, would lose the latest; it
//     is for what DB.writeLazily says.
//   - busy_timeout is for other processes at the same file, such as a command
//     run beside the server; writers of this process queue for the connection.
//   - The caches are small, since the kernel caches the file as well.
const (
	settings       = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=temp_store(MEMORY)&_pragma=trusted_schema(OFF)&_dqs=0"
	writerSettings = settings + "&_pragma=cache_size(-16000)&_pragma=wal_autocheckpoint(2000)&_pragma=journal_size_limit(67108864)"
	readerSettings = settings + "&_pragma=cache_size(-2000)&_query_only=1"
)

// Open opens the file, makes it when it is not there, and brings its tables up
// to date.
func Open(ctx context.Context, path string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// SQLite would let everybody read the file; its side files get the
	// permissions of the file.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{memory: newMemory()}
	if db.writer, err = newPool(path, writerSettings, "BEGIN IMMEDIATE", 1, db.memory); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if db.reader, err = newPool(path, readerSettings, "BEGIN", min(max(4, runtime.GOMAXPROCS(0)), 8), db.memory); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.writer.close())
	}
	if err := db.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	return db, nil
}

// Observe has f called before each statement, with the context of whoever asks
// for it. It is called before the DB is used.
func (db *DB) Observe(f func(ctx context.Context, statement string)) {
	db.writer.observe, db.reader.observe = f, f
}

// Close closes the file when what is running has ended; what is asked later is
// refused.
func (db *DB) Close() error {
	// The writer last: the last connection folds the WAL into the file, and a
	// reader may not.
	err := errors.Join(db.reader.close(), db.writer.close())
	db.beside.Wait()
	return err
}

// begin makes the first connection, and with it the file. Programs that do so
// at once are in each other's way when they turn WAL on, for which SQLite does
// not wait as it does for all else.
func (db *DB) begin(ctx context.Context) error {
	for end := time.Now().Add(5 * time.Second); ; {
		err := db.migrate(ctx)
		if code(err)&0xff != sqlite3.SQLITE_BUSY || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (db *DB) migrate(ctx context.Context) error {
	return db.write(ctx, func(t *tx) error {
		var applied int
		if err := t.row("PRAGMA user_version").Scan(&applied); err != nil {
			return err
		}
		if applied > len(migrations) {
			return fmt.Errorf("the file was written by a newer version of the program (schema %d; this one knows %d)", applied, len(migrations))
		}
		for _, name := range migrations[applied:] {
			script, err := migrationFiles.ReadFile(name)
			if err != nil {
				return err
			}
			if err := t.script(string(script)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return t.script(fmt.Sprintf("PRAGMA user_version = %d", len(migrations)))
	})
}

// Ping answers nil when the file can be read and written: it takes the write
// lock, reads, and lets go.
func (db *DB) Ping(ctx context.Context) error {
	return db.write(ctx, func(t *tx) error {
		var applied int
		return t.row("PRAGMA user_version").Scan(&applied)
	})
}

// read runs do in a transaction that sees one moment of the file: all that was
// committed before, and nothing that is committed while it runs.
func (db *DB) read(ctx context.Context, do func(*tx) error) error {
	return db.reader.transact(ctx, do)
}

// pool is connections to the file. It is not the pool of database/sql, because
// that one can't keep a statement prepared across the transactions of its only
// connection.
type pool struct {
	db    *sql.DB
	begin string
	// free has an entry for each connection that nobody uses; whoever gets one
	// takes the connection that was used last, whose cache is as good as new, and
	// gives it back.
	free   chan struct{}
	mu     sync.Mutex
	unused []*conn
	closed chan struct{}
	memory *memory
	// observe may be nil; see DB.Observe.
	observe func(ctx context.Context, statement string)
}

// conn is one connection with the statements prepared on it.
type conn struct {
	*sql.Conn
	prepared map[string]*sql.Stmt
	// writes is what they write, of that which is kept in memory.
	writes map[string]tables
	// quick are the statements that answer one value, or none; see tx.value.
	quick map[string]sqldriver.Stmt
	// lazy is whether commits of the connection are not flushed.
	lazy bool
}

// close closes the statements too, which database/sql leaves to whoever made
// them on one connection. With one open, SQLite would leave the file as after a
// crash, with its WAL beside it. A broken connection is not kept for others.
func (c *conn) close(broken bool) error {
	var errs []error
	for _, stmt := range c.prepared {
		errs = append(errs, stmt.Close())
	}
	for _, stmt := range c.quick {
		errs = append(errs, c.Raw(func(any) error { return stmt.Close() }))
	}
	if broken {
		return errors.Join(append(errs, c.Raw(func(any) error { return sqldriver.ErrBadConn }))...)
	}
	return errors.Join(append(errs, c.Close())...)
}

func newPool(path, settings, begin string, size int, m *memory) (*pool, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a Windows drive
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: settings}).String())
	if err != nil {
		return nil, err
	}
	p := &pool{db: db, begin: begin, free: make(chan struct{}, size), closed: make(chan struct{}), memory: m}
	for range size {
		p.give(nil)
	}
	return p, nil
}

// take takes a connection, for an entry of free; nil stands for one that is still
// to be opened.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.unused) - 1
	c := p.unused[last]
	p.unused = p.unused[:last]
	return c
}

// give gives a connection back.
func (p *pool) give(c *conn) {
	p.mu.Lock()
	p.unused = append(p.unused, c)
	p.mu.Unlock()
	p.free <- struct{}{}
}

func (p *pool) close() error {
	close(p.closed)
	var errs []error
	for range cap(p.free) {
		<-p.free
		if c := p.take(); c != nil {
			errs = append(errs, c.close(false))
		}
	}
	return errors.Join(append(errs, p.db.Close())...)
}

// transact answers what do answered, or an error that wraps
// directory.ErrUnavailable when SQLite could not do its part in time.
func (p *pool) transact(ctx context.Context, do func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return translate(err)
	}
	select {
	case <-p.closed:
		return translate(sql.ErrConnDone)
	case <-ctx.Done():
		return translate(ctx.Err())
	case <-p.free:
		c := p.take()
		defer func() { p.give(c) }()
		return translate(p.run(ctx, &c, false, do))
	}
}

// run runs do in a transaction of *at, which it opens when it is nil, and makes
// nil when it is broken. A lazy commit is not flushed.
func (p *pool) run(ctx context.Context, at **conn, lazy bool, do func(*tx) error) error {
	if *at == nil {
		opened, err := p.db.Conn(ctx)
		if err != nil {
			return err
		}
		*at = &conn{Conn: opened, prepared: map[string]*sql.Stmt{}, writes: map[string]tables{}, quick: map[string]sqldriver.Stmt{}}
	}
	c := *at
	t := &tx{ctx: ctx, conn: c, observe: p.observe, memory: p.memory, closed: p.closed}
	done := false
	defer func() {
		if done {
			return
		}
		// Also after a panic, and when the context is what has ended. That no
		// transaction is open is as good: it did not begin, or SQLite has undone it
		// by itself (a full disk). On any other failure the connection goes.
		undo := &tx{ctx: context.WithoutCancel(ctx), conn: c}
		if _, err := undo.exec("ROLLBACK"); err != nil && code(err) != sqlite3.SQLITE_ERROR {
			_ = c.close(true)
			*at = nil
		}
	}()
	if err := t.flush(!lazy); err != nil {
		return err
	}
	if _, err := t.value(p.begin); err != nil {
		return err
	}
	if err := do(t); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	done = true
	return nil
}

// tx is a transaction. Its statements are prepared once for a connection and
// kept: they are few texts with parameters, never put together from values.
type tx struct {
	ctx context.Context //nolint:containedctx // a transaction lives within one call
	// conn is nil when only memory is asked; see DB.recollect.
	conn    *conn
	observe func(ctx context.Context, statement string)
	memory  *memory
	// seen is the moment that the transaction sees; 0 while nobody has asked.
	seen   int64
	closed <-chan struct{}
	// wrote is what it has changed, of that which is kept in memory. Who changes
	// people says whom and how, in changes, or else that nothing is said.
	wrote   tables
	changes []change
	untold  bool
}

// commit makes what was written final, and has the memory of it set right.
func (t *tx) commit() error {
	if t.wrote == 0 {
		_, err := t.value("COMMIT")
		return err
	}
	n, err := t.value("UPDATE changes SET n = n + 1 WHERE one = 1 RETURNING n + 1")
	if err != nil {
		return err
	}
	version, _ := n.(int64)
	c := commit{version: version, changes: t.changes, untold: t.untold}
	if !t.untold {
		if c.moves, err = t.moves(); err != nil {
			return err
		}
	}
	t.memory.commit(c, t.wrote)
	_, err = t.value("COMMIT")
	t.memory.committed(c, err == nil)
	return err
}

// exec runs a statement that answers nothing, and tells how many rows it changed.
func (t *tx) exec(query string, args ...any) (changed int64, err error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	t.wrote |= t.conn.writes[query]
	result, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// add is exec for a row that is kept in memory by a key that is new: as nothing
// is kept of what is not there, nothing in any memory gets old by it.
func (t *tx) add(query string, args ...any) error {
	stmt, err := t.prepare(query)
	if err == nil {
		_, err = stmt.ExecContext(t.ctx, args...)
	}
	return err
}

// insert adds one row, and answers its rowid; false when a conflict has kept it
// out. (RETURNING would do that too, at the price of a journal for each
// statement, which doubles the work of adding many.)
func (t *tx) insert(query string, args ...any) (rowid int64, added bool, err error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return 0, false, err
	}
	t.wrote |= t.conn.writes[query]
	result, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, false, err
	}
	changed, err := result.RowsAffected()
	if err != nil || changed == 0 {
		return 0, false, err
	}
	rowid, err = result.LastInsertId()
	return rowid, true, err
}

// rows calls scan for each row that a query answers. scan must not run the
// same query again: there is one of it on a connection.
func (t *tx) rows(query string, args []any, scan func(*sql.Rows) error) error {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// row is the one row that a query answers; its Scan answers sql.ErrNoRows when
// there is none.
func (t *tx) row(query string, args ...any) interface{ Scan(dest ...any) error } {
	stmt, err := t.prepare(query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(t.ctx, args...)
}

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

func (t *tx) prepare(query string) (*sql.Stmt, error) {
	if t.conn == nil {
		return nil, errForgotten
	}
	if t.observe != nil {
		t.observe(t.ctx, query)
	}
	if stmt := t.conn.prepared[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	t.conn.prepared[query], t.conn.writes[query] = stmt, written(query)
	return stmt, nil
}

// value is the one value that a statement answers, nil when it answers nothing.
// It is for what every request does: it goes past database/sql, which would take
// as long as SQLite itself, and is not cut off when the context ends, for which a
// goroutine would have to wait; so it must be short. What it answers are int64,
// string and nil; what it is given, too.
func (t *tx) value(query string, args ...any) (value any, err error) {
	if t.conn == nil {
		return nil, errForgotten
	}
	if t.observe != nil {
		t.observe(t.ctx, query)
	}
	named := make([]sqldriver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = sqldriver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	ctx := context.WithoutCancel(t.ctx)
	err = t.conn.Raw(func(raw any) error {
		stmt := t.conn.quick[query]
		if stmt == nil {
			var err error
			if stmt, err = raw.(sqldriver.ConnPrepareContext).PrepareContext(ctx, query); err != nil {
				return err
			}
			t.conn.quick[query] = stmt
		}
		rows, err := stmt.(sqldriver.StmtQueryContext).QueryContext(ctx, named)
		if err != nil {
			return err
		}
		if len(rows.Columns()) > 0 {
			var row [1]sqldriver.Value
			if err = rows.Next(row[:]); errors.Is(err, io.EOF) {
				err = nil
			}
			value = row[0]
		}
		return errors.Join(err, rows.Close())
	})
	return value, err
}

// flush sets whether commits of the connection are flushed to the disk.
func (t *tx) flush(yes bool) error {
	if t.conn.lazy == !yes {
		return nil
	}
	level := "NORMAL"
	if yes {
		level = "FULL"
	}
	// Not prepared: it takes effect when the statement is made.
	_, err := t.conn.ExecContext(t.ctx, "PRAGMA synchronous = "+level)
	if err == nil {
		t.conn.lazy = !yes
	}
	return err
}

// script runs any number of statements without parameters.
func (t *tx) script(text string) error {
	t.wrote, t.untold = allTables, true
	_, err := t.conn.ExecContext(t.ctx, text)
	return err
}

// translate makes errors of SQLite, and of time running out, wrap
// directory.ErrUnavailable when trying later may help. What is left are the
// domain's errors and faults of ours.
func translate(err error) error {
	switch {
	case err == nil, errors.Is(err, directory.ErrUnavailable):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, sql.ErrConnDone):
		return fmt.Errorf("sqlite: %w: %w", directory.ErrUnavailable, err)
	}
	switch code(err) & 0xff {
	case 0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG:
		return err
	}
	return fmt.Errorf("sqlite: %w: %w", directory.ErrUnavailable, err)
}

// violates tells whether err is that a row breaks a UNIQUE or PRIMARY KEY
// constraint. Only the statement is undone; the transaction goes on.
func violates(err error) bool {
	return code(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// code is SQLite's extended result code; 0 when err is not of SQLite.
func code(err error) int {
	var fault *driver.Error
	if errors.As(err, &fault) {
		return fault.Code()
	}
	return 0
}
