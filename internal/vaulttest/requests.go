package vaulttest

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"roster/internal/account"
	"roster/internal/directory"
)

const (
	lease = 30 * time.Second
	kept  = 24 * time.Hour
)

// requester asks under one idempotency key, at times since its beginning.
type requester struct {
	directory.Requests
	t   *testing.T
	org string
	key string
	now time.Time
}

func newRequester(t *testing.T, open func(t *testing.T) account.Vault) requester {
	return requester{Requests: open(t), t: t, org: acme, key: "key", now: realNow()}
}

func (r requester) of(key string) requester { r.key = key; return r }
func (r requester) in(org string) requester { r.org = org; return r }

// wants begins a request and wants it to stand so.
func (r requester) wants(at time.Duration, fingerprint string, want directory.Request) {
	r.t.Helper()
	got, err := r.BeginRequest(r.t.Context(), r.org, r.key, fingerprint, r.now.Add(at), r.now.Add(at+lease))
	check(r.t, err)
	if got.State != want.State || got.Fingerprint != want.Fingerprint || !bytes.Equal(got.Answer, want.Answer) {
		r.t.Fatalf("%q at %v stands %+v, want %+v", r.key, at, got, want)
	}
}

func (r requester) finish(at time.Duration, fingerprint string, answer []byte) {
	r.t.Helper()
	check(r.t, r.FinishRequest(r.t.Context(), r.org, r.key, fingerprint, answer, r.now.Add(at+kept)))
}

func (r requester) abandon() {
	r.t.Helper()
	check(r.t, r.AbandonRequest(r.t.Context(), r.org, r.key))
}

func begun(fingerprint string) directory.Request {
	return directory.Request{State: directory.StateBegun, Fingerprint: fingerprint}
}

func busy(fingerprint string) directory.Request {
	return directory.Request{State: directory.StateBusy, Fingerprint: fingerprint}
}

func done(fingerprint, answer string) directory.Request {
	return directory.Request{State: directory.StateDone, Fingerprint: fingerprint, Answer: []byte(answer)}
}

func testRequests(t *testing.T, open func(t *testing.T) account.Vault) {
	t.Run("the first begins, the next finds it busy until the lease ends", func(t *testing.T) {
		r := newRequester(t, open)
		r.wants(0, "a", begun("a"))
		r.wants(0, "a", busy("a"))
		r.wants(lease-ms, "a", busy("a"))
		r.wants(lease, "a", begun("a"))
		// With a lease of its own.
		r.wants(2*lease-ms, "a", busy("a"))
		r.wants(2*lease, "a", begun("a"))
	})

	t.Run("who finds it busy lengthens no lease", func(t *testing.T) {
		r := newRequester(t, open)
		r.wants(0, "a", begun("a"))
		for at := time.Duration(0); at < lease; at += 5 * time.Second {
			r.wants(at, "a", busy("a"))
		}
		r.wants(lease, "a", begun("a"))
	})

	t.Run("what is finished is answered until its time, then it may begin again", func(t *testing.T) {
		r := newRequester(t, open)
		r.wants(0, "a", begun("a"))
		r.finish(0, "a", []byte("answer"))
		for _, at := range []time.Duration{0, lease, kept - ms} {
			r.wants(at, "a", done("a", "answer"))
		}
		r.wants(kept, "a", begun("a"))
		r.wants(kept+ms, "a", busy("a"))
	})

	t.Run("an answer is any bytes, or none", func(t *testing.T) {
		r := newRequester(t, open)
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for name, answer := range map[string][]byte{
			"every": every, "long": bytes.Repeat(every, 400), "empty": {}, "none": nil, "text": []byte(`{"é": "\u0000"}`),
		} {
			one := r.of(name)
			one.wants(0, "a", begun("a"))
			one.finish(0, "a", answer)
			one.wants(ms, "a", done("a", string(answer)))
		}
	})

	t.Run("the fingerprint is of the one that has begun, or has finished", func(t *testing.T) {
		r := newRequester(t, open)
		r.wants(0, "a", begun("a"))
		r.wants(ms, "b", busy("a"))
		r.finish(2*ms, "a", []byte("answer"))
		r.wants(3*ms, "b", done("a", "answer"))
		r.wants(2*ms+kept, "b", begun("b"))
		r.wants(3*ms+kept, "a", busy("b"))
	})

	t.Run("who has begun may finish when the lease has ended, and when another has begun", func(t *testing.T) {
		r := newRequester(t, open)
		r.wants(0, "a", begun("a"))
		r.finish(lease+ms, "a", []byte("late"))
		r.wants(lease+2*ms, "a", done("a", "late"))

		two := r.of("two")
		two.wants(0, "a", begun("a"))
		two.wants(lease, "b", begun("b"))
		two.finish(lease+ms, "a", []byte("first"))
		two.wants(lease+2*ms, "b", done("a", "first"))
		two.finish(lease+3*ms, "b", []byte("second"))
		two.wants(lease+4*ms, "b", done("b", "second"))
	})

	t.Run("what nobody has begun, or was forgotten, can be finished", func(t *testing.T) {
		r := newRequester(t, open)
		r.finish(0, "a", []byte("answer"))
		r.wants(ms, "b", done("a", "answer"))
	})

	t.Run("what is abandoned may begin at once, with a lease of its own", func(t *testing.T) {
		r := newRequester(t, open)
		r.abandon() // nothing
		r.wants(0, "a", begun("a"))
		r.abandon()
		r.wants(10*time.Second, "b", begun("b"))
		r.wants(lease, "b", busy("b"))
		r.wants(lease+10*time.Second, "b", begun("b"))
		r.finish(lease+10*time.Second, "b", []byte("answer"))
		r.abandon()
		r.wants(lease+11*time.Second, "b", done("b", "answer"))
	})

	t.Run("keys, and those of different organizations, are apart", func(t *testing.T) {
		r := newRequester(t, open)
		r.wants(0, "a", begun("a"))
		others := []requester{r.in(bolt), r.of("other"), r.of("KEY"), r.of("key "), r.of(`k:{e}*y" 'é%`), r.in(bolt).of("other")}
		for _, other := range others {
			other.wants(0, "b", begun("b"))
		}
		r.finish(0, "a", []byte("answer"))
		for _, other := range others {
			other.wants(ms, "b", busy("b"))
			other.abandon()
		}
		r.wants(ms, "a", done("a", "answer"))
	})

	t.Run("of many at once one begins, and the others find it busy", func(t *testing.T) {
		r := newRequester(t, open)
		for round := range 5 {
			// The first is new; the next takes over what a crash has left.
			at := r.now.Add(time.Duration(round) * lease)
			var begun, busy atomic.Int32
			together(t, 20, func(int) error {
				got, err := r.BeginRequest(t.Context(), r.org, r.key, "a", at, at.Add(lease))
				switch got.State {
				case directory.StateBegun:
					begun.Add(1)
				case directory.StateBusy:
					busy.Add(1)
				case directory.StateDone:
				}
				return err
			})
			if begun.Load() != 1 || busy.Load() != 19 {
				t.Fatalf("round %d: %d have begun, and %d were told that it is busy", round, begun.Load(), busy.Load())
			}
		}
	})

	t.Run("of many who do it at once and tell, one does it, and all get its answer", func(t *testing.T) {
		r := newRequester(t, open)
		var did atomic.Int32
		together(t, 20, func(int) error {
			for {
				got, err := r.BeginRequest(t.Context(), r.org, r.key, "a", r.now, r.now.Add(lease))
				if err != nil {
					return err
				}
				switch got.State {
				case directory.StateBegun:
					did.Add(1)
					if err := r.FinishRequest(t.Context(), r.org, r.key, "a", []byte("answer"), r.now.Add(kept)); err != nil {
						return err
					}
				case directory.StateDone:
					if string(got.Answer) != "answer" {
						return fmt.Errorf("the answer is %q", got.Answer)
					}
					return nil
				case directory.StateBusy:
				}
			}
		})
		if did.Load() != 1 {
			t.Fatalf("it was done %d times", did.Load())
		}
	})
}
