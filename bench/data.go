package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"roster/internal/directory"
	"roster/internal/sqlite"
)

// Who signs in.
const (
	adminEmail    = "admin@example.com"
	adminPassword = "an opening that nobody guesses" //nolint:gosec // of a store that only make bench has
)

// seeded is a filled store in the cache, and how it was made.
type seeded struct {
	folder string
	People int
	// Took is from the start of the program until it was ready; Others, the share
	// of the machine that others had meanwhile.
	Took   time.Duration
	Others float64
	Commit string
	// fresh: this run has made it.
	fresh bool
}

// What decides how a store is filled: when one of these changes, what is in the
// cache is of no use.
var decisive = []string{"internal/sqlite/*.go", "internal/sqlite/*.sql", "internal/sample/*.go", "internal/directory/*.go", "go.sum"}

// seedKey names the program's way of filling a store.
func seedKey(source string) (string, error) {
	sum := sha256.New()
	for _, pattern := range decisive {
		paths, err := filepath.Glob(filepath.Join(source, pattern))
		if err != nil || len(paths) == 0 {
			return "", fmt.Errorf("%s: nothing there, %w", pattern, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			sum.Write(content)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// seed answers a store with so many people, from the cache if it is there.
func (b *bench) seed(ctx context.Context, people int) (*seeded, error) {
	key, err := seedKey(".")
	if err != nil {
		return nil, err
	}
	s := &seeded{folder: filepath.Join(b.cache, fmt.Sprintf("people-%d-%s", people, key)), People: people}
	note := filepath.Join(s.folder, "seeded.json")
	if made, err := os.ReadFile(note); err == nil {
		return s, json.Unmarshal(made, s)
	}
	stale, err := filepath.Glob(filepath.Join(b.cache, fmt.Sprintf("people-%d-*", people)))
	if err != nil {
		return nil, err
	}
	for _, folder := range stale {
		if err := os.RemoveAll(folder); err != nil {
			return nil, err
		}
	}
	b.say("making %s people up", thousands(people))
	// Under another name until complete.
	partial := s.folder + ".partial"
	if err := os.MkdirAll(partial, 0o700); err != nil {
		return nil, err
	}
	watch, err := startWatch()
	if err != nil {
		return nil, err
	}
	p, err := b.startRoster(ctx, partial, people, "--seed", fmt.Sprint(people))
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := p.eventually(ctx, 5*time.Millisecond, func() bool { return ready(p.address) }); err != nil {
		return nil, err
	}
	s.Took, s.Commit, s.fresh = time.Since(p.started), b.machine.Commit, true
	if s.Others, err = watch.others(p.cpu()); err != nil {
		return nil, err
	}
	p.stop()
	made, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(partial, "seeded.json"), made, 0o600); err != nil {
		return nil, err
	}
	return s, os.Rename(partial, s.folder)
}

func ready(address string) bool {
	answer, err := http.Get("http://" + address + "/readyz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// The peer's tables: one has plain columns, an index for each order of each
// list, and the sizes of the lists.
const (
	peerTables = `
CREATE TABLE roles (id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE users (
  id TEXT NOT NULL, name TEXT, username TEXT NOT NULL, email TEXT NOT NULL, title TEXT, status TEXT NOT NULL,
  role_id TEXT NOT NULL, csm_seat INTEGER NOT NULL, two_factor INTEGER NOT NULL, last_login_at TEXT,
  name_up TEXT NOT NULL, name_down TEXT NOT NULL, email_key TEXT NOT NULL, username_key TEXT NOT NULL,
  role_rank INTEGER NOT NULL, login_up INTEGER NOT NULL, login_down INTEGER NOT NULL);
CREATE TABLE counts (status TEXT PRIMARY KEY, people INTEGER NOT NULL) WITHOUT ROWID;`
	peerIndexes = `
CREATE UNIQUE INDEX users_id ON users (id);
INSERT INTO counts SELECT status, count(*) FROM users GROUP BY status;
ANALYZE;`
)

var peerOrders = []string{"name_up, id", "name_down, id", "email_key, id", "role_rank, username_key, id", "login_up, id", "login_down, id"}

// peerFile answers the path of an SQLite file for the mercurius peer, made from
// the people in a folder where somebody has signed in since they were seeded.
func (b *bench) peerFile(ctx context.Context, s *seeded) (path string, err error) {
	b.say("making the peer's file of the same people")
	// Our own copy: to open a store is to write it.
	folder := filepath.Join(b.scratch, "peer-source")
	if err := copyFiles(folder, b.folder(s.People)); err != nil {
		return "", err
	}
	source, err := sqlite.Open(ctx, filepath.Join(folder, "roster.db"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, source.Close(), os.RemoveAll(folder)) }()
	path = filepath.Join(b.scratch, "peer.db")
	target, err := sql.Open("sqlite", path+"?_pragma=synchronous(OFF)")
	if err != nil {
		return "", err
	}
	target.SetMaxOpenConns(1)
	return path, errors.Join(writePeer(ctx, target, sqlite.NewStore(source)), target.Close())
}

func writePeer(ctx context.Context, target *sql.DB, store *sqlite.Store) error {
	org, err := store.OrganizationBySlug(ctx, "")
	if err != nil {
		return err
	}
	if _, err := target.ExecContext(ctx, peerTables); err != nil {
		return err
	}
	tx, err := target.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	roles := slices.SortedFunc(slices.Values(org.Roles), func(a, b directory.Role) int {
		return strings.Compare(directory.NameKey(a.Name), directory.NameKey(b.Name))
	})
	rank := map[string]int{}
	for i, role := range roles {
		rank[role.ID] = i
		if _, err := tx.ExecContext(ctx, "INSERT INTO roles VALUES (?, ?)", role.ID, role.Name); err != nil {
			return err
		}
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO users VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
	if err != nil {
		return err
	}
	query := directory.ListQuery{Order: directory.Order{Field: directory.ByCreated}, Limit: 5000}
	for {
		users, err := store.ListUsers(ctx, org.ID, query)
		if err != nil {
			return err
		}
		for _, u := range users {
			name := directory.SortText(u, directory.ByName)
			nameUp := name
			if name == "" {
				nameUp = "\U0010ffff"
			}
			var lastLogin any
			loginUp, loginDown := int64(math.MaxInt64>>11), int64(-1) // within what JavaScript counts exactly
			if !u.LastLoginAt.IsZero() {
				lastLogin = u.LastLoginAt.UTC().Format("2006-01-02T15:04:05.000Z")
				loginUp = u.LastLoginAt.UnixMilli()
				loginDown = loginUp
			}
			if _, err := insert.ExecContext(ctx, u.ID, orNull(u.Name), u.Username, u.Email, orNull(u.Title), string(u.Status),
				org.RoleOf(u).ID, org.TakesSeat(u), u.TwoFactorEnabled(), lastLogin,
				nameUp, name, directory.SortText(u, directory.ByEmail), directory.SortText(u, directory.ByUsername),
				rank[org.RoleOf(u).ID], loginUp, loginDown); err != nil {
				return err
			}
		}
		if len(users) < query.Limit {
			break
		}
		last := directory.PositionOf(users[len(users)-1], query.Order.Field)
		query.After = &last
	}
	script := peerIndexes
	for i, columns := range peerOrders {
		script = fmt.Sprintf("CREATE INDEX all_%d ON users (%s); CREATE INDEX tab_%d ON users (status, %s);\n", i, columns, i, columns) + script
	}
	if _, err := tx.ExecContext(ctx, script); err != nil {
		return err
	}
	return tx.Commit()
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
