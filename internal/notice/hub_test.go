package notice

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// ended is a context that has ended: nobody waits.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// all takes everything there is.
func (s *Subscription) all() []Notice {
	taken := []Notice{}
	for {
		n, ok := s.Next()
		if !ok {
			return taken
		}
		taken = append(taken, n)
	}
}

func asleep(Notice) {}

func about(user string, kind Kind) Notice {
	return Notice{OrganizationID: "org_1", UserID: user, Kind: kind}
}

var refetch = Notice{OrganizationID: "org_1", Kind: Refetch}

func TestHub(t *testing.T) {
	t.Run("all who listen to an organization hear of it, in order", func(t *testing.T) {
		h := NewHub(nil)
		one, two := h.Subscribe(t.Context(), "org_1", asleep), h.Subscribe(t.Context(), "org_1", asleep)
		h.Publish(about("user_1", Created))
		h.Publish(about("user_2", Updated))
		h.Publish(about("user_1", Deleted))
		want := []Notice{about("user_1", Created), about("user_2", Updated), about("user_1", Deleted)}
		assert.Equal(t, want, one.all())
		assert.Equal(t, want, two.all())
		assert.Empty(t, one.all(), "once")
	})

	t.Run("nobody hears of another organization", func(t *testing.T) {
		h := NewHub(nil)
		other := h.Subscribe(t.Context(), "org_2", asleep)
		h.Publish(about("user_1", Created))
		assert.Empty(t, other.all())
	})

	t.Run("a listener is woken for each notice, and not when it has left", func(t *testing.T) {
		h := NewHub(nil)
		var woken atomic.Int32
		s := h.Subscribe(t.Context(), "org_1", func(Notice) { woken.Add(1) })
		h.Publish(about("user_1", Created))
		h.Publish(about("user_2", Created))
		assert.EqualValues(t, 2, woken.Load())
		s.Close()
		s.Close()
		h.Publish(about("user_3", Created))
		assert.EqualValues(t, 2, woken.Load())
		assert.Empty(t, h.topics, "nothing is kept")
	})

	t.Run("what is still to be taken is not told twice", func(t *testing.T) {
		h := NewHub(nil)
		s := h.Subscribe(t.Context(), "org_1", asleep)
		h.Publish(about("user_1", Updated))
		h.Publish(about("user_1", Updated))
		assert.Len(t, s.all(), 1)
		h.Publish(about("user_1", Updated))
		assert.Len(t, s.all(), 1, "what was taken is told again")
	})

	t.Run("one Refetch stands for more than fit, and for what comes until it is taken", func(t *testing.T) {
		h := NewHub(nil)
		slow, quick := h.Subscribe(t.Context(), "org_1", asleep), h.Subscribe(t.Context(), "org_1", asleep)
		for i := range buffered {
			h.Publish(about(fmt.Sprint("user_", i), Created))
			assert.Len(t, quick.all(), 1)
		}
		assert.Len(t, slow.all(), buffered, "a full buffer is not too much")
		for i := range 2 * buffered {
			h.Publish(about(fmt.Sprint("user_", i), Created))
			assert.Len(t, quick.all(), 1, "one who is slow holds up nobody")
		}
		assert.Equal(t, []Notice{refetch}, slow.all())
		h.Publish(about("user_1", Updated))
		assert.Equal(t, []Notice{about("user_1", Updated)}, slow.all(), "then it goes on as before")
	})

	t.Run("a Refetch makes what was before it superfluous", func(t *testing.T) {
		h := NewHub(nil)
		s := h.Subscribe(t.Context(), "org_1", asleep)
		h.Publish(about("user_1", Created))
		h.Publish(refetch)
		h.Publish(about("user_2", Created))
		assert.Equal(t, []Notice{refetch}, s.all())
	})

	t.Run("what was taken and could not be told becomes a Refetch", func(t *testing.T) {
		h := NewHub(nil)
		s := h.Subscribe(t.Context(), "org_1", asleep)
		h.Publish(about("user_1", Created))
		h.Publish(about("user_2", Created))
		s.Next()
		s.Missed()
		assert.Equal(t, []Notice{refetch}, s.all())
	})

	t.Run("Heard moves with each notice, for all alike", func(t *testing.T) {
		h := NewHub(nil)
		one, two := h.Subscribe(t.Context(), "org_1", asleep), h.Subscribe(t.Context(), "org_1", asleep)
		before := one.Heard()
		assert.Equal(t, before, two.Heard())
		h.Publish(Notice{OrganizationID: "org_2", UserID: "user_1", Kind: Created})
		assert.Equal(t, before, one.Heard(), "not with those of others")
		h.Publish(about("user_1", Created))
		assert.NotEqual(t, before, one.Heard())
		assert.Equal(t, one.Heard(), two.Heard())
		last := one.Heard()
		one.Close()
		two.Close()
		assert.NotEqual(t, last, h.Subscribe(t.Context(), "org_1", asleep).Heard(), "nor does it come again")
	})

	t.Run("many at once", func(t *testing.T) {
		h := NewHub(nil)
		s := h.Subscribe(t.Context(), "org_1", asleep)
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for j := range 20 {
					other := h.Subscribe(t.Context(), "org_1", asleep)
					h.Publish(about(fmt.Sprintf("user_%d_%d", i, j), Created))
					assert.NotEmpty(t, other.all())
					other.Close()
				}
			})
		}
		group.Wait()
		assert.Len(t, s.all(), 160)
	})
}

// recorder is a carrier that carries nothing.
type recorder struct{ calls []string }

func (r *recorder) Publish(n Notice) { r.calls = append(r.calls, "publish "+n.UserID) }
func (r *recorder) Listen(o string)  { r.calls = append(r.calls, "listen "+o) }
func (r *recorder) Forget(o string)  { r.calls = append(r.calls, "forget "+o) }

func TestHubWithOtherServers(t *testing.T) {
	t.Run("the carrier takes what began here, and not what it brought", func(t *testing.T) {
		r := &recorder{}
		h := NewHub(r)
		h.Publish(about("user_1", Created))
		h.Receive(about("user_2", Created))
		assert.Equal(t, []string{"publish user_1"}, r.calls)
	})

	t.Run("it brings an organization while somebody listens", func(t *testing.T) {
		r := &recorder{}
		h := NewHub(r)
		one := h.Subscribe(ended(), "org_1", asleep)
		two := h.Subscribe(ended(), "org_1", asleep)
		one.Close()
		assert.Equal(t, []string{"listen org_1"}, r.calls)
		two.Close()
		assert.Equal(t, []string{"listen org_1", "forget org_1"}, r.calls)
	})

	t.Run("subscribing waits for it", func(t *testing.T) {
		h := NewHub(&recorder{})
		done := make(chan *Subscription)
		go func() { done <- h.Subscribe(context.Background(), "org_1", asleep) }()
		select {
		case <-done:
			t.Fatal("it did not wait")
		case <-time.After(20 * time.Millisecond):
		}
		h.Listening("org_1")
		s := <-done
		assert.Empty(t, s.all(), "nothing was missed")
		h.Receive(about("user_1", Created))
		assert.Len(t, s.all(), 1)
	})

	t.Run("who has not waited is told that something may have been missed", func(t *testing.T) {
		h := NewHub(&recorder{})
		s := h.Subscribe(ended(), "org_1", asleep)
		assert.Empty(t, s.all())
		h.Listening("org_1")
		assert.Equal(t, []Notice{refetch}, s.all())
	})

	t.Run("so is everybody after an interruption", func(t *testing.T) {
		h := NewHub(&recorder{})
		s := h.Subscribe(ended(), "org_1", asleep)
		h.Listening("org_1")
		late := h.Subscribe(context.Background(), "org_1", asleep)
		s.all()
		h.Listening("org_1")
		assert.Equal(t, []Notice{refetch}, s.all())
		assert.Equal(t, []Notice{refetch}, late.all())
		h.Listening("org_2")
		assert.Empty(t, s.all(), "of that organization only")
	})
}
