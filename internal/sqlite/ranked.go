package sqlite

import (
	"slices"

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
			for _, member := range l.next(r, s.sources, at, l.Limit-len(page)) {
				page = append(page, l.index.numberOf(member))
			}
			if len(page) >= l.Limit {
				return page, nil
			}
		}
	}
	return page, nil
}

// next are the first so many of a segment, from a place of the ranking on.
func (l *list) next(r *ranking, sources []source, at spot, limit int) []uint32 {
	// By role, not all who are found are in the segment.
	exact := l.found == nil || l.Order.Field != directory.ByRole
	sets := l.found
	if l.found == nil {
		sets = l.setsOf(sources)
	}
	members := sizeOf(sets)
	if !exact {
		members = share(members, sizeOf(l.setsOf(sources)), l.people())
	} else if members = r.within(at.part, sets, members); members == 0 {
		return nil
	}
	// If they stand anywhere, so many are passed. Passing one takes about twice as
	// long as looking at one; four times, where it has to be looked up in a set.
	price := 2
	if l.found != nil {
		price = 4
	}
	if passed := share(limit, r.parts[at.part].people, members); price*passed < members || passed <= 2*limit {
		if found, done := l.pass(r, sources, at, limit, 3*passed+100); done {
			return found
		}
	}
	if exact {
		return r.nearest(sets, nil, members, at, l.down, limit)
	}
	// Of a small role, those are looked at who have it.
	if 8*sizeOf(l.setsOf(sources)) < sizeOf(l.found) {
		sets = nil
		for _, s := range sources { // by role, each is a group
			group := l.index.groups[l.index.places[s.group]]
			for _, found := range l.foundOf[group.status] {
				sets = append(sets, both(found, group.members))
			}
		}
		return r.nearest(sets, nil, sizeOf(sets), at, l.down, limit)
	}
	of := &groupsOf{l.index.group, l.listed(sources)}
	return r.nearest(sets, of, members, at, l.down, limit)
}

// setsOf are who is in the sources.
func (l *list) setsOf(sources []source) (sets []*memberSet) {
	for _, s := range sources {
		if s.group == 0 {
			sets = append(sets, l.index.everybody[slices.Index(statuses, s.status)])
		} else {
			sets = append(sets, l.index.groups[l.index.places[s.group]].members)
		}
	}
	return sets
}

// people are how many are in the groups of the list.
func (l *list) people() (n int) {
	for _, g := range l.groups {
		n += g.people
	}
	return n
}

// pass walks along the ranking until the page is full; it is not done when it
// has passed so many.
func (l *list) pass(r *ranking, sources []source, at spot, limit, atMost int) (found []uint32, done bool) {
	var of *groupsOf
	if l.Groups != nil && l.found == nil || l.Order.Field == directory.ByRole {
		of = &groupsOf{l.index.group, l.listed(sources)}
	}
	found = make([]uint32, 0, limit)
	for member := range r.from(at, l.down) {
		if atMost--; atMost < 0 {
			return nil, false
		}
		if !of.have(member) || l.found != nil && !l.finds(member) {
			continue
		}
		if found = append(found, member); len(found) >= limit {
			break
		}
	}
	return found, true
}

// finds tells whether a member has the words.
func (l *list) finds(member uint32) bool {
	return inOne(l.foundOf[l.index.groups[l.index.group[member]].status], member)
}

// listed are the places in the index of the groups in the sources.
func (l *list) listed(sources []source) []bool {
	listed := make([]bool, len(l.index.groups))
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
		at, some = r.spot(l.memberOf(number))
		return at.behind(l.down), some, nil
	}
	next, err := l.nearest(l.along(s, source{}, 1))
	if err != nil || next.number == 0 {
		return at, false, err
	}
	at, some = r.spot(l.memberOf(next.number))
	return at, some, nil
}

// known finds, without the file, who stands in a place of the list: most who
// ask for the next page have just been shown the one on whom it begins.
func (l *list) known(start directory.Position) (number int64, known bool) {
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
	return p.number, at.ID == start.ID && at.Missing == start.Missing && at.Text == start.Text && at.Time.Equal(start.Time)
}
