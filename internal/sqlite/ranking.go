package sqlite

import (
	"iter"
	"math"
	"slices"
	"sync"
)

// ranking is the members of an index in the order of one column, ascending,
// without the values. A page is read from it as from an array, wherever it
// begins; where somebody new belongs, the file is asked, in whose index they
// stand already.
//
// They stand in leaves of some hundred, so that somebody is put in or taken out
// by moving a few hundred others at most.
type ranking struct {
	// room is how many a leaf holds.
	room int
	// parts are those who have a value, and those who have none, by id.
	parts [2]part
	// leaves finds those of both parts by number; 0 is none. Some are free.
	leaves []*leaf
	free   []uint16
	// stands is where each of them does, by number.
	stands []stand
	// of is in which leaf each member stands.
	of []uint16
	// without are those of the second part.
	without *memberSet
}

// stand is a place in a part.
type stand struct{ part, place uint16 }

type part struct {
	// leaves are the numbers of its leaves, in order.
	leaves []uint16
	people int
}

// leaf is some people who stand one behind the other.
type leaf struct {
	number uint16
	part   int
	people []uint32
}

// noMember is nobody, and noPart where a leaf stands that is none.
const (
	noMember = uint32(math.MaxUint32)
	noPart   = math.MaxUint16
)

// spot is a place in a part of a ranking: somebody's, or one before all others
// (entry -1) or behind them.
type spot struct{ part, leaf, entry int }

func newRanking(room int) *ranking {
	return &ranking{room: room, leaves: []*leaf{nil}, stands: []stand{{part: noPart}}, without: setOf(nil)}
}

// set notes in which leaf somebody stands.
func (r *ranking) set(member uint32, leaf uint16) {
	if more := int(member) + 1 - len(r.of); more > 0 {
		r.of = append(r.of, make([]uint16, more)...)
	}
	r.of[member] = leaf
}

// leaf is where somebody stands; nil when they don't.
func (r *ranking) leaf(member uint32) *leaf {
	if int(member) >= len(r.of) {
		return nil
	}
	return r.leaves[r.of[member]]
}

// at is a leaf of a part.
func (r *ranking) at(part, place int) *leaf { return r.leaves[r.parts[part].leaves[place]] }

// place is where a leaf stands in its part.
func (r *ranking) place(l *leaf) int { return int(r.stands[l.number].place) }

// spot is where somebody stands.
func (r *ranking) spot(member uint32) (at spot, ok bool) {
	l := r.leaf(member)
	if l == nil {
		return at, false
	}
	return spot{l.part, r.place(l), slices.Index(l.people, member)}, true
}

// append puts somebody behind all others of a part. Leaves are not filled, so
// that not each who comes later splits one.
func (r *ranking) append(member uint32, part int) bool {
	leaves := len(r.parts[part].leaves)
	var last *leaf
	if leaves > 0 {
		last = r.at(part, leaves-1)
	}
	if last == nil || len(last.people) >= r.room-r.room/16 {
		if last = r.add(part, leaves); last == nil {
			return false
		}
	}
	r.put(last, math.MaxInt, member)
	return true
}

// insert puts somebody before somebody else of a part, or behind all when next
// is noMember. It answers false when that can't be: the ranking is not what it was
// taken for.
func (r *ranking) insert(member uint32, part int, next uint32) bool {
	if r.leaf(member) != nil {
		return false
	}
	if part == 1 {
		r.without.add(member)
	}
	if next == noMember {
		return r.append(member, part)
	}
	l := r.leaf(next)
	if l == nil || l.part != part {
		return false
	}
	if len(l.people) >= r.room {
		behind := r.add(part, r.place(l)+1)
		if behind == nil {
			return false
		}
		r.move(l, behind, len(l.people)/2)
		l = r.leaf(next)
	}
	r.put(l, slices.Index(l.people, next), member)
	return true
}

// put puts somebody into a leaf that has room.
func (r *ranking) put(l *leaf, entry int, member uint32) {
	l.people = slices.Insert(l.people, min(entry, len(l.people)), member)
	r.parts[l.part].people++
	r.set(member, l.number)
}

// remove takes somebody out; false when they were not there.
func (r *ranking) remove(member uint32) bool {
	l := r.leaf(member)
	if l == nil {
		return false
	}
	entry := slices.Index(l.people, member)
	l.people = slices.Delete(l.people, entry, entry+1)
	r.parts[l.part].people--
	r.without.remove(member)
	r.set(member, 0)
	place, less := r.place(l), r.room/4
	var before, behind *leaf
	if place > 0 {
		before = r.at(l.part, place-1)
	}
	if place+1 < len(r.parts[l.part].leaves) {
		behind = r.at(l.part, place+1)
	}
	switch {
	case len(l.people) == 0:
		r.drop(l)
	case len(l.people) >= less:
	case before != nil && len(before.people) < 2*less:
		r.move(l, before, 0)
		r.drop(l)
	case behind != nil && len(behind.people) < 2*less:
		r.move(behind, l, 0)
		r.drop(behind)
	}
	return true
}

// move moves people from one leaf to the end of another.
func (r *ranking) move(from, to *leaf, entry int) {
	for _, member := range from.people[entry:] {
		r.set(member, to.number)
	}
	to.people = append(to.people, from.people[entry:]...)
	from.people = from.people[:entry]
}

// add adds an empty leaf; nil when there are too many, which takes more people
// than an index may have.
func (r *ranking) add(part, place int) *leaf {
	l := &leaf{part: part, people: make([]uint32, 0, r.room)}
	switch n := len(r.free); {
	case n > 0:
		l.number, r.free = r.free[n-1], r.free[:n-1]
		r.leaves[l.number] = l
	case len(r.leaves) > math.MaxUint16:
		return nil
	default:
		l.number = uint16(len(r.leaves)) //nolint:gosec // just compared
		r.leaves, r.stands = append(r.leaves, l), append(r.stands, stand{})
	}
	r.parts[part].leaves = slices.Insert(r.parts[part].leaves, place, l.number)
	r.renumber(part, place)
	return l
}

// drop takes an empty leaf out.
func (r *ranking) drop(l *leaf) {
	place := r.place(l)
	r.parts[l.part].leaves = slices.Delete(r.parts[l.part].leaves, place, place+1)
	r.renumber(l.part, place)
	r.free = append(r.free, l.number)
	// Nobody is said to stand there any more.
	r.leaves[l.number], r.stands[l.number] = &leaf{number: l.number}, stand{part: noPart}
}

func (r *ranking) renumber(part, from int) {
	for i, number := range r.parts[part].leaves[from:] {
		r.stands[number] = stand{uint16(part), uint16(from + i)} //nolint:gosec // as many as numbers
	}
}

// first is where a walk along a part begins: its first place, or its last.
func (r *ranking) first(part int, down bool) spot {
	if !down {
		return spot{part, 0, 0}
	}
	last := len(r.parts[part].leaves) - 1
	if last < 0 {
		return spot{part, -1, -1}
	}
	return spot{part, last, len(r.at(part, last).people) - 1}
}

// behind is the place that a walk comes to next.
func (s spot) behind(down bool) spot {
	if down {
		s.entry--
	} else {
		s.entry++
	}
	return s
}

// from goes along a part, from a place on.
func (r *ranking) from(at spot, down bool) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if down {
			entry := at.entry
			for place := at.leaf; place >= 0; place-- {
				people := r.at(at.part, place).people
				if place < at.leaf {
					entry = len(people) - 1
				}
				for ; entry >= 0; entry-- {
					if !yield(people[entry]) {
						return
					}
				}
			}
			return
		}
		entry := at.entry
		for place := at.leaf; place < len(r.parts[at.part].leaves); place++ {
			for _, member := range r.at(at.part, place).people[entry:] {
				if !yield(member) {
					return
				}
			}
			entry = 0
		}
	}
}

// within is how many of sets, which have so many, are in a part.
func (r *ranking) within(part int, sets []*memberSet, members int) int {
	if r.parts[1].people == 0 {
		return members * (1 - part)
	}
	without := 0
	for _, set := range sets {
		without += sizeOfBoth(set, r.without)
	}
	if part == 1 {
		return without
	}
	return members - without
}

// nearest are the first so many on the walk from a place who are in one of the
// sets, which have nobody in common, and of some groups; about so many members are.
// It looks at everybody in the sets, and counts how many stand in which leaf. On
// the way it picks out those in the leaves ahead that would do if people stood
// anywhere. Where they were too few or too many, because what is looked for is what
// the order is by, the counts tell which leaves it takes.
func (r *ranking) nearest(sets []*memberSet, of *groupsOf, members int, at spot, down bool, limit int) []uint32 {
	s := searches.Get().(*nearestSearch) //nolint:forcetypeassert // nothing else is in it
	defer s.end()
	step := 1
	if down {
		step = -1
	}
	if sizeOf(sets) <= few*limit {
		s.gather(sets, of.have)
		return r.firstNear(s, at, down, limit)
	}
	leaves := r.parts[at.part].leaves
	counts := s.countsOf(len(r.leaves))
	guess, place := 0, at.leaf
	if members > worthGuessing*r.room {
		guess = share(3*limit/2+10, len(leaves), members) + 1
	}
	for ; guess > 0 && place >= 0 && place < len(leaves); place += step {
		counts[leaves[place]] = ahead
		guess--
	}
	near, many := s.near[:0], 6*limit
	each(sets, func(some []uint32) {
		for _, member := range some {
			if !of.have(member) {
				continue
			}
			number := r.of[member]
			if counts[number]++; counts[number] > ahead && len(near) < many {
				near = append(near, member)
			}
		}
	})
	if s.near = near; len(near) < many {
		if found := r.firstNear(s, at, down, limit); len(found) == limit {
			return found
		}
	}
	enough := 0
	for place = at.leaf; place >= 0 && place < len(leaves) && enough < limit; place += step {
		people := int(counts[leaves[place]] &^ ahead)
		if people > 0 {
			s.needed = append(s.needed, leaves[place])
		}
		if place != at.leaf { // of whom some may stand before the beginning
			enough += people
		}
	}
	if len(s.needed)*r.room*4 < sizeOf(sets) {
		return r.firstIn(s.needed, sets, of, at, down, limit)
	}
	clear(counts)
	for _, leaf := range s.needed {
		counts[leaf] = ahead
	}
	s.gather(sets, func(member uint32) bool { return counts[r.of[member]] > 0 && of.have(member) })
	return r.firstNear(s, at, down, limit)
}

// worthGuessing is how many leaves' people it takes until to look at all of them
// once more is slower than to look for the places of some in vain.
const worthGuessing = 20

// few is how many times as many people as are looked for are all looked up.
const few = 8

// ahead is what a leaf is counted from that is guessed to be needed: more than
// there are people in one.
const ahead = 1 << 8

// nearestSearch is what looking for the nearest needs. It is used again: with a
// million people it is more than the rest of a request.
type nearestSearch struct {
	// counts are how many who are looked for stand in each leaf.
	counts []uint16
	// needed are the numbers of the leaves that it takes.
	needed []uint16
	// near are members, and standings where they stand.
	near      []uint32
	standings []standing
}

// standing is where a member stands in a part: from the left, 24 bits are the
// place of the leaf, 8 the entry in it, and 32 the member.
type standing uint64

var searches = sync.Pool{New: func() any { return new(nearestSearch) }}

// countsOf are the counts of so many leaves, all 0.
func (s *nearestSearch) countsOf(leaves int) []uint16 {
	s.counts = slices.Grow(s.counts[:0], leaves)[:leaves]
	clear(s.counts)
	return s.counts
}

// gather makes near those of the sets who are meant.
func (s *nearestSearch) gather(sets []*memberSet, meant func(member uint32) bool) {
	s.near = s.near[:0]
	each(sets, func(members []uint32) {
		for _, member := range members {
			if meant(member) {
				s.near = append(s.near, member)
			}
		}
	})
}

func (s *nearestSearch) end() {
	s.needed = s.needed[:0]
	searches.Put(s)
}

// firstIn goes through leaves, and asks of everybody whether they are in the sets.
func (r *ranking) firstIn(leaves []uint16, sets []*memberSet, of *groupsOf, at spot, down bool, limit int) (found []uint32) {
	for _, number := range leaves {
		l := r.leaves[number]
		from, to := 0, len(l.people)
		switch {
		case r.place(l) != at.leaf:
		case down:
			to = at.entry + 1
		default:
			from = at.entry
		}
		for i := range to - from {
			member := l.people[from+i]
			if down {
				member = l.people[to-1-i]
			}
			if of.have(member) && inOne(sets, member) {
				if found = append(found, member); len(found) == limit {
					return found
				}
			}
		}
	}
	return found
}

// firstNear are the first so many of those that are near. Where each stands in
// their leaf is looked for until there are enough: leaf by leaf.
func (r *ranking) firstNear(s *nearestSearch, at spot, down bool, limit int) []uint32 {
	s.standings = s.standings[:0]
	for _, member := range s.near {
		stand := r.stands[r.of[member]]
		if place := int(stand.place); int(stand.part) == at.part && (place == at.leaf || place > at.leaf != down) {
			s.standings = append(s.standings, standing(stand.place)<<40|standing(member))
		}
	}
	slices.Sort(s.standings)
	if down {
		slices.Reverse(s.standings)
	}
	found := make([]uint32, 0, min(limit, len(s.standings)))
	for rest := s.standings; len(rest) > 0 && len(found) < limit; {
		place := rest[0] >> 40
		end := 1
		for end < len(rest) && rest[end]>>40 == place {
			end++
		}
		here := rest[:end]
		rest = rest[end:]
		people := r.at(at.part, int(place)).people
		for i, one := range here {
			entry := slices.Index(people, uint32(one)) //nolint:gosec // the member
			if int(place) == at.leaf && entry != at.entry && entry > at.entry == down {
				entry = len(people) // before the beginning
			}
			here[i] = one | standing(entry)<<32
		}
		slices.Sort(here)
		if down {
			slices.Reverse(here)
		}
		for _, one := range here {
			if int(one>>32&math.MaxUint8) < len(people) && len(found) < limit {
				found = append(found, uint32(one)) //nolint:gosec // the member
			}
		}
	}
	return found
}
