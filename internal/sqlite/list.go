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
	"strconv"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"roster/internal/directory"
)

// A list is merged from streams, and each stream is a walk along one index
// from where the page begins: the people of one status, or of one group where
// a filter takes only some groups of a status. So a page costs a few index
// walks of its own length, whatever is filtered, wherever it lies.
//
// A search first finds the set of those who have the words; see index. If many
// have, some are met soon on the walk, so the list is walked and the others are
// left out. If few have, or those who have all stand far from where the walk
// began (a search for "zoe" by name), the set is gathered: the nearest of them
// are picked out and sorted. The plans answer the same.

// ListUsers implements directory.UserStore.
func (s *Store) ListUsers(ctx context.Context, organizationID string, q directory.ListQuery) (users []*directory.User, err error) {
	if columns[q.Order.Field].name == "" {
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
	for try := 0; ; try++ {
		err := s.db.read(ctx, func(t *tx) error {
			l, err := t.list(organizationID, q)
			if err != nil || len(l.groups) == 0 {
				return err
			}
			if x := s.db.memory.indexes.of(s.db, l.organization, l.everybody); x != nil && len(q.Words) > 0 {
				x.mu.RLock()
				switch {
				case x.version == t.seen:
					defer x.mu.RUnlock()
					l.index = x
				case try < 3:
					x.mu.RUnlock()
					return errMoved
				default:
					x.mu.RUnlock()
					s.db.memory.indexes.drop(x)
				}
			}
			if len(q.Words) > 0 {
				if err := l.search(); err != nil {
					return err
				}
			}
			return do(l)
		})
		if !errors.Is(err, errMoved) {
			return err
		}
		runtime.Gosched()
	}
}

// list is a list that is being read.
type list struct {
	*tx
	directory.ListQuery
	organizationID string
	organization   int64
	// groups are those of the list that have people; byNumber finds them.
	groups   []group
	byNumber map[int64]group
	// whole are the statuses of which the list has everybody.
	whole map[directory.Status]bool
	// down is whether the walk goes from larger to smaller values.
	down bool
	// order is what the column of the order is called, and whether it has times.
	order column
	// everybody is how many people the organization has.
	everybody int
	// index is nil when there is none.
	index *index
	// found are those who have the words; inGroups, when it is known that all of
	// them are in the groups of the list.
	found    *roaring.Bitmap
	inGroups bool
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
		tx: t, ListQuery: q, organizationID: organizationID, down: q.Order.Descending != q.Backward, order: columns[q.Order.Field],
		byNumber: map[int64]group{}, whole: map[directory.Status]bool{},
	}
	wanted := map[directory.Group]bool{}
	for _, g := range q.Groups {
		wanted[g] = true
	}
	all, err := t.census(organizationID)
	if err != nil {
		return nil, err
	}
	l.organization = all.organization
	some := map[directory.Status]bool{}
	if q.Counts != nil {
		*q.Counts = all.counts()
	}
	for _, g := range all.groups {
		l.everybody += g.people
		if q.Groups != nil && !wanted[g.Group] {
			some[g.Status] = true
			continue
		}
		l.groups = append(l.groups, g)
		l.byNumber[g.number] = g
	}
	for _, g := range l.groups {
		l.whole[g.Status] = !some[g.Status]
	}
	return l, nil
}

// candidate is somebody who may be on the page, and where in the list.
type candidate struct {
	number int64
	at     directory.Position
}

// page finds who is on the page, in the order of the walk.
func (l *list) page() ([]candidate, error) {
	if l.found == nil {
		page, _, err := l.walk(math.MaxInt)
		return page, err
	}
	matches := l.found.GetCardinality()
	if matches == 0 {
		return nil, nil
	}
	// So many are passed if those who are found stand anywhere. Passing one costs
	// as much as picking 40 out of the index, or as reading a fourth of one.
	passed := uint64(l.Limit) * uint64(l.everybody) / matches //nolint:gosec // both are positive
	atMost := 3*passed + 100
	if l.index == nil {
		atMost = max(atMost, 4*matches)
	}
	if l.index == nil || passed*40 < matches {
		page, done, err := l.walk(int(min(atMost, math.MaxInt)))
		if err != nil || done {
			return page, err
		}
	}
	return l.gather()
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
		if len(part.sources) == 1 && len(l.Words) == 0 {
			// Nothing is to be merged and nobody left out: the page is the walk.
			found, err := l.numbers(&stream{source: part.sources[0], low: part.low, high: part.high, chunk: l.Limit - len(page)})
			if err != nil {
				return nil, false, err
			}
			if page = append(page, found...); len(page) >= l.Limit {
				return page, true, nil
			}
			continue
		}
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
			if l.found == nil || l.found.Contains(uint32(found.number)) { //nolint:gosec // see index.apply
				page = append(page, found)
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
	read  []candidate
	ended bool
}

// fill reads on when nothing that was read is left.
func (l *list) fill(s *stream) (err error) {
	if len(s.read) > 0 || s.ended {
		return nil
	}
	if s.read, err = l.places(s); err != nil {
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

// places reads who is next on a walk, with their places in the list. It is one
// value, because a row costs as much to hand over as to find: of each the
// number, and the id and the value of the order in so many bytes.
func (l *list) places(s *stream) ([]candidate, error) {
	walk, args := l.walkQuery(s, "number, id, "+l.order.name+" AS value")
	joined, err := l.value("SELECT group_concat(number || ' ' || octet_length(id || ' ' || value) || ' ' || id || ' ' || value, '') FROM ("+walk+")", args...)
	text, _ := joined.(string)
	found := make([]candidate, 0, min(s.chunk, len(text)/8))
	for text != "" && err == nil {
		var c candidate
		var place string
		if c.number, place, text, err = cutSized(text); err != nil {
			break
		}
		id, value, _ := strings.Cut(place, " ")
		c.at, err = l.position(s.group, id, value)
		found = append(found, c)
	}
	return found, err
}

// position is a place in the list.
func (l *list) position(group int64, id, value string) (directory.Position, error) {
	p := directory.Position{ID: id}
	if l.order.times {
		milli, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return p, err
		}
		p.Time = time.UnixMilli(milli).UTC()
	} else {
		p.Text = value
	}
	switch l.Order.Field {
	case directory.ByCreated:
	case directory.ByLastLogin:
		p.Missing = p.Time.IsZero()
	case directory.ByRole:
		p.RoleID = l.byNumber[group].RoleID
	default:
		p.Missing = p.Text == ""
	}
	return p, nil
}

// numbers reads who is next on a walk, and no more of them than that.
func (l *list) numbers(s *stream) ([]candidate, error) {
	walk, args := l.walkQuery(s, "number")
	// One value, because a row costs as much to hand over as to find.
	joined, err := l.value("SELECT group_concat(number) FROM ("+walk+")", args...)
	if err != nil || joined == nil {
		return nil, err
	}
	numbers, err := splitNumbers(joined, s.chunk)
	found := make([]candidate, len(numbers))
	for i, number := range numbers {
		found[i].number = number
	}
	return found, err
}

// walkQuery reads the next ones of a stream.
func (l *list) walkQuery(s *stream, what string) (query string, args []any) {
	column, direction := l.order.name, ""
	if l.down {
		direction = " DESC"
	}
	// SQLite would plan a statement anew for each value of a plain "LIMIT ?", and
	// whenever "in_group = ?" becomes 1 or was.
	index, where := "users_group_", "in_group = ? + 0"
	args = []any{s.group}
	if s.group == 0 {
		index, where = "users_status_", "organization = ? AND status = ?"
		args = []any{l.organization, string(s.status)}
	}
	return "SELECT " + what + " FROM users INDEXED BY " + index + column +
			" WHERE " + where + " AND (" + column + ", id) > (?, ?) AND (" + column + ", id) < (?, ?)" +
			" ORDER BY " + column + direction + ", id" + direction + " LIMIT ? + 0",
		append(args, s.low.value, s.low.id, s.high.value, s.high.id, int64(s.chunk))
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

// search finds those who have the words: the ones with the fewest first.
func (l *list) search() error {
	l.inGroups = l.Groups == nil
	var sets []*roaring.Bitmap
	for _, word := range l.Words {
		if l.index != nil {
			if set := l.index.beginnings[word]; set != nil {
				sets = append(sets, set)
				continue
			}
		}
		set, err := l.having(word)
		if err != nil {
			return err
		}
		sets, l.inGroups = append(sets, set), true
	}
	slices.SortFunc(sets, func(a, b *roaring.Bitmap) int { return cmp.Compare(a.GetCardinality(), b.GetCardinality()) })
	l.found = sets[0]
	for _, set := range sets[1:] {
		l.found = roaring.And(l.found, set)
	}
	return nil
}

// having reads who of the groups has a word that begins so.
func (l *list) having(word string) (*roaring.Bitmap, error) {
	set, common := roaring.New(), l.memory.indexes.common
	joined, err := l.value("SELECT group_concat(user) FROM (SELECT user FROM words WHERE "+wordRange+" LIMIT ?5)", append(l.inRange(word), int64(common+1))...)
	if err != nil || joined == nil {
		return set, err
	}
	numbers, err := splitNumbers(joined, common+1)
	if err != nil {
		return nil, err
	}
	if len(numbers) <= common {
		for _, number := range numbers {
			set.Add(uint32(number)) //nolint:gosec // see index.apply
		}
		return set, nil
	}
	// There is no index yet, or it does not know that the word has become common.
	err = l.rows("SELECT user FROM words WHERE "+wordRange, l.inRange(word), func(rows *sql.Rows) error {
		var number uint32
		err := rows.Scan(&number)
		set.Add(number)
		return err
	})
	return set, err
}

// splitNumbers reads what group_concat has made of numbers.
func splitNumbers(joined any, size int) ([]int64, error) {
	text, ok := joined.(string)
	if !ok {
		text = fmt.Sprint(joined)
	}
	numbers := make([]int64, 0, min(size, len(text)/2+1))
	for part := range strings.SplitSeq(text, ",") {
		number, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// count is how many have the words.
func (l *list) count() int {
	if l.inGroups {
		return int(l.found.GetCardinality()) //nolint:gosec // people of a file
	}
	n := uint64(0)
	for _, s := range l.sources() {
		set := l.index.groups[s.group]
		if s.group == 0 {
			set = l.index.statuses[s.status]
		}
		if set != nil {
			n += l.found.AndCardinality(set)
		}
	}
	return int(n)
}

// pick is somebody found, and about where: the rank says in which part of the
// list, the place where in that part, as far as it is known.
type pick struct {
	rank   int
	place  uint64
	number uint32
}

func (p pick) compare(q pick) int {
	return cmp.Or(cmp.Compare(p.rank, q.rank), cmp.Compare(p.place, q.place))
}

// gather picks out those who are found and nearest to where the page begins.
func (l *list) gather() ([]candidate, error) {
	if l.index == nil {
		return l.sortFound(l.found.ToArray())
	}
	numbers := l.nearest()
	page := make([]candidate, len(numbers))
	for i, number := range numbers {
		page[i].number = int64(number)
	}
	users, err := l.usersOf(l.organizationID, page)
	if err != nil {
		return nil, err
	}
	for i, u := range users {
		page[i].at = directory.PositionOf(u, l.Order.Field)
	}
	return l.sorted(page), nil
}

// nearest are those of the page, and whoever may stand between them.
func (l *list) nearest() []uint32 {
	ranks, limit := l.ranks(), l.Limit
	slot := slots[l.order.name]
	pickOf := func(number uint32) (p pick, listed bool) {
		s := &l.index.standings[int64(number)-l.index.first]
		if int(s.group) >= len(ranks) || ranks[s.group] == unlisted {
			return p, false
		}
		p = pick{ranks[s.group], s.places[slot], number}
		if l.down {
			p.place = ^p.place
		}
		if l.missing(s.places[slot]) {
			p.rank = l.missingRank()
		}
		return p, true
	}
	var from *pick
	if start := l.start(); start != nil {
		from = l.pickOfStart(*start)
	}
	room := limit + 300
	near := make([]pick, 0, min(room, int(l.found.GetCardinality()))) //nolint:gosec // people of a file
	var edge []pick
	full := false
	var last pick // the last of the page, when it is full
	cut := func() {
		slices.SortFunc(near, pick.compare)
		if len(near) < limit {
			return
		}
		last, full = near[limit-1], true
		end := limit
		for end < len(near) && near[end].compare(last) == 0 {
			end++
		}
		near = near[:end]
	}
	l.found.Iterate(func(number uint32) bool {
		p, listed := pickOf(number)
		if !listed || full && p.compare(last) > 0 {
			return true
		}
		if from != nil {
			switch c := p.compare(*from); {
			case c < 0:
				return true
			case c == 0:
				edge = append(edge, p)
				return true
			}
		}
		if near = append(near, p); len(near) >= room {
			cut()
			room = len(near) + 300
		}
		return true
	})
	cut()
	numbers := make([]uint32, 0, len(near)+len(edge))
	for _, p := range append(edge, near...) {
		numbers = append(numbers, p.number)
	}
	return numbers
}

// missing tells whether a place is that of no value.
func (l *list) missing(place uint64) bool {
	switch l.Order.Field {
	case directory.ByRole, directory.ByCreated:
		return false
	case directory.ByLastLogin:
		return place == placeOfTime(time.Time{}.UnixMilli())
	}
	return place == 0
}

// missingRank: last in the list, in either direction, so first when walking
// backward.
func (l *list) missingRank() int {
	if l.Backward {
		return -1
	}
	return 1
}

// unlisted is the rank of a group that is not in the list.
const unlisted = math.MinInt

// ranks are those of the groups, by number: by role, the walk takes one role
// after the other.
func (l *list) ranks() []int {
	var ranks []int
	for _, g := range l.groups {
		for int64(len(ranks)) <= g.number {
			ranks = append(ranks, unlisted)
		}
		ranks[g.number] = 0
		if l.Order.Field == directory.ByRole {
			ranks[g.number] = l.roleRank(g.RoleID)
		}
	}
	return ranks
}

// roleRank is how many roles of the list the walk takes before this one.
func (l *list) roleRank(id string) int {
	before := map[string]bool{}
	for _, g := range l.groups {
		if c := l.compareRoles(g.RoleID, id); c < 0 && !l.down || c > 0 && l.down {
			before[g.RoleID] = true
		}
	}
	return len(before)
}

// pickOfStart is where the walk begins. Before a role that nobody of the list
// has stand those of the roles before it.
func (l *list) pickOfStart(start directory.Position) *pick {
	p := pick{place: placeOfText(start.Text)}
	if l.order.times {
		p.place = placeOfTime(start.Time.UnixMilli())
	}
	if l.down {
		p.place = ^p.place
	}
	switch {
	case start.Missing:
		p.rank = l.missingRank()
	case l.Order.Field == directory.ByRole:
		p.rank = l.roleRank(start.RoleID)
		if !slices.ContainsFunc(l.groups, func(g group) bool { return g.RoleID == start.RoleID }) {
			p.rank, p.place = p.rank-1, math.MaxUint64
		}
	}
	return &p
}

// sortFound reads where people stand, and keeps those nearest to where the page
// begins.
func (l *list) sortFound(numbers []uint32) ([]candidate, error) {
	var page []candidate
	err := l.rows("SELECT number, id, "+l.order.name+", in_group FROM users WHERE number IN (SELECT value FROM json_each(?))", []any{jsonOf(numbers)},
		func(rows *sql.Rows) error {
			var c candidate
			var id, value string
			var group int64
			err := rows.Scan(&c.number, &id, &value, &group)
			if err == nil {
				c.at, err = l.position(group, id, value)
			}
			page = append(page, c)
			return err
		})
	return l.sorted(page), err
}

// sorted are those behind the start, in the order of the walk, as many as the
// page has.
func (l *list) sorted(page []candidate) []candidate {
	if start := l.start(); start != nil {
		page = slices.DeleteFunc(page, func(c candidate) bool { return l.compare(c.at, *start) <= 0 })
	}
	slices.SortFunc(page, func(a, b candidate) int { return l.compare(a.at, b.at) })
	return page[:min(len(page), l.Limit)]
}

// usersOf finds the users of a page, in its order: most in memory.
func (t *tx) usersOf(organizationID string, page []candidate) ([]*directory.User, error) {
	version, err := t.version()
	if err != nil {
		return nil, err
	}
	users := make([]*directory.User, len(page))
	var missing []int64
	place := map[int64]int{}
	m := t.memory
	m.mu.Lock()
	holds := m.holds(version)
	for i, c := range page {
		if holds {
			users[i], _ = m.people.get(c.number)
		}
		if users[i] == nil {
			missing, place[c.number] = append(missing, c.number), i
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
