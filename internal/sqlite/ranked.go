package sqlite

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"roster/internal/directory"
)

// ranked reads the page from the index. The ranking is walked from where the
// page begins, past those who are not in the list. Where that would be too many,
// because the list has few people or they stand far away (a search for "zoe" by
// name), its people are looked at instead, and the nearest picked out.
func (l *list) ranked() (page []int64, err error) {
	r := l.index.rankings[rankingOf[l.Order.Field]]
	for _, s := range l.segments() {
		parts, at := s.parts, r.first(s.parts[0], l.down)
		if s.begins {
			var some bool
			if at, some, err = l.behind(r, s); err != nil {
				return nil, err
			}
			if !some {
				continue
			}
			parts = parts[slices.Index(parts, at.part):]
		}
		for i, part := range parts {
			if i > 0 {
				at = r.first(part, l.down)
			}
			for _, number := range l.next(r, s.sources, at, l.Limit-len(page)) {
				page = append(page, int64(number))
			}
			if len(page) >= l.Limit {
				return page, nil
			}
		}
	}
	return page, nil
}

// setsOf are who is in the sources.
func (l *list) setsOf(sources []source) []*roaring.Bitmap {
	var sets []*roaring.Bitmap
	for _, s := range sources {
		set := l.index.groups[s.group]
		if s.group == 0 {
			set = l.index.statuses[s.status]
		}
		if set != nil && !set.IsEmpty() {
			sets = append(sets, set)
		}
	}
	return sets
}

// next are the first so many of the list, from a place of the ranking on.
func (l *list) next(r *ranking, sources []source, at spot, limit int) []uint32 {
	sets := l.setsOf(sources)
	members := l.members(r, sets, at.part)
	if members == 0 {
		return nil
	}
	// If they stand anywhere, so many are passed. Passing one takes about three
	// times as long as looking at one.
	if passed := limit * l.everybody / members; passed < members/3 || passed <= 2*limit {
		if found, done := l.pass(r, sources, at, limit, 3*passed+100); done {
			return found
		}
	}
	if l.found != nil {
		met := make([]*roaring.Bitmap, len(sets))
		for i, set := range sets {
			met[i] = roaring.And(l.found, set)
		}
		sets = met
	}
	return r.nearest(sets, at, l.down, limit)
}

// members are how many of the list may stand in a part of the ranking.
func (l *list) members(r *ranking, sets []*roaring.Bitmap, part int) (members int) {
	add := func(n uint64) { members += int(n) } //nolint:gosec // people of a file
	for _, set := range sets {
		switch {
		case l.found != nil:
			add(l.found.AndCardinality(set))
		case r.without.IsEmpty() && part == 1:
		case r.without.IsEmpty():
			add(set.GetCardinality())
		case part == 1:
			add(set.AndCardinality(r.without))
		default:
			add(set.GetCardinality() - set.AndCardinality(r.without))
		}
	}
	return members
}

// pass walks along the ranking until the page is full; it is not done when it
// has passed so many.
func (l *list) pass(r *ranking, sources []source, at spot, limit, atMost int) (found []uint32, done bool) {
	listed := l.listed(sources)
	found = make([]uint32, 0, limit)
	for number := range r.from(at, l.down) {
		if atMost--; atMost < 0 {
			return nil, false
		}
		if l.found != nil && !l.found.Contains(number) || listed != nil && !listed[l.index.at.get(number, rankings)] {
			continue
		}
		if found = append(found, number); len(found) >= limit {
			break
		}
	}
	return found, true
}

// listed are the places of the groups in the sources; nil is all.
func (l *list) listed(sources []source) []bool {
	if l.Groups == nil && l.Order.Field != directory.ByRole {
		return nil
	}
	listed := make([]bool, len(l.index.places)+1)
	for _, g := range l.groups {
		if slices.Contains(sources, source{group: g.number}) || slices.Contains(sources, source{status: g.Status}) {
			listed[l.index.places[g.number]] = true
		}
	}
	return listed
}

// behind is the first place in the ranking behind where the list begins; there
// is none when nobody stands there.
func (l *list) behind(r *ranking, s segment) (at spot, some bool, err error) {
	if number, known := l.known(*l.start()); known {
		at, some = r.spot(number)
		return at.behind(l.down), some, nil
	}
	next, err := l.nearest(l.along(s, source{}, 1))
	if err != nil || next.number == 0 {
		return at, false, err
	}
	at, some = r.spot(uint32(next.number)) //nolint:gosec // see index.apply
	return at, some, nil
}

// known finds, without the file, who stands in a place of the list: most who
// ask for the next page have just been shown the one on whom it begins.
func (l *list) known(start directory.Position) (number uint32, known bool) {
	m := l.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.holds(l.seen) {
		return 0, false
	}
	p, known := m.person(l.organizationID, start.ID)
	if !known {
		return 0, false
	}
	at := directory.PositionOf(p.User, l.Order.Field)
	at.RoleID = start.RoleID
	return uint32(p.number), at.ID == start.ID && at.Missing == start.Missing && at.Text == start.Text && at.Time.Equal(start.Time) //nolint:gosec // see index.apply
}
