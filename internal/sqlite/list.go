package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"roster/internal/directory"
)

// A list is merged from walks, each along one index of the file from where the
// page begins: the people of one status, or of one group where a filter takes
// only some groups of a status. So a page costs a few index walks of its own
// length, whatever is filtered, wherever it lies. A large organization has an
// index in memory, from which a page is read without the file; see index.

// ListUsers implements directory.UserStore.
func (s *Store) ListUsers(ctx context.Context, organizationID string, q directory.ListQuery) (users []*directory.User, err error) {
	if _, known := rankingOf[q.Order.Field]; !known {
		return nil, fmt.Errorf("there is no order %q", q.Order.Field)
	}
	if q.Limit <= 0 {
		return nil, nil
	}
	err = s.list(ctx, organizationID, q, func(l *list) error {
		page, err := l.page()
		if err != nil {
			return err
		}
		if q.Matches != nil && len(q.Words) > 0 {
			*q.Matches = l.count()
		}
		users, err = l.usersOf(organizationID, page)
		return err
	})
	if err != nil {
		return nil, err
	}
	return users, nil
}

// CountMatches implements directory.UserStore.
func (s *Store) CountMatches(ctx context.Context, organizationID string, q directory.ListQuery) (matches int, err error) {
	err = s.list(ctx, organizationID, q, func(l *list) error {
		if len(q.Words) > 0 {
			matches = l.count()
			return nil
		}
		for _, g := range l.groups {
			matches += g.people
		}
		return nil
	})
	return matches, err
}

// errMoved: the index has come to another version of the file than the
// transaction sees.
var errMoved = errors.New("the index has moved on")

// list does something with a list that has somebody. It tries again when a
// commit comes between the transaction and the index, and goes without the
// index when that does not help.
func (s *Store) list(ctx context.Context, organizationID string, q directory.ListQuery, do func(*list) error) error {
	tries := 3
	look := func(t *tx) error {
		l, err := t.list(organizationID, q)
		if err != nil || len(l.groups) == 0 {
			return err
		}
		if x := s.db.memory.indexes.of(s.db, l.organization, l.everybody); x != nil {
			x.mu.RLock()
			defer x.mu.RUnlock()
			if x.version == t.seen {
				l.index = x
			} else if tries--; tries >= 0 {
				return errMoved
			}
		}
		if len(q.Words) > 0 {
			if err := l.search(); err != nil {
				return err
			}
		}
		return do(l)
	}
	err := s.db.recollect(ctx, look)
	for errors.Is(err, errForgotten) || errors.Is(err, errMoved) {
		runtime.Gosched()
		err = s.db.read(ctx, look)
	}
	return err
}

// list is a list that is being read.
type list struct {
	*tx
	directory.ListQuery
	organizationID string
	organization   int64
	// groups are those of the list that have people.
	groups []group
	// roles are those of the groups, by number, where the order is by role.
	roles map[int64]string
	// whole are the statuses of which the list has everybody, in the order of statuses.
	whole [3]bool
	// down is whether the walk goes from larger to smaller values.
	down bool
	// order is the column of the order.
	order column
	// everybody is how many people the organization has.
	everybody int
	// index is nil when there is none.
	index *index
	// found are those of the list who have the words, in sets that have nobody in
	// common: members of the index, or numbers when there is none.
	found []*memberSet
	// foundOf are in which of these sets those of each status are.
	foundOf [len(parted{})][]*memberSet
}

type group struct {
	directory.Group
	number int64
	people int
}

func (t *tx) list(organizationID string, q directory.ListQuery) (*list, error) {
	l := &list{
		tx: t, ListQuery: q, organizationID: organizationID, down: q.Order.Descending != q.Backward, order: ranked[rankingOf[q.Order.Field]],
		whole: [...]bool{true, true, true},
	}
	var wanted map[directory.Group]bool
	if q.Groups != nil {
		wanted = make(map[directory.Group]bool, len(q.Groups))
	}
	for _, g := range q.Groups {
		wanted[g] = true
	}
	if q.Order.Field == directory.ByRole {
		l.roles = map[int64]string{}
	}
	all, err := t.census(organizationID)
	if err != nil {
		return nil, err
	}
	l.organization = all.organization
	if q.Counts != nil {
		*q.Counts = all.counts
	}
	for _, g := range all.groups {
		l.everybody += g.people
		if q.Groups != nil && !wanted[g.Group] {
			l.whole[statusAt(string(g.Status))] = false
			continue
		}
		l.groups = append(l.groups, g)
		if l.roles != nil {
			l.roles[g.number] = g.RoleID
		}
	}
	return l, nil
}

// page finds who is on the page, in the order of the walk.
func (l *list) page() ([]int64, error) {
	if l.index != nil {
		return l.ranked()
	}
	if l.found == nil {
		page, _, err := l.walk(math.MaxInt)
		return page, err
	}
	matches := l.count()
	if matches == 0 {
		return nil, nil
	}
	// If those who are found stand anywhere, so many are passed. Reading one of
	// them costs four times as much as passing one.
	if passed := share(l.Limit, l.everybody, matches); passed < 4*matches {
		page, done, err := l.walk(3*passed + 100)
		if err != nil || done {
			return page, err
		}
	}
	return l.sortFound(l.found[0].members())
}

// share is so many of everybody, for each of the members; no more than there are.
func share(limit, everybody, members int) int {
	return int(min(float64(limit)*float64(everybody)/float64(max(members, 1)), float64(everybody)))
}

// walk reads the list from where the page begins. It is not done when it has
// passed so many people before the page was full.
func (l *list) walk(atMost int) (page []int64, done bool, err error) {
	for _, part := range l.segments() {
		if len(part.sources) == 1 && len(l.Words) == 0 {
			// Nothing is to be merged and nobody left out: the page is the walk.
			found, err := l.numbers(l.along(part, part.sources[0], l.Limit-len(page)))
			if err != nil {
				return nil, false, err
			}
			if page = append(page, found...); len(page) >= l.Limit {
				return page, true, nil
			}
			continue
		}
		walks := make([]*stream, len(part.sources))
		for i, s := range part.sources {
			// Somewhat more than its share, so that most need to be asked once.
			walks[i] = l.along(part, s, (l.Limit-len(page))/len(part.sources)*3/2+2)
		}
		for len(page) < l.Limit {
			var next *stream
			for _, w := range walks {
				if err := l.fill(w); err != nil {
					return nil, false, err
				}
				if len(w.read) > 0 && (next == nil || w.read[0].compare(next.read[0]) < 0 != l.down) {
					next = w
				}
			}
			if next == nil {
				break
			}
			if atMost--; atMost < 0 {
				return page, false, nil
			}
			number := next.next().number
			if l.found == nil || l.found[0].contains(uint32(number)) { //nolint:gosec // see numbering
				page = append(page, number)
			}
		}
	}
	return page, true, nil
}

// along is a walk through a segment.
func (l *list) along(part segment, s source, chunk int) *stream {
	return &stream{column: l.order, organization: l.organization, source: s, low: part.low, high: part.high, down: l.down, chunk: chunk}
}

// compare is the order of the walk.
func (l *list) compare(a, b directory.Position) int {
	c := 0
	if l.Order.Field == directory.ByRole {
		c = l.compareRoles(a.RoleID, b.RoleID)
	}
	if a.Missing != b.Missing {
		// Last in the list, in either direction, so first when walking backward.
		if a.Missing != l.Backward {
			return 1
		}
		return -1
	}
	c = cmp.Or(c, a.Time.Compare(b.Time), strings.Compare(a.Text, b.Text), strings.Compare(a.ID, b.ID))
	if l.down {
		return -c
	}
	return c
}

// compareRoles: a role that the query does not name, because it was made or
// deleted meanwhile, comes after those that it names.
func (l *list) compareRoles(a, b string) int {
	rank := func(id string) int {
		if i := slices.Index(l.Roles, id); i >= 0 {
			return i
		}
		return len(l.Roles)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
}

// start is the position behind which the walk begins; nil for its beginning.
func (l *list) start() *directory.Position {
	if l.Backward {
		return l.Before
	}
	return l.After
}

// segment is a part of the list in which everybody is ordered by the value of
// one column, then by id.
type segment struct {
	sources   []source
	low, high bound
	// begins is whether the list begins within it, behind a bound.
	begins bool
	// parts are those of a ranking that it goes through, in the order of the walk.
	parts []int
}

// segments are the parts of the list in the order of the walk, from where it
// begins.
func (l *list) segments() []segment {
	var parts []segment
	var at int // the part that has the start, -1 when it stands before all
	start := l.start()
	low, without, high := l.order.ends()
	if l.Order.Field == directory.ByRole {
		at = -1
		both := []int{1, 0}
		if l.down {
			both = []int{0, 1}
		}
		for _, g := range l.groups {
			known := slices.IndexFunc(parts, func(p segment) bool { return l.roles[p.sources[0].group] == g.RoleID })
			if known < 0 {
				known = len(parts)
				parts = append(parts, segment{low: low, high: high, parts: both})
			}
			parts[known].sources = append(parts[known].sources, source{group: g.number})
		}
		roleOf := func(p segment) string { return l.roles[p.sources[0].group] }
		compare := func(a, b string) int {
			if l.down {
				return l.compareRoles(b, a)
			}
			return l.compareRoles(a, b)
		}
		slices.SortFunc(parts, func(a, b segment) int { return compare(roleOf(a), roleOf(b)) })
		if start != nil {
			parts = slices.DeleteFunc(parts, func(p segment) bool { return compare(roleOf(p), start.RoleID) < 0 })
			if len(parts) > 0 && roleOf(parts[0]) == start.RoleID {
				at = 0
			}
		}
	} else {
		sources := l.sources()
		if l.order.always {
			parts = []segment{{sources: sources, low: low, high: high, parts: []int{0}}}
		} else {
			parts = []segment{
				{sources: sources, low: without, high: high, parts: []int{0}},
				{sources: sources, low: low, high: without, parts: []int{1}},
			}
			if start != nil && start.Missing {
				at = 1
			}
			if l.Backward {
				slices.Reverse(parts)
				at = 1 - at
			}
			if start != nil {
				parts, at = parts[at:], 0
			}
		}
	}
	if start != nil && at == 0 && len(parts) > 0 {
		edge := l.order.bound(entry{text: start.Text, milli: start.Time.UnixMilli(), id: start.ID})
		parts[0].begins = true
		if l.down {
			parts[0].high = edge
		} else {
			parts[0].low = edge
		}
	}
	return parts
}

// sources are as few as cover the groups of the list.
func (l *list) sources() []source {
	var sources []source
	for _, g := range l.groups {
		s := source{group: g.number}
		if l.whole[statusAt(string(g.Status))] {
			s = source{status: g.Status}
		}
		if !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	return sources
}

// usersOf finds the users of a page, in its order: most in memory.
func (t *tx) usersOf(organizationID string, page []int64) ([]*directory.User, error) {
	version, err := t.version()
	if err != nil {
		return nil, err
	}
	users := make([]*directory.User, len(page))
	var missing []int64
	var place map[int64]int
	m := t.memory
	m.mu.Lock()
	holds := m.holds(version)
	for i, number := range page {
		if holds {
			users[i], _ = m.people.get(number)
		}
		if users[i] == nil {
			if place == nil {
				place = map[int64]int{}
			}
			missing, place[number] = append(missing, number), i
		}
	}
	m.mu.Unlock()
	if len(missing) == 0 {
		return users, nil
	}
	err = t.rows("SELECT ?1, id, revision, document, number FROM users WHERE number IN (SELECT value FROM json_each(?2))",
		[]any{organizationID, jsonOf(missing)}, func(rows *sql.Rows) error {
			var number int64
			u, err := scanUser(rows, &number)
			if err == nil {
				users[place[number]] = u
			}
			return err
		})
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keeps(version) {
		for _, number := range missing {
			m.keepPerson(known{users[place[number]], number})
		}
	}
	return users, nil
}
