package storetest

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"roster/internal/directory"
)

var organizations = []promise{
	{"gives back every field of an organization", func(t *test) {
		o := &directory.Organization{}
		populate(t, o)
		o.ID, o.Slug = newID("org_"), unique("slug")
		t.ok(t.InsertOrganization(t.ctx, o))
		byID, err := t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(byID, o)
		bySlug, err := t.OrganizationBySlug(t.ctx, o.Slug)
		t.ok(err)
		t.same(bySlug, o)
	}},
	{"a new organization has revision 1, whatever it carried", func(t *test) {
		o := &directory.Organization{ID: newID("org_"), Slug: unique("slug"), Revision: 7}
		t.ok(t.InsertOrganization(t.ctx, o))
		t.same(o.Revision, int64(1))
	}},
	{"gives back an organization with nothing in it", func(t *test) {
		o := &directory.Organization{ID: newID("org_"), Slug: unique("slug")}
		t.ok(t.InsertOrganization(t.ctx, o))
		got, err := t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(got, o)
	}},
	{"a new organization has the seats it was given, all free, and nobody in it", func(t *test) {
		o := t.organization(7)
		seats, err := t.Seats(t.ctx, o.ID)
		t.ok(err)
		t.same(seats, directory.Seats{Limit: 7})
		counts, err := t.Counts(t.ctx, o.ID)
		t.ok(err)
		t.same(counts.Sum(func(directory.Group) bool { return true }), 0)
	}},
	{"an id or slug that an organization has is taken, and the organization stays as it is", func(t *test) {
		o := t.organization(1)
		sameID := &directory.Organization{ID: o.ID, Slug: unique("slug"), Name: "Other"}
		t.fails(t.InsertOrganization(t.ctx, sameID), directory.ErrTaken)
		sameSlug := &directory.Organization{ID: newID("org_"), Slug: o.Slug, Name: "Other"}
		t.fails(t.InsertOrganization(t.ctx, sameSlug), directory.ErrTaken)
		got, err := t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(got, o)
		_, err = t.Organization(t.ctx, sameSlug.ID)
		t.fails(err, directory.ErrNotFound)
		_, err = t.OrganizationBySlug(t.ctx, sameID.Slug)
		t.fails(err, directory.ErrNotFound)
		seats, err := t.Seats(t.ctx, o.ID)
		t.ok(err)
		t.same(seats, directory.Seats{Limit: 1})
	}},
	{"of many organizations with one slug at once, one is added", func(t *test) {
		slug := unique("slug")
		var added, taken atomic.Int32
		atOnce(10, func(int) {
			switch err := t.InsertOrganization(t.ctx, &directory.Organization{ID: newID("org_"), Slug: slug}); {
			case err == nil:
				added.Add(1)
			case errors.Is(err, directory.ErrTaken):
				taken.Add(1)
			default:
				t.Errorf("unexpected error: %v", err)
			}
		})
		t.same([]int32{added.Load(), taken.Load()}, []int32{1, 9})
	}},
	{"an unknown id or slug is not found", func(t *test) {
		o := t.organization(1)
		_, err := t.Organization(t.ctx, newID("org_"))
		t.fails(err, directory.ErrNotFound)
		_, err = t.Organization(t.ctx, o.Slug)
		t.fails(err, directory.ErrNotFound)
		_, err = t.OrganizationBySlug(t.ctx, unique("slug"))
		t.fails(err, directory.ErrNotFound)
		_, err = t.OrganizationBySlug(t.ctx, o.ID)
		t.fails(err, directory.ErrNotFound)
	}},
	{"the empty slug means the organization with the lowest id, whenever it was added", func(t *test) {
		// The store may have been used before, so a lower id is looked for.
		lower := func() string {
			first, err := t.OrganizationBySlug(t.ctx, "")
			if errors.Is(err, directory.ErrNotFound) {
				return directory.NewID("org_", time.UnixMilli(0), rand.Reader)
			}
			t.ok(err)
			for {
				if id := directory.NewID("org_", time.UnixMilli(0), rand.Reader); id < first.ID {
					return id
				}
			}
		}
		for range 2 {
			o := &directory.Organization{ID: lower(), Slug: unique("slug")}
			t.ok(t.InsertOrganization(t.ctx, o))
			t.organization(1)
			got, err := t.OrganizationBySlug(t.ctx, "")
			t.ok(err)
			t.same(got, o)
		}
	}},
}

// organizationChanges are the promises of UpdateOrganization.
var organizationChanges = []promise{
	{"an update replaces every field but the slug, and moves the revision on", func(t *test) {
		o := t.organization(3)
		changed := &directory.Organization{}
		populate(t, changed)
		changed.ID, changed.Slug, changed.Revision = o.ID, unique("slug"), o.Revision
		t.ok(t.UpdateOrganization(t.ctx, changed))
		t.same(changed.Revision, o.Revision+1)
		_, err := t.OrganizationBySlug(t.ctx, changed.Slug)
		t.fails(err, directory.ErrNotFound)
		changed.Slug = o.Slug
		got, err := t.OrganizationBySlug(t.ctx, o.Slug)
		t.ok(err)
		t.same(got, changed)

		// And takes away what is no longer there.
		bare := &directory.Organization{ID: o.ID, Slug: o.Slug, Revision: changed.Revision}
		t.ok(t.UpdateOrganization(t.ctx, bare))
		got, err = t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(got, bare)
	}},
	{"an update leaves the seats, the claims and their fence alone", func(t *test) {
		c := t.claimant(2)
		c.begin("m1", seat("a", joining))
		c.fence(5, "m1")
		c.o.SeatLimit, c.o.RolesVersion = 1, 9
		t.ok(t.UpdateOrganization(t.ctx, c.o))
		seats, err := t.Seats(t.ctx, c.o.ID)
		t.ok(err)
		t.same(seats, directory.Seats{Limit: 2, Used: 1})
		c.stale(4, seat("b", joining))
		c.beginUnder(5, "m2", seat("b", joining))
		c.settle("a", "m1", false, false)
		c.settle("b", "m2", false, false)
	}},
	{"an update of what was changed since, or is not there, is stale and writes nothing", func(t *test) {
		o := t.organization(1)
		old := o.Clone()
		o.Name = "Second"
		t.ok(t.UpdateOrganization(t.ctx, o))
		old.Name = "Third"
		was := old.Revision
		t.fails(t.UpdateOrganization(t.ctx, old), directory.ErrStale)
		t.same(old.Revision, was)
		ahead := o.Clone()
		ahead.Name, ahead.Revision = "Fourth", o.Revision+1
		t.fails(t.UpdateOrganization(t.ctx, ahead), directory.ErrStale)
		gone := &directory.Organization{ID: newID("org_"), Slug: unique("slug"), Revision: 1}
		t.fails(t.UpdateOrganization(t.ctx, gone), directory.ErrStale)
		_, err := t.Organization(t.ctx, gone.ID)
		t.fails(err, directory.ErrNotFound)
		got, err := t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(got, o)
	}},
	{"of many updates of one revision at once, exactly one is made", func(t *test) {
		for range 5 {
			o := t.organization(1)
			var won, stale atomic.Int32
			var winner atomic.Pointer[directory.Organization]
			atOnce(10, func(i int) {
				mine := o.Clone()
				mine.Name = unique("name")
				switch err := t.UpdateOrganization(t.ctx, mine); {
				case err == nil:
					won.Add(1)
					winner.Store(mine)
				case errors.Is(err, directory.ErrStale):
					stale.Add(1)
				default:
					t.Errorf("unexpected error: %v", err)
				}
			})
			t.same([]int32{won.Load(), stale.Load()}, []int32{1, 9})
			got, err := t.Organization(t.ctx, o.ID)
			t.ok(err)
			t.same(got, winner.Load())
		}
	}},
	{"none of many who read, change and try again loses another's change", func(t *test) {
		o := t.organization(1)
		const people, changes = 6, 5
		atOnce(people, func(i int) {
			for made := 0; made < changes; {
				mine, err := t.Organization(t.ctx, o.ID)
				if err != nil {
					t.Errorf("unexpected error: %v", err)
					return
				}
				mine.Roles = append(mine.Roles, directory.Role{ID: newID("role_")})
				switch err := t.UpdateOrganization(t.ctx, mine); {
				case err == nil:
					made++
				case !errors.Is(err, directory.ErrStale):
					t.Errorf("unexpected error: %v", err)
					return
				}
			}
		})
		got, err := t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(len(got.Roles), len(o.Roles)+people*changes)
		t.same(got.Revision, o.Revision+people*changes)
	}},
	{"finds the organizations with something to be done, the longest due first, up to the limit", func(t *test) {
		// Long ago, so that what other tests have left is not due.
		at := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
		minute := func(m int) time.Time { return at.Add(time.Duration(m) * time.Minute) }
		add := func(edit func(*directory.Organization)) *directory.Organization {
			o := &directory.Organization{ID: newID("org_"), Slug: unique("slug"), UpdatedAt: minute(30)}
			edit(o)
			t.ok(t.InsertOrganization(t.ctx, o))
			return o
		}
		entry := func(m int) directory.Entry {
			return directory.Entry{ID: newID("evt_"), Event: &directory.Event{ID: newID("evt_")}, DueAt: minute(m)}
		}
		retired := add(func(o *directory.Organization) { o.Retired = []directory.RetiredRole{{ID: "a", ReplacedBy: "b"}} })
		event := add(func(o *directory.Organization) { o.Outbox = []directory.Entry{entry(50), entry(20), entry(70)} })
		transition := add(func(o *directory.Organization) {
			o.Transition = &directory.Transition{Mark: "m", BegunAt: minute(10).Add(-directory.SettleAfter)}
		})
		later := add(func(o *directory.Organization) { o.Outbox = []directory.Entry{entry(31)} })
		add(func(*directory.Organization) {})
		find := func(m, limit int, want ...*directory.Organization) {
			t.Helper()
			got, err := t.DueOrganizations(t.ctx, minute(m), limit)
			t.ok(err)
			t.same(got, want)
		}
		find(9, 10)
		find(10, 10, transition)
		find(30, 10, transition, event, retired)
		find(30, 2, transition, event)
		find(30, 0)
		find(1000, 10, transition, event, retired, later)

		// One is done, one put off, one has something else to be done.
		update := func(o *directory.Organization, edit func(*directory.Organization)) {
			t.Helper()
			edit(o)
			t.ok(t.UpdateOrganization(t.ctx, o))
		}
		update(transition, func(o *directory.Organization) { o.Transition = nil })
		update(event, func(o *directory.Organization) { o.Outbox = []directory.Entry{entry(40)} })
		update(retired, func(o *directory.Organization) { o.Retired, o.Outbox = nil, []directory.Entry{entry(5)} })
		find(30, 10, retired)
		find(1000, 10, retired, later, event)
		for _, o := range []*directory.Organization{retired, later, event} {
			update(o, func(o *directory.Organization) { o.Outbox = nil })
		}
		find(1000, 10)
	}},
}
