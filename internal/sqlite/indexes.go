package sqlite

import (
	"context"
	"runtime/debug"
	"sync"

	"roster/internal/collector"
)

// limits are how much the indexes are for.
type limits struct {
	// from is from how many people on an organization has an index.
	from int
	// common is how many may have a word without its being kept in the index:
	// reading them from the table takes less than a millisecond.
	common int
	// atMost bounds the people of all indexes together, for each of whom one takes
	// about 65 bytes. An organization that finds no room is listed without.
	atMost int
	// leaf is how many people stand in a leaf of a ranking, 255 at most. So many
	// take a size of which there is memory, 512 bytes.
	leaf int
}

var usualLimits = limits{from: 2_000, common: 200, atMost: 3_000_000, leaf: 128}

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
		// Whoever was writing did not know that an index wants to be told.
		err := db.write(context.Background(), func(*tx) error { return nil })
		if err == nil {
			err = db.read(context.Background(), x.make)
		}
		all.finish(x, err)
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
	collector.Indexed(all.people())
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
		if !followed {
			x.version = 0 // whoever has found it already must not use it
		}
		x.mu.Unlock()
		if !followed {
			delete(all.made, x.organization)
			collector.Indexed(all.people())
		}
	}
}

// lose throws all indexes away: they have missed what another process has written.
func (all *indexes) lose() {
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.made) > 0 {
		clear(all.made)
		collector.Indexed(all.people())
	}
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
		n += x.members
	}
	for _, heard := range all.making {
		n += heard.people
	}
	return n
}
