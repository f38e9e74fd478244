package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"roster/internal/directory"
)

// A list asks who comes next in some order, of some groups; a search asks who has
// words that begin so as well, and how many they are. The file's indexes answer
// the first, and the table of words the second; for the beginning of a common
// word it takes long, since the answer is long. So a large organization has an
// index in memory: everybody in each order, as rankings; and the set of people of
// each group, and of each beginning that many have, as bitmaps. A page is read
// from a ranking, and sets are met and counted, in millionths of a second.
//
// The index is made once, in the background, when somebody first looks at the
// list; until then the file alone is asked. From then on each commit of this
// process brings it up to date. It answers only a transaction that sees the
// version of the file that it has come to; when another process has written, it
// is thrown away and made anew.
type index struct {
	organization int64
	limits

	mu      sync.RWMutex
	version int64
	// numbers are those of the members, ascending; a member is a place in it. So
	// what is kept of each is a plain array, whatever numbers an organization has.
	numbers []uint32
	// group is of each member the place of their group in groups.
	group  []uint16
	groups []*indexedGroup
	places map[int64]uint16
	// everybody is all members, and words those who have the beginnings of words.
	everybody *parted
	words     *beginnings
	// rankings are in the order of ranked.
	rankings [rankings]*ranking
}

// indexedGroup is a group and its members.
type indexedGroup struct {
	status  int
	members *roaring.Bitmap
}

func newIndex(organization int64, limits limits) *index {
	x := &index{
		organization: organization, limits: limits, places: map[int64]uint16{},
		everybody: newParted(), words: newBeginnings(limits.common),
	}
	for i := range x.rankings {
		x.rankings[i] = newRanking(limits.leaf)
	}
	return x
}

// member finds who has a number.
func (x *index) member(number int64) (member uint32, ok bool) {
	// Most organizations have grown in one go, or by themselves.
	if len(x.numbers) > 0 {
		at := number - int64(x.numbers[0])
		if at >= 0 && at < int64(len(x.numbers)) && int64(x.numbers[at]) == number {
			return uint32(at), true //nolint:gosec // people of a file
		}
	}
	at, ok := slices.BinarySearch(x.numbers, uint32(number)) //nolint:gosec // the numbers of a file's users go up to four billion
	return uint32(at), ok                                    //nolint:gosec // people of a file
}

// place is where a group is in groups; there are few.
func (x *index) place(group int64, status int) uint16 {
	place, ok := x.places[group]
	if !ok {
		place = uint16(len(x.groups)) //nolint:gosec // few
		x.places[group], x.groups = place, append(x.groups, &indexedGroup{status, roaring.New()})
	}
	return place
}

// part takes a set apart by the status of its members.
func (x *index) part(set *roaring.Bitmap) *parted {
	var members [len(parted{})][]uint32
	each([]*roaring.Bitmap{set}, func(some []uint32) {
		for _, member := range some {
			status := x.groups[x.group[member]].status
			members[status] = append(members[status], member)
		}
	})
	p := newParted()
	for status, some := range members {
		p[status] = setOf(some)
	}
	return p
}

// setOf is a set with no more room than it needs.
func setOf(ascending []uint32) *roaring.Bitmap {
	set := roaring.BitmapOf(ascending...)
	set.RunOptimize()
	return set.Clone()
}

func statusAt(status string) int { return slices.Index(statuses, directory.Status(status)) }

// limits are how much the indexes are for.
type limits struct {
	// from is from how many people on an organization has an index.
	from int
	// common is how many may have a word without its being kept in the index:
	// reading them from the table takes less than a millisecond.
	common int
	// atMost bounds the people of all indexes together, for each of whom one takes
	// about 80 bytes. An organization that finds no room is listed without.
	atMost int
	// leaf is how many people stand in a leaf of a ranking.
	leaf int
}

var usualLimits = limits{from: 2_000, common: 200, atMost: 3_000_000, leaf: 240}

// change is what a transaction does to somebody, as far as lists go; was is nil
// for somebody new. person is who they are then, to be kept in memory; it may be
// nil.
type change struct {
	organization, number int64
	was, is              *listed
	person               *directory.User
}

// listed is what lists know of somebody.
type listed struct {
	indexed
	id    string
	words []string
}

// apply notes what was changed of somebody, but for the rankings; false when it
// is not somebody that the index can know.
func (x *index) apply(c change) bool {
	member, known := x.member(c.number)
	if known != (c.was != nil) || !known && int(member) < len(x.numbers) {
		return false
	}
	if known {
		before := x.groups[x.group[member]]
		before.members.Remove(member)
		x.everybody[before.status].Remove(member)
		x.words.remove(c.was.words, before.status, member)
	} else {
		x.numbers, x.group = append(x.numbers, uint32(c.number)), append(x.group, 0) //nolint:gosec // see index.member
	}
	status := statusAt(c.is.status)
	x.group[member] = x.place(c.is.inGroup, status)
	x.groups[x.group[member]].members.Add(member)
	x.everybody[status].Add(member)
	for _, word := range c.is.words {
		x.words.add(word, status, member)
	}
	return true
}

// indexes are those of all organizations, and what is to be told to those that
// are being made.
type indexes struct {
	limits
	mu     sync.Mutex
	made   map[int64]*index
	making map[int64]*news
}

// news is what has been committed while an index is being made; lost: another
// process has written, too.
type news struct {
	people  int
	commits []commit
	lost    bool
}

// commit is a version of the file, and what was changed of people since the one
// before; untold: something of which nothing is said.
type commit struct {
	version int64
	changes []change
	// moves are where they have come to stand, of each organization that has an
	// index.
	moves  map[int64][]move
	untold bool
}

// of is the index of an organization of so many people; nil while there is
// none. The first who asks has it made.
func (all *indexes) of(db *DB, organization int64, people int) *index {
	all.mu.Lock()
	defer all.mu.Unlock()
	if x := all.made[organization]; x != nil || people < all.from || all.making[organization] != nil || all.people()+people > all.atMost {
		return x
	}
	heard := &news{people: people}
	all.making[organization] = heard
	db.beside.Go(func() {
		x := newIndex(organization, all.limits)
		all.finish(x, db.read(context.Background(), x.make))
		// Making it has taken several times the memory that it needs.
		debug.FreeOSMemory()
	})
	return nil
}

// finish has an index used that was made without an error.
func (all *indexes) finish(x *index, err error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if heard := all.making[x.organization]; err == nil && !heard.lost && x.catchUp(heard) {
		all.made[x.organization] = x
	}
	delete(all.making, x.organization)
}

// catchUp applies what was committed since the index began to be made.
func (x *index) catchUp(heard *news) bool {
	for _, c := range heard.commits {
		if c.version <= x.version {
			continue
		}
		if !x.follow(c) {
			return false
		}
	}
	return true
}

// follow brings the index to a version; false when it can't be, because what was
// changed is not known.
func (x *index) follow(c commit) bool {
	if c.untold || c.version != x.version+1 {
		return false
	}
	moves, known := c.moves[x.organization]
	for _, one := range c.changes {
		if one.organization == x.organization {
			if !known || !x.apply(one) {
				return false
			}
		}
	}
	x.version = c.version
	return x.move(moves)
}

// follow brings all indexes to a version.
func (all *indexes) follow(c commit) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, heard := range all.making {
		heard.commits = append(heard.commits, c)
	}
	for _, x := range all.made {
		x.mu.Lock()
		followed := x.follow(c)
		x.mu.Unlock()
		if !followed {
			delete(all.made, x.organization)
		}
	}
}

// lose throws all indexes away: they have missed what another process has written.
func (all *indexes) lose() {
	all.mu.Lock()
	defer all.mu.Unlock()
	clear(all.made)
	for _, heard := range all.making {
		heard.lost = true
	}
}

// want tells whether an organization has an index, which is to be told of changes.
func (all *indexes) want(organization int64) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.made[organization] != nil || all.making[organization] != nil
}

// people are how many the indexes know. The lock is held.
func (all *indexes) people() int {
	n := 0
	for _, x := range all.made {
		n += len(x.numbers)
	}
	for _, heard := range all.making {
		n += heard.people
	}
	return n
}

// ended is an error when the file is being closed, for what takes long.
func (t *tx) ended() error {
	select {
	case <-t.closed:
		return context.Canceled
	default:
		return nil
	}
}

// atOnce is how many entries are read by one statement while an index is made.
const atOnce = 2_000

// everyWord reads on behind somebody and behind a word.
const everyWord = `SELECT group_concat(user || ' ' || octet_length(word) || ' ' || word, '')
	FROM (SELECT word, user FROM words WHERE organization = ? AND (word, user) > (?, ?) ORDER BY word, user LIMIT ?)`

// make reads the index from the file.
func (x *index) make(t *tx) error {
	var err error
	if x.version, err = t.version(); err != nil {
		return err
	}
	if err := x.gather(t); err != nil {
		return err
	}
	for i := range x.rankings {
		if err := x.rank(t, i); err != nil {
			return err
		}
	}
	return x.begin(t)
}

// rank reads everybody in the order of a column: the people of each status in
// their order, merged.
func (x *index) rank(t *tx, i int) error {
	r, c := x.rankings[i], ranked[i]
	streams := make([]*stream, len(statuses))
	for i, status := range statuses {
		streams[i] = c.everybody(x.organization, source{status: status}, atOnce)
	}
	var without []uint32
	for {
		first := -1
		for i, w := range streams {
			if err := errors.Join(t.ended(), t.fill(w)); err != nil {
				return err
			}
			if len(w.read) > 0 && (first < 0 || w.read[0].compare(streams[first].read[0]) < 0) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		e := streams[first].next()
		member, known := x.member(e.number)
		part := 0
		if c.missing(e) {
			part, without = 1, append(without, member)
		}
		if !known || !r.append(member, part) {
			return errors.New("sqlite: the index does not fit the file")
		}
	}
	slices.Sort(without)
	r.without = setOf(without)
	return nil
}

// gather reads who is in which group.
func (x *index) gather(t *tx) error {
	err := t.rows("SELECT number, status, people FROM groups WHERE organization = ?", []any{x.organization}, func(rows *sql.Rows) error {
		var number, people int64
		var status string
		err := rows.Scan(&number, &status, &people)
		x.place(number, statusAt(status))
		return err
	})
	if err != nil {
		return err
	}
	numbers := make([][]uint32, len(x.groups))
	for group, place := range x.places {
		s := ranked[0].everybody(x.organization, source{group: group}, atOnce)
		for {
			if err := errors.Join(t.ended(), t.fill(s)); err != nil {
				return err
			}
			if len(s.read) == 0 {
				break
			}
			numbers[place] = append(numbers[place], uint32(s.next().number)) //nolint:gosec // see index.member
		}
		x.numbers = append(x.numbers, numbers[place]...)
	}
	slices.Sort(x.numbers)
	x.group = make([]uint16, len(x.numbers))
	for place, some := range numbers {
		slices.Sort(some)
		for i, number := range some {
			some[i], _ = x.member(int64(number))
			x.group[some[i]] = uint16(place)
		}
		x.groups[place].members = setOf(some)
		x.everybody[x.groups[place].status].Or(x.groups[place].members)
	}
	return nil
}

// begin reads who has which beginnings of words.
func (x *index) begin(t *tx) error {
	r := reader{beginnings: x.words, part: x.part}
	word, user := "", int64(math.MinInt64)
	for {
		value, err := t.value(everyWord, x.organization, word, user, int64(atOnce))
		text, _ := value.(string)
		if err == nil {
			err = t.ended()
		}
		if err != nil || text == "" {
			r.end(0)
			return err
		}
		for text != "" {
			if user, word, text, err = cutSized(text); err != nil {
				return err
			}
			member, known := x.member(user)
			if !known {
				return errors.New("sqlite: the index does not fit the file")
			}
			r.read(word, member)
		}
	}
}

// cutSized cuts "number size text" off, where the text is so many bytes.
func cutSized(from string) (number int64, text, rest string, err error) {
	first, rest, _ := strings.Cut(from, " ")
	length, rest, _ := strings.Cut(rest, " ")
	number, err = strconv.ParseInt(first, 10, 64)
	size, err2 := strconv.Atoi(length)
	if err = errors.Join(err, err2); err == nil && (size < 0 || size > len(rest)) {
		err = errors.New("sqlite: a walk answered what it was not asked")
	}
	if err != nil {
		return 0, "", "", err
	}
	return number, rest[:size], rest[size:], nil
}

// move is where somebody has come to stand in a ranking: in which part, and
// before whom; 0 is behind all.
type move struct {
	ranking, part int
	number, next  int64
}

// move brings the rankings up to date; false when they are not what the moves
// are made for. Whoever moves is taken out first, since they come in the order
// in which each finds the one behind them in place.
func (x *index) move(moves []move) bool {
	for _, m := range moves {
		if member, ok := x.member(m.number); ok {
			x.rankings[m.ranking].remove(member)
		}
	}
	for _, m := range moves {
		member, ok := x.member(m.number)
		if !ok {
			return false
		}
		next := noMember
		if m.next != 0 {
			if next, ok = x.member(m.next); !ok {
				return false
			}
		}
		if !x.rankings[m.ranking].insert(member, m.part, next) {
			return false
		}
	}
	return true
}

// moves asks the file where those stand who were changed, as far as that has to
// be told.
func (t *tx) moves() (map[int64][]move, error) {
	moves := map[int64][]move{}
	changed := map[int64]map[int64]change{} // by organization and number
	for _, c := range t.changes {
		if changed[c.organization] == nil {
			if !t.memory.indexes.want(c.organization) {
				continue
			}
			changed[c.organization] = map[int64]change{}
		}
		if before, twice := changed[c.organization][c.number]; twice {
			c.was = before.was
		}
		changed[c.organization][c.number] = c
	}
	for organization, people := range changed {
		for i, c := range ranked {
			var moved []entry
			for number, one := range people {
				e := c.entry(number, one.is)
				if one.was == nil || c.entry(number, one.was).compare(e) != 0 {
					moved = append(moved, e)
				}
			}
			// The last first.
			slices.SortFunc(moved, func(a, b entry) int { return b.compare(a) })
			for _, e := range moved {
				m := move{ranking: i, number: e.number}
				w := c.everybody(organization, source{}, 1)
				w.low = c.bound(e)
				if c.missing(e) {
					m.part = 1
					_, w.high, _ = c.ends()
				}
				next, err := t.nearest(w)
				if err != nil {
					return nil, err
				}
				m.next = next.number
				moves[organization] = append(moves[organization], m)
			}
		}
		if moves[organization] == nil {
			moves[organization] = []move{}
		}
	}
	return moves, nil
}
