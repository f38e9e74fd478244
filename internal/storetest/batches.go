package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"roster/internal/directory"
)

// beginWhole begins changes all together or not at all, and tells whether they
// have begun; refusals of other kinds than these fail the test.
func (c *claimant) beginWhole(mark string, changes []directory.ClaimChange, refusals ...error) bool {
	c.Helper()
	b := batch(mark, changes)
	b.Whole = true
	answers, err := c.BeginClaims(c.ctx, c.o.ID, b)
	if err != nil || len(answers) != len(changes) {
		c.Errorf("%d answers for %d changes, and error %v", len(answers), len(changes), err)
		return false
	}
	begun := true
	for _, answer := range answers {
		if answer != nil {
			begun = false
			if !slices.ContainsFunc(refusals, func(want error) bool { return errors.Is(answer, want) }) {
				c.Errorf("unexpected answer: %v", answer)
			}
		}
	}
	return begun
}

// whole wants changes to begin, or to be refused together.
func (c *claimant) whole(want bool, mark string, changes []directory.ClaimChange, refusals ...error) {
	c.Helper()
	if got := c.beginWhole(mark, changes, refusals...); got != want {
		c.Fatalf("begun: %v, want %v", got, want)
	}
}

var batches = []promise{
	{"a whole batch begins, or none of it does", func(t *test) {
		c := t.claimant(3)
		c.admins("x", "y")
		c.whole(true, "m1", append(seat("a", joining), seat("b", joining)...))
		c.used(2)
		c.whole(false, "m2", slices.Concat(moves("x"), admin("x", leaving), seat("c", joining), seat("d", joining)), directory.ErrNoSeat)
		c.used(2)
		c.fence(0, "m1")
		c.begin("m3", admin("y", leaving)) // x still counts
		c.settle("y", "m3", false, true)
		c.whole(false, "m4", slices.Concat(seat("c", joining), admin("x", leaving), admin("y", leaving)), directory.ErrLastAdministrator)
		c.used(2)
		c.whole(true, "m5", slices.Concat(seat("c", joining), admin("x", leaving)))
		c.used(3)
		for user, mark := range map[string]string{"a": "m1", "b": "m1", "c": "m5", "x": "m5"} {
			c.settle(user, mark, false, true)
		}
		c.used(0)
		c.whole(true, "m6", nil)
		c.unsettled(now().Add(time.Hour))
	}},
	{"what a refused batch found is as it was, with its mark and its time", func(t *test) {
		c := t.claimant(1)
		c.admins("x")
		at := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
		_, err := c.BeginClaims(c.ctx, c.o.ID, directory.ClaimBatch{
			Changes: []directory.ClaimChange{{UserID: "a", Seat: joining, Administrator: joining, Moving: true}}, Mark: "m1", At: at,
		})
		c.ok(err)
		c.whole(false, "m2", slices.Concat(
			[]directory.ClaimChange{{UserID: "a", Seat: leaving, Administrator: leaving, Moving: true}}, admin("x", joining), seat("b", joining),
		), directory.ErrNoSeat)
		c.unsettled(at.Add(time.Millisecond), directory.UnsettledClaim{UserID: "a", Mark: "m1"})
		c.fence(0, "m1")
		c.settle("a", "m1", true, true)
		c.begin("m3", admin("a", leaving)) // x counts, unmarked
		c.settle("a", "m3", false, true)
		c.used(1)
	}},
	{"the changes of a batch find what those before them have begun", func(t *test) {
		c := t.claimant(1)
		c.admins("x", "y")
		// One person twice: the seat is taken once, and is there to be left.
		c.whole(true, "m1", append(seat("a", joining), seat("a", joining)...))
		c.used(1)
		c.whole(true, "m2", append(seat("a", leaving), seat("a", joining)...))
		c.used(1)
		c.settle("a", "m2", false, false)
		c.used(0)
		// A seat that is left stays taken until that settles.
		c.begin("m3", seat("a", joining))
		c.whole(false, "m4", append(seat("a", leaving), seat("b", joining)...), directory.ErrNoSeat)
		c.settle("a", "m3", false, false)
		// Who joins in the batch does not count yet.
		c.whole(false, "m5", slices.Concat(admin("z", joining), admin("x", leaving), admin("y", leaving)), directory.ErrLastAdministrator)
		c.whole(false, "m6", slices.Concat(admin("y", joining), admin("x", leaving)), directory.ErrLastAdministrator)
		c.fence(0)
	}},
	{"a stale batch is stale, whether it would have begun or not", func(t *test) {
		c := t.claimant(0)
		c.fence(2)
		b := batch("m", seat("a", joining))
		b.Whole, b.RolesVersion = true, 1
		_, err := c.BeginClaims(c.ctx, c.o.ID, b)
		c.fails(err, directory.ErrStale)
	}},
	{"whole batches at once are each granted or refused as a whole, and never more seats than there are", func(t *test) {
		const limit, size = 10, 3
		c := t.claimant(limit)
		for range 3 {
			var lock sync.Mutex
			granted := map[string]string{}
			single := map[string]string{}
			atOnce(16, func(i int) {
				mark := newID("")
				var changes []directory.ClaimChange
				for range size {
					changes = append(changes, seat(newID("user_"), joining)...)
				}
				if i%4 == 0 {
					changes = changes[:1]
				}
				if c.beginWhole(mark, changes, directory.ErrNoSeat) {
					lock.Lock()
					defer lock.Unlock()
					for _, change := range changes {
						if granted[change.UserID] = mark; i%4 == 0 {
							single[change.UserID] = mark
						}
					}
				}
			})
			// Nobody was refused while there was room for the whole.
			if len(granted) > limit || (len(granted)-len(single))%size != 0 || len(granted) < limit-size+1 {
				c.Fatalf("%d seats of %d were granted, %d of them alone", len(granted), limit, len(single))
			}
			c.used(len(granted))
			for user, mark := range granted {
				c.settle(user, mark, false, false)
			}
			c.used(0)
		}
	}},
	{"a batch of everybody in a large organization begins, is refused, and settles", func(t *test) {
		const many = 20_000
		c := t.claimant(many)
		c.admins("x")
		changes := make([]directory.ClaimChange, many)
		settlements := make([]directory.Settlement, many)
		for i := range changes {
			user := fmt.Sprintf("user_%05d", i)
			changes[i] = directory.ClaimChange{UserID: user, Seat: joining, Administrator: joining}
			settlements[i] = directory.Settlement{UserID: user, Mark: "m1", Seat: true, Administrator: i > 0}
		}
		c.whole(false, "m0", append(slices.Clone(changes), seat("one too many", joining)...), directory.ErrNoSeat)
		c.used(0)
		c.whole(true, "m1", changes)
		c.used(many)
		c.ok(c.SettleClaims(c.ctx, c.o.ID, settlements))
		c.fence(0)
		for i := range changes {
			changes[i].Seat, changes[i].Administrator = leaving, leaving
			settlements[i] = directory.Settlement{UserID: changes[i].UserID, Mark: "m2"}
		}
		c.whole(false, "m0", append(slices.Clone(changes), admin("x", leaving)...), directory.ErrLastAdministrator)
		c.whole(true, "m2", changes)
		c.used(many)
		c.begin("m3", admin("x", leaving), directory.ErrLastAdministrator)
		c.ok(c.SettleClaims(c.ctx, c.o.ID, settlements))
		c.used(0)
		c.fence(0)
	}},
	{"the seat limit is raised and lowered, down to the seats that are taken", func(t *test) {
		c := t.claimant(1)
		c.begin("m", seat("a", joining))
		c.begin("m", seat("b", joining), directory.ErrNoSeat)
		c.ok(c.SetSeatLimit(c.ctx, c.o.ID, 2))
		c.begin("m", seat("b", joining))
		c.fails(c.SetSeatLimit(c.ctx, c.o.ID, 1), directory.ErrNoSeat)
		c.limited(2, 2)
		c.ok(c.SetSeatLimit(c.ctx, c.o.ID, 2))
		c.settle("b", "m", false, false)
		c.ok(c.SetSeatLimit(c.ctx, c.o.ID, 1))
		c.limited(1, 1)
		c.begin("m", seat("b", joining), directory.ErrNoSeat)
		c.fails(c.SetSeatLimit(c.ctx, c.o.ID, 0), directory.ErrNoSeat)
		c.settle("a", "m", false, false)
		c.ok(c.SetSeatLimit(c.ctx, c.o.ID, 0))
		c.limited(0, 0)
	}},
	{"a limit that is lowered while seats are taken is never below them", func(t *test) {
		for range 5 {
			c := t.claimant(10)
			var taken atomic.Int32
			var lowered atomic.Bool
			atOnce(11, func(i int) {
				if i == 0 {
					switch err := c.SetSeatLimit(c.ctx, c.o.ID, 5); {
					case err == nil:
						lowered.Store(true)
					case !errors.Is(err, directory.ErrNoSeat):
						c.Errorf("unexpected error: %v", err)
					}
					return
				}
				answers, err := c.BeginClaims(c.ctx, c.o.ID, batch("m", seat(fmt.Sprint("user_", i), joining)))
				switch {
				case err != nil:
					c.Errorf("unexpected error: %v", err)
				case answers[0] == nil:
					taken.Add(1)
				case !errors.Is(answers[0], directory.ErrNoSeat):
					c.Errorf("unexpected answer: %v", answers[0])
				}
			})
			if lowered.Load() {
				c.same(taken.Load(), int32(5))
				c.limited(5, 5)
			} else {
				c.same(taken.Load(), int32(10))
				c.limited(10, 10)
			}
			for i := range 11 {
				c.settle(fmt.Sprint("user_", i), "m", false, false)
			}
			c.used(0)
		}
	}},
}

// limited wants this limit, and so many seats to be taken.
func (c *claimant) limited(limit, used int) {
	c.Helper()
	seats, err := c.Seats(c.ctx, c.o.ID)
	c.ok(err)
	c.same(seats, directory.Seats{Limit: limit, Used: used})
}
