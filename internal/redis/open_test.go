package redis

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"roster/internal/directory"
	"roster/internal/vaulttest"
)

func isUnavailable(err error) bool { return errors.Is(err, directory.ErrUnavailable) }

func TestOpen(t *testing.T) {
	for url, want := range map[string]any{
		"redis://localhost":                                                 &redis.Client{},
		"redis://localhost:6380/3":                                          &redis.Client{},
		"redis://user:p%23ss@localhost:6380/0":                              &redis.Client{},
		"rediss://localhost:6380":                                           &redis.Client{},
		"redis://localhost?read_timeout=1s":                                 &redis.Client{},
		"redis://one:6379?addr=two:6379&addr=three:6379":                    &redis.ClusterClient{},
		"rediss://one:6379?addr=two:6379":                                   &redis.ClusterClient{},
		"redis://sentinel:26379/0?master_name=main":                         &redis.Client{},
		"redis://sentinel:26379?master_name=main&addr=two:26379&password=x": &redis.Client{},
	} {
		t.Run(url, func(t *testing.T) {
			v, err := Open(url, "roster")
			if err != nil {
				t.Fatal(err)
			}
			if reflect.TypeOf(v.client) != reflect.TypeOf(want) {
				t.Errorf("is a %T", v.client)
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{
		"", "localhost:6379", "redis://", "http://localhost", "unix:///run/redis.sock", "redis://localhost/name", "redis://localhost/1/2",
		"redis://localhost?nonsense=1", "redis://localhost?read_timeout=soon", "redis://one?addr=two", "redis://one?master_name=m&addr=two",
		"redis://user:s3cret/x@localhost", "redis://user:s3cret#x@localhost", "redis://user:s3cret x@localhost", "redis://user:s3cret%zz@localhost",
		"redis://user:s3cret@localhost/name", "redis://user:s3cret@localhost?nonsense=1", "redis://user:1/s3cret@localhost",
	} {
		t.Run(url, func(t *testing.T) {
			_, err := Open(url, "roster")
			if err == nil {
				t.Fatal("is accepted")
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("tells the password: %v", err)
			}
		})
	}
}

// TestDefaults: what Open leaves to go-redis would wait for a minute, ignore a
// request's time, or answer from a replica.
func TestDefaults(t *testing.T) {
	v, err := Open("redis://localhost", "roster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	o := v.client.(*redis.Client).Options()
	if !o.ContextTimeoutEnabled || o.DialTimeout > 2*time.Second || o.ReadTimeout > 2*time.Second || o.WriteTimeout > 2*time.Second ||
		o.PoolTimeout > 2*time.Second || o.MaxRetries > 1 || o.DialerRetries > 1 || o.PoolSize != poolSize {
		t.Errorf("%+v", o)
	}
	v, err = Open("redis://one:1?addr=two:2&read_only=true&route_randomly=true&route_by_latency=true", "roster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	if o := v.client.(*redis.ClusterClient).Options(); o.ReadOnly || o.RouteRandomly || o.RouteByLatency || !o.ContextTimeoutEnabled {
		t.Errorf("%+v", o)
	}
}

// listener is a server's address that does with each connection what it is told.
func listener(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

func TestUnreachable(t *testing.T) {
	for name, address := range map[string]string{
		"nobody listens":   "127.0.0.1:1",
		"it never answers": listener(t, func(c net.Conn) {}),
		"it hangs up":      listener(t, func(c net.Conn) { _ = c.Close() }),
		"it is a server of another kind": listener(t, func(c net.Conn) {
			_, _ = fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = c.Close()
		}),
	} {
		for kind, query := range map[string]string{"one server": "", "cluster": "?addr=" + address, "sentinel": "?master_name=main"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				v, err := Open("redis://"+address+query, "roster")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = v.Close() })
				vaulttest.Unreachable(t, v, 9*time.Second)
			})
		}
	}
}
