// Package vaulttest holds the promises of account.Vault as tests, which every
// adapter passes.
package vaulttest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"roster/internal/account"
	"roster/internal/directory"
)

// Run tests the vaults that open makes: each empty, and closed by t.Cleanup.
//
// Times come in from outside, so no test waits for a clock. They are near the
// real one all the same, because an adapter may clear away by the real clock
// what has ended long ago.
func Run(t *testing.T, open func(t *testing.T) account.Vault) {
	t.Run("sessions", func(t *testing.T) { testSessions(t, open) })
	t.Run("challenges", func(t *testing.T) { testChallenges(t, open) })
	t.Run("limits", func(t *testing.T) { testLimits(t, open) })
	t.Run("requests", func(t *testing.T) { testRequests(t, open) })
	t.Run("a vault that works answers every method without an error", func(t *testing.T) {
		v := open(t)
		check(t, v.PutSession(t.Context(), session("one", realNow()), realNow().Add(time.Hour)))
		check(t, v.PutChallenge(t.Context(), challenge("one", realNow())))
		for name, call := range methods {
			if err := call(t.Context(), v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("when time has run out every method answers that the vault is unavailable", func(t *testing.T) {
		v := open(t)
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		unavailable(ctx, t, v)
	})
	t.Run("when the caller has gone every method answers that the vault is unavailable", func(t *testing.T) {
		v := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		unavailable(ctx, t, v)
	})
}

// Unreachable tests a vault that can't be reached or never answers: every
// method says so, within the time given, and none fails open.
func Unreachable(t *testing.T, v account.Vault, within time.Duration) {
	t.Helper()
	var wait sync.WaitGroup
	for name, call := range methods {
		wait.Go(func() {
			begin := time.Now()
			if err := call(t.Context(), v); !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("%s answered %v", name, err)
			}
			if took := time.Since(begin); took > within {
				t.Errorf("%s took %v", name, took)
			}
		})
	}
	wait.Wait()
}

func unavailable(ctx context.Context, t *testing.T, v account.Vault) {
	t.Helper()
	for name, call := range methods {
		if err := call(ctx, v); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("%s answered %v", name, err)
		}
	}
}

// methods calls each method of a vault.
var methods = map[string]func(context.Context, account.Vault) error{
	"StartSession": func(ctx context.Context, v account.Vault) error {
		return v.StartSession(ctx, session("started", realNow()), realNow().Add(time.Hour), account.Released{Forget: "key", Refund: "key"})
	},
	"PutSession": func(ctx context.Context, v account.Vault) error {
		return v.PutSession(ctx, session("one", realNow()), realNow().Add(time.Hour))
	},
	"Session": func(ctx context.Context, v account.Vault) error {
		_, err := v.Session(ctx, acme, hash("one"), realNow())
		return err
	},
	"Sessions": func(ctx context.Context, v account.Vault) error {
		_, err := v.Sessions(ctx, acme, ann, realNow())
		return err
	},
	"TouchSession": func(ctx context.Context, v account.Vault) error {
		return v.TouchSession(ctx, session("one", realNow()), realNow(), realNow().Add(time.Hour))
	},
	"EndSessions": func(ctx context.Context, v account.Vault) error {
		return v.EndSessions(ctx, acme, ann, []string{"sess_other"})
	},
	"PutChallenge": func(ctx context.Context, v account.Vault) error {
		return v.PutChallenge(ctx, challenge("one", realNow()))
	},
	"Challenge": func(ctx context.Context, v account.Vault) error {
		_, err := v.Challenge(ctx, acme, hash("one"), realNow())
		return err
	},
	"EndChallenge": func(ctx context.Context, v account.Vault) error {
		return v.EndChallenge(ctx, acme, hash("other"))
	},
	"Reserve": func(ctx context.Context, v account.Vault) error {
		_, _, err := v.Reserve(ctx, acme, realNow(), directory.Use{Key: "key", Limit: directory.Limit{Uses: 1, Window: time.Hour}, N: 1})
		return err
	},
	"Forget": func(ctx context.Context, v account.Vault) error { return v.Forget(ctx, acme, "key") },
	"Refund": func(ctx context.Context, v account.Vault) error { return v.Refund(ctx, acme, "key") },
	"BeginRequest": func(ctx context.Context, v account.Vault) error {
		_, err := v.BeginRequest(ctx, acme, "key", "fingerprint", realNow(), realNow().Add(time.Hour))
		return err
	},
	"FinishRequest": func(ctx context.Context, v account.Vault) error {
		return v.FinishRequest(ctx, acme, "other", "fingerprint", []byte("answer"), realNow().Add(time.Hour))
	},
	"AbandonRequest": func(ctx context.Context, v account.Vault) error { return v.AbandonRequest(ctx, acme, "another") },
	"Ping":           func(ctx context.Context, v account.Vault) error { return v.Ping(ctx) },
}

// Two organizations, and two people of each.
const (
	acme = "org_06d3q1s4k9t0p2n8v5b7c1e4f8"
	bolt = "org_06d3q1s4k9t0p2n8v5b7c1e4g0"
	ann  = "user_ann"
	bob  = "user_bob"
)

// realNow is the real time in the precision that a vault keeps.
func realNow() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
