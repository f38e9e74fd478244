package storetest

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"roster/internal/directory"
)

// A checker that finds nothing wrong is worth something only if it would.
func TestLinearizable(t *testing.T) {
	begins := func(mark string, changes ...directory.ClaimChange) call {
		return beginCall{directory.ClaimBatch{Mark: mark, Changes: changes}}
	}
	takes := func(mark, user string) call { return begins(mark, seat(user, joining)...) }
	leaves := func(mark, user string) call { return begins(mark, admin(user, leaving)...) }
	settles := func(mark, user string, seat, administrator bool) call {
		return settleCall{directory.Settlement{UserID: user, Mark: mark, Seat: seat, Administrator: administrator}}
	}
	// at is a call that took from one time to another.
	at := func(from, to int64, one call, answer string) porcupine.Operation {
		return porcupine.Operation{ClientId: int(from), Input: one, Call: from, Output: answer, Return: to}
	}
	// Two administrators, settled at 4.
	administrators := []porcupine.Operation{
		at(1, 2, begins("m0", append(admin("a", joining), admin("b", joining)...)...), "begun, begun"),
		at(3, 4, settles("m0", "a", false, true), ""), at(3, 4, settles("m0", "b", false, true), ""),
	}
	for name, c := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"one seat is taken, then the other": {[]porcupine.Operation{
			at(1, 2, takes("m1", "a"), begun), at(3, 4, takes("m2", "b"), begun), at(5, 6, takes("m3", "c"), noSeat),
		}, true},
		"one seat too many": {[]porcupine.Operation{
			at(1, 9, takes("m1", "a"), begun), at(1, 9, takes("m2", "b"), begun), at(1, 9, takes("m3", "c"), begun),
		}, false},
		"one seat too few": {[]porcupine.Operation{
			at(1, 2, takes("m1", "a"), begun), at(3, 4, takes("m2", "b"), noSeat),
		}, false},
		"refused by one that had not begun yet": {[]porcupine.Operation{
			at(1, 2, limitCall{1}, limitSet), at(3, 4, takes("m1", "a"), noSeat), at(5, 6, takes("m2", "b"), begun),
		}, false},
		"refused by one at the same time": {[]porcupine.Operation{
			at(1, 2, limitCall{1}, limitSet), at(3, 6, takes("m1", "a"), noSeat), at(5, 6, takes("m2", "b"), begun),
		}, true},
		"seats as they were a moment ago": {[]porcupine.Operation{
			at(1, 2, takes("m1", "a"), begun), at(3, 4, seatsCall{}, "{Limit:2 Used:0}"),
		}, false},
		"seats as they were when that was asked": {[]porcupine.Operation{
			at(1, 3, takes("m1", "a"), begun), at(2, 4, seatsCall{}, "{Limit:2 Used:0}"),
		}, true},
		"a limit below what is taken": {[]porcupine.Operation{
			at(1, 2, takes("m1", "a"), begun), at(1, 2, takes("m2", "b"), begun), at(3, 4, limitCall{1}, limitSet),
		}, false},
		"a settlement that was lost": {[]porcupine.Operation{
			at(1, 2, takes("m1", "a"), begun), at(3, 4, settles("m1", "a", false, false), ""), at(5, 6, seatsCall{}, "{Limit:2 Used:1}"),
		}, false},
		"both administrators leave": {append([]porcupine.Operation{
			at(5, 6, leaves("m1", "a"), begun), at(5, 6, leaves("m2", "b"), begun),
		}, administrators...), false},
		"one administrator leaves, whichever": {append([]porcupine.Operation{
			at(5, 6, leaves("m1", "a"), lastAdministrator), at(5, 6, leaves("m2", "b"), begun),
		}, administrators...), true},
		"an older version after the fence": {[]porcupine.Operation{
			at(1, 2, fenceCall{1}, ""), at(3, 4, takes("m1", "a"), begun),
		}, false},
		"an older version that the fence did not tell of": {[]porcupine.Operation{
			at(1, 9, fenceCall{1}, ""), at(1, 9, takes("m1", "a"), begun),
		}, false},
		"an older version that the fence has told of": {[]porcupine.Operation{
			at(1, 9, fenceCall{1}, "m1"), at(1, 9, takes("m1", "a"), begun),
		}, true},
		"half of a whole batch": {[]porcupine.Operation{
			at(1, 2, limitCall{1}, limitSet),
			at(3, 4, beginCall{directory.ClaimBatch{Mark: "m1", Whole: true, Changes: append(seat("a", joining), seat("b", joining)...)}}, noneBegun),
			at(5, 6, seatsCall{}, "{Limit:1 Used:1}"),
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			want := porcupine.Illegal
			if c.want {
				want = porcupine.Ok
			}
			if got := linearizable(2, c.history); got != want {
				t.Errorf("the checker says %s, want %s", got, want)
			}
		})
	}
}
