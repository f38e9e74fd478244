//go:build services

package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/notice"
)

// server is a hub with its carrier, as each server has one.
type server struct {
	*notice.Hub
	vault *Vault
}

// newServer is a server on the Redis of a URL; installations with one prefix
// are one.
func newServer(t *testing.T, address, prefix string) server {
	t.Helper()
	v, err := Open(address, prefix)
	require.NoError(t, err)
	carrier := v.Notices(slog.New(slog.DiscardHandler))
	hub := notice.NewHub(carrier)
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { carrier.Run(ctx, hub) })
	t.Cleanup(func() {
		stop()
		group.Wait()
		assert.NoError(t, v.Close())
	})
	return server{Hub: hub, vault: v}
}

// ear is somebody who listens on a server.
type ear struct {
	*notice.Subscription
	woken chan struct{}
}

func (s server) listen(organizationID string) ear {
	woken := make(chan struct{}, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return ear{s.Subscribe(ctx, organizationID, func(notice.Notice) {
		select {
		case woken <- struct{}{}:
		default:
		}
	}), woken}
}

// next is the next notice; the zero notice when none comes in time.
func (e ear) next(patience time.Duration) notice.Notice {
	deadline := time.After(patience)
	for {
		if n, ok := e.Next(); ok {
			return n
		}
		select {
		case <-e.woken:
		case <-deadline:
			return notice.Notice{}
		}
	}
}

// soon is how long a notice may take between servers; a while is long enough
// to believe that none comes.
const (
	soon  = 2 * time.Second
	while = 200 * time.Millisecond
)

func somebody(organizationID, userID string, kind notice.Kind) notice.Notice {
	return notice.Notice{OrganizationID: organizationID, UserID: userID, Kind: kind}
}

func testAddress(t *testing.T) string {
	t.Helper()
	address := os.Getenv("TEST_REDIS_URL")
	if address == "" {
		t.Fatal("TEST_REDIS_URL is not set: start a Redis and set it with eval \"$(make -s services)\", or take the build tag away.")
	}
	return address
}

func TestNotices(t *testing.T) {
	prefix := "test-" + rand.Text()
	one, two := newServer(t, testAddress(t), prefix), newServer(t, testAddress(t), prefix)

	t.Run("what is published on one server is heard on both, once and in order", func(t *testing.T) {
		here, there := one.listen("org_1"), two.listen("org_1")
		t.Cleanup(here.Close)
		t.Cleanup(there.Close)
		var want []notice.Notice
		for i, kind := range []notice.Kind{notice.Created, notice.Updated, notice.Deleted} {
			want = append(want, somebody("org_1", fmt.Sprint("user_", i), kind))
			one.Publish(want[i])
		}
		for _, e := range []ear{here, there} {
			for _, n := range want {
				assert.Equal(t, n, e.next(soon))
			}
			assert.Zero(t, e.next(while))
		}
		one.Publish(somebody("org_1", "", notice.Refetch))
		assert.Equal(t, somebody("org_1", "", notice.Refetch), there.next(soon))
	})

	t.Run("not in another organization, nor in another installation", func(t *testing.T) {
		other := two.listen("org_2")
		t.Cleanup(other.Close)
		elsewhere := newServer(t, testAddress(t), "test-"+rand.Text()).listen("org_1")
		one.Publish(somebody("org_1", "user_1", notice.Created))
		assert.Zero(t, other.next(while))
		assert.Zero(t, elsewhere.next(while))
		one.Publish(somebody("org_2", "user_1", notice.Created))
		assert.Equal(t, somebody("org_2", "user_1", notice.Created), other.next(soon))
	})

	t.Run("Redis sends only what somebody listens to", func(t *testing.T) {
		subscribers := func() int64 {
			channel := prefix + ":{org_3}:changes"
			counts, err := one.vault.client.PubSubNumSub(t.Context(), channel).Result()
			require.NoError(t, err)
			return counts[channel]
		}
		assert.Zero(t, subscribers())
		first, second := one.listen("org_3"), one.listen("org_3")
		assert.EqualValues(t, 1, subscribers(), "once for all who listen on a server")
		first.Close()
		second.Close()
		require.Eventually(t, func() bool { return subscribers() == 0 }, soon, 10*time.Millisecond)
		again := one.listen("org_3")
		defer again.Close()
		two.Publish(somebody("org_3", "user_1", notice.Created))
		assert.Equal(t, somebody("org_3", "user_1", notice.Created), again.next(soon))
	})

	t.Run("whoever comes and goes quickly hears what comes after they came", func(t *testing.T) {
		for i := range 50 {
			e := one.listen("org_4")
			want := somebody("org_4", fmt.Sprint("user_", i), notice.Created)
			two.Publish(want)
			got := e.next(soon)
			if got.Kind != notice.Refetch {
				assert.Equal(t, want, got)
			}
			e.Close()
		}
	})

	t.Run("what is not understood has everybody look again", func(t *testing.T) {
		e := one.listen("org_5")
		defer e.Close()
		for _, payload := range []string{"{", `{"s":"x","k":"MERGED","u":"user_1"}`} {
			require.NoError(t, one.vault.client.Publish(t.Context(), prefix+":{org_5}:changes", payload).Err())
			assert.Equal(t, somebody("org_5", "", notice.Refetch), e.next(soon), payload)
		}
	})
}

// TestNoticesWhileRedisIsAway: nobody waits for Redis, and nothing that
// happened meanwhile goes unnoticed.
func TestNoticesWhileRedisIsAway(t *testing.T) {
	prefix := "test-" + rand.Text()
	for _, c := range []struct {
		name          string
		first, second bool // which of the servers is cut off
	}{{"for both", true, true}, {"for the one that publishes", true, false}, {"for the one that listens", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			link := newLink(t)
			address := func(cut bool) string {
				if cut {
					return link.url
				}
				return testAddress(t)
			}
			one, two := newServer(t, address(c.first), prefix), newServer(t, address(c.second), prefix)
			there := two.listen("org_1")
			one.Publish(somebody("org_1", "user_0", notice.Created))
			require.Equal(t, somebody("org_1", "user_0", notice.Created), there.next(soon))

			link.cut()
			began := time.Now()
			for i := range 3 * outgoing {
				one.Publish(somebody("org_1", fmt.Sprint("user_", i), notice.Updated))
			}
			assert.Less(t, time.Since(began), time.Second, "publishing waits for nothing")
			time.Sleep(3 * time.Second)
			assert.Zero(t, there.next(0), "nothing can be heard")

			link.mend()
			assert.Equal(t, notice.Refetch, there.next(5*time.Second).Kind, "back within 5 s")
			require.Eventually(t, func() bool {
				one.Publish(somebody("org_1", "user_9", notice.Deleted))
				for n := there.next(while); n != (notice.Notice{}); n = there.next(while) {
					if n == somebody("org_1", "user_9", notice.Deleted) {
						return true
					}
				}
				return false
			}, 5*time.Second, 10*time.Millisecond, "and then as before")
		})
	}

	t.Run("from the start", func(t *testing.T) {
		link := newLink(t)
		link.cut()
		one, two := newServer(t, testAddress(t), prefix), newServer(t, link.url, prefix)
		ctx, cancel := context.WithTimeout(t.Context(), while)
		defer cancel()
		e := ear{two.Subscribe(ctx, "org_1", func(notice.Notice) {}), nil}
		require.NotNil(t, e.Subscription, "whoever listens does not wait for good")
		link.mend()
		require.Eventually(t, func() bool { n, _ := e.Next(); return n.Kind == notice.Refetch }, 5*time.Second, 10*time.Millisecond)
		one.Publish(somebody("org_1", "user_1", notice.Created))
		require.Eventually(t, func() bool { n, _ := e.Next(); return n.UserID == "user_1" }, soon, 10*time.Millisecond)
	})

	t.Run("a connection that has died without a word is noticed", func(t *testing.T) {
		link := newLink(t)
		one, two := newServer(t, testAddress(t), prefix), newServer(t, link.url, prefix)
		there := two.listen("org_1")
		link.hold()
		one.Publish(somebody("org_1", "user_1", notice.Created))
		assert.Equal(t, notice.Refetch, there.next(silence+5*time.Second).Kind)
	})
}

// link is a connection to Redis that can be cut.
type link struct {
	t         *testing.T
	url, dest string
	mu        sync.Mutex
	open      []net.Conn
	// down: new connections end at once. It listens all the same, so that
	// nobody else is given its port.
	down bool
	// silent are those of open that pass nothing on any more.
	silent map[net.Conn]bool
}

func newLink(t *testing.T) *link {
	t.Helper()
	u, err := url.Parse(testAddress(t))
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dest := u.Host
	u.Host = listener.Addr().String()
	l := &link{t: t, url: u.String(), dest: dest}
	go l.serve(listener)
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut()
	})
	return l
}

func (l *link) serve(listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", l.dest)
		if err != nil {
			_ = in.Close()
			continue
		}
		l.mu.Lock()
		if l.down {
			_, _ = in.Close(), out.Close()
		}
		l.open = append(l.open, in, out)
		l.mu.Unlock()
		go l.pass(out, in)
		go l.pass(in, out)
	}
}

// mend lets connections through.
func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

// pass copies, unless it is to be silent, and keeps the connection open then.
func (l *link) pass(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		l.mu.Lock()
		silent := l.silent[from] || l.silent[to]
		l.mu.Unlock()
		if silent {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// hold keeps the connections that there are open, and passes nothing on.
func (l *link) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = map[net.Conn]bool{}
	for _, c := range l.open {
		l.silent[c] = true
	}
}

// cut ends all connections, and each new one at once.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}
