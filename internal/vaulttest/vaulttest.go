// Package vaulttest holds the promises of account.Vault as tests, which every
// adapter passes.
package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"roster/internal/account"
	"roster/internal/directory"
)

// Run tests the vaults that open makes: each empty, and closed by t.Cleanup.
//
// Times come in from outside, so nothing here waits for a clock. They are near
// the real one all the same, because an adapter may clear away what has ended
// long ago by its own.
func Run(t *testing.T, open func(t *testing.T) account.Vault) {
	t.Run("sessions", func(t *testing.T) { testSessions(t, open) })
	t.Run("challenges", func(t *testing.T) { testChallenges(t, open) })
	t.Run("limits", func(t *testing.T) { testLimits(t, open) })

	t.Run("a vault that works answers a ping", func(t *testing.T) {
		check(t, open(t).Ping(t.Context()))
	})
	t.Run("when time has run out every method answers that the vault is unavailable", func(t *testing.T) {
		v := open(t)
		now := time.Now().UTC().Truncate(time.Millisecond)
		s := session("one", now)
		check(t, v.PutSession(t.Context(), s, now.Add(time.Hour)))
		over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		for name, err := range everyMethod(over, v, s, now) {
			if !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("%s answered %v", name, err)
			}
		}
	})
}

// Unreachable tests that a vault whose server can't be reached, or does not
// answer, says so: no method fails open, and none takes longer than within.
func Unreachable(t *testing.T, v account.Vault, within time.Duration) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	for name := range everyMethod(canceled(), v, session("one", now), now) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			begin := time.Now()
			err := methods[name](ctx, v, session("one", now), now)
			if !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("answered %v", err)
			}
			if took := time.Since(begin); took > within+time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
