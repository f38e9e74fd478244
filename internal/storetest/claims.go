package storetest

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"roster/internal/directory"
)

const (
	joining = directory.Joining
	leaving = directory.Leaving
)

// claimant is one organization whose claims are tested.
type claimant struct {
	*test
	o *directory.Organization
}

func (t *test) claimant(seats int) *claimant { return &claimant{t, t.organization(seats)} }

// begin begins changes and wants these answers; nil for all when none are named.
func (c *claimant) begin(mark string, changes []directory.ClaimChange, want ...error) {
	c.Helper()
	got, err := c.BeginClaims(c.ctx, c.o.ID, batch(mark, changes))
	c.ok(err)
	if len(got) != len(changes) {
		c.Fatalf("%d answers for %d changes", len(got), len(changes))
	}
	for i := range got {
		switch {
		case len(want) == 0 || want[i] == nil:
			c.ok(got[i])
		default:
			c.fails(got[i], want[i])
		}
	}
}

// batch is changes that begin now, by the first roles.
func batch(mark string, changes []directory.ClaimChange) directory.ClaimBatch {
	return directory.ClaimBatch{Changes: changes, Mark: mark, At: now()}
}

func seat(user string, change directory.Membership) []directory.ClaimChange {
	return []directory.ClaimChange{{UserID: user, Seat: change}}
}

func admin(user string, change directory.Membership) []directory.ClaimChange {
	return []directory.ClaimChange{{UserID: user, Administrator: change}}
}

// settle settles one user's claims.
func (c *claimant) settle(user, mark string, seat, admin bool) {
	c.Helper()
	c.ok(c.SettleClaims(c.ctx, c.o.ID, []directory.Settlement{{UserID: user, Mark: mark, Seat: seat, Administrator: admin}}))
}

// admins makes the users settled administrators.
func (c *claimant) admins(users ...string) {
	c.Helper()
	for _, user := range users {
		c.begin("made", admin(user, joining))
		c.settle(user, "made", false, true)
	}
}

// used wants so many seats to be taken.
func (c *claimant) used(want int) {
	c.Helper()
	seats, err := c.Seats(c.ctx, c.o.ID)
	c.ok(err)
	if seats.Used != want {
		c.Fatalf("%d seats are taken, want %d", seats.Used, want)
	}
}

// unsettled wants exactly these claims to be found unsettled of what was begun
// before the time.
func (c *claimant) unsettled(before time.Time, want ...directory.UnsettledClaim) {
	c.Helper()
	found, err := c.UnsettledClaims(c.ctx, before, 10_000)
	c.ok(err)
	for _, w := range want {
		w.OrganizationID = c.o.ID
		if !slices.Contains(found, w) {
			c.Fatalf("%+v is not found unsettled", w)
		}
	}
	for _, f := range found {
		if f.OrganizationID == c.o.ID && !slices.ContainsFunc(want, func(w directory.UnsettledClaim) bool { return w.UserID == f.UserID && w.Mark == f.Mark }) {
			c.Fatalf("%+v is found unsettled", f)
		}
	}
}

var claims = []promise{
	{"seats are taken up to the limit, and a refused one is not taken", func(t *test) {
		c := t.claimant(2)
		c.begin("m", seat("a", joining))
		c.used(1)
		c.begin("m", append(seat("b", joining), seat("c", joining)...), nil, directory.ErrNoSeat)
		c.used(2)
		c.begin("m", seat("c", joining), directory.ErrNoSeat)
		c.used(2)
		c.settle("c", "m", true, false) // has no claim to settle
		c.used(2)
		for _, user := range []string{"a", "b"} {
			c.settle(user, "m", true, false)
		}
		c.used(2)
		c.begin("m", seat("c", joining), directory.ErrNoSeat)
	}},
	{"an organization without seats grants none", func(t *test) {
		c := t.claimant(0)
		c.begin("m", seat("a", joining), directory.ErrNoSeat)
		c.begin("m", seat("a", leaving))
		c.used(0)
	}},
	{"a seat joined twice counts once, also when all are taken", func(t *test) {
		c := t.claimant(1)
		c.begin("m1", append(seat("a", joining), seat("a", joining)...))
		c.used(1)
		c.begin("m2", seat("a", joining))
		c.used(1)
		c.settle("a", "m2", true, false)
		c.begin("m3", seat("a", joining))
		c.used(1)
		c.settle("a", "m3", true, false)
		c.used(1)
	}},
	{"a seat stays taken while it is being left, is free when that settles, and can be taken again", func(t *test) {
		c := t.claimant(1)
		c.begin("m1", seat("a", joining))
		c.settle("a", "m1", true, false)
		c.begin("m2", seat("a", leaving))
		c.used(1)
		c.begin("m3", seat("b", joining), directory.ErrNoSeat)
		c.settle("a", "m2", false, false)
		c.used(0)
		c.begin("m3", seat("b", joining))
		c.used(1)
		c.settle("b", "m3", true, false)
	}},
	{"a seat begun for a change that failed is given back; one left for a change that failed is kept", func(t *test) {
		c := t.claimant(2)
		c.begin("m1", seat("a", joining))
		c.settle("a", "m1", false, false)
		c.used(0)
		c.begin("m2", seat("a", joining))
		c.settle("a", "m2", true, false)
		c.begin("m3", seat("a", leaving))
		c.settle("a", "m3", true, false)
		c.used(1)
	}},
	{"settling with another mark changes nothing", func(t *test) {
		c := t.claimant(1)
		c.begin("m1", seat("a", joining))
		c.begin("m2", seat("a", leaving))
		c.settle("a", "m1", false, false)
		c.settle("a", "", false, false)
		c.settle("b", "m2", false, false)
		c.used(1)
		c.unsettled(now().Add(time.Hour), directory.UnsettledClaim{UserID: "a", Mark: "m2"})
		c.settle("a", "m2", true, false)
		c.settle("a", "m2", false, false) // settled already
		c.settle("a", "", false, false)
		c.used(1)
		c.unsettled(now().Add(time.Hour))
	}},
	{"many settlements at once are each by their own", func(t *test) {
		c := t.claimant(5)
		c.begin("m1", append(seat("a", joining), seat("b", joining)...))
		c.begin("m2", seat("c", joining))
		c.ok(c.SettleClaims(c.ctx, c.o.ID, []directory.Settlement{
			{UserID: "a", Mark: "m1", Seat: true}, {UserID: "b", Mark: "m1"}, {UserID: "c", Mark: "m1"}, {UserID: "d", Mark: "m1", Seat: true},
		}))
		c.used(2)
		c.unsettled(now().Add(time.Hour), directory.UnsettledClaim{UserID: "c", Mark: "m2"})
		c.settle("c", "m2", false, false)
		c.ok(c.SettleClaims(c.ctx, c.o.ID, nil))
		c.begin("m3", nil)
	}},
	{"with 5 seats and 50 who want one at once, 5 get one, and when those are left others do", func(t *test) {
		c := t.claimant(5)
		for round := range 2 {
			var lock sync.Mutex
			got := map[string]string{}
			atOnce(25, func(i int) {
				// Half of them alone, half in fives.
				var changes []directory.ClaimChange
				for j := range 1 + i%2*4 {
					changes = append(changes, seat("user_"+string(rune('a'+i))+string(rune('a'+j)), joining)...)
				}
				mark := newID("")
				answers, err := c.BeginClaims(c.ctx, c.o.ID, batch(mark, changes))
				if err != nil {
					c.Errorf("unexpected error: %v", err)
					return
				}
				for k, answer := range answers {
					switch {
					case answer == nil:
						lock.Lock()
						got[changes[k].UserID] = mark
						lock.Unlock()
					case !errors.Is(answer, directory.ErrNoSeat):
						c.Errorf("unexpected answer: %v", answer)
					}
				}
			})
			if len(got) != 5 {
				c.Fatalf("round %d: %d of 5 seats were granted", round, len(got))
			}
			c.used(5)
			for user, mark := range got {
				c.settle(user, mark, true, false)
			}
			c.used(5)
			for user := range got {
				c.begin("left", seat(user, leaving))
				c.settle(user, "left", false, false)
			}
			c.used(0)
		}
	}},
	{"many who begin and settle one person's seat at once leave it taken once or not at all", func(t *test) {
		c := t.claimant(3)
		atOnce(12, func(i int) {
			mark := newID("")
			for step := range 4 {
				change := joining
				if (i+step)%2 == 0 {
					change = leaving
				}
				if _, err := c.BeginClaims(c.ctx, c.o.ID, batch(mark, seat("a", change))); err != nil {
					c.Errorf("unexpected error: %v", err)
				}
				if err := c.SettleClaims(c.ctx, c.o.ID, []directory.Settlement{{UserID: "a", Mark: mark, Seat: change == joining}}); err != nil {
					c.Errorf("unexpected error: %v", err)
				}
			}
		})
		c.begin("last", seat("a", joining))
		c.settle("a", "last", true, false)
		c.used(1)
		c.begin("last", seat("a", leaving))
		c.settle("a", "last", false, false)
		c.used(0)
	}},
	{"the last settled administrator can't leave, another can", func(t *test) {
		c := t.claimant(0)
		c.admins("a", "b")
		c.begin("m1", admin("a", leaving))
		c.begin("m2", admin("b", leaving), directory.ErrLastAdministrator)
		c.settle("a", "m1", false, false)
		c.begin("m2", admin("b", leaving), directory.ErrLastAdministrator)
		c.unsettled(now().Add(time.Hour))
	}},
	{"an administrator does not count from the moment of leaving, and counts again when that is taken back", func(t *test) {
		c := t.claimant(0)
		c.admins("a", "b")
		c.begin("m1", append(admin("a", leaving), admin("b", leaving)...), nil, directory.ErrLastAdministrator)
		c.settle("a", "m1", false, true) // the change failed
		c.begin("m2", admin("b", leaving))
		c.settle("b", "m2", false, false)
		c.begin("m3", admin("a", leaving), directory.ErrLastAdministrator)
	}},
	{"an administrator counts when joining settles, not before", func(t *test) {
		c := t.claimant(0)
		c.admins("a")
		c.begin("m1", admin("b", joining))
		c.begin("m2", admin("a", leaving), directory.ErrLastAdministrator)
		c.settle("b", "m1", false, true)
		c.begin("m2", admin("a", leaving))
		c.settle("a", "m2", false, false)
	}},
	{"joining that settles as not joined leaves no administrator", func(t *test) {
		c := t.claimant(0)
		c.admins("a")
		c.begin("m1", admin("b", joining))
		c.settle("b", "m1", false, false)
		c.begin("m2", admin("a", leaving), directory.ErrLastAdministrator)
	}},
	{"an administrator who joins again does not count until that settles", func(t *test) {
		c := t.claimant(0)
		c.admins("a", "b")
		c.begin("m1", admin("a", joining))
		c.begin("m2", admin("b", leaving), directory.ErrLastAdministrator)
		c.settle("a", "m1", false, true)
		c.begin("m2", admin("b", leaving))
		c.settle("b", "m2", false, false)
	}},
	{"an unsettled administrator can't leave either while nobody else is settled", func(t *test) {
		c := t.claimant(0)
		c.begin("m1", admin("a", joining))
		c.begin("m2", admin("a", leaving), directory.ErrLastAdministrator)
		c.settle("a", "m1", false, true)
		c.admins("b")
		c.begin("m3", admin("a", leaving))
		c.begin("m4", admin("a", leaving))
		c.settle("a", "m4", false, false)
	}},
	{"leaving a set that one is not in is allowed, and marks nothing", func(t *test) {
		c := t.claimant(1)
		c.begin("m1", []directory.ClaimChange{{UserID: "a", Seat: leaving, Administrator: leaving}})
		c.unsettled(now().Add(time.Hour))
		c.settle("a", "m1", true, true)
		c.used(0)
		c.admins("b")
		c.begin("m2", admin("a", leaving))
		c.begin("m3", admin("b", leaving), directory.ErrLastAdministrator)
	}},
	{"of two administrators who leave at once, one stays", func(t *test) {
		for range 10 {
			c := t.claimant(0)
			c.admins("a", "b")
			var refused atomic.Int32
			atOnce(2, func(i int) {
				user, mark := []string{"a", "b"}[i], newID("")
				answers, err := c.BeginClaims(c.ctx, c.o.ID, batch(mark, admin(user, leaving)))
				if err != nil {
					c.Errorf("unexpected error: %v", err)
					return
				}
				if answers[0] != nil {
					refused.Add(1)
				}
				if err := c.SettleClaims(c.ctx, c.o.ID, []directory.Settlement{{UserID: user, Mark: mark, Administrator: answers[0] != nil}}); err != nil {
					c.Errorf("unexpected error: %v", err)
				}
			})
			if refused.Load() != 1 {
				c.Fatalf("%d of 2 administrators were refused to leave", refused.Load())
			}
		}
	}},
	{"of many administrators who leave at once, one stays", func(t *test) {
		c := t.claimant(0)
		users := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		c.admins(users...)
		var left atomic.Int32
		atOnce(16, func(i int) {
			mark := newID("")
			answers, err := c.BeginClaims(c.ctx, c.o.ID, batch(mark, admin(users[i%8], leaving)))
			if err != nil {
				c.Errorf("unexpected error: %v", err)
				return
			}
			if answers[0] != nil {
				return
			}
			left.Add(1)
			if err := c.SettleClaims(c.ctx, c.o.ID, []directory.Settlement{{UserID: users[i%8], Mark: mark}}); err != nil {
				c.Errorf("unexpected error: %v", err)
			}
		})
		staying := 0
		for _, user := range users {
			answers, err := c.BeginClaims(c.ctx, c.o.ID, batch("probe", admin(user, leaving)))
			c.ok(err)
			if errors.Is(answers[0], directory.ErrLastAdministrator) {
				staying++
			}
			c.settle(user, "probe", false, false)
		}
		if staying != 1 {
			c.Fatalf("%d administrators stay, want 1", staying)
		}
	}},
	{"a change begins as a whole or not at all", func(t *test) {
		c := t.claimant(1)
		c.admins("a")
		both := func(user string, seat, admin directory.Membership) []directory.ClaimChange {
			return []directory.ClaimChange{{UserID: user, Seat: seat, Administrator: admin}}
		}
		c.begin("m1", both("a", joining, leaving), directory.ErrLastAdministrator)
		c.used(0)
		c.unsettled(now().Add(time.Hour))
		c.begin("m2", seat("b", joining))
		c.settle("b", "m2", true, false)
		c.begin("m3", both("c", joining, joining), directory.ErrNoSeat)
		c.settle("c", "m3", true, true)
		c.begin("m4", admin("a", leaving), directory.ErrLastAdministrator)
		c.begin("m5", both("b", leaving, joining))
		c.used(1)
		c.settle("b", "m5", false, true)
		c.used(0)
		c.begin("m6", admin("a", leaving))
		c.settle("a", "m6", false, false)
	}},
	{"an unchanged claim is left alone: it stays settled, and counts", func(t *test) {
		c := t.claimant(2)
		c.admins("a", "b")
		c.begin("m1", []directory.ClaimChange{{UserID: "a", Seat: joining}})
		c.begin("m2", admin("b", leaving)) // a still counts
		c.settle("b", "m2", false, false)
		c.settle("a", "m1", true, false) // what it says of administrators is of another mark
		c.begin("m3", admin("a", leaving), directory.ErrLastAdministrator)
		c.used(1)
		c.begin("m4", []directory.ClaimChange{{UserID: "a"}, {UserID: "c"}})
		c.unsettled(now().Add(time.Hour))
	}},
	{"finds what was begun before a time and not settled, of any organization, up to the limit", func(t *test) {
		c, other := t.claimant(9), t.claimant(9)
		// Long ago, so that it is before what other tests have left.
		at := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
		begin := func(c *claimant, user, mark string, at time.Time) {
			t.Helper()
			_, err := c.BeginClaims(c.ctx, c.o.ID, directory.ClaimBatch{
				Changes: []directory.ClaimChange{{UserID: user, Seat: joining, Administrator: joining}}, Mark: mark, At: at,
			})
			c.ok(err)
		}
		begin(c, "a", "m1", at)
		begin(c, "b", "m2", at.Add(time.Minute))
		begin(other, "a", "m3", at)
		c.unsettled(at)
		c.unsettled(at.Add(time.Millisecond), directory.UnsettledClaim{UserID: "a", Mark: "m1"})
		c.unsettled(at.Add(time.Hour), directory.UnsettledClaim{UserID: "a", Mark: "m1"}, directory.UnsettledClaim{UserID: "b", Mark: "m2"})
		other.unsettled(at.Add(time.Hour), directory.UnsettledClaim{UserID: "a", Mark: "m3"})
		found, err := c.UnsettledClaims(c.ctx, at.Add(time.Hour), 2)
		c.ok(err)
		if len(found) == 0 || len(found) > 2 {
			c.Fatalf("%d claims were found with a limit of 2", len(found))
		}
		// Begun anew, it is as old as that.
		begin(c, "a", "m4", at.Add(time.Hour))
		c.unsettled(at.Add(time.Hour), directory.UnsettledClaim{UserID: "b", Mark: "m2"})
		c.settle("a", "m4", true, true)
		c.settle("b", "m2", false, false)
		other.settle("a", "m3", true, true)
		c.unsettled(now().Add(time.Hour))
		other.unsettled(now().Add(time.Hour))
	}},
	{"two organizations' claims are independent", func(t *test) {
		one, two := t.claimant(1), t.claimant(1)
		one.begin("m", seat("a", joining))
		two.used(0)
		two.begin("m", seat("a", joining))
		two.settle("a", "m", false, false)
		one.used(1)
		one.settle("a", "m", true, false)
		one.admins("a")
		two.admins("a", "b")
		one.begin("m", admin("a", leaving), directory.ErrLastAdministrator)
		two.begin("m", admin("a", leaving))
		two.settle("a", "m", false, false)
	}},
}
