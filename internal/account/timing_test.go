package account_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
)

// TestSignInTakesTheSameTime: the time that a refusal takes does not tell
// whether there is an account. The tries take turns, so that what else the
// machine does slows all of them down; on a busy one it takes more tries until
// the medians say something.
func TestSignInTakesTheSameTime(t *testing.T) {
	const tries, tolerance, attempts = 200, 0.10, 3
	h := newHouse(t)
	active := h.member(t)
	pending, _ := h.invited(t)
	gone := h.member(t)
	_, err := h.dir.DeleteUser(t.Context(), h.admin(t), gone.ID, nil)
	require.NoError(t, err)
	kinds := []string{"unknown", "wrong password", "pending", "inactive"}
	names := []string{"nobody@x.example", active.Email, pending.Email, gone.Email}

	took := make([][]time.Duration, len(names))
	for attempt := 1; ; attempt++ {
		for try := range tries {
			h.clock.advance(time.Hour) // what is limited is over
			for i := range names {
				who := (i + try) % len(names)
				began := time.Now()
				_, err := h.accounts.Login(t.Context(), directory.Origin{IP: "192.0.2.1"}, account.Credentials{Username: names[who], Password: otherPassword})
				took[who] = append(took[who], time.Since(began))
				refused(t, directory.CodeInvalidCredentials, err)
			}
		}
		medians := make([]time.Duration, len(names))
		for who := range took {
			sorted := slices.Sorted(slices.Values(took[who]))
			medians[who] = sorted[len(sorted)/2]
		}
		t.Logf("medians of %v over %d tries: %v", kinds, attempt*tries, medians)
		least, most := slices.Min(medians), slices.Max(medians)
		if float64(most-least) <= tolerance*float64(least) {
			return
		}
		if attempt == attempts {
			t.Fatalf("they differ by more than %.0f %%", tolerance*100)
		}
	}
}
