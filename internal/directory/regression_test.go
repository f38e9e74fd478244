package directory_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// Bugs that there were once.
func TestNoMore(t *testing.T) {
	t.Run("a full-width @ makes no second person of one address", func(t *testing.T) {
		w := newWorld(t, 5)
		w.member("ann@bücher.example", w.viewer)
		bob := w.member("bob@x.example", w.viewer)
		_, err := w.dir.UpdateUser(t.Context(), w.root(), bob.ID, directory.Changes{Username: text("ann＠bücher.example")}, nil)
		assert.True(t, directory.HasCode(err, directory.CodeTaken), "%v", err)
	})
	t.Run("Cherokee has upper and lower case too", func(t *testing.T) {
		assert.Equal(t, directory.Key("Ꭰ"), directory.Key("ꭰ"))
		assert.Equal(t, directory.Key("Ᏸ"), directory.Key("ᏸ"))
	})
	t.Run("invitations of one address at the same time take no seat from others", func(t *testing.T) {
		w := newWorld(t, 9)
		by := w.root()
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				_, err := w.dir.InviteUsers(t.Context(), by, []string{"ann@x.example", fmt.Sprintf("u%d@x.example", i)}, w.csm, nil)
				assert.NoError(t, err)
			})
		}
		group.Wait()
		require.Equal(t, 9, w.seats().Used)
	})
	t.Run("an idempotency key of more than a day ago is a new one", func(t *testing.T) {
		w := newWorld(t, 5)
		ann := w.invite("ann@x.example", w.viewer)
		known := len(w.events())
		for day := range 3 {
			_, err := w.dir.ResendInvitation(t.Context(), w.root(), ann.ID, text("resend to ann"))
			require.NoError(t, err)
			assert.Len(t, w.events(), known+day+1)
			w.clock.advance(24 * time.Hour)
		}
	})
	t.Run("an idempotency key never answers for an address that became a username", func(t *testing.T) {
		w := newWorld(t, 5)
		invite := func(email string) directory.InviteOutcome {
			results, err := w.dir.InviteUsers(t.Context(), w.root(), []string{email}, w.viewer, text("one"))
			require.NoError(t, err)
			return results[0].Outcome
		}
		assert.Equal(t, directory.OutcomeInvited, invite("ann@x.example"))
		for _, u := range w.everybody() {
			if u.Email == "ann@x.example" {
				_, err := w.dir.UpdateUser(t.Context(), w.root(), u.ID, directory.Changes{Username: text("bob@x.example")}, nil)
				require.NoError(t, err)
			}
		}
		require.NoError(t, w.vault.Sweep(t.Context(), w.clock.Now().AddDate(1, 0, 0)))
		assert.Equal(t, directory.OutcomeTaken, invite("bob@x.example"))
	})
	t.Run("the name in a quoted mail, and one with a bracket in it, lose no address", func(t *testing.T) {
		found := directory.ParseAddresses([]string{`> Ann <ann@x.example>`, `"a<b" <bob@x.example>`})
		require.Len(t, found, 2)
		assert.Equal(t, "ann@x.example", found[0].Email)
		assert.Equal(t, "Ann", found[0].Name)
		assert.Equal(t, "bob@x.example", found[1].Email)
	})
}
