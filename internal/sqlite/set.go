package sqlite

import (
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
)

// memberSet is some members of an index; without an index, some numbers of people. Most
// sets have few, who are a plain array: a bitmap takes fifty bytes and two
// objects, which the collector looks at one by one, for each 65,536 members of
// whom it has any.
type memberSet struct {
	few  []uint32        // ascending; empty when there is many
	many *roaring.Bitmap // nil when there are few
}

// fewest is from how many members on a set is a bitmap.
const fewest = 1024

// setOf is a set with no more room than it needs.
func setOf(ascending []uint32) *memberSet {
	if len(ascending) < fewest {
		few := make([]uint32, len(ascending))
		copy(few, ascending)
		return &memberSet{few: few}
	}
	many := roaring.BitmapOf(ascending...)
	many.RunOptimize()
	return &memberSet{many: many.Clone()}
}

// setOfAny is a set of members in any order, some perhaps twice.
func setOfAny(members []uint32) *memberSet {
	slices.Sort(members)
	return setOf(slices.Compact(members))
}

func (s *memberSet) size() int {
	if s.many != nil {
		return int(s.many.GetCardinality()) //nolint:gosec // people of a file
	}
	return len(s.few)
}

func (s *memberSet) contains(member uint32) bool {
	if s.many != nil {
		return s.many.Contains(member)
	}
	_, ok := slices.BinarySearch(s.few, member)
	return ok
}

func (s *memberSet) add(member uint32) {
	if s.many == nil {
		at, there := slices.BinarySearch(s.few, member)
		if there {
			return
		}
		if len(s.few)+1 < fewest {
			s.few = slices.Insert(s.few, at, member)
			return
		}
		s.many, s.few = roaring.BitmapOf(s.few...), nil
	}
	s.many.Add(member)
}

func (s *memberSet) remove(member uint32) {
	if s.many != nil {
		s.many.Remove(member)
	} else if at, there := slices.BinarySearch(s.few, member); there {
		s.few = slices.Delete(s.few, at, at+1)
	}
}

func (s *memberSet) clone() *memberSet {
	if s.many != nil {
		return &memberSet{many: s.many.Clone()}
	}
	return &memberSet{few: slices.Clone(s.few)}
}

// members are all of them, ascending.
func (s *memberSet) members() []uint32 {
	if s.many != nil {
		return s.many.ToArray()
	}
	return s.few
}

// both is who is in a and in b.
func both(a, b *memberSet) *memberSet {
	if a.many != nil && b.many != nil {
		return &memberSet{many: roaring.And(a.many, b.many)}
	}
	if a.many != nil || b.many == nil && len(a.few) > len(b.few) {
		a, b = b, a
	}
	found := make([]uint32, 0, len(a.few))
	rest := b.few
	for _, member := range a.few {
		if b.many != nil {
			if b.many.Contains(member) {
				found = append(found, member)
			}
			continue
		}
		at, there := slices.BinarySearch(rest, member)
		if there {
			found = append(found, member)
		}
		rest = rest[at:]
	}
	return &memberSet{few: found}
}

// sizeOfBoth is how many are in a and in b.
func sizeOfBoth(a, b *memberSet) (people int) {
	if a.many != nil && b.many != nil {
		return int(a.many.AndCardinality(b.many)) //nolint:gosec // people of a file
	}
	if a.many != nil {
		a, b = b, a
	}
	for _, member := range a.few {
		if b.contains(member) {
			people++
		}
	}
	return people
}

// sizeOf is how many are in sets that have nobody in common.
func sizeOf(sets []*memberSet) (people int) {
	for _, s := range sets {
		people += s.size()
	}
	return people
}

func inOne(sets []*memberSet, member uint32) bool {
	for _, s := range sets {
		if s.contains(member) {
			return true
		}
	}
	return false
}

// each goes through sets, some hundred members at a time.
func each(sets []*memberSet, do func(members []uint32)) {
	w := wanderers.Get().(*wanderer) //nolint:forcetypeassert // nothing else is in it
	for _, s := range sets {
		if s.many == nil {
			do(s.few)
			continue
		}
		w.Initialize(s.many)
		for n := w.NextMany(w.some[:]); n > 0; n = w.NextMany(w.some[:]) {
			do(w.some[:n])
		}
	}
	w.ManyIntIterator = roaring.ManyIntIterator{} // which would keep the set from being freed
	wanderers.Put(w)
}

// wanderer goes through one bitmap after the other.
type wanderer struct {
	roaring.ManyIntIterator
	some [512]uint32
}

var wanderers = sync.Pool{New: func() any { return new(wanderer) }}
