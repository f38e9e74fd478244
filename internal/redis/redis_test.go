//go:build services

package redis

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/vaulttest"
)

// testVault is a vault with a prefix of its own in the Redis of TEST_REDIS_URL.
func testVault(t *testing.T) *Vault {
	t.Helper()
	address := os.Getenv("TEST_REDIS_URL")
	if address == "" {
		t.Fatal("TEST_REDIS_URL is not set: start a Redis and set it with eval \"$(make -s services)\", or take the build tag away.")
	}
	v, err := Open(address, "test-"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func TestVault(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) account.Vault { return testVault(t) })
}

// keys are all keys of a vault; it looks at one server only.
func keys(t *testing.T, v *Vault) []string {
	t.Helper()
	keys, err := v.client.Keys(t.Context(), v.prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestKeys(t *testing.T) {
	v := testVault(t)
	now := time.Now()
	s := account.Session{ID: "sess_1", OrganizationID: "org_1", UserID: "user_1", TokenHash: "hash", ExpiresAt: now.Add(24 * time.Hour)}
	fill := func(ends time.Time) {
		t.Helper()
		_, _, limited := v.Reserve(t.Context(), "org_1", now, directory.Use{Key: "key", Limit: directory.Limit{Uses: 1, Window: time.Hour}, N: 1})
		_, begun := v.BeginRequest(t.Context(), "org_1", "key", "fingerprint", now, ends)
		for _, err := range []error{
			limited, begun,
			v.FinishRequest(t.Context(), "org_1", "finished", "fingerprint", []byte("answer"), ends),
			v.PutSession(t.Context(), s, ends),
			v.PutChallenge(t.Context(), account.Challenge{OrganizationID: "org_1", TokenHash: "hash", ExpiresAt: ends}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}

	t.Run("every key names the installation, and the organization in its hash tag, and expires", func(t *testing.T) {
		fill(now.Add(time.Hour))
		all := keys(t, v)
		if len(all) != 6 {
			t.Errorf("%q", all)
		}
		for _, key := range all {
			if !strings.HasPrefix(key, v.prefix+":{org_1}:") {
				t.Errorf("%q", key)
			}
			left, err := v.client.PTTL(t.Context(), key).Result()
			if want := time.Hour + keptAfterEnd; err != nil || left < want-time.Minute || left > want {
				t.Errorf("%q expires in %v (%v)", key, left, err)
			}
		}
	})

	t.Run("touching keeps a session and its place in the index for longer", func(t *testing.T) {
		if err := v.TouchSession(t.Context(), s, now, now.Add(3*time.Hour)); err != nil {
			t.Fatal(err)
		}
		for _, key := range v.sessionKeys(s) {
			left, err := v.client.PTTL(t.Context(), key).Result()
			if err != nil || left < 3*time.Hour {
				t.Errorf("%q expires in %v (%v)", key, left, err)
			}
		}
	})

	t.Run("finishing keeps a request for as long as its answer", func(t *testing.T) {
		if err := v.FinishRequest(t.Context(), "org_1", "key", "fingerprint", []byte("answer"), now.Add(24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		left, err := v.client.PTTL(t.Context(), v.key("org_1", "request", "key")).Result()
		if err != nil || left < 24*time.Hour {
			t.Errorf("expires in %v (%v)", left, err)
		}
	})

	t.Run("what has ended long ago is cleared away, also from the index of somebody who stays signed in", func(t *testing.T) {
		v := testVault(t)
		for i, ends := range []time.Time{now.Add(-keptAfterEnd - time.Second), now.Add(time.Hour), now.Add(-time.Hour)} {
			s.ID, s.TokenHash = fmt.Sprint("sess_", i), fmt.Sprint("hash", i)
			if err := v.PutSession(t.Context(), s, ends); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := v.entries(t.Context(), "org_1", "user_1")
		if err != nil || len(entries) != 1 || entries[0].id != "sess_1" {
			t.Errorf("%v (%v)", entries, err)
		}
		if all := keys(t, v); len(all) != 2 {
			t.Errorf("%q", all)
		}
		if err := v.EndSessions(t.Context(), "org_1", "user_1", []string{"sess_1"}); err != nil {
			t.Fatal(err)
		}
		if all := keys(t, v); len(all) != 0 {
			t.Errorf("%q", all)
		}
	})

	t.Run("a clock of Redis that is ahead by minutes ends nothing early", func(t *testing.T) {
		v := testVault(t)
		behind := now.Add(-keptAfterEnd / 2)
		if err := v.PutSession(t.Context(), s, behind.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Session(t.Context(), "org_1", s.TokenHash, behind); err != nil {
			t.Error(err)
		}
		for _, want := range []directory.RequestState{directory.StateBegun, directory.StateBusy} {
			r, err := v.BeginRequest(t.Context(), "org_1", "key", "fingerprint", behind, behind.Add(time.Minute))
			if err != nil || r.State != want {
				t.Errorf("a request is %q (%v), want %q", r.State, err, want)
			}
		}
		if err := v.FinishRequest(t.Context(), "org_1", "key", "fingerprint", nil, behind.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		r, err := v.BeginRequest(t.Context(), "org_1", "key", "fingerprint", behind, behind.Add(time.Minute))
		if err != nil || r.State != directory.StateDone {
			t.Errorf("a request is %q (%v)", r.State, err)
		}
	})
}

func TestFaults(t *testing.T) {
	t.Run("an index without its sessions, and a session without its index, harm nothing", func(t *testing.T) {
		v := testVault(t)
		now := time.Now()
		s := account.Session{ID: "sess_1", OrganizationID: "org_1", UserID: "user_1", TokenHash: "hash"}
		for _, lost := range []int{0, 1} {
			if err := v.PutSession(t.Context(), s, now.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			if err := v.client.Del(t.Context(), v.sessionKeys(s)[lost]).Err(); err != nil {
				t.Fatal(err)
			}
			all, err := v.Sessions(t.Context(), "org_1", "user_1", now)
			if err != nil || len(all) != 0 {
				t.Errorf("%v (%v)", all, err)
			}
			if err := v.EndSessions(t.Context(), "org_1", "user_1", []string{"sess_1"}); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("a session that lost its place in the index has it back when it is used", func(t *testing.T) {
		v := testVault(t)
		now := time.Now()
		s := account.Session{ID: "sess_1", OrganizationID: "org_1", UserID: "user_1", TokenHash: "hash"}
		if err := v.PutSession(t.Context(), s, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := v.client.Del(t.Context(), v.sessionKeys(s)[1]).Err(); err != nil {
			t.Fatal(err)
		}
		if err := v.TouchSession(t.Context(), s, now, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		all, err := v.Sessions(t.Context(), "org_1", "user_1", now)
		if err != nil || len(all) != 1 {
			t.Errorf("%v (%v)", all, err)
		}
	})

	t.Run("a Redis that has forgotten its scripts is told them again", func(t *testing.T) {
		v := testVault(t)
		if err := v.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := v.Refund(t.Context(), "org_1", "key"); err != nil {
			t.Error(err)
		}
	})

	t.Run("a closed vault is unavailable", func(t *testing.T) {
		v, err := Open(os.Getenv("TEST_REDIS_URL"), "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		vaulttest.Unreachable(t, v, time.Second)
	})

	t.Run("a key that holds something else is a fault of ours, not an outage", func(t *testing.T) {
		v := testVault(t)
		if err := v.client.Set(t.Context(), v.key("org_1", "session", "hash"), "text", redis.KeepTTL).Err(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.client.Del(t.Context(), v.key("org_1", "session", "hash")).Err() })
		_, err := v.Session(t.Context(), "org_1", "hash", time.Now())
		if err == nil || isUnavailable(err) {
			t.Errorf("answered %v", err)
		}
		request := v.key("org_1", "request", "key")
		if err := v.client.Set(t.Context(), request, "text", redis.KeepTTL).Err(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.client.Del(t.Context(), request).Err() })
		_, err = v.BeginRequest(t.Context(), "org_1", "key", "fingerprint", time.Now(), time.Now().Add(time.Minute))
		if err == nil || isUnavailable(err) {
			t.Errorf("answered %v", err)
		}
	})
}
