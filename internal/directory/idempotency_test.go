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

func TestAnIdempotencyKeyHasOneEffect(t *testing.T) {
	w := newWorld(t, 5)
	pending := w.invite("pending@x.example", w.viewer)
	active := w.member("active@x.example", w.viewer)
	for _, mutation := range []struct {
		name string
		do   func(key string, input string) (string, error)
		// other is another input.
		input, other string
	}{
		{"inviteUsers", func(key, input string) (string, error) {
			results, err := w.dir.InviteUsers(t.Context(), w.root(), []string{input}, w.viewer, &key)
			if err != nil {
				return "", err
			}
			return fmt.Sprint(results[0].Outcome, results[0].Message, results[0].User.ID), nil
		}, "new@x.example", "other@x.example"},
		{"resendInvitation", func(key, input string) (string, error) {
			u, err := w.dir.ResendInvitation(t.Context(), w.root(), input, &key)
			return answered(u), err
		}, pending.ID, active.ID},
		{"resetPassword", func(key, input string) (string, error) {
			u, err := w.dir.ResetPassword(t.Context(), w.root(), input, &key)
			return answered(u), err
		}, active.ID, pending.ID},
	} {
		t.Run(mutation.name, func(t *testing.T) {
			key := "key of " + mutation.name
			known := len(w.events())
			var group sync.WaitGroup
			answers := make([]string, 20)
			for i := range answers {
				group.Go(func() {
					var err error
					answers[i], err = mutation.do(key, mutation.input)
					assert.NoError(t, err)
				})
			}
			group.Wait()
			for _, answer := range answers {
				assert.Equal(t, answers[0], answer, "one same answer")
			}
			assert.Len(t, w.events(), known+1, "one effect")

			_, err := mutation.do(key, mutation.other)
			assert.True(t, directory.HasCode(err, directory.CodeInvalid), "another input: %v", err)
			assert.Len(t, w.events(), known+1)

			// A vault that has forgotten it, after a crash or a failover.
			require.NoError(t, w.vault.Sweep(t.Context(), time.Now().Add(1000*24*time.Hour)))
			w.clock.advance(time.Hour)
			again, err := mutation.do(key, mutation.input)
			require.NoError(t, err)
			assert.Equal(t, answers[0], again)
			assert.Len(t, w.events(), known+1, "the request finds its own link")
		})
	}
	t.Run("a refusal is not remembered", func(t *testing.T) {
		key := "refused"
		_, err := w.dir.ResendInvitation(t.Context(), w.root(), active.ID, &key)
		require.True(t, directory.HasCode(err, directory.CodeNotPending), "%v", err)
		_, err = w.dir.ResendInvitation(t.Context(), w.root(), pending.ID, &key)
		require.NoError(t, err, "the key is free")
	})
	t.Run("a key that is none", func(t *testing.T) {
		for _, key := range []string{"", string(make([]byte, 201))} {
			w.refused(directory.CodeInvalid, func() error {
				_, err := w.dir.ResendInvitation(t.Context(), w.root(), pending.ID, &key)
				return err
			})
		}
	})
}

// answered is what a mutation answers of somebody.
func answered(u *directory.User) string {
	if u == nil {
		return ""
	}
	return fmt.Sprint(u.ID, u.Status, u.Version)
}
