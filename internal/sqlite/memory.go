package sqlite

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"sync"

	"roster/internal/account"
	"roster/internal/directory"
)

// memory keeps what was read of the file, decoded, so that most of what a
// request needs is at hand: who asks, the organization, the people of a page.
// What it answers is what the file would answer in the same transaction, for
// this reason:
//
// The file counts its changes, and a transaction that reads knows by that
// number (n) which moment of the file it sees. Everything in memory is true at
// the moment version. A commit of this process takes out what it changes before
// it is made, and moves version on when it is made; so what is still there is
// true at both moments, and a transaction that sees either may use it. One that
// sees an earlier moment may not, for something may have been changed and read
// again since. One that sees a later moment has found out that another process
// has written: all is forgotten. What a transaction has read is kept only if it
// is true at version, and no commit is on its way that may have changed it.
type memory struct {
	mu      sync.Mutex
	version int64
	// next is the version that the commit on its way makes; 0 when there is none.
	next int64

	people        generations[int64, *directory.User] // by number
	numbers       generations[string, int64]          // of people, by id; see byKey, too
	organizations generations[string, *directory.Organization]
	slugs         generations[string, *directory.Organization]
	censuses      generations[string, *census]
	sessions      generations[sessionKey, session]

	// indexes are for searching. They have versions of their own.
	indexes indexes
}

// What is kept at most. Somebody is about 600 bytes.
const (
	keptPeople        = 30_000
	keptOrganizations = 1_000
	keptSessions      = 10_000
)

func newMemory() *memory {
	m := &memory{indexes: indexes{limits: usualLimits, made: map[int64]*index{}, making: map[int64]*news{}}}
	m.people.limit, m.numbers.limit = keptPeople, keptPeople
	m.organizations.limit, m.slugs.limit, m.censuses.limit, m.sessions.limit = keptOrganizations, keptOrganizations, keptOrganizations, keptSessions
	return m
}

// census is the groups of an organization that have people. It is shared:
// nobody may change it.
type census struct {
	organization int64
	groups       []group
	counts       directory.Counts
}

type sessionKey struct{ organization, tokenHash string }

// session has when it ends beside it.
type session struct {
	account.Session
	ends int64
}

// tables are those of which something is kept in memory.
type tables uint8

const (
	usersTable tables = 1 << iota
	organizationsTable
	groupsTable
	sessionsTable
	allTables = usersTable | organizationsTable | groupsTable | sessionsTable
)

var writing = regexp.MustCompile(`(?i)^\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+(\w+)`)

// written is what a statement writes.
func written(query string) tables {
	match := writing.FindStringSubmatch(query)
	if match == nil {
		return 0
	}
	return map[string]tables{
		"users": usersTable, "organizations": organizationsTable, "groups": groupsTable, "sessions": sessionsTable,
	}[match[1]]
}

// holds tells whether what is in memory is true at the moment that a
// transaction sees. The lock is held.
func (m *memory) holds(version int64) bool {
	if version > m.version && version != m.next {
		m.forget(allTables)
		m.indexes.lose()
		m.version = version
	}
	return version >= m.version
}

// isAt tells whether what is in memory is still of a moment.
func (m *memory) isAt(version int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version == version
}

// keeps tells whether what a transaction has read may be kept. The lock is held.
func (m *memory) keeps(version int64) bool { return version == m.version && m.next == 0 }

// commit prepares for a commit that has written to these tables.
func (m *memory) commit(c commit, wrote tables) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.version-1 != m.version {
		m.forget(allTables)
		m.version = c.version - 1
	}
	m.next = c.version
	for _, one := range c.changes {
		m.people.drop(one.number)
	}
	if !c.untold {
		wrote &^= usersTable
	}
	m.forget(wrote)
}

// committed tells how the commit went. When that is not known, the number in
// the file will tell.
func (m *memory) committed(c commit, made bool) {
	if made {
		m.indexes.follow(c)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if made {
		m.version = c.version
		for _, one := range c.changes {
			if one.person != nil {
				// Whoever has changed is asked for next, mostly.
				m.keepPerson(known{one.person, one.number})
			}
		}
	}
	m.next = 0
}

// forget takes out what is in these tables. The lock is held.
func (m *memory) forget(what tables) {
	if what&usersTable != 0 {
		m.people.clear()
	}
	if what&organizationsTable != 0 {
		m.organizations.clear()
		m.slugs.clear()
	}
	if what&groupsTable != 0 {
		m.censuses.clear()
	}
	if what&sessionsTable != 0 {
		m.sessions.clear()
	}
}

// known is somebody with their number.
type known struct {
	*directory.User
	number int64
}

// person finds somebody by id. The lock is held.
func (m *memory) person(organizationID, id string) (known, bool) {
	number, ok := m.numbers.get(id)
	if !ok {
		return known{}, false
	}
	u, ok := m.people.get(number)
	return known{u, number}, ok && u.ID == id && u.OrganizationID == organizationID
}

// keepPerson keeps somebody to be found by id and by number. The lock is held.
func (m *memory) keepPerson(k known) {
	m.people.put(k.number, k.User)
	m.numbers.put(k.ID, k.number)
}

// byKey is under what the number of somebody is kept who was found by a key. It
// may be somebody else's by now.
func byKey(organizationID, key string) string { return organizationID + "\n" + key }

// peopleByKeys finds those who have these keys, each once, if it knows whose all
// of them are. The lock is held.
func (m *memory) peopleByKeys(organizationID string, keys []string) (all []known, complete bool) {
	for _, key := range keys {
		number, ok := m.numbers.get(byKey(organizationID, key))
		if !ok {
			return nil, false
		}
		u, ok := m.people.get(number)
		if !ok || u.OrganizationID != organizationID || !slices.Contains(u.Keys(), key) {
			return nil, false
		}
		if !slices.ContainsFunc(all, func(k known) bool { return k.number == number }) {
			all = append(all, known{u, number})
		}
	}
	return all, true
}

// keepPeopleByKeys keeps people to be found by those of the keys that are theirs
// as well. The lock is held.
func (m *memory) keepPeopleByKeys(all []known, keys []string) {
	for _, k := range all {
		m.keepPerson(k)
		for _, key := range k.Keys() {
			if slices.Contains(keys, key) {
				m.numbers.put(byKey(k.OrganizationID, key), k.number)
			}
		}
	}
}

// generations keeps what was used lately: at most limit entries, and at least
// the half of limit that was used last.
type generations[K comparable, V any] struct {
	limit      int
	young, old map[K]V
}

func (g *generations[K, V]) get(key K) (V, bool) {
	if value, ok := g.young[key]; ok {
		return value, true
	}
	value, ok := g.old[key]
	if ok {
		g.put(key, value)
	}
	return value, ok
}

func (g *generations[K, V]) put(key K, value V) {
	if len(g.young) >= g.limit/2 {
		g.old, g.young = g.young, g.old
		clear(g.young)
	}
	if g.young == nil {
		g.young = map[K]V{}
	}
	g.young[key] = value
}

func (g *generations[K, V]) drop(key K) {
	delete(g.young, key)
	delete(g.old, key)
}

func (g *generations[K, V]) clear() { g.young, g.old = nil, nil }

// recall is what find knows in memory, or what read reads, which keep keeps.
func recall[V any](ctx context.Context, db *DB, find func(*memory) (V, bool), read func(*tx) (V, error), keep func(*memory, V)) (value V, err error) {
	look := func(t *tx) (err error) {
		value, err = recalled(t, find, func() (V, error) { return read(t) }, keep)
		return err
	}
	if err = db.recollect(ctx, look); errors.Is(err, errForgotten) {
		err = db.read(ctx, look)
	}
	return value, err
}

// recalled is recall within a transaction: find, read and keep are called with
// what is true at the moment that t sees.
func recalled[V any](t *tx, find func(*memory) (V, bool), read func() (V, error), keep func(*memory, V)) (value V, err error) {
	version, err := t.version()
	if err != nil {
		return value, err
	}
	m := t.memory
	m.mu.Lock()
	known := false
	if m.holds(version) {
		value, known = find(m)
	}
	m.mu.Unlock()
	if known {
		return value, nil
	}
	if t.conn == nil {
		return value, errForgotten
	}
	if value, err = read(); err != nil {
		return value, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keeps(version) {
		keep(m, value)
	}
	return value, nil
}

// version is the moment of the file that the transaction sees.
func (t *tx) version() (int64, error) {
	if t.seen == 0 {
		n, err := t.value("SELECT n + 1 FROM changes WHERE one = 1")
		if err != nil {
			return 0, err
		}
		t.seen, _ = n.(int64)
	}
	return t.seen, nil
}
