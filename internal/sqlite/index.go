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

	mu       sync.RWMutex
	version  int64
	words    *beginnings
	groups   map[int64]*roaring.Bitmap
	statuses map[directory.Status]*roaring.Bitmap
	// rankings are in the order of ranked.
	rankings [rankings]*ranking
	// at has the place of everybody's group in places.
	at     *whereabouts
	places map[int64]uint16
}

func newIndex(organization int64, limits limits) *index {
	x := &index{
		organization: organization, limits: limits, words: newBeginnings(limits.common),
		groups: map[int64]*roaring.Bitmap{}, statuses: map[directory.Status]*roaring.Bitmap{},
		at: &whereabouts{}, places: map[int64]uint16{},
	}
	for i := range x.rankings {
		x.rankings[i] = newRanking(i, limits.leaf, x.at)
	}
	return x
}

// place is where the index keeps a group. There are few, see schema.sql.
func (x *index) place(group int64) uint16 {
	if x.places[group] == 0 {
		x.places[group] = uint16(len(x.places) + 1) //nolint:gosec // few
	}
	return x.places[group]
}

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
// for somebody new.
type change struct {
	organization, number int64
	was, is              *listed
}

// listed is what lists know of somebody.
type listed struct {
	indexed
	id    string
	words []string
}

func (x *index) apply(c change) {
	number := uint32(c.number) //nolint:gosec // the numbers of a file's users go up to four billion
	if c.was != nil {
		remove(x.groups, c.was.inGroup, number)
		remove(x.statuses, directory.Status(c.was.status), number)
		x.words.remove(c.was.words, number)
	}
	put(x.groups, c.is.inGroup, number)
	x.at.set(number, rankings, x.place(c.is.inGroup))
	put(x.statuses, directory.Status(c.is.status), number)
	for _, word := range c.is.words {
		x.words.add(word, number)
	}
}

func remove[K comparable](sets map[K]*roaring.Bitmap, key K, number uint32) {
	if set := sets[key]; set != nil {
		set.Remove(number)
	}
}

func put[K comparable](sets map[K]*roaring.Bitmap, key K, numbers ...uint32) {
	if sets[key] == nil {
		sets[key] = roaring.New()
	}
	sets[key].AddMany(numbers)
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
			if !known {
				return false
			}
			x.apply(one)
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
		n += x.rankings[0].people()
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
	for i := range x.rankings {
		if err := x.rank(t, i); err != nil {
			return err
		}
	}
	if err := x.group(t); err != nil {
		return err
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
	members := make([][]uint32, len(statuses))
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
		number, part := uint32(e.number), 0 //nolint:gosec // see index.apply
		if c.missing(e) {
			part, without = 1, append(without, number)
		}
		if !r.append(number, part) {
			return errors.New("sqlite: the index has no room")
		}
		if i == 0 {
			members[first] = append(members[first], number)
		}
	}
	slices.Sort(without)
	r.without.AddMany(without)
	for i, numbers := range members {
		slices.Sort(numbers)
		put(x.statuses, statuses[i], numbers...)
	}
	return nil
}

// group reads who is in which group.
func (x *index) group(t *tx) error {
	var groups []int64
	err := t.rows("SELECT number, people FROM groups WHERE organization = ?", []any{x.organization}, func(rows *sql.Rows) error {
		var number, people int64
		err := rows.Scan(&number, &people)
		groups = append(groups, number)
		return err
	})
	if err != nil {
		return err
	}
	for _, group := range groups {
		var numbers []uint32
		w := ranked[0].everybody(x.organization, source{group: group}, atOnce)
		for {
			if err := errors.Join(t.ended(), t.fill(w)); err != nil {
				return err
			}
			if len(w.read) == 0 {
				break
			}
			number := uint32(w.next().number) //nolint:gosec // see index.apply
			numbers = append(numbers, number)
			x.at.set(number, rankings, x.place(group))
		}
		slices.Sort(numbers)
		put(x.groups, group, numbers...)
	}
	return nil
}

// begin reads who has which beginnings of words.
func (x *index) begin(t *tx) error {
	r := reader{beginnings: x.words}
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
			r.read(word, uint32(user)) //nolint:gosec // see index.apply
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
	number, next  uint32
}

// move brings the rankings up to date; false when they are not what the moves
// are made for. Whoever moves is taken out first, since they come in the order
// in which each finds the one behind them in place.
func (x *index) move(moves []move) bool {
	for _, m := range moves {
		x.rankings[m.ranking].remove(m.number)
	}
	for _, m := range moves {
		if !x.rankings[m.ranking].insert(m.number, m.part, m.next) {
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
				m := move{ranking: i, number: uint32(e.number)} //nolint:gosec // see index.apply
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
				m.next = uint32(next.number) //nolint:gosec // see index.apply
				moves[organization] = append(moves[organization], m)
			}
		}
		if moves[organization] == nil {
			moves[organization] = []move{}
		}
	}
	return moves, nil
}
