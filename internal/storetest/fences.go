package storetest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"roster/internal/directory"
)

// beginUnder begins changes that were decided under a version of the roles.
func (c *claimant) beginUnder(rolesVersion int64, mark string, changes []directory.ClaimChange) {
	c.Helper()
	b := batch(mark, changes)
	b.RolesVersion = rolesVersion
	answers, err := c.BeginClaims(c.ctx, c.o.ID, b)
	c.ok(err)
	for _, answer := range answers {
		c.ok(answer)
	}
}

// stale wants changes that were decided under a version of the roles to be refused.
func (c *claimant) stale(rolesVersion int64, changes []directory.ClaimChange) {
	c.Helper()
	b := batch(newID(""), changes)
	b.RolesVersion = rolesVersion
	_, err := c.BeginClaims(c.ctx, c.o.ID, b)
	c.fails(err, directory.ErrStale)
}

// fence fences to a version and wants these marks to be unsettled.
func (c *claimant) fence(rolesVersion int64, want ...string) {
	c.Helper()
	got, err := c.FenceClaims(c.ctx, c.o.ID, rolesVersion)
	c.ok(err)
	c.same(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)))
}

func moves(user string) []directory.ClaimChange {
	return []directory.ClaimChange{{UserID: user, Moving: true}}
}

var fences = []promise{
	{"what was decided under an older version than the fence is stale, and nothing of it begins", func(t *test) {
		c := t.claimant(3)
		c.admins("a", "b")
		c.beginUnder(0, "m0", seat("a", joining)) // there is no fence yet
		c.settle("a", "m0", true, false)
		c.fence(2)
		changes := slices.Concat(seat("b", joining), admin("a", leaving), moves("c"))
		c.stale(0, changes)
		c.stale(1, changes)
		c.stale(1, nil)
		c.used(1)
		c.unsettled(now().Add(time.Hour))
		c.beginUnder(2, "m2", changes)
		c.fence(2, "m2")
		for _, user := range []string{"a", "b", "c"} {
			c.settle(user, "m2", true, true)
		}
		c.beginUnder(3, "m3", seat("d", joining))
		c.settle("d", "m3", false, false)
	}},
	{"a fence stands where it was put farthest", func(t *test) {
		c := t.claimant(1)
		c.fence(5)
		c.fence(3)
		c.stale(4, seat("a", joining))
		c.fence(7)
		c.stale(6, seat("a", joining))
		c.beginUnder(7, "m", seat("a", joining))
		c.settle("a", "m", false, false)
	}},
	{"a fence answers each mark of unsettled claims once, of this organization, also when it is an old one", func(t *test) {
		c, other := t.claimant(9), t.claimant(9)
		c.admins("a", "b")
		c.begin("m1", append(seat("a", joining), seat("b", joining)...))
		c.begin("m1", admin("b", leaving))
		c.begin("m2", seat("c", joining))
		c.begin("m3", moves("d"))
		other.begin("m4", seat("a", joining))
		c.fence(2, "m1", "m2", "m3")
		c.fence(1, "m1", "m2", "m3")
		c.settle("a", "m1", true, false)
		c.settle("c", "m2", true, false)
		c.fence(2, "m1", "m3")
		c.settle("b", "m1", true, true)
		c.settle("d", "m3", false, false)
		c.fence(3)
		other.fence(0, "m4")
		other.settle("a", "m4", false, false)
	}},
	{"a mark that another has taken the place of is not answered", func(t *test) {
		c := t.claimant(1)
		c.begin("m1", seat("a", joining))
		c.begin("m2", seat("a", joining))
		c.fence(1, "m2")
		c.beginUnder(1, "m3", moves("a"))
		c.fence(1, "m2", "m3")
		c.settle("a", "m2", false, false)
		c.settle("a", "m3", false, false)
	}},
	{"after a fence nothing older begins, and what has begun before is in its answer", func(t *test) {
		for range 5 {
			c := t.claimant(100)
			var lock sync.Mutex
			var begun []string
			fenced := make(chan struct{})
			var unsettled []string
			atOnce(7, func(i int) {
				if i == 0 {
					defer close(fenced)
					time.Sleep(5 * time.Millisecond)
					var err error
					if unsettled, err = c.FenceClaims(c.ctx, c.o.ID, 2); err != nil {
						c.Errorf("unexpected error: %v", err)
					}
					return
				}
				for late := false; !late; {
					select {
					case <-fenced:
						late = true
					default:
					}
					b := batch(newID(""), slices.Concat(moves(newID("user_")), admin(newID("user_"), joining)))
					b.RolesVersion = 1
					_, err := c.BeginClaims(c.ctx, c.o.ID, b)
					switch {
					case err == nil && late:
						c.Errorf("an older version has begun after the fence")
					case err == nil:
						lock.Lock()
						begun = append(begun, b.Mark)
						lock.Unlock()
					case !errors.Is(err, directory.ErrStale):
						c.Errorf("unexpected error: %v", err)
					}
				}
			})
			c.same(slices.Sorted(slices.Values(unsettled)), slices.Sorted(slices.Values(begun)))
			c.fence(2, begun...)
			left, err := c.UnsettledClaims(c.ctx, now().Add(time.Hour), 100_000)
			c.ok(err)
			var settlements []directory.Settlement
			for _, one := range left {
				if one.OrganizationID == c.o.ID {
					settlements = append(settlements, directory.Settlement{UserID: one.UserID, Mark: one.Mark})
				}
			}
			c.ok(c.SettleClaims(c.ctx, c.o.ID, settlements))
			c.fence(2)
		}
	}},
	{"of fences put at once the farthest stands", func(t *test) {
		c := t.claimant(1)
		atOnce(8, func(i int) {
			if _, err := c.FenceClaims(c.ctx, c.o.ID, int64(i+1)); err != nil {
				c.Errorf("unexpected error: %v", err)
			}
		})
		c.stale(7, seat("a", joining))
		c.beginUnder(8, "m", seat("a", joining))
		c.settle("a", "m", false, false)
	}},
	{"somebody moving is unsettled until that settles, whatever the settlement says", func(t *test) {
		c := t.claimant(1)
		for _, member := range []bool{true, false} {
			c.begin("m", moves("a"))
			c.unsettled(now().Add(time.Hour), directory.UnsettledClaim{UserID: "a", Mark: "m"})
			c.settle("a", "other", member, member)
			c.fence(0, "m")
			c.settle("a", "m", member, member)
			c.unsettled(now().Add(time.Hour))
			c.fence(0)
		}
		c.begin("m1", seat("b", joining)) // a got no seat by being settled with one
		c.settle("b", "m1", false, false)
	}},
	{"somebody moving is always allowed, and takes no place in either set", func(t *test) {
		c := t.claimant(0)
		c.begin("m1", moves("a"))
		c.admins("b")
		c.begin("m2", admin("b", leaving), directory.ErrLastAdministrator)
		c.used(0)
		c.settle("a", "m1", true, true)
		c.begin("m2", admin("b", leaving), directory.ErrLastAdministrator)
		c.used(0)
	}},
	{"moving leaves the memberships alone: they stay settled, and count", func(t *test) {
		c := t.claimant(1)
		c.admins("a", "b")
		c.begin("m1", seat("a", joining))
		c.settle("a", "m1", true, false)
		c.begin("m2", moves("a"))
		c.begin("m3", admin("b", leaving)) // a counts
		c.settle("b", "m3", false, false)
		c.settle("a", "m2", false, false)
		c.used(1)
		c.begin("m4", admin("a", leaving), directory.ErrLastAdministrator)
	}},
	{"moving begins with the memberships of the same change, or not at all", func(t *test) {
		c := t.claimant(1)
		c.begin("m1", []directory.ClaimChange{{UserID: "a", Seat: joining, Moving: true}})
		c.begin("m2", []directory.ClaimChange{{UserID: "b", Seat: joining, Moving: true}}, directory.ErrNoSeat)
		c.unsettled(now().Add(time.Hour), directory.UnsettledClaim{UserID: "a", Mark: "m1"})
		c.settle("a", "m1", true, false)
		c.unsettled(now().Add(time.Hour))
		c.used(1)
	}},
	{"somebody who moves again is as old as that, and settles by the last mark", func(t *test) {
		c := t.claimant(1)
		at := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, mark := range []string{"m1", "m2"} {
			_, err := c.BeginClaims(c.ctx, c.o.ID, directory.ClaimBatch{
				Changes: moves("a"), Mark: mark, At: at.Add(time.Duration(i) * time.Minute),
			})
			c.ok(err)
		}
		c.unsettled(at.Add(time.Minute))
		c.unsettled(at.Add(2*time.Minute), directory.UnsettledClaim{UserID: "a", Mark: "m2"})
		c.settle("a", "m1", false, false)
		c.fence(0, "m2")
		c.settle("a", "m2", false, false)
		c.fence(0)
	}},
	{"an unknown organization has no fence and no seats to set", func(t *test) {
		_, err := t.FenceClaims(t.ctx, newID("org_"), 1)
		t.fails(err, directory.ErrNotFound)
		t.fails(t.SetSeatLimit(t.ctx, newID("org_"), 1), directory.ErrNotFound)
		_, err = t.Seats(t.ctx, newID("org_"))
		t.fails(err, directory.ErrNotFound)
		_, err = t.BeginClaims(t.ctx, newID("org_"), batch("m", seat("a", joining)))
		t.fails(err, directory.ErrNotFound)
	}},
}
