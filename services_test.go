//go:build services

package main

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
	"roster/internal/mongo"
)

func init() {
	ways = append(ways, way{name: "services", env: servicesEnv, open: openMongo})
}

// servicesEnv is a database of its own on the servers that the tests are given.
func servicesEnv(t *testing.T) []string {
	t.Helper()
	mongoDB, redis := os.Getenv("TEST_MONGODB_URI"), os.Getenv("TEST_REDIS_URL")
	if mongoDB == "" || redis == "" {
		t.Fatal(`TEST_MONGODB_URI and TEST_REDIS_URL are not set: run eval "$(make -s services)" first`)
	}
	u, err := url.Parse(mongoDB)
	require.NoError(t, err)
	u.Path = "/test_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
	return []string{
		"MONGODB_URI=" + u.String(), "REDIS_URL=" + redis,
		"SECRET_KEY=" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmnopqrstuv")),
	}
}

func openMongo(t *testing.T, p *program) directory.Store {
	t.Helper()
	for _, pair := range p.env {
		if uri, ok := strings.CutPrefix(pair, "MONGODB_URI="); ok {
			store, err := mongo.Open(context.Background(), uri)
			require.NoError(t, err)
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				_ = store.Close(ctx)
			})
			return store
		}
	}
	t.Fatal("the program did not use MongoDB")
	return nil
}

// forwarder passes connections on to a server, once it is opened; before that,
// and after it is closed, nobody is there.
type forwarder struct {
	t          *testing.T
	addr, dest string
	mu         sync.Mutex
	listener   net.Listener
	open       []net.Conn
}

func (f *forwarder) start() {
	f.t.Helper()
	listener, err := net.Listen("tcp", f.addr)
	require.NoError(f.t, err)
	f.listener = listener
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", f.dest)
			if err != nil {
				_ = in.Close()
				continue
			}
			f.mu.Lock()
			f.open = append(f.open, in, out)
			f.mu.Unlock()
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
}

func (f *forwarder) stop() {
	_ = f.listener.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.open {
		_ = c.Close()
	}
	f.open = nil
}

// behind puts a forwarder before the server of a URL in the environment.
func behind(t *testing.T, env []string, variable string) ([]string, *forwarder) {
	t.Helper()
	f := &forwarder{t: t, addr: freeAddress(t)}
	changed := slices.Clone(env)
	for i, pair := range changed {
		if value, ok := strings.CutPrefix(pair, variable+"="); ok {
			u, err := url.Parse(value)
			require.NoError(t, err)
			f.dest, u.Host = u.Host, f.addr
			changed[i] = variable + "=" + u.String()
		}
	}
	require.NotEmpty(t, f.dest, variable)
	return changed, f
}

// TestAStoreThatIsAway: the server says so, answers UNAVAILABLE and lets nobody
// in, and goes on by itself when the store is back.
func TestAStoreThatIsAway(t *testing.T) {
	for _, variable := range []string{"MONGODB_URI", "REDIS_URL"} {
		t.Run(variable, func(t *testing.T) {
			env, store := behind(t, servicesEnv(t), variable)
			p := &program{t: t, dir: t.TempDir()}
			addr := freeAddress(t)
			p.url = "http://" + addr
			p.env = append(env, "ADDR="+addr, "PUBLIC_URL="+p.url, "DATA_DIR="+p.dir,
				"BOOTSTRAP_ADMIN_EMAIL="+adminEmail, "BOOTSTRAP_ADMIN_PASSWORD="+adminPassword)
			p.launch()
			t.Cleanup(func() {
				p.kill()
				if t.Failed() {
					t.Logf("log of the program:\n%s", p.log())
				}
			})
			require.Eventually(t, func() bool { return p.get("/healthz") == 200 }, 10*time.Second, 20*time.Millisecond)
			time.Sleep(4 * time.Second)
			assert.Equal(t, 503, p.get("/readyz"), "down at start")
			store.start()
			t.Cleanup(store.stop)
			p.waitReady(15 * time.Second)
			admin := p.admin()

			store.stop()
			began := time.Now()
			r, err := admin.ask(`{ viewer { user { id } } }`, nil)
			require.NoError(t, err)
			assert.Equal(t, "UNAVAILABLE", r.code(), "nothing fails open")
			assert.Less(t, time.Since(began), 11*time.Second, "within its deadline")
			assert.Equal(t, 503, p.get("/readyz"))
			assert.Equal(t, 200, p.get("/healthz"))

			store.start()
			p.waitReady(10 * time.Second)
			assert.NotNil(t, admin.viewer(), "the session is there again")
		})
	}
}

// TestTwoServers share one MongoDB and Redis: what one has answered, the other knows.
func TestTwoServers(t *testing.T) {
	env := servicesEnv(t)
	shared := way{name: "services", env: func(*testing.T) []string { return env }}
	one := install(t, shared)
	two := install(t, shared)
	admin := one.admin()
	ann, annID := one.enter(admin, "Viewer", "ann@example.com", "a walk along the river")
	elsewhere := &client{p: two, token: ann.token, http: ann.http}
	assert.NotNil(t, elsewhere.viewer(), "signed in on one is signed in on the other")
	(&client{p: two, token: admin.token, http: admin.http}).do(deleteQuery, object{"id": annID})
	assert.Nil(t, ann.viewer(), "deleted on one is out on the other at the next request")
}
