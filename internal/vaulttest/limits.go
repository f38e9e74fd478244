package vaulttest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"roster/internal/account"
	"roster/internal/directory"
)

// What directory.Limiter and directory.Limit promise, and how these tests read it:
//
//   - Without a Delay, a key's window begins with its first use and ends Window
//     later; then the key is as new. What does not fit waits for that.
//   - With a Delay, a key is as new when a Window has passed since its latest use.
//     Once the limit is used up, one more use is allowed when the delay has passed
//     since the latest: Delay, doubled with each use beyond, at most Window.
//     Such a limit is reserved one use at a time; what several that don't fit are
//     answered is not promised.
//   - n uses count as a whole or not at all. More than Uses never fit, and wait a
//     Window each time. None (n < 1) is always allowed and begins no window.
//   - What is refused counts nothing and delays nothing, and nobody waits longer
//     than a Window, whatever the clocks of other servers have said.
//   - Refund takes one use back: the next may have it at once, whatever the
//     delay. It moves the end of no window; with its last use a key is as new.
type limiter struct {
	directory.Limiter
	t   *testing.T
	org string
	key string
	now time.Time
}

func newLimiter(t *testing.T, open func(t *testing.T) account.Vault) limiter {
	return limiter{Limiter: open(t), t: t, org: acme, key: "key", now: realNow()}
}

// wants reserves n uses at a time since the limiter's beginning.
func (l limiter) wants(limit directory.Limit, at time.Duration, n int, want time.Duration) {
	l.t.Helper()
	_, got, err := l.Reserve(l.t.Context(), l.org, l.now.Add(at), directory.Use{Key: l.key, Limit: limit, N: n})
	check(l.t, err)
	if got != want {
		l.t.Fatalf("%d uses of %q at %v: wait %v, want %v", n, l.key, at, got, want)
	}
}

func (l limiter) refund()               { l.t.Helper(); check(l.t, l.Refund(l.t.Context(), l.org, l.key)) }
func (l limiter) forget()               { l.t.Helper(); check(l.t, l.Forget(l.t.Context(), l.org, l.key)) }
func (l limiter) of(key string) limiter { l.key = key; return l }
func (l limiter) in(org string) limiter { l.org = org; return l }

const ms = time.Millisecond

func testLimits(t *testing.T, open func(t *testing.T) account.Vault) {
	plain := directory.Limit{Uses: 3, Window: time.Minute}
	growing := directory.Limit{Uses: 2, Window: time.Minute, Delay: 10 * time.Second}

	t.Run("as many uses are allowed as the limit says, then the next waits for the window's end", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(plain, 0, 1, 0)
		l.wants(plain, 20*time.Second, 1, 0)
		l.wants(plain, 59*time.Second, 1, 0)
		l.wants(plain, 59*time.Second, 1, time.Second)
		l.wants(plain, time.Minute-ms, 1, ms)
	})

	t.Run("the window begins with the first use, and when it ends everything is allowed again", func(t *testing.T) {
		l := newLimiter(t, open)
		for range 3 {
			l.wants(plain, 0, 1, 0)
		}
		l.wants(plain, time.Minute-ms, 1, ms)
		// The next window begins with its first use, not where the last ended.
		for range 3 {
			l.wants(plain, 90*time.Second, 1, 0)
		}
		l.wants(plain, 2*time.Minute, 1, 30*time.Second)
	})

	t.Run("a window that was not used up ends as well", func(t *testing.T) {
		for _, limit := range []directory.Limit{plain, growing} {
			l := newLimiter(t, open)
			l.wants(limit, 0, limit.Uses-1, 0)
			l.wants(limit, time.Minute, limit.Uses, 0)
		}
	})

	t.Run("what is refused is not counted and makes nobody wait longer", func(t *testing.T) {
		for _, limit := range []directory.Limit{plain, growing} {
			l := newLimiter(t, open)
			l.wants(limit, 0, limit.Uses, 0)
			end := time.Minute
			if limit.Delay > 0 {
				end = limit.Delay
			}
			for i := range 10 {
				at := time.Duration(i) * time.Second / 2
				l.wants(limit, at, 1, end-at)
			}
			l.wants(limit, end, 1, 0)
		}
	})

	t.Run("with a delay one more use is allowed after it, and it doubles up to the window", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(growing, 0, 1, 0)
		l.wants(growing, 5*time.Second, 1, 0)
		at := 5 * time.Second
		for _, delay := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
			l.wants(growing, at, 1, delay)
			l.wants(growing, at+delay-ms, 1, ms)
			at += delay
			l.wants(growing, at, 1, 0)
		}
		// 80 s would be next; the window is 60, and has it all forgotten.
		l.wants(growing, at, 1, time.Minute)
		l.wants(growing, at+time.Minute-ms, 1, ms)
		l.wants(growing, at+time.Minute, 2, 0)
		l.wants(growing, at+time.Minute, 1, 10*time.Second)
	})

	t.Run("with a delay uses are remembered until a window has passed without one", func(t *testing.T) {
		l := newLimiter(t, open)
		three := directory.Limit{Uses: 3, Window: time.Minute, Delay: 10 * time.Second}
		l.wants(three, 0, 1, 0)
		l.wants(three, 50*time.Second, 1, 0)
		l.wants(three, 100*time.Second, 1, 0)
		l.wants(three, 100*time.Second, 1, 10*time.Second)
		l.wants(three, 160*time.Second, 3, 0)
	})

	t.Run("the end of the first window does not end a delay", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(growing, 0, 1, 0)
		l.wants(growing, 55*time.Second, 1, 0)
		l.wants(growing, time.Minute, 1, 5*time.Second)
		l.wants(growing, 65*time.Second, 1, 0)
		l.wants(growing, 65*time.Second, 1, 20*time.Second)
	})

	t.Run("a growing delay is forgotten when a window has passed without a use", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(growing, 0, 2, 0)
		l.wants(growing, 10*time.Second, 1, 0)
		// A use just before goes on with the delay where it was.
		l.wants(growing, 70*time.Second-ms, 1, 0)
		l.wants(growing, 70*time.Second-ms, 1, 40*time.Second)
		// Refusals are no uses.
		l.wants(growing, 100*time.Second, 1, 10*time.Second-ms)
		l.wants(growing, 130*time.Second-ms, 2, 0)
	})

	t.Run("a delay longer than the window is as long as the window", func(t *testing.T) {
		l := newLimiter(t, open)
		long := directory.Limit{Uses: 1, Window: time.Minute, Delay: time.Hour}
		l.wants(long, 0, 1, 0)
		l.wants(long, time.Second, 1, 59*time.Second)
		l.wants(long, time.Minute, 1, 0)
	})

	t.Run("several uses count as a whole or not at all", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(plain, 0, 2, 0)
		l.wants(plain, 10*time.Second, 2, 50*time.Second)
		l.wants(plain, 10*time.Second, 1, 0)
		l.wants(plain, 10*time.Second, 1, 50*time.Second)
	})

	t.Run("more uses at once than the limit has are refused for a window, and count nothing", func(t *testing.T) {
		for _, limit := range []directory.Limit{plain, growing} {
			l := newLimiter(t, open)
			l.wants(limit, 0, limit.Uses+1, limit.Window)
			l.wants(limit, 0, 1<<40, limit.Window)
			l.wants(limit, 10*time.Second, limit.Uses+1, limit.Window)
			l.wants(limit, 10*time.Second, limit.Uses, 0)
			l.wants(limit, 20*time.Second, limit.Uses+1, limit.Window)
		}
		l := newLimiter(t, open)
		l.wants(directory.Limit{Uses: 0, Window: time.Hour}, 0, 1, time.Hour)
		l.wants(directory.Limit{Uses: -1, Window: time.Hour, Delay: time.Second}, 0, 1, time.Hour)
	})

	t.Run("no uses are always allowed, and begin no window", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(plain, 0, 0, 0)
		l.wants(plain, 30*time.Second, 3, 0)
		l.wants(plain, 40*time.Second, 0, 0)
		l.wants(plain, 40*time.Second, -5, 0)
		l.wants(plain, 40*time.Second, 1, 50*time.Second)
		l.wants(directory.Limit{}, 0, 0, 0)
	})

	t.Run("nobody waits longer than a window, though another server's clock was a year ahead", func(t *testing.T) {
		for _, limit := range []directory.Limit{plain, growing} {
			l := newLimiter(t, open)
			l.wants(limit, 365*24*time.Hour, limit.Uses, 0)
			wait := limit.Window
			if limit.Delay > 0 {
				wait = limit.Delay
			}
			l.wants(limit, 0, 1, wait)
			// It is the same end that is waited for, not a new one at each try.
			l.wants(limit, wait/2, 1, wait/2)
			l.wants(limit, wait, 1, 0)
		}
	})

	t.Run("a limit that has become tighter holds for what was used before", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(plain, 0, 3, 0)
		l.wants(directory.Limit{Uses: 2, Window: time.Minute}, 10*time.Second, 1, 50*time.Second)
		l.wants(directory.Limit{Uses: 5, Window: time.Minute}, 10*time.Second, 2, 0)
	})

	t.Run("forgetting makes a key as new", func(t *testing.T) {
		for _, limit := range []directory.Limit{plain, growing} {
			l := newLimiter(t, open)
			l.forget()
			l.wants(limit, 0, limit.Uses, 0)
			l.forget()
			l.wants(limit, time.Second, limit.Uses, 0)
			if limit.Delay > 0 {
				l.wants(limit, 11*time.Second, 1, 0)
				l.forget()
				l.wants(limit, 12*time.Second, limit.Uses, 0)
				l.wants(limit, 12*time.Second, 1, limit.Delay)
			}
		}
	})

	t.Run("a refund gives back one use, at once", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(plain, 0, 3, 0)
		l.refund()
		l.wants(plain, 10*time.Second, 2, 50*time.Second)
		l.wants(plain, 10*time.Second, 1, 0)
		l.wants(plain, 10*time.Second, 1, 50*time.Second)
	})

	t.Run("a refund gives back no use that was not had", func(t *testing.T) {
		l := newLimiter(t, open)
		l.refund()
		l.wants(plain, 0, 1, 0)
		l.refund()
		l.refund()
		l.wants(plain, 0, 3, 0)
		l.wants(plain, 0, 1, time.Minute)
	})

	t.Run("with its last use refunded a key is as new", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(plain, 0, 1, 0)
		l.refund()
		l.wants(plain, 30*time.Second, 3, 0)
		l.wants(plain, time.Minute, 1, 30*time.Second)
	})

	t.Run("a refund of a use of a window that has ended changes nothing", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(plain, 0, 2, 0)
		l.refund()
		l.wants(plain, time.Minute, 3, 0)
		l.wants(plain, time.Minute, 1, time.Minute)
	})

	t.Run("a refund during a delay ends it, and takes one doubling back", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(growing, 0, 2, 0)
		l.wants(growing, 10*time.Second, 1, 0)
		l.wants(growing, 11*time.Second, 1, 19*time.Second)
		l.refund()
		l.wants(growing, 12*time.Second, 1, 0)
		l.wants(growing, 12*time.Second, 1, 20*time.Second)
		// Back to before the limit was used up.
		l.refund()
		l.refund()
		l.wants(growing, 13*time.Second, 1, 0)
		l.wants(growing, 13*time.Second, 1, 10*time.Second)
	})

	t.Run("uses of several keys count together or not at all, and the first that must wait is told", func(t *testing.T) {
		l := newLimiter(t, open)
		tight := directory.Limit{Uses: 1, Window: time.Hour}
		uses := []directory.Use{{Key: "none", Limit: tight}, {Key: "wide", Limit: plain, N: 1}, {Key: "tight", Limit: tight, N: 1}, {Key: "grows", Limit: growing, N: 1}}
		all := func(at time.Duration, wantRefused int, wantWait time.Duration) {
			t.Helper()
			refused, wait, err := l.Reserve(t.Context(), l.org, l.now.Add(at), uses...)
			check(t, err)
			if wait != wantWait || wait > 0 && refused != wantRefused {
				t.Fatalf("at %v: %d waits %v, want %d and %v", at, refused, wait, wantRefused, wantWait)
			}
		}
		all(0, 0, 0)
		for range 5 {
			all(time.Second, 2, time.Hour-time.Second)
		}
		// They were counted once.
		l.of("wide").wants(plain, time.Second, 2, 0)
		l.of("grows").wants(growing, time.Second, 1, 0)
		l.of("none").wants(tight, time.Second, 1, 0)
		all(time.Second, 1, time.Minute-time.Second)
		l.of("grows").wants(growing, time.Second, 1, 10*time.Second)
	})

	t.Run("of many uses of several keys at once as many are allowed as fit all of them", func(t *testing.T) {
		l := newLimiter(t, open)
		var allowed atomic.Int64
		together(t, 50, func(int) error {
			_, wait, err := l.Reserve(t.Context(), l.org, l.now, directory.Use{Key: "one", Limit: directory.Limit{Uses: 30, Window: time.Minute}, N: 1},
				directory.Use{Key: "other", Limit: directory.Limit{Uses: 20, Window: time.Minute}, N: 1})
			if err == nil && wait == 0 {
				allowed.Add(1)
			}
			return err
		})
		if allowed.Load() != 20 {
			t.Errorf("%d of 50 were allowed", allowed.Load())
		}
		l.of("one").wants(directory.Limit{Uses: 30, Window: time.Minute}, 0, 10, 0)
	})

	t.Run("of many uses at once exactly as many as the limit are allowed", func(t *testing.T) {
		for _, limit := range []directory.Limit{plain, growing, {Uses: 40, Window: time.Minute}} {
			l := newLimiter(t, open)
			if got := l.atOnce(100, limit, 0, 1); got != limit.Uses {
				t.Errorf("%+v: %d of 100 were allowed", limit, got)
			}
		}
	})

	t.Run("of many groups at once as many are allowed as fit whole", func(t *testing.T) {
		l := newLimiter(t, open)
		if got := l.atOnce(50, directory.Limit{Uses: 10, Window: time.Minute}, 0, 3); got != 3 {
			t.Errorf("%d groups of 3 were allowed 10 uses", got)
		}
		l.wants(directory.Limit{Uses: 10, Window: time.Minute}, 0, 1, 0)
	})

	t.Run("of many uses at once after a delay exactly one is allowed", func(t *testing.T) {
		l := newLimiter(t, open)
		l.wants(growing, 0, 2, 0)
		for _, at := range []time.Duration{10 * time.Second, 30 * time.Second} {
			if got := l.atOnce(50, growing, at, 1); got != 1 {
				t.Errorf("%d were allowed after %v", got, at)
			}
		}
	})

	t.Run("refunds at once each give back one use", func(t *testing.T) {
		l := newLimiter(t, open)
		limit := directory.Limit{Uses: 30, Window: time.Minute}
		l.wants(limit, 0, 30, 0)
		together(t, 20, func(int) error { return l.Refund(t.Context(), l.org, l.key) })
		l.wants(limit, 0, 21, time.Minute)
		l.wants(limit, 0, 20, 0)
	})

	t.Run("keys are taken literally, and each has its own count", func(t *testing.T) {
		l := newLimiter(t, open)
		one := directory.Limit{Uses: 1, Window: time.Minute}
		keys := []string{
			"", "key", "KEY", "key ", " key", "ke", "key*", "*", "?ey", "[k]ey", "k%", "k_y", "k\\ey", "key:1", "{key}", "}{",
			"k'ey", "k\"ey", "kéy", "ke\u0301y", "k\ney", "key\x00", "key\x00a", "\xff\xfe", strings.Repeat("k", 1000), strings.Repeat("k", 1001),
		}
		for _, key := range keys {
			l.of(key).wants(one, 0, 1, 0)
		}
		for _, key := range keys {
			l.of(key).wants(one, 0, 1, time.Minute)
		}
		l.of("*").forget()
		l.of("k%").refund()
		for _, key := range keys {
			if key == "*" || key == "k%" {
				l.of(key).wants(one, 0, 1, 0)
			}
			l.of(key).wants(one, 0, 1, time.Minute)
		}
	})

	t.Run("organizations have counts of their own", func(t *testing.T) {
		l := newLimiter(t, open)
		one := directory.Limit{Uses: 1, Window: time.Minute}
		l.wants(one, 0, 1, 0)
		l.in(bolt).wants(one, 0, 1, 0)
		l.in(bolt).forget()
		l.wants(one, 0, 1, time.Minute)
		l.in(bolt).refund()
		l.wants(one, 0, 1, time.Minute)
	})

	t.Run("any sequence of uses, refunds and forgetting is answered as the model answers", func(t *testing.T) {
		v, now := open(t), realNow()
		var keys atomic.Int64
		rapid.Check(t, func(t *rapid.T) {
			limit := directory.Limit{
				Uses:   rapid.IntRange(1, 4).Draw(t, "uses"),
				Window: time.Duration(rapid.IntRange(1, 60).Draw(t, "window")) * ms,
			}
			if rapid.Bool().Draw(t, "growing") {
				limit.Delay = time.Duration(rapid.IntRange(1, 70).Draw(t, "delay")) * ms
			}
			m, key, at := model{limit: limit}, fmt.Sprint("key", keys.Add(1)), now
			for range rapid.IntRange(1, 16).Draw(t, "steps") {
				switch rapid.SampledFrom([]string{"reserve", "reserve", "reserve", "refund", "pass", "pass", "forget"}).Draw(t, "step") {
				case "reserve":
					n := rapid.SampledFrom([]int{1, 1, 1, 2, 3, 6, 0}).Draw(t, "n")
					if limit.Delay > 0 && n <= limit.Uses {
						n = min(n, 1)
					}
					_, got, err := v.Reserve(t.Context(), acme, at, directory.Use{Key: key, Limit: limit, N: n})
					if err != nil {
						t.Fatal(err)
					}
					if want := m.reserve(n, at); got != want {
						t.Fatalf("%d uses at %v: wait %v, want %v; %+v", n, at.Sub(now), got, want, m)
					}
				case "refund":
					if err := v.Refund(t.Context(), acme, key); err != nil {
						t.Fatal(err)
					}
					m.refund()
				case "forget":
					if err := v.Forget(t.Context(), acme, key); err != nil {
						t.Fatal(err)
					}
					m = model{limit: limit}
				case "pass":
					// Often to where something ends, or just before.
					pass := rapid.SampledFrom([]time.Duration{
						limit.Window, limit.Window - ms, limit.Delay, limit.Delay - ms, 2 * limit.Delay, 4 * limit.Delay,
						time.Duration(rapid.IntRange(0, 80).Draw(t, "pass")) * ms,
					}).Draw(t, "which")
					at = at.Add(max(pass, 0))
				}
			}
		})
	})
}

// atOnce reserves n uses from many goroutines, and tells how many were allowed.
func (l limiter) atOnce(many int, limit directory.Limit, at time.Duration, n int) int {
	l.t.Helper()
	var allowed atomic.Int64
	together(l.t, many, func(int) error {
		_, wait, err := l.Reserve(l.t.Context(), l.org, l.now.Add(at), directory.Use{Key: l.key, Limit: limit, N: n})
		if err == nil && wait == 0 {
			allowed.Add(1)
		}
		return err
	})
	return int(allowed.Load())
}

// model says what a limiter is to answer about one key, from all that was
// allowed since the key was new.
type model struct {
	limit directory.Limit
	// allowed are the reservations that were allowed, and when; used is how many
	// uses were counted after each.
	allowed []struct {
		at   time.Time
		used int
	}
	refunds int
	// refunded says that the last thing that happened was a refund.
	refunded bool
}

func (m *model) used() int {
	if len(m.allowed) == 0 {
		return 0
	}
	return m.allowed[len(m.allowed)-1].used - m.refunds
}

// ends is when the key is as new.
func (m *model) ends() time.Time {
	if m.limit.Delay > 0 {
		return m.allowed[len(m.allowed)-1].at.Add(m.limit.Window)
	}
	return m.allowed[0].at.Add(m.limit.Window)
}

func (m *model) reserve(n int, now time.Time) time.Duration {
	switch {
	case n < 1:
		return 0
	case n > m.limit.Uses:
		return m.limit.Window
	}
	if m.used() > 0 && !now.Before(m.ends()) {
		*m = model{limit: m.limit}
	}
	if m.used()+n > m.limit.Uses {
		next := m.ends()
		if m.limit.Delay > 0 {
			latest := m.allowed[len(m.allowed)-1]
			delay := m.limit.Delay
			for range latest.used - m.limit.Uses {
				delay = min(2*delay, m.limit.Window)
			}
			next = latest.at.Add(min(delay, m.limit.Window))
			if m.refunded {
				next = now
			}
		}
		if wait := next.Sub(now); wait > 0 {
			return wait
		}
	}
	m.allowed = append(m.allowed, struct {
		at   time.Time
		used int
	}{now, m.used() + n})
	m.refunds, m.refunded = 0, false
	return 0
}

func (m *model) refund() {
	if m.used() > 0 {
		m.refunds++
		m.refunded = true
	}
	if m.used() == 0 {
		*m = model{limit: m.limit}
	}
}
