package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"roster/internal/directory"
)

// A list is merged from streams, and each stream is a walk along one index
// from where the page begins: the people of one status, or of one group where
// a filter takes only some groups of a status. So a page costs a few index
// walks of its own length, whatever is filtered, wherever it lies.
//
// A search has two plans. A word that few people have is gathered: all who
// have it are read, sorted and cut. A word that many have is met soon on the
// walk, so the list is walked and those without it are left out. Many may still
// have it and all of them stand far from where the walk began (a search for
// "zoe" by name): a walk that has gone on for too long is given up for
// gathering. The plans answer the same.

// worth is how many people either plan may look at before the other is the
// better one. A word of n entries among N people costs n to gather, and about
// limit*N/n to walk to if they stand anywhere: as much when n is this.
func (l *list) worth() int {
	people := 0
	for _, g := range l.groups {
		people += g.people
	}
	return max(100, int(math.Sqrt(float64(l.Limit)*float64(people))))
}

// ListUsers implements directory.UserStore.
func (s *Store) ListUsers(ctx context.Context, organizationID string, q directory.ListQuery) (users []*directory.User, err error) {
	if columns[q.Order.Field].name == "" {
		return nil, fmt.Errorf("there is no order %q", q.Order.Field)
	}
	if q.Limit <= 0 {
		return nil, nil
	}
	err = s.db.read(ctx, func(t *tx) error {
		l, err := t.list(organizationID, q)
		if err != nil || len(l.groups) == 0 {
			return err
		}
		page, err := l.page()
		if err != nil {
			return err
		}
		users, err = t.usersOf(organizationID, page)
		return err
	})
	if err != nil {
		return nil, err
	}
	return users, nil
}

// CountMatches implements directory.UserStore.
func (s *Store) CountMatches(ctx context.Context, organizationID string, q directory.ListQuery) (matches int, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		l, err := t.list(organizationID, q)
		if err != nil || len(l.groups) == 0 {
			return err
		}
		switch len(q.Words) {
		case 0:
			for _, g := range l.groups {
				matches += g.people
			}
			return nil
		case 1:
			return t.row("SELECT count(DISTINCT user) FROM words WHERE "+wordRange, l.inRange(q.Words[0])...).Scan(&matches)
		}
		rarest, err := l.rarest()
		if err != nil {
			return err
		}
		have, args := l.have(rarest)
		return t.row("SELECT count(*) FROM users WHERE "+have, args...).Scan(&matches)
	})
	return matches, err
}

// list is a list that is being read.
type list struct {
	*tx
	directory.ListQuery
	organization int64
	// groups are those of the list that have people; byNumber finds them.
	groups   []group
	byNumber map[int64]group
	// whole are the statuses of which the list has everybody.
	whole map[directory.Status]bool
	// down is whether the walk goes from larger to smaller values.
	down bool
	// order is what the column of the order is called, and whether it has times.
	order column
}

type group struct {
	directory.Group
	number int64
	people int
}

type column struct {
	name  string
	times bool
}

var columns = map[directory.OrderField]column{
	directory.ByName:      {name: "name"},
	directory.ByEmail:     {name: "email"},
	directory.ByUsername:  {name: "username"},
	directory.ByRole:      {name: "username"},
	directory.ByLastLogin: {name: "last_login", times: true},
	directory.ByCreated:   {name: "created", times: true},
}

func (t *tx) list(organizationID string, q directory.ListQuery) (*list, error) {
	l := &list{
		tx: t, ListQuery: q, down: q.Order.Descending != q.Backward, order: columns[q.Order.Field],
		byNumber: map[int64]group{}, whole: map[directory.Status]bool{},
	}
	wanted := map[directory.Group]bool{}
	for _, g := range q.Groups {
		wanted[g] = true
	}
	some := map[directory.Status]bool{}
	if q.Counts != nil {
		*q.Counts = directory.Counts{}
	}
	err := t.rows(`SELECT organization, number, status, role, two_factor, people FROM groups
		WHERE organization = (SELECT number FROM organizations WHERE id = ?) AND people > 0`, []any{organizationID},
		func(rows *sql.Rows) error {
			var g group
			if err := rows.Scan(&l.organization, &g.number, &g.Status, &g.RoleID, &g.TwoFactor, &g.people); err != nil {
				return err
			}
			if q.Counts != nil {
				(*q.Counts)[g.Group] = g.people
			}
			if q.Groups != nil && !wanted[g.Group] {
				some[g.Status] = true
				return nil
			}
			l.groups = append(l.groups, g)
			l.byNumber[g.number] = g
			return nil
		})
	for _, g := range l.groups {
		l.whole[g.Status] = !some[g.Status]
	}
	return l, err
}

// candidate is somebody who may be on the page, and where in the list.
type candidate struct {
	number int64
	at     directory.Position
}

// page finds who is on the page, in the order of the walk.
func (l *list) page() ([]candidate, error) {
	if len(l.Words) == 0 {
		page, _, err := l.walk(math.MaxInt)
		return page, err
	}
	worth := l.worth()
	word, entries, err := l.fewest(worth)
	if err != nil {
		return nil, err
	}
	if entries == worth {
		page, done, err := l.walk(worth)
		if err != nil || done {
			return page, err
		}
		if word, err = l.rarest(); err != nil {
			return nil, err
		}
	}
	return l.gather(word)
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
}

// bound is a place in an index: between the entries, never on one.
type bound struct {
	value any
	id    string
}

// source is what a stream reads from: a group, or a whole status.
type source struct {
	group  int64
	status directory.Status
}

// segments are the parts of the list in the order of the walk, from where it
// begins.
func (l *list) segments() []segment {
	var parts []segment
	var at int // the part that has the start, -1 when it stands before all
	start := l.start()
	if l.Order.Field == directory.ByRole {
		at = -1
		for _, g := range l.groups {
			known := slices.IndexFunc(parts, func(p segment) bool { return l.byNumber[p.sources[0].group].RoleID == g.RoleID })
			if known < 0 {
				known = len(parts)
				parts = append(parts, segment{low: bound{"", ""}, high: bound{top, ""}})
			}
			parts[known].sources = append(parts[known].sources, source{group: g.number})
		}
		roleOf := func(p segment) string { return l.byNumber[p.sources[0].group].RoleID }
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
		var least, most, missing any = "", top, ""
		if l.order.times {
			least, most, missing = int64(math.MinInt64), int64(math.MaxInt64), time.Time{}.UnixMilli()
		}
		sources := l.sources()
		if l.Order.Field == directory.ByCreated {
			// Everybody has that.
			parts = []segment{{sources, bound{least, ""}, bound{most, ""}}}
		} else {
			parts = []segment{
				{sources, bound{missing, top}, bound{most, ""}},
				{sources, bound{missing, ""}, bound{missing, top}},
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
		edge := bound{start.Text, start.ID}
		if l.order.times {
			edge.value = start.Time.UnixMilli()
		}
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
		if l.whole[g.Status] {
			s = source{status: g.Status}
		}
		if !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	return sources
}

// walk reads the list from where the page begins. It is not done when it has
// passed so many people before the page was full.
func (l *list) walk(atMost int) (page []candidate, done bool, err error) {
	for _, part := range l.segments() {
		streams := make([]*stream, len(part.sources))
		for i, s := range part.sources {
			// Somewhat more than its share, so that most need to be asked once.
			streams[i] = &stream{source: s, low: part.low, high: part.high, chunk: (l.Limit-len(page))/len(part.sources)*3/2 + 2}
		}
		for len(page) < l.Limit {
			var next *stream
			for _, s := range streams {
				if err := l.fill(s); err != nil {
					return nil, false, err
				}
				if len(s.read) > 0 && (next == nil || l.compare(s.read[0].at, next.read[0].at) < 0) {
					next = s
				}
			}
			if next == nil {
				break
			}
			if atMost--; atMost < 0 {
				return page, false, nil
			}
			found := next.read[0]
			next.read = next.read[1:]
			if l.matches(found.words) {
				page = append(page, found.candidate)
			}
		}
	}
	return page, true, nil
}

// stream is the people of one source in the order of the walk.
type stream struct {
	source
	// low and high are the bounds of what has not been read yet.
	low, high bound
	// chunk is how many are read at once.
	chunk int
	read  []passer
	ended bool
}

// passer is somebody whom the walk passes.
type passer struct {
	candidate
	words string
}

// fill reads on when nothing that was read is left.
func (l *list) fill(s *stream) error {
	if len(s.read) > 0 || s.ended {
		return nil
	}
	query, args := l.streamQuery(s)
	err := l.rows(query, args, func(rows *sql.Rows) error {
		var p passer
		var err error
		p.candidate, err = l.scan(rows, &p.words)
		s.read = append(s.read, p)
		return err
	})
	if err != nil {
		return err
	}
	s.ended = len(s.read) < s.chunk
	if !s.ended {
		last := s.read[len(s.read)-1].at
		edge := bound{last.Text, last.ID}
		if l.order.times {
			edge.value = last.Time.UnixMilli()
		}
		if l.down {
			s.high = edge
		} else {
			s.low = edge
		}
	}
	s.chunk = min(2*s.chunk, 500)
	return nil
}

func (l *list) streamQuery(s *stream) (query string, args []any) {
	column, direction, words := l.order.name, "", "''"
	if l.down {
		direction = " DESC"
	}
	if len(l.Words) > 0 {
		words = "words"
	}
	index, where, group := "users_group_", "in_group = ?", "in_group"
	args = []any{s.group}
	if s.group == 0 {
		index, where, group = "users_status_", "organization = ? AND status = ?", "0" // of no use here, and not in the index
		args = []any{l.organization, s.status}
	}
	return "SELECT number, id, " + group + ", " + column + ", " + words + " FROM users INDEXED BY " + index + column +
			" WHERE " + where + " AND (" + column + ", id) > (?, ?) AND (" + column + ", id) < (?, ?)" +
			" ORDER BY " + column + direction + ", id" + direction + " LIMIT ?",
		append(args, s.low.value, s.low.id, s.high.value, s.high.id, s.chunk)
}

// scan reads number, id, group, the order's column, and words.
func (l *list) scan(rows *sql.Rows, words *string) (c candidate, err error) {
	var group, milli int64
	value := any(&c.at.Text)
	if l.order.times {
		value = &milli
	}
	if err := rows.Scan(&c.number, &c.at.ID, &group, value, words); err != nil {
		return c, err
	}
	switch l.Order.Field {
	case directory.ByCreated:
		c.at.Time = time.UnixMilli(milli).UTC()
	case directory.ByLastLogin:
		c.at.Time = time.UnixMilli(milli).UTC()
		c.at.Missing = c.at.Time.IsZero()
	case directory.ByRole:
		c.at.RoleID = l.byNumber[group].RoleID
	default:
		c.at.Missing = c.at.Text == ""
	}
	return c, nil
}

// matches tells whether somebody with these words is found by all that are
// searched for.
func (l *list) matches(words string) bool {
	for _, word := range l.Words {
		if !strings.Contains(words, "\n"+word) {
			return false
		}
	}
	return true
}

// wordRange are the entries of words that begin with a word and are in the
// groups of the list; inRange are its parameters.
const wordRange = "organization = ?1 AND word >= ?2 AND word < ?3 AND (?4 IS NULL OR in_group IN (SELECT value FROM json_each(?4)))"

func (l *list) inRange(word string) []any {
	var groups any
	if l.Groups != nil {
		numbers := make([]int64, len(l.groups))
		for i, g := range l.groups {
			numbers[i] = g.number
		}
		groups = jsonOf(numbers)
	}
	return []any{l.organization, word, word + top, groups}
}

// fewest is the word with the fewest entries, of which it looks at some only.
func (l *list) fewest(look int) (word string, entries int, err error) {
	for i, w := range l.Words {
		var n int
		if err := l.row("SELECT count(*) FROM (SELECT 1 FROM words WHERE organization = ? AND word >= ? AND word < ? LIMIT ?)",
			l.organization, w, w+top, look).Scan(&n); err != nil {
			return "", 0, err
		}
		if i == 0 || n < entries {
			word, entries = w, n
		}
	}
	return word, entries, nil
}

// rarest is the word with the fewest entries of all. It looks at ever more of
// them, so that a common word costs little more than the rarest.
func (l *list) rarest() (word string, err error) {
	for look := 1000; ; look *= 10 {
		word, entries, err := l.fewest(look)
		if err != nil || entries < look {
			return word, err
		}
	}
}

// have is the condition on users to have all words, going by this one.
func (l *list) have(rarest string) (condition string, args []any) {
	condition, args = "number IN (SELECT user FROM words WHERE "+wordRange+")", l.inRange(rarest)
	for _, word := range l.Words {
		if word != rarest {
			condition, args = condition+" AND instr(words, ?)", append(args, "\n"+word)
		}
	}
	return condition, args
}

// gather reads all who have the words, going by this one, and keeps those
// nearest to where the page begins.
func (l *list) gather(rarest string) ([]candidate, error) {
	var page []candidate
	cut := func() {
		slices.SortFunc(page, func(a, b candidate) int { return l.compare(a.at, b.at) })
		page = page[:min(len(page), l.Limit)]
	}
	start := l.start()
	have, args := l.have(rarest)
	err := l.rows("SELECT number, id, in_group, "+l.order.name+", '' FROM users WHERE "+have, args, func(rows *sql.Rows) error {
		var words string
		c, err := l.scan(rows, &words)
		if err != nil || start != nil && l.compare(c.at, *start) <= 0 {
			return err
		}
		page = append(page, c)
		if len(page) >= l.Limit+1000 {
			cut()
		}
		return nil
	})
	cut()
	return page, err
}

// usersOf reads the users of a page, in its order.
func (t *tx) usersOf(organizationID string, page []candidate) ([]*directory.User, error) {
	numbers := make([]int64, len(page))
	place := make(map[int64]int, len(page))
	for i, c := range page {
		numbers[i], place[c.number] = c.number, i
	}
	users := make([]*directory.User, len(page))
	err := t.rows("SELECT ?1, id, revision, document, number FROM users WHERE number IN (SELECT value FROM json_each(?2))",
		[]any{organizationID, jsonOf(numbers)}, func(rows *sql.Rows) error {
			var number int64
			u, err := scanUser(rows, &number)
			if err == nil {
				users[place[number]] = u
			}
			return err
		})
	return users, err
}
