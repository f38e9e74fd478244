package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"roster/internal/directory"
)

// row is what a user is in the file: what the indexes need, and the document.
type row struct {
	indexed
	group       directory.Group
	due         sql.NullInt64
	invitation  sql.NullString
	reset       sql.NullString
	keys, words []string
	document    []byte
}

// indexed is what the indexes of the lists are made of.
type indexed struct {
	inGroup                       int64
	name, email, username, status string
	lastLogin, created            int64
}

// rowOf works out the row before the transaction, to keep that short; only
// inGroup is left out.
func rowOf(u *directory.User) row {
	r := row{
		indexed: indexed{
			name:     directory.SortText(u, directory.ByName),
			email:    directory.SortText(u, directory.ByEmail),
			username: directory.SortText(u, directory.ByUsername),
			status:   string(u.Status), lastLogin: u.LastLoginAt.UnixMilli(), created: u.CreatedAt.UnixMilli(),
		},
		group: directory.GroupOf(u), keys: u.Keys(), words: directory.SearchWords(u),
		document: encodeUser(u),
	}
	hash := func(l *directory.Link) sql.NullString {
		if l == nil || l.TokenHash == "" {
			return sql.NullString{}
		}
		return sql.NullString{String: l.TokenHash, Valid: true}
	}
	r.invitation, r.reset = hash(u.Invitation), hash(u.PasswordReset)
	for _, e := range u.Outbox {
		if due := e.DueAt.UnixMilli(); !r.due.Valid || due < r.due.Int64 {
			r.due = sql.NullInt64{Int64: due, Valid: true}
		}
	}
	return r
}

// joined is how the words stand in a user's row.
func joined(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "\n" + strings.Join(words, "\n")
}

// split takes apart what joined has put together.
func split(words string) []string {
	if words == "" {
		return nil
	}
	return strings.Split(words[1:], "\n")
}

// rowsOf shares the work among the processors: folding and splitting the names
// of many costs as much as a third of writing them.
func rowsOf(users []*directory.User) []row {
	rows := make([]row, len(users))
	share := max(len(users)/runtime.GOMAXPROCS(0)+1, 50)
	var group sync.WaitGroup
	for from := 0; from < len(users); from += share {
		group.Go(func() {
			for i := from; i < min(from+share, len(users)); i++ {
				rows[i] = rowOf(users[i])
			}
		})
	}
	group.Wait()
	return rows
}

// InsertUsers implements directory.UserStore. All are added in one
// transaction; many at once cost much less than one by one, for which most of
// the time is spent on flushing.
func (s *Store) InsertUsers(ctx context.Context, users []*directory.User) ([]error, error) {
	if len(users) == 0 {
		return nil, nil
	}
	rows := rowsOf(users)
	answers := make([]error, len(users))
	err := s.db.write(ctx, func(t *tx) error {
		organization, err := t.organization(users[0].OrganizationID)
		if err != nil {
			return err
		}
		groups := map[directory.Group]int64{}
		people := map[int64]int{}
		var words []wordRow
		for i := range rows {
			r := &rows[i]
			if r.inGroup = groups[r.group]; r.inGroup == 0 {
				if r.inGroup, err = t.group(organization, r.group); err != nil {
					return err
				}
				groups[r.group] = r.inGroup
			}
			if s.db.within != nil {
				r.keys = nil // Fill adds those of all.
			}
			number, err := t.insertUser(organization, users[i].ID, r)
			if errors.Is(err, directory.ErrTaken) {
				answers[i] = err
				continue
			}
			if err != nil {
				return err
			}
			people[r.inGroup]++
			if s.db.within != nil {
				continue // Fill adds the words of all.
			}
			t.changes = append(t.changes, change{organization: organization, number: number, is: &listed{r.indexed, users[i].ID, r.words}})
			for _, word := range r.words {
				words = append(words, wordRow{word, number, r.inGroup})
			}
		}
		for group, n := range people {
			if err := t.count(group, n); err != nil {
				return err
			}
		}
		// In their order in the table, where neighbours share a page.
		slices.SortFunc(words, func(a, b wordRow) int { return strings.Compare(a.word, b.word) })
		return t.insertWords(organization, words)
	})
	if err != nil {
		return nil, err
	}
	for i, u := range users {
		if answers[i] == nil {
			u.Revision = 1
		}
	}
	return answers, nil
}

// insertUser adds a row and its keys, or nothing and ErrTaken.
func (t *tx) insertUser(organization int64, id string, r *row) (number int64, err error) {
	number, added, err := t.insert(`INSERT INTO users (organization, id, revision, in_group, status, name, email, username, last_login, created,
			due, invitation_hash, reset_hash, words, document)
		VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (organization, id) DO NOTHING`,
		organization, id, r.inGroup, r.status, r.name, r.email, r.username, r.lastLogin, r.created,
		r.due, r.invitation, r.reset, joined(r.words), r.document)
	if err == nil && !added {
		err = directory.ErrTaken
	}
	if err != nil {
		return 0, err
	}
	for i, key := range r.keys {
		err := t.insertKey(organization, key, number)
		if err == nil {
			continue
		}
		if !errors.Is(err, directory.ErrTaken) {
			return 0, err
		}
		for _, key := range r.keys[:i] {
			if err := t.deleteKey(organization, key); err != nil {
				return 0, err
			}
		}
		if _, err := t.exec("DELETE FROM users WHERE number = ?", number); err != nil {
			return 0, err
		}
		return 0, directory.ErrTaken
	}
	return number, nil
}

func (t *tx) insertKey(organization int64, key string, number int64) error {
	added, err := t.exec("INSERT INTO keys (organization, key, user) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", organization, key, number)
	if err == nil && added == 0 {
		err = directory.ErrTaken
	}
	return err
}

func (t *tx) deleteKey(organization int64, key string) error {
	_, err := t.exec("DELETE FROM keys WHERE organization = ? AND key = ?", organization, key)
	return err
}

type wordRow struct {
	word            string
	number, inGroup int64
}

// insertWords adds words, many by one statement.
func (t *tx) insertWords(organization int64, words []wordRow) error {
	const many = 50
	for len(words) > 0 {
		n := 1
		if len(words) >= many {
			n = many
		}
		args := make([]any, 0, 4*n)
		for _, w := range words[:n] {
			args = append(args, organization, w.word, w.number, w.inGroup)
		}
		if _, err := t.exec("INSERT INTO words (organization, word, user, in_group) VALUES (?, ?, ?, ?)"+
			strings.Repeat(", (?, ?, ?, ?)", n-1), args...); err != nil {
			return err
		}
		words = words[n:]
	}
	return nil
}

// group is the number of a group, which is added when it is new.
func (t *tx) group(organization int64, g directory.Group) (number int64, err error) {
	err = t.row("SELECT number FROM groups WHERE organization = ? AND status = ? AND role = ? AND two_factor = ?",
		organization, g.Status, g.RoleID, g.TwoFactor).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		number, _, err = t.insert("INSERT INTO groups (organization, status, role, two_factor) VALUES (?, ?, ?, ?)",
			organization, g.Status, g.RoleID, g.TwoFactor)
	}
	return number, err
}

// count makes a group larger, or smaller when n is negative.
func (t *tx) count(group int64, n int) error {
	_, err := t.exec("UPDATE groups SET people = people + ? WHERE number = ?", n, group)
	return err
}

// UpdateUser implements directory.UserStore.
func (s *Store) UpdateUser(ctx context.Context, u *directory.User) error {
	r, next := rowOf(u), u.Revision+1
	person := u.Clone()
	person.Revision = next
	err := s.db.write(ctx, func(t *tx) error {
		var organization, number int64
		var was indexed
		var wasGroup directory.Group
		var wasWords string
		err := t.row(`SELECT u.organization, u.number, u.in_group, u.status, u.name, u.email, u.username, u.last_login, u.created, u.words,
				g.status, g.role, g.two_factor
			FROM users u CROSS JOIN groups g ON g.number = u.in_group
			WHERE u.organization = (SELECT number FROM organizations WHERE id = ?) AND u.id = ? AND u.revision = ?`, u.OrganizationID, u.ID, u.Revision).
			Scan(&organization, &number, &was.inGroup, &was.status, &was.name, &was.email, &was.username, &was.lastLogin, &was.created, &wasWords,
				&wasGroup.Status, &wasGroup.RoleID, &wasGroup.TwoFactor)
		if errors.Is(err, sql.ErrNoRows) {
			return directory.ErrStale
		}
		if err != nil {
			return err
		}
		if r.inGroup = was.inGroup; r.group != wasGroup {
			if r.inGroup, err = t.group(organization, r.group); err != nil {
				return err
			}
		}
		// The keys are the texts that lists are ordered by.
		if err := t.changeKeys(organization, number, []string{was.email, was.username}, r.keys); err != nil {
			return err
		}
		before := split(wasWords)
		if err := t.changeWords(organization, number, was.inGroup, r.inGroup, before, r.words); err != nil {
			return err
		}
		t.changes = append(t.changes, change{organization, number, &listed{was, u.ID, before}, &listed{r.indexed, u.ID, r.words}, person})
		if was.inGroup != r.inGroup {
			if err := errors.Join(t.count(was.inGroup, -1), t.count(r.inGroup, 1)); err != nil {
				return err
			}
		}
		signedIn := was
		signedIn.lastLogin = r.lastLogin
		switch {
		case was == r.indexed:
		case signedIn == r.indexed:
			// The most usual of changes, of which two indexes know.
			_, err = t.exec(`UPDATE users SET last_login = ?, revision = ?, due = ?, invitation_hash = ?, reset_hash = ?, words = ?, document = ? WHERE number = ?`,
				r.lastLogin, next, r.due, r.invitation, r.reset, joined(r.words), r.document, number)
			return err
		default:
			// Apart, because it rewrites the entries of ten indexes.
			if _, err := t.exec(`UPDATE users SET in_group = ?, status = ?, name = ?, email = ?, username = ?, last_login = ?, created = ? WHERE number = ?`,
				r.inGroup, r.status, r.name, r.email, r.username, r.lastLogin, r.created, number); err != nil {
				return err
			}
		}
		_, err = t.exec(`UPDATE users SET revision = ?, due = ?, invitation_hash = ?, reset_hash = ?, words = ?, document = ? WHERE number = ?`,
			next, r.due, r.invitation, r.reset, joined(r.words), r.document, number)
		return err
	})
	if err == nil {
		u.Revision = next
	}
	return err
}

func (t *tx) changeKeys(organization, number int64, was, is []string) error {
	for _, key := range was {
		if !slices.Contains(is, key) {
			if err := t.deleteKey(organization, key); err != nil {
				return err
			}
		}
	}
	for _, key := range is {
		if !slices.Contains(was, key) {
			if err := t.insertKey(organization, key, number); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) changeWords(organization, number, wasGroup, isGroup int64, was, is []string) error {
	for _, word := range was {
		var err error
		switch {
		case !slices.Contains(is, word):
			_, err = t.exec("DELETE FROM words WHERE organization = ? AND word = ? AND user = ?", organization, word, number)
		case wasGroup != isGroup:
			_, err = t.exec("UPDATE words SET in_group = ? WHERE organization = ? AND word = ? AND user = ?", isGroup, organization, word, number)
		}
		if err != nil {
			return err
		}
	}
	var added []wordRow
	for _, word := range is {
		if !slices.Contains(was, word) {
			added = append(added, wordRow{word, number, isGroup})
		}
	}
	return t.insertWords(organization, added)
}

// User implements directory.UserStore.
func (s *Store) User(ctx context.Context, organizationID, id string) (*directory.User, error) {
	found, err := recall(ctx, s.db,
		func(m *memory) (known, bool) { return m.person(organizationID, id) },
		func(t *tx) (known, error) {
			return t.known(`SELECT ?1, id, revision, document, number FROM users
				WHERE organization = (SELECT number FROM organizations WHERE id = ?1) AND id = ?2`, organizationID, id)
		},
		func(m *memory, k known) { m.keepPerson(k) })
	if err != nil {
		return nil, err
	}
	return found.Clone(), nil
}

// known reads the one person of a query; ErrNotFound.
func (t *tx) known(query string, args ...any) (k known, err error) {
	err = t.rows(query, args, func(rows *sql.Rows) error {
		k.User, err = scanUser(rows, &k.number)
		return err
	})
	if err == nil && k.User == nil {
		err = directory.ErrNotFound
	}
	return k, err
}

// Users implements directory.UserStore.
func (s *Store) Users(ctx context.Context, organizationID string, ids []string) ([]*directory.User, error) {
	return s.users(ctx, `SELECT ?1, id, revision, document FROM users
		WHERE organization = (SELECT number FROM organizations WHERE id = ?1)
		AND id IN (SELECT value FROM json_each(?2))`, organizationID, jsonOf(ids))
}

// UsersByKeys implements directory.UserStore. Whoever signs in is looked up by a
// key, and before long again.
func (s *Store) UsersByKeys(ctx context.Context, organizationID string, keys []string) ([]*directory.User, error) {
	found, err := recall(ctx, s.db,
		func(m *memory) ([]known, bool) { return m.peopleByKeys(organizationID, keys) },
		func(t *tx) (all []known, err error) {
			err = t.rows(`SELECT ?1, id, revision, document, number FROM users WHERE number IN (
					SELECT user FROM keys WHERE organization = (SELECT number FROM organizations WHERE id = ?1)
					AND key IN (SELECT value FROM json_each(?2)))`, []any{organizationID, jsonOf(keys)}, func(rows *sql.Rows) error {
				var k known
				k.User, err = scanUser(rows, &k.number)
				all = append(all, k)
				return err
			})
			return all, err
		},
		func(m *memory, all []known) { m.keepPeopleByKeys(all, keys) })
	if err != nil {
		return nil, err
	}
	users := make([]*directory.User, len(found))
	for i, k := range found {
		users[i] = k.Clone()
	}
	return users, nil
}

// UserByLink implements directory.UserStore.
func (s *Store) UserByLink(ctx context.Context, organizationID, tokenHash string) (*directory.User, error) {
	return one(s.users(ctx, `SELECT ?1, id, revision, document FROM users WHERE number IN (
			SELECT number FROM users WHERE organization = (SELECT number FROM organizations WHERE id = ?1) AND invitation_hash = ?2
			UNION ALL
			SELECT number FROM users WHERE organization = (SELECT number FROM organizations WHERE id = ?1) AND reset_hash = ?2)`,
		organizationID, tokenHash))
}

// DueUsers implements directory.UserStore.
func (s *Store) DueUsers(ctx context.Context, now time.Time, limit int) ([]*directory.User, error) {
	return s.users(ctx, `SELECT o.id, u.id, u.revision, u.document
		FROM users u INDEXED BY users_due CROSS JOIN organizations o ON o.number = u.organization
		WHERE u.due <= ? ORDER BY u.due LIMIT ?`, now.UnixMilli(), max(limit, 0))
}

// Members implements directory.UserStore.
func (s *Store) Members(ctx context.Context, organizationID, roleID string, status directory.Status, limit int) (ids []string, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		return t.rows(`SELECT u.id FROM groups g CROSS JOIN users u INDEXED BY users_group_created ON u.in_group = g.number
			WHERE g.organization = (SELECT number FROM organizations WHERE id = ?) AND g.status = ? AND g.role = ? LIMIT ?`,
			[]any{organizationID, status, roleID, max(limit, 0)}, func(rows *sql.Rows) error {
				var id string
				err := rows.Scan(&id)
				ids = append(ids, id)
				return err
			})
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Counts implements directory.UserStore.
func (s *Store) Counts(ctx context.Context, organizationID string) (counts directory.Counts, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		all, err := t.census(organizationID)
		if err == nil {
			counts = maps.Clone(all.counts)
		}
		return err
	})
	return counts, err
}

// census is the groups of an organization that have people.
func (t *tx) census(organizationID string) (*census, error) {
	return recalled(t,
		func(m *memory) (*census, bool) { return m.censuses.get(organizationID) },
		func() (*census, error) {
			all := &census{counts: directory.Counts{}}
			err := t.rows(`SELECT organization, number, status, role, two_factor, people FROM groups
				WHERE organization = (SELECT number FROM organizations WHERE id = ?) AND people > 0`, []any{organizationID},
				func(rows *sql.Rows) error {
					var g group
					err := rows.Scan(&all.organization, &g.number, &g.Status, &g.RoleID, &g.TwoFactor, &g.people)
					all.groups = append(all.groups, g)
					all.counts[g.Group] = g.people
					return err
				})
			return all, err
		},
		func(m *memory, all *census) { m.censuses.put(organizationID, all) })
}

// Repair has nothing to do: the counts change in the transaction that changes
// the user, so nothing can be cut off between them.
func (s *Store) Repair(context.Context) error { return nil }

// users reads the users of a query that answers the organization's id, the
// user's, the revision and the document.
func (s *Store) users(ctx context.Context, query string, args ...any) (users []*directory.User, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		return t.rows(query, args, func(rows *sql.Rows) error {
			u, err := scanUser(rows)
			users = append(users, u)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return users, nil
}

func scanUser(rows *sql.Rows, others ...any) (*directory.User, error) {
	var organizationID, id string
	var revision int64
	var document sql.RawBytes
	if err := rows.Scan(append([]any{&organizationID, &id, &revision, &document}, others...)...); err != nil {
		return nil, err
	}
	return decodeUser(organizationID, id, revision, document)
}

func one[T any](found []*T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, directory.ErrNotFound
	}
	return found[0], nil
}
