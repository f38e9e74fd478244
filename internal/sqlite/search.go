package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/RoaringBitmap/roaring/v2"

	"roster/internal/directory"
)

// A search asks who has words that begin so, how many they are, and who of them
// come next in some order. The table of words answers the first; for the
// beginning of a common word it takes long, since the answer is long. So a large
// organization has an index in memory: the set of people of each beginning that
// many have, and of each group, as bitmaps; and the order of everybody, as far
// as 8 bytes tell it. Sets are met and counted in millionths of a second.
//
// The index is made once, in the background, when somebody first looks at the
// list; until then a search goes by the table alone. From then on each commit of
// this process brings it up to date. It answers only a transaction that sees
// the version of the file that it has come to; when another process has written,
// it is thrown away and made anew.
type index struct {
	organization int64
	common       int

	mu      sync.RWMutex
	version int64
	// beginnings are those that more than common people have, and had when it was
	// made.
	beginnings map[string]*roaring.Bitmap
	groups     map[int64]*roaring.Bitmap
	statuses   map[directory.Status]*roaring.Bitmap
	// standings are by number, from first on.
	first     int64
	standings []standing
}

// limits are how much the indexes are for.
type limits struct {
	// from is from how many people on an organization has an index.
	from int
	// common is how many may have a word without its being kept in the index:
	// reading them from the table takes less than a millisecond.
	common int
	// atMost bounds the people of all indexes together, for each of whom one takes
	// about 100 bytes. An organization that finds no room is searched without.
	atMost int
}

var usualLimits = limits{from: 2_000, common: 1_000, atMost: 3_000_000}

// standing is where somebody stands in the lists.
type standing struct {
	group int32
	// places are in the orders by name, address, username, last sign-in and
	// creation: the value of the order, or as much of a text as fits. Who has the
	// same may still stand before or behind.
	places [5]uint64
}

// slots are which of the places an order has.
var slots = map[string]int{"name": 0, "email": 1, "username": 2, "last_login": 3, "created": 4}

func placeOfText(text string) uint64 {
	var first [8]byte
	copy(first[:], text)
	return binary.BigEndian.Uint64(first[:])
}

func placeOfTime(milli int64) uint64 { return uint64(milli) ^ 1<<63 } //nolint:gosec // keeps the order

func (i *indexed) standing() standing {
	return standing{int32(i.inGroup), [5]uint64{ //nolint:gosec // there are few groups
		placeOfText(i.name), placeOfText(i.email), placeOfText(i.username), placeOfTime(i.lastLogin), placeOfTime(i.created),
	}}
}

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
	words []string
}

func (x *index) apply(c change) {
	number := uint32(c.number) //nolint:gosec // the numbers of a file's users go up to four billion
	if c.was != nil {
		remove(x.groups, c.was.inGroup, number)
		remove(x.statuses, directory.Status(c.was.status), number)
		for _, word := range c.was.words {
			for end := 1; end <= len(word); end++ {
				remove(x.beginnings, word[:end], number)
			}
		}
	}
	x.place(c.number, c.is.status, c.is.standing())
	for _, word := range c.is.words {
		for end := 1; end <= len(word); end++ {
			if set := x.beginnings[word[:end]]; set != nil {
				set.Add(number)
			}
		}
	}
}

func remove[K comparable](sets map[K]*roaring.Bitmap, key K, number uint32) {
	if set := sets[key]; set != nil {
		set.Remove(number)
	}
}

// place notes where somebody stands.
func (x *index) place(number int64, status string, s standing) {
	if len(x.standings) == 0 {
		x.first = number
	}
	for int64(len(x.standings)) <= number-x.first {
		x.standings = append(x.standings, standing{})
	}
	x.standings[number-x.first] = s
	put(x.groups, int64(s.group), number)
	put(x.statuses, directory.Status(status), number)
}

func put[K comparable](sets map[K]*roaring.Bitmap, key K, number int64) {
	if sets[key] == nil {
		sets[key] = roaring.New()
	}
	sets[key].Add(uint32(number)) //nolint:gosec // see index.apply
}

// indexes are those of all organizations, and what is to be told to those that
// are being made.
type indexes struct {
	limits
	mu     sync.Mutex
	made   map[int64]*index
	making map[int64]*news
}

// news is what has been committed while an index is being made.
type news struct {
	people  int
	commits []commit
}

// commit is a version of the file, and what was changed of people since the one
// before; untold: something of which nothing is said.
type commit struct {
	version int64
	changes []change
	untold  bool
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
		x := &index{
			organization: organization, common: all.common, beginnings: map[string]*roaring.Bitmap{},
			groups: map[int64]*roaring.Bitmap{}, statuses: map[directory.Status]*roaring.Bitmap{},
			standings: make([]standing, 0, people+people/50),
		}
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
	if heard := all.making[x.organization]; err == nil && x.catchUp(heard) {
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
		if c.untold || c.version != x.version+1 {
			return false
		}
		x.follow(c)
	}
	return true
}

// follow brings the index to a version.
func (x *index) follow(c commit) {
	for _, one := range c.changes {
		if one.organization == x.organization {
			x.apply(one)
		}
	}
	x.version = c.version
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
		known := !c.untold && x.version+1 == c.version
		if known {
			x.follow(c)
		}
		x.mu.Unlock()
		if !known {
			delete(all.made, x.organization)
		}
	}
}

// drop throws an index away that has missed what another process has written.
func (all *indexes) drop(x *index) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.made[x.organization] == x {
		delete(all.made, x.organization)
	}
}

// people are how many the indexes know. The lock is held.
func (all *indexes) people() int {
	n := 0
	for _, x := range all.made {
		n += len(x.standings)
	}
	for _, heard := range all.making {
		n += heard.people
	}
	return n
}

// atOnce is how many rows are read by one statement while an index is made.
const atOnce = 2_000

// everybody and everyWord read on behind somebody and behind a word.
const (
	everybody = `SELECT group_concat(number || ' ' || in_group || ' ' || status || ' ' || last_login || ' ' || created || ' ' ||
			hex(substr(CAST(name AS BLOB), 1, 8)) || ' ' || hex(substr(CAST(email AS BLOB), 1, 8)) || ' ' || hex(substr(CAST(username AS BLOB), 1, 8)), char(10))
		FROM (SELECT number, in_group, status, last_login, created, name, email, username FROM users NOT INDEXED WHERE number > ? AND organization = ? ORDER BY number LIMIT ?)`
	everyWord = `SELECT group_concat(user || ' ' || octet_length(word) || ' ' || word, '')
		FROM (SELECT word, user FROM words WHERE organization = ? AND (word, user) > (?, ?) ORDER BY word, user LIMIT ?)`
)

// make reads the index from the file.
func (x *index) make(t *tx) error {
	var err error
	if x.version, err = t.version(); err != nil {
		return err
	}
	last := int64(math.MinInt64)
	for {
		text, err := t.next(everybody, last, x.organization, int64(atOnce))
		if err != nil {
			return err
		}
		if text == "" {
			break
		}
		for line := range strings.SplitSeq(text, "\n") {
			if last, err = x.read(line); err != nil {
				return err
			}
		}
	}
	b := beginnings{index: x}
	word, user := "", int64(math.MinInt64)
	for {
		text, err := t.next(everyWord, x.organization, word, user, int64(atOnce))
		if err != nil {
			return err
		}
		if text == "" {
			break
		}
		for text != "" {
			if user, word, text, err = cutSized(text); err != nil {
				return err
			}
			b.add(word, uint32(user)) //nolint:gosec // see index.apply
		}
	}
	b.end(0)
	return nil
}

// next is a piece of something long; it ends early when the file is closed.
func (t *tx) next(query string, args ...any) (string, error) {
	select {
	case <-t.closed:
		return "", context.Canceled
	default:
	}
	value, err := t.value(query, args...)
	text, _ := value.(string)
	return text, err
}

// read reads one of everybody.
func (x *index) read(line string) (number int64, err error) {
	var fields [8]string
	for i := range fields {
		fields[i], line, _ = strings.Cut(line, " ")
	}
	var numbers [4]int64
	for i, field := range []string{fields[0], fields[1], fields[3], fields[4]} {
		var e error
		numbers[i], e = strconv.ParseInt(field, 10, 64)
		err = errors.Join(err, e)
	}
	s := standing{int32(numbers[1]), [5]uint64{3: placeOfTime(numbers[2]), 4: placeOfTime(numbers[3])}} //nolint:gosec // there are few groups
	for i, field := range fields[5:] {
		if field == "" {
			continue
		}
		place, e := strconv.ParseUint(field, 16, 64)
		err = errors.Join(err, e)
		s.places[i] = place << (64 - 4*len(field))
	}
	x.place(numbers[0], fields[2], s)
	return numbers[0], err
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

// beginnings collects the people of each beginning from the words in their order.
type beginnings struct {
	*index
	word string
	// open are those who have the first byte of word, the first two, and so on.
	open []having
}

// having are people of whom some come as a set when they are many.
type having struct {
	few  []uint32
	many *roaring.Bitmap
}

func (b *beginnings) add(word string, user uint32) {
	same := 0
	for same < min(len(word), len(b.word)) && word[same] == b.word[same] {
		same++
	}
	b.end(same)
	b.word = word
	for len(b.open) < len(word) {
		b.open = append(b.open, having{})
	}
	for i := range len(word) {
		h := &b.open[i]
		if h.few = append(h.few, user); len(h.few) > b.common {
			h.gather()
		}
	}
}

func (h *having) gather() {
	if h.many == nil {
		h.many = roaring.New()
	}
	h.many.AddMany(h.few)
	h.few = h.few[:0]
}

// end keeps the beginnings of the word that are longer than this and that many
// have.
func (b *beginnings) end(length int) {
	for i := length; i < len(b.word); i++ {
		h := &b.open[i]
		if h.many != nil {
			h.gather()
			if utf8.ValidString(b.word[:i+1]) {
				h.many.RunOptimize()
				b.beginnings[strings.Clone(b.word[:i+1])] = h.many
			}
		}
		h.few, h.many = h.few[:0], nil
	}
}
