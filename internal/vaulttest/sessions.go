package vaulttest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"roster/internal/account"
	"roster/internal/directory"
)

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// session is Ann's at Acme, with a value in every field and no two alike.
func session(name string, now time.Time) account.Session {
	return account.Session{
		ID: "sess_" + name, OrganizationID: acme, UserID: ann, TokenHash: hash(name),
		CreatedAt: now.Add(-3 * time.Minute), LastUsedAt: now.Add(-2 * time.Minute), ExpiresAt: now.Add(24 * time.Hour),
		AuthenticatedAt: now.Add(-time.Minute),
		Origin:          directory.Origin{IP: "2001:db8::7", UserAgent: "Mozilla/5.0 (\"quoted\"; 'ünï' %s) \\ \t end"},
	}
}

func challenge(name string, now time.Time) account.Challenge {
	return account.Challenge{
		OrganizationID: acme, UserID: ann, TokenHash: hash(name), CredentialsVersion: 7, ExpiresAt: now.Add(5 * time.Minute),
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("got + instead of -:\n%s", diff)
	}
}

func notFound(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, directory.ErrNotFound) {
		t.Fatalf("answered %v instead of not found", err)
	}
}

// live is the ids of a user's sessions, in order.
func live(t *testing.T, v account.Vault, organizationID, userID string, now time.Time) []string {
	t.Helper()
	sessions, err := v.Sessions(t.Context(), organizationID, userID, now)
	check(t, err)
	ids := []string{}
	for _, s := range sessions {
		ids = append(ids, s.ID)
	}
	slices.Sort(ids)
	return ids
}

func testSessions(t *testing.T, open func(t *testing.T) account.Vault) {
	now := realNow()
	inAnHour := now.Add(time.Hour)

	t.Run("every field comes back as it was put, in both ways of finding", func(t *testing.T) {
		v := open(t)
		bare := session("bare", now)
		bare.Origin = directory.Origin{}
		for _, s := range []account.Session{session("full", now), bare} {
			check(t, v.PutSession(t.Context(), s, inAnHour))
			got, err := v.Session(t.Context(), acme, s.TokenHash, now)
			check(t, err)
			same(t, got, s)
		}
		got, err := v.Sessions(t.Context(), acme, ann, now)
		check(t, err)
		slices.SortFunc(got, func(a, b account.Session) int { return cmp.Compare(a.ID, b.ID) })
		same(t, got, []account.Session{bare, session("full", now)})
	})

	t.Run("a sign-in's session is one like any other, and releases what was reserved for it", func(t *testing.T) {
		v := open(t)
		limit := directory.Limit{Uses: 3, Window: time.Hour}
		left := func(key string, want int) {
			t.Helper()
			for n := limit.Uses; n >= 0; n-- {
				_, wait, err := v.Reserve(t.Context(), acme, now, directory.Use{Key: key, Limit: limit, N: n})
				check(t, err)
				if wait == 0 {
					if n != want {
						t.Errorf("%d uses of %s are left, want %d", n, key, want)
					}
					return
				}
			}
		}
		var all []string
		for i, released := range []account.Released{{Forget: "forgotten", Refund: "refunded"}, {Forget: "forgotten"}, {Refund: "refunded"}, {}} {
			for _, key := range []string{"forgotten", "refunded"} {
				check(t, v.Forget(t.Context(), acme, key))
				_, _, err := v.Reserve(t.Context(), acme, now, directory.Use{Key: key, Limit: limit, N: limit.Uses})
				check(t, err)
			}
			s := session(fmt.Sprint("begun ", i), now)
			all = append(all, s.ID)
			_, err := v.Session(t.Context(), acme, s.TokenHash, now)
			notFound(t, err)
			check(t, v.StartSession(t.Context(), s, inAnHour, released))
			got, err := v.Session(t.Context(), acme, s.TokenHash, now)
			check(t, err)
			same(t, got, s)
			same(t, live(t, v, acme, ann, now), all)
			forgotten, refunded := 0, 0
			if released.Forget != "" {
				forgotten = limit.Uses
			}
			if released.Refund != "" {
				refunded = 1
			}
			left("forgotten", forgotten)
			left("refunded", refunded)
		}
	})

	t.Run("an unknown token and an unknown user have no session", func(t *testing.T) {
		v := open(t)
		_, err := v.Session(t.Context(), acme, hash("unknown"), now)
		notFound(t, err)
		same(t, live(t, v, acme, ann, now), []string{})
	})

	t.Run("a session is there a millisecond before it ends, and not at its end", func(t *testing.T) {
		v := open(t)
		s := session("one", now)
		check(t, v.PutSession(t.Context(), s, inAnHour))
		_, err := v.Session(t.Context(), acme, s.TokenHash, inAnHour.Add(-time.Millisecond))
		check(t, err)
		same(t, live(t, v, acme, ann, inAnHour.Add(-time.Millisecond)), []string{s.ID})
		for _, late := range []time.Time{inAnHour, inAnHour.Add(time.Millisecond), inAnHour.Add(48 * time.Hour)} {
			_, err = v.Session(t.Context(), acme, s.TokenHash, late)
			notFound(t, err)
			same(t, live(t, v, acme, ann, late), []string{})
		}
	})

	t.Run("the time that counts is the caller's, also when the real one is past the end", func(t *testing.T) {
		v := open(t)
		s := session("one", now)
		ended := now.Add(-2 * time.Second)
		check(t, v.PutSession(t.Context(), s, ended))
		_, err := v.Session(t.Context(), acme, s.TokenHash, ended.Add(-time.Millisecond))
		check(t, err)
		_, err = v.Session(t.Context(), acme, s.TokenHash, ended)
		notFound(t, err)
	})

	t.Run("the end that was given counts, not ExpiresAt", func(t *testing.T) {
		v := open(t)
		s := session("one", now)
		s.ExpiresAt = now.Add(time.Minute)
		check(t, v.PutSession(t.Context(), s, inAnHour))
		_, err := v.Session(t.Context(), acme, s.TokenHash, now.Add(2*time.Minute))
		check(t, err)
	})

	t.Run("organizations do not see, touch or end each other's sessions", func(t *testing.T) {
		v := open(t)
		ours, theirs := session("same", now), session("same", now)
		theirs.OrganizationID, theirs.Origin.IP = bolt, "198.51.100.1"
		check(t, v.PutSession(t.Context(), ours, inAnHour))
		_, err := v.Session(t.Context(), bolt, ours.TokenHash, now)
		notFound(t, err)
		same(t, live(t, v, bolt, ann, now), []string{})
		check(t, v.TouchSession(t.Context(), theirs, now, now.Add(2*time.Hour)))
		check(t, v.EndSessions(t.Context(), bolt, ann, []string{ours.ID}))
		_, err = v.Session(t.Context(), bolt, ours.TokenHash, now)
		notFound(t, err)

		check(t, v.PutSession(t.Context(), theirs, inAnHour))
		for _, want := range []account.Session{ours, theirs} {
			got, err := v.Session(t.Context(), want.OrganizationID, want.TokenHash, now)
			check(t, err)
			same(t, got, want)
		}
	})

	t.Run("a user's sessions are all of theirs, nobody else's, and none that has ended", func(t *testing.T) {
		v := open(t)
		for i, ends := range []time.Time{inAnHour, now.Add(time.Minute), now, now.Add(-time.Second)} {
			check(t, v.PutSession(t.Context(), session(fmt.Sprint("ann", i), now), ends))
		}
		other := session("bob", now)
		other.UserID = bob
		check(t, v.PutSession(t.Context(), other, inAnHour))
		same(t, live(t, v, acme, ann, now), []string{"sess_ann0", "sess_ann1"})
		same(t, live(t, v, acme, ann, now.Add(time.Minute)), []string{"sess_ann0"})
		same(t, live(t, v, acme, bob, now), []string{"sess_bob"})
	})

	t.Run("putting a session again replaces it whole", func(t *testing.T) {
		v := open(t)
		first := session("one", now)
		check(t, v.PutSession(t.Context(), first, inAnHour))
		second := session("one", now.Add(time.Minute))
		second.ID, second.Origin = "sess_two", directory.Origin{IP: "198.51.100.1"}
		check(t, v.PutSession(t.Context(), second, now.Add(2*time.Hour)))
		got, err := v.Session(t.Context(), acme, first.TokenHash, inAnHour)
		check(t, err)
		same(t, got, second)
		same(t, live(t, v, acme, ann, now), []string{"sess_two"})
		// The one that was replaced is no handle to the one in its place.
		check(t, v.EndSessions(t.Context(), acme, ann, []string{first.ID}))
		same(t, live(t, v, acme, ann, now), []string{"sess_two"})
		check(t, v.PutSession(t.Context(), second, now.Add(time.Minute)))
		_, err = v.Session(t.Context(), acme, second.TokenHash, now.Add(time.Minute))
		notFound(t, err)
	})

	t.Run("a session put for somebody else in the place of one is the new user's alone", func(t *testing.T) {
		v := open(t)
		s := session("one", now)
		check(t, v.PutSession(t.Context(), s, inAnHour))
		s.UserID = bob
		check(t, v.PutSession(t.Context(), s, inAnHour))
		same(t, live(t, v, acme, ann, now), []string{})
		same(t, live(t, v, acme, bob, now), []string{s.ID})
		check(t, v.EndSessions(t.Context(), acme, ann, []string{s.ID}))
		same(t, live(t, v, acme, bob, now), []string{s.ID})
	})

	t.Run("touching moves the last use and the end, later or earlier, and nothing else", func(t *testing.T) {
		v := open(t)
		s := session("one", now)
		check(t, v.PutSession(t.Context(), s, now.Add(time.Minute)))
		touched := s
		touched.LastUsedAt = now.Add(30 * time.Second)
		// What else the caller's copy says is not written.
		stale := s
		stale.Origin, stale.AuthenticatedAt = directory.Origin{IP: "198.51.100.1"}, now.Add(-time.Hour)
		check(t, v.TouchSession(t.Context(), stale, touched.LastUsedAt, inAnHour))
		got, err := v.Session(t.Context(), acme, s.TokenHash, inAnHour.Add(-time.Millisecond))
		check(t, err)
		same(t, got, touched)
		all, err := v.Sessions(t.Context(), acme, ann, inAnHour.Add(-time.Millisecond))
		check(t, err)
		same(t, all, []account.Session{touched})
		_, err = v.Session(t.Context(), acme, s.TokenHash, inAnHour)
		notFound(t, err)

		check(t, v.TouchSession(t.Context(), s, now.Add(40*time.Second), now.Add(50*time.Second)))
		_, err = v.Session(t.Context(), acme, s.TokenHash, now.Add(50*time.Second))
		notFound(t, err)
	})

	t.Run("touching revives no session that is unknown, has ended, or was removed", func(t *testing.T) {
		v := open(t)
		unknown, ended, removed := session("unknown", now), session("ended", now), session("removed", now)
		check(t, v.PutSession(t.Context(), ended, now))
		check(t, v.PutSession(t.Context(), removed, inAnHour))
		check(t, v.EndSessions(t.Context(), acme, ann, []string{removed.ID}))
		for _, s := range []account.Session{unknown, ended, removed} {
			check(t, v.TouchSession(t.Context(), s, now, inAnHour))
			_, err := v.Session(t.Context(), acme, s.TokenHash, now)
			notFound(t, err)
		}
		same(t, live(t, v, acme, ann, now), []string{})
	})

	t.Run("a session touched and removed at once stays removed", func(t *testing.T) {
		v := open(t)
		for i := range 20 {
			s := session(fmt.Sprint(i), now)
			check(t, v.PutSession(t.Context(), s, inAnHour))
			together(t, 4, func(i int) error {
				if i == 0 {
					return v.EndSessions(t.Context(), acme, ann, []string{s.ID})
				}
				return v.TouchSession(t.Context(), s, now, inAnHour)
			})
			_, err := v.Session(t.Context(), acme, s.TokenHash, now)
			notFound(t, err)
		}
		same(t, live(t, v, acme, ann, now), []string{})
	})

	t.Run("ending removes the sessions named, and no others", func(t *testing.T) {
		v := open(t)
		for _, name := range []string{"a", "b", "c", "d"} {
			check(t, v.PutSession(t.Context(), session(name, now), inAnHour))
		}
		other := session("bob", now)
		other.UserID = bob
		check(t, v.PutSession(t.Context(), other, inAnHour))

		check(t, v.EndSessions(t.Context(), acme, ann, nil))
		check(t, v.EndSessions(t.Context(), acme, ann, []string{}))
		check(t, v.EndSessions(t.Context(), acme, "user_nobody", []string{"sess_a"}))
		same(t, live(t, v, acme, ann, now), []string{"sess_a", "sess_b", "sess_c", "sess_d"})

		check(t, v.EndSessions(t.Context(), acme, ann, []string{"sess_a", "sess_unknown", "", "*", "sess_c", "sess_bob", "sess_a"}))
		same(t, live(t, v, acme, ann, now), []string{"sess_b", "sess_d"})
		same(t, live(t, v, acme, bob, now), []string{"sess_bob"})
		for name, there := range map[string]bool{"a": false, "b": true, "c": false, "d": true, "bob": true} {
			_, err := v.Session(t.Context(), acme, hash(name), now)
			if there {
				check(t, err)
			} else {
				notFound(t, err)
			}
		}
		check(t, v.EndSessions(t.Context(), acme, ann, []string{"sess_a"}))
	})

	t.Run("sessions begun at once are all there, and all end", func(t *testing.T) {
		v := open(t)
		const many = 30
		ids := make([]string, many)
		for i := range ids {
			ids[i] = fmt.Sprintf("sess_%02d", i)
		}
		together(t, many, func(i int) error {
			return v.PutSession(t.Context(), session(fmt.Sprintf("%02d", i), now), inAnHour)
		})
		same(t, live(t, v, acme, ann, now), ids)
		check(t, v.EndSessions(t.Context(), acme, ann, ids))
		same(t, live(t, v, acme, ann, now), []string{})
	})
}

func testChallenges(t *testing.T, open func(t *testing.T) account.Vault) {
	now := realNow()

	t.Run("every field comes back as it was put", func(t *testing.T) {
		v := open(t)
		c := challenge("one", now)
		check(t, v.PutChallenge(t.Context(), c))
		got, err := v.Challenge(t.Context(), acme, c.TokenHash, now)
		check(t, err)
		same(t, got, c)
	})

	t.Run("a challenge is there a millisecond before it expires, and not when it does", func(t *testing.T) {
		v := open(t)
		c := challenge("one", now)
		check(t, v.PutChallenge(t.Context(), c))
		_, err := v.Challenge(t.Context(), acme, c.TokenHash, c.ExpiresAt.Add(-time.Millisecond))
		check(t, err)
		for _, late := range []time.Duration{0, time.Millisecond, 48 * time.Hour} {
			_, err = v.Challenge(t.Context(), acme, c.TokenHash, c.ExpiresAt.Add(late))
			notFound(t, err)
		}
	})

	t.Run("the time that counts is the caller's, also when the real one is past the end", func(t *testing.T) {
		v := open(t)
		c := challenge("one", now)
		c.ExpiresAt = now.Add(-2 * time.Second)
		check(t, v.PutChallenge(t.Context(), c))
		_, err := v.Challenge(t.Context(), acme, c.TokenHash, c.ExpiresAt.Add(-time.Millisecond))
		check(t, err)
		_, err = v.Challenge(t.Context(), acme, c.TokenHash, c.ExpiresAt)
		notFound(t, err)
	})

	t.Run("organizations do not see or end each other's challenges", func(t *testing.T) {
		v := open(t)
		c := challenge("one", now)
		check(t, v.PutChallenge(t.Context(), c))
		_, err := v.Challenge(t.Context(), bolt, c.TokenHash, now)
		notFound(t, err)
		check(t, v.EndChallenge(t.Context(), bolt, c.TokenHash))
		_, err = v.Challenge(t.Context(), acme, c.TokenHash, now)
		check(t, err)
	})

	t.Run("a challenge that was ended is gone, and ending one that is not there is no error", func(t *testing.T) {
		v := open(t)
		c, other := challenge("one", now), challenge("other", now)
		check(t, v.PutChallenge(t.Context(), c))
		check(t, v.PutChallenge(t.Context(), other))
		for range 2 {
			check(t, v.EndChallenge(t.Context(), acme, c.TokenHash))
			_, err := v.Challenge(t.Context(), acme, c.TokenHash, now)
			notFound(t, err)
		}
		_, err := v.Challenge(t.Context(), acme, other.TokenHash, now)
		check(t, err)
	})

	t.Run("a session's token is no challenge's, and a challenge's no session's", func(t *testing.T) {
		v := open(t)
		s, c := session("session", now), challenge("challenge", now)
		check(t, v.PutSession(t.Context(), s, now.Add(time.Hour)))
		check(t, v.PutChallenge(t.Context(), c))
		_, err := v.Session(t.Context(), acme, c.TokenHash, now)
		notFound(t, err)
		_, err = v.Challenge(t.Context(), acme, s.TokenHash, now)
		notFound(t, err)
		check(t, v.EndChallenge(t.Context(), acme, s.TokenHash))
		_, err = v.Session(t.Context(), acme, s.TokenHash, now)
		check(t, err)
		same(t, live(t, v, acme, ann, now), []string{s.ID})
	})
}

// together calls do(0) to do(n-1) at the same time, as far as there are
// processors, and fails the test when one answers an error.
func together(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var wait sync.WaitGroup
	begin := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		wait.Go(func() {
			<-begin
			errs[i] = do(i)
		})
	}
	close(begin)
	wait.Wait()
	check(t, errors.Join(errs...))
}
