package sqlite

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// ranking is everybody of an organization in the order of one column, ascending,
// without the values: only numbers of people. A page is read from it as from an
// array, wherever it begins; where somebody new belongs, the file is asked, in
// whose index they stand already.
//
// The numbers stand in leaves of some hundred, so that somebody is put in or
// taken out by moving a few hundred others at most.
type ranking struct {
	column int
	// room is how many a leaf holds.
	room int
	// parts are those who have a value, and those who have none, by id.
	parts [2][]*leaf
	// leaves finds those of both parts by number; 0 is none. Some are free.
	leaves []*leaf
	free   []uint16
	// at is shared by the rankings of an organization.
	at *whereabouts
	// without are those of the second part.
	without *roaring.Bitmap
}

// leaf is some people who stand one behind the other.
type leaf struct {
	number uint16
	// part and place are where the leaf stands.
	part, place int
	people      []uint32
}

// spot is a place in a part of a ranking: somebody's, or one before all others
// (entry -1) or behind them.
type spot struct{ part, leaf, entry int }

func newRanking(column, room int, at *whereabouts) *ranking {
	return &ranking{column: column, room: room, leaves: []*leaf{nil}, at: at, without: roaring.New()}
}

// rankings are how many columns have one.
const rankings = 5

// whereabouts tell of everybody in which leaf of each ranking they stand, and,
// as one ranking more, in which group they are: by number in pages, since the
// people of one organization may have any numbers.
type whereabouts struct {
	first int
	pages []*whereaboutsPage
}

type whereaboutsPage [64][rankings + 1]uint16

// get is 0 for who does not stand there.
func (w *whereabouts) get(number uint32, ranking int) uint16 {
	page := int(number/64) - w.first
	if page < 0 || page >= len(w.pages) || w.pages[page] == nil {
		return 0
	}
	return w.pages[page][number%64][ranking]
}

func (w *whereabouts) set(number uint32, ranking int, to uint16) {
	page := int(number / 64)
	if len(w.pages) == 0 {
		w.first = page
	}
	if before := w.first - page; before > 0 {
		w.pages = slices.Insert(w.pages, 0, make([]*whereaboutsPage, before)...)
		w.first = page
	}
	page -= w.first
	if more := page + 1 - len(w.pages); more > 0 {
		w.pages = append(w.pages, make([]*whereaboutsPage, more)...)
	}
	if w.pages[page] == nil {
		w.pages[page] = new(whereaboutsPage)
	}
	w.pages[page][number%64][ranking] = to
}

// leaf is where somebody stands; nil when they don't.
func (r *ranking) leaf(number uint32) *leaf { return r.leaves[r.at.get(number, r.column)] }

// spot is where somebody stands.
func (r *ranking) spot(number uint32) (at spot, ok bool) {
	l := r.leaf(number)
	if l == nil {
		return at, false
	}
	return spot{l.part, l.place, slices.Index(l.people, number)}, true
}

// people are how many stand in the ranking.
func (r *ranking) people() int {
	n := 0
	for _, l := range r.leaves[1:] {
		n += len(l.people)
	}
	return n
}

// append puts somebody behind all others of a part. Leaves are not filled, so
// that not each who comes later splits one.
func (r *ranking) append(number uint32, part int) bool {
	leaves := r.parts[part]
	if len(leaves) == 0 || len(leaves[len(leaves)-1].people) >= r.room-r.room/8 {
		if r.add(part, len(leaves)) == nil {
			return false
		}
	}
	r.put(r.parts[part][len(r.parts[part])-1], math.MaxInt, number)
	return true
}

// insert puts somebody before somebody else of a part, or behind all when next
// is 0. It answers false when that can't be: the ranking is not what it was
// taken for.
func (r *ranking) insert(number uint32, part int, next uint32) bool {
	if r.leaf(number) != nil {
		return false
	}
	if part == 1 {
		r.without.Add(number)
	} else {
		r.without.Remove(number)
	}
	if next == 0 {
		return r.append(number, part)
	}
	l := r.leaf(next)
	if l == nil || l.part != part {
		return false
	}
	if len(l.people) >= r.room {
		behind := r.add(part, l.place+1)
		if behind == nil {
			return false
		}
		r.move(l, behind, len(l.people)/2)
		l = r.leaf(next)
	}
	r.put(l, slices.Index(l.people, next), number)
	return true
}

// put puts somebody into a leaf that has room.
func (r *ranking) put(l *leaf, entry int, number uint32) {
	l.people = slices.Insert(l.people, min(entry, len(l.people)), number)
	r.at.set(number, r.column, l.number)
}

// remove takes somebody out; false when they were not there.
func (r *ranking) remove(number uint32) bool {
	l := r.leaf(number)
	if l == nil {
		return false
	}
	entry := slices.Index(l.people, number)
	l.people = slices.Delete(l.people, entry, entry+1)
	r.at.set(number, r.column, 0)
	leaves := r.parts[l.part]
	switch few := r.room / 4; {
	case len(l.people) == 0:
		r.drop(l)
	case len(l.people) >= few:
	case l.place > 0 && len(leaves[l.place-1].people) < 2*few:
		r.move(l, leaves[l.place-1], 0)
		r.drop(l)
	case l.place+1 < len(leaves) && len(leaves[l.place+1].people) < 2*few:
		behind := leaves[l.place+1]
		r.move(behind, l, 0)
		r.drop(behind)
	}
	return true
}

// move moves people from one leaf to the end of another.
func (r *ranking) move(from, to *leaf, entry int) {
	for _, number := range from.people[entry:] {
		r.at.set(number, r.column, to.number)
	}
	to.people = append(to.people, from.people[entry:]...)
	from.people = from.people[:entry]
}

// add adds an empty leaf; nil when there are too many, which takes more people
// than an index may have.
func (r *ranking) add(part, place int) *leaf {
	l := &leaf{part: part, place: place, people: make([]uint32, 0, r.room)}
	switch n := len(r.free); {
	case n > 0:
		l.number, r.free = r.free[n-1], r.free[:n-1]
		r.leaves[l.number] = l
	case len(r.leaves) > math.MaxUint16:
		return nil
	default:
		l.number = uint16(len(r.leaves)) //nolint:gosec // just compared
		r.leaves = append(r.leaves, l)
	}
	r.parts[part] = slices.Insert(r.parts[part], place, l)
	r.renumber(part, place+1)
	return l
}

// drop takes an empty leaf out.
func (r *ranking) drop(l *leaf) {
	r.parts[l.part] = slices.Delete(r.parts[l.part], l.place, l.place+1)
	r.renumber(l.part, l.place)
	r.free = append(r.free, l.number)
	// Nobody is said to stand there any more.
	r.leaves[l.number] = &leaf{number: l.number}
}

func (r *ranking) renumber(part, from int) {
	for i := from; i < len(r.parts[part]); i++ {
		r.parts[part][i].place = i
	}
}

// first is where a walk along a part begins: its first place, or its last.
func (r *ranking) first(part int, down bool) spot {
	if !down {
		return spot{part, 0, 0}
	}
	leaves := r.parts[part]
	if len(leaves) == 0 {
		return spot{part, -1, -1}
	}
	return spot{part, len(leaves) - 1, len(leaves[len(leaves)-1].people) - 1}
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
	leaves := r.parts[at.part]
	return func(yield func(uint32) bool) {
		if down {
			entry := at.entry
			for place := at.leaf; place >= 0; place-- {
				if place < at.leaf {
					entry = len(leaves[place].people) - 1
				}
				for ; entry >= 0; entry-- {
					if !yield(leaves[place].people[entry]) {
						return
					}
				}
			}
			return
		}
		entry := at.entry
		for place := at.leaf; place < len(leaves); place++ {
			for _, number := range leaves[place].people[entry:] {
				if !yield(number) {
					return
				}
			}
			entry = 0
		}
	}
}

// nearest are the first so many on the walk from a place who are in one of the
// sets, which have nobody in common. It looks at everybody in the sets, but at
// nobody else.
func (r *ranking) nearest(sets []*roaring.Bitmap, at spot, down bool, limit int) []uint32 {
	// In which leaves they stand, and so which of them are needed.
	counts := make([]uint16, len(r.leaves))
	each(sets, func(number uint32) { counts[r.at.get(number, r.column)]++ })
	needed, some := make([]bool, len(r.leaves)), 0
	leaves, step := r.parts[at.part], 1
	if down {
		step = -1
	}
	for place := at.leaf; place >= 0 && place < len(leaves) && some < limit; place += step {
		number := leaves[place].number
		needed[number] = counts[number] > 0
		if place != at.leaf { // of whom some may stand before the beginning
			some += int(counts[number])
		}
	}
	type standing struct {
		place, entry int
		number       uint32
	}
	var near []standing
	each(sets, func(number uint32) {
		if l := r.at.get(number, r.column); needed[l] {
			near = append(near, standing{r.leaves[l].place, slices.Index(r.leaves[l].people, number), number})
		}
	})
	compare := func(a, b standing) int {
		return step * cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.entry, b.entry))
	}
	begin := standing{place: at.leaf, entry: at.entry}
	near = slices.DeleteFunc(near, func(s standing) bool { return compare(s, begin) < 0 })
	slices.SortFunc(near, compare)
	numbers := make([]uint32, min(limit, len(near)))
	for i := range numbers {
		numbers[i] = near[i].number
	}
	return numbers
}

// each goes through sets.
func each(sets []*roaring.Bitmap, do func(number uint32)) {
	var some [256]uint32
	for _, set := range sets {
		it := set.ManyIterator()
		for n := it.NextMany(some[:]); n > 0; n = it.NextMany(some[:]) {
			for _, number := range some[:n] {
				do(number)
			}
		}
	}
}
