package storetest

import (
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"roster/internal/directory"
)

// Whatever servers do with an organization's claims at once, each call must
// have answered as if the calls had been made one after another, each somewhere
// between its begin and its end: the claims are linearizable. Here many calls
// are made at once and written down, and a checker looks for such an order. The
// model that it tries the orders on is the rules of directory.ClaimStore, told
// once more and as plainly as possible.

// claimants are the users of the model.
var claimants = [...]string{"a", "b", "c", "d"}

// claimsModel is what claims are, between two calls. Values of it can be compared.
type claimsModel struct {
	limit                        int
	fence                        int64
	seats, administrators, moves claimSet
}

// claimSet has the mark of each claimant: empty for no claim.
type claimSet [len(claimants)]string

// settledMark stands for no mark.
const settledMark = "settled"

func (s claimSet) size() int {
	size := 0
	for _, mark := range s {
		if mark != "" {
			size++
		}
	}
	return size
}

// settle is what a settlement makes of the claim of one who may carry its mark.
func (s claimSet) settle(user int, mark string, member bool) claimSet {
	switch {
	case s[user] != mark:
	case member:
		s[user] = settledMark
	default:
		s[user] = ""
	}
	return s
}

// begin is what a change that is allowed makes of a set.
func (s claimSet) begin(user int, mark string, change directory.Membership) claimSet {
	if change == joining || change == leaving && s[user] != "" {
		s[user] = mark
	}
	return s
}

// call is one call of the store. Its answer is a text, and the model says which.
type call interface {
	make(c *claimant) (answer string, err error)
	step(m claimsModel) (answer string, next claimsModel)
}

type beginCall struct{ directory.ClaimBatch }

func (b beginCall) make(c *claimant) (string, error) {
	answers, err := c.BeginClaims(c.ctx, c.o.ID, b.ClaimBatch)
	if errors.Is(err, directory.ErrStale) {
		return stale, nil
	}
	return b.answer(answers), err
}

// answer leaves open which change of a whole batch is refused.
func (b beginCall) answer(answers []error) string {
	if b.Whole {
		if slices.ContainsFunc(answers, func(err error) bool { return err != nil }) {
			return noneBegun
		}
		return allBegun
	}
	var each []string
	for _, answer := range answers {
		switch {
		case answer == nil:
			each = append(each, begun)
		case errors.Is(answer, directory.ErrNoSeat):
			each = append(each, noSeat)
		case errors.Is(answer, directory.ErrLastAdministrator):
			each = append(each, lastAdministrator)
		default:
			each = append(each, answer.Error())
		}
	}
	return strings.Join(each, ", ")
}

// The answers of calls.
const (
	begun             = "begun"
	noSeat            = "no seat"
	lastAdministrator = "last administrator"
	allBegun          = "all have begun"
	noneBegun         = "none has begun"
	stale             = "stale"
	limitSet          = "set"
)

func (b beginCall) step(m claimsModel) (string, claimsModel) {
	if b.RolesVersion < m.fence {
		return stale, m
	}
	next := m
	answers := make([]error, len(b.Changes))
	for i, change := range b.Changes {
		user := slices.Index(claimants[:], change.UserID)
		if answers[i] = next.refusal(user, change); answers[i] != nil {
			continue
		}
		next.seats = next.seats.begin(user, b.Mark, change.Seat)
		next.administrators = next.administrators.begin(user, b.Mark, change.Administrator)
		if change.Moving {
			next.moves[user] = b.Mark
		}
	}
	if b.Whole && slices.ContainsFunc(answers, func(err error) bool { return err != nil }) {
		next = m
	}
	return b.answer(answers), next
}

func (m claimsModel) refusal(user int, change directory.ClaimChange) error {
	if change.Seat == joining && m.seats[user] == "" && m.seats.size() >= m.limit {
		return directory.ErrNoSeat
	}
	if change.Administrator == leaving && m.administrators[user] != "" {
		others := m.administrators
		others[user] = ""
		if !slices.Contains(others[:], settledMark) {
			return directory.ErrLastAdministrator
		}
	}
	return nil
}

type settleCall struct{ directory.Settlement }

func (s settleCall) make(c *claimant) (string, error) {
	return "", c.SettleClaims(c.ctx, c.o.ID, []directory.Settlement{s.Settlement})
}

func (s settleCall) step(m claimsModel) (string, claimsModel) {
	user := slices.Index(claimants[:], s.UserID)
	m.seats = m.seats.settle(user, s.Mark, s.Seat)
	m.administrators = m.administrators.settle(user, s.Mark, s.Administrator)
	m.moves = m.moves.settle(user, s.Mark, false)
	return "", m
}

type limitCall struct{ limit int }

func (l limitCall) make(c *claimant) (string, error) {
	err := c.SetSeatLimit(c.ctx, c.o.ID, l.limit)
	if errors.Is(err, directory.ErrNoSeat) {
		return noSeat, nil
	}
	return limitSet, err
}

func (l limitCall) step(m claimsModel) (string, claimsModel) {
	if m.seats.size() > l.limit {
		return noSeat, m
	}
	m.limit = l.limit
	return limitSet, m
}

type fenceCall struct{ version int64 }

func (f fenceCall) make(c *claimant) (string, error) {
	marks, err := c.FenceClaims(c.ctx, c.o.ID, f.version)
	return strings.Join(slices.Sorted(slices.Values(marks)), " "), err
}

func (f fenceCall) step(m claimsModel) (string, claimsModel) {
	m.fence = max(m.fence, f.version)
	var marks []string
	for _, set := range []claimSet{m.seats, m.administrators, m.moves} {
		for _, mark := range set {
			if mark != "" && mark != settledMark {
				marks = append(marks, mark)
			}
		}
	}
	slices.Sort(marks)
	return strings.Join(slices.Compact(marks), " "), m
}

type seatsCall struct{}

func (seatsCall) make(c *claimant) (string, error) {
	seats, err := c.Seats(c.ctx, c.o.ID)
	return fmt.Sprintf("%+v", seats), err
}

func (seatsCall) step(m claimsModel) (string, claimsModel) {
	return fmt.Sprintf("%+v", directory.Seats{Limit: m.limit, Used: m.seats.size()}), m
}

// linearizable looks for an order of the calls in which each answer is right,
// beginning with no claims and so many seats.
func linearizable(seats int, history []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(porcupine.Model{
		Init: func() any { return claimsModel{limit: seats} },
		Step: func(state, input, output any) (bool, any) {
			answer, next := input.(call).step(state.(claimsModel)) //nolint:forcetypeassert // what Init and the history have
			return answer == output, next
		},
	}, history, time.Minute)
}

// caller makes calls by chance, and settles what it has begun.
type caller struct {
	id     int
	random *mathrand.Rand
	marks  int
	begun  []directory.Settlement
	fence  int64
}

func (c *caller) next() call {
	chance := func(n int) bool { return c.random.IntN(n) == 0 }
	switch n := c.random.IntN(20); {
	case n < 9:
		return c.begin()
	case n < 16 && len(c.begun) > 0:
		i := c.random.IntN(len(c.begun))
		one := c.begun[i]
		c.begun = slices.Delete(c.begun, i, i+1)
		one.Seat, one.Administrator = !chance(3), !chance(4)
		return settleCall{one}
	case n < 17:
		return limitCall{c.random.IntN(len(claimants))}
	case n < 18:
		c.fence += int64(c.random.IntN(2))
		return fenceCall{c.fence}
	}
	return seatsCall{}
}

func (c *caller) begin() call {
	c.marks++
	b := directory.ClaimBatch{
		Mark: fmt.Sprintf("%d.%d", c.id, c.marks), At: now(), RolesVersion: c.fence + int64(c.random.IntN(3)), Whole: c.random.IntN(3) == 0,
	}
	for range 1 + c.random.IntN(3) {
		change := directory.ClaimChange{
			UserID: claimants[c.random.IntN(len(claimants))],
			Seat:   directory.Membership(c.random.IntN(3)), Administrator: directory.Membership(c.random.IntN(3)), Moving: c.random.IntN(4) == 0,
		}
		b.Changes = append(b.Changes, change)
		c.begun = append(c.begun, directory.Settlement{UserID: change.UserID, Mark: b.Mark})
	}
	return beginCall{b}
}

var linearizables = []promise{
	{"whatever is called at once has answered as if called one after another", func(t *test) {
		const callers, calls, seats = 6, 50, 2
		for round := range 3 {
			c := t.claimant(seats)
			start := time.Now()
			var lock sync.Mutex
			var history []porcupine.Operation
			atOnce(callers, func(i int) {
				by := caller{id: i, random: mathrand.New(mathrand.NewPCG(uint64(round), uint64(i)))} // the same every time
				for range calls {
					one := porcupine.Operation{ClientId: i, Input: by.next(), Call: time.Since(start).Nanoseconds()}
					answer, err := one.Input.(call).make(c) //nolint:forcetypeassert // set above
					one.Output, one.Return = answer, time.Since(start).Nanoseconds()
					if err != nil {
						c.Errorf("unexpected error: %v", err)
						return
					}
					lock.Lock()
					history = append(history, one)
					lock.Unlock()
				}
			})
			if result := linearizable(seats, history); result != porcupine.Ok {
				slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
				for _, one := range history {
					c.Logf("%d: %9d to %9d ns: %T%+v: %v", one.ClientId, one.Call, one.Return, one.Input, one.Input, one.Output)
				}
				c.Errorf("an order in which each of these calls has answered rightly: %s", result)
			}
			marks, err := c.FenceClaims(c.ctx, c.o.ID, 0)
			c.ok(err)
			for _, mark := range marks {
				for _, user := range claimants {
					c.settle(user, mark, false, false)
				}
			}
		}
	}},
}
