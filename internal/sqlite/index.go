package sqlite

import (
	"slices"
	"sync"

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
	numbering
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
	members *memberSet
}

// groupsOf are some of the groups; nil is all.
type groupsOf struct {
	// group is of each member the place of their group, and listed tells which
	// places are meant.
	group  []uint16
	listed []bool
}

// have tells whether a member is in one of them.
func (of *groupsOf) have(member uint32) bool { return of == nil || of.listed[of.group[member]] }

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

// place is where a group is in groups; there are few.
func (x *index) place(group int64, status int) uint16 {
	place, ok := x.places[group]
	if !ok {
		place = uint16(len(x.groups)) //nolint:gosec // few
		x.places[group], x.groups = place, append(x.groups, &indexedGroup{status, setOf(nil)})
	}
	return place
}

// part takes a set apart by the status of its members.
func (x *index) part(set *memberSet) *parted {
	var members [len(parted{})][]uint32
	each([]*memberSet{set}, func(some []uint32) {
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

func statusAt(status string) int { return slices.Index(statuses, directory.Status(status)) }

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
	if known != (c.was != nil) || !known && int(member) < x.members {
		return false
	}
	if known {
		before := x.groups[x.group[member]]
		before.members.remove(member)
		x.everybody[before.status].remove(member)
		x.words.remove(c.was.words, before.status, member)
	} else {
		x.add(c.number)
		x.group = append(x.group, 0)
	}
	status := statusAt(c.is.status)
	x.group[member] = x.place(c.is.inGroup, status)
	x.groups[x.group[member]].members.add(member)
	x.everybody[status].add(member)
	for _, word := range c.is.words {
		x.words.add(word, status, member)
	}
	return true
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
