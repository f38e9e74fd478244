package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everybody are the statuses of all people, by address.
func (c *client) everybody() map[string]string {
	c.p.t.Helper()
	found, vars := map[string]string{}, object{}
	for more := true; more; {
		page := c.do(`query($a: String) { users(first: 100, after: $a) { nodes { email status } pageInfo { hasNextPage endCursor } } }`, vars)
		nodes, _ := page["nodes"].([]any)
		for _, n := range nodes {
			found[text(n, "email")] = text(n, "status")
		}
		more, _ = dig(page, "pageInfo", "hasNextPage").(bool)
		vars["a"] = dig(page, "pageInfo", "endCursor")
	}
	return found
}

// mailed counts the mails that were kept as files, by address.
func (p *program) mailed() map[string]int {
	p.t.Helper()
	files, err := os.ReadDir(filepath.Join(p.dir, "mail"))
	require.NoError(p.t, err)
	found := map[string]int{}
	for _, file := range files {
		// <time>-invitation-<address>-<end of an id>.eml; the addresses of these tests have no dash.
		if parts := strings.Split(file.Name(), "-"); len(parts) > 3 && parts[1] == "invitation" {
			found[parts[2]]++
		}
	}
	return found
}

// TestStopUnderLoad asks the program to end while people are invited: what it
// has begun it ends, what it has answered is there afterwards, and nobody gets
// a mail twice.
func TestStopUnderLoad(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "INVITATIONS_PER_HOUR=1000000")
		admin := p.admin()
		role := admin.roles()["Viewer"]

		var invited sync.Map
		var group sync.WaitGroup
		var stopping atomic.Bool
		for worker := range 8 {
			group.Go(func() {
				for n := 0; ; n++ {
					email := fmt.Sprintf("w%dn%d@example.com", worker, n)
					r, err := admin.ask(inviteQuery, object{"in": object{"emails": []string{email}, "roleId": role}})
					switch {
					case err == nil && text(r.payload(), "results", 0, "outcome") == "INVITED":
						invited.Store(email, true)
					case stopping.Load() && (err != nil || r.code() == "UNAVAILABLE"):
						return
					default:
						t.Errorf("before it was told to stop: %v %v", r, err)
						return
					}
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)

		// These take a while, so that they are in progress when it is told to stop.
		slow := make(chan error, 8)
		for range cap(slow) {
			connected := make(chan struct{})
			go func() {
				c := p.anybody()
				c.http.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
					close(connected)
					return conn, err
				}}
				r, err := c.ask(`mutation { requestPasswordReset(input: {username: "nobody@example.com"}) { userErrors { code } } }`, nil)
				if err == nil && r.code() != "" && r.code() != "RATE_LIMITED" {
					err = fmt.Errorf("%v", r)
				}
				slow <- err
			}()
			<-connected
		}
		time.Sleep(50 * time.Millisecond)
		stopping.Store(true)
		began := time.Now()
		ready := make(chan bool)
		go func() {
			time.Sleep(20 * time.Millisecond)
			seen := false
			for over := false; !over; {
				seen = seen || p.get("/readyz") == http.StatusOK
				select {
				case <-p.done:
					over = true
				case <-time.After(5 * time.Millisecond):
				}
			}
			ready <- seen
		}()
		assert.Equal(t, 0, p.stop())
		took := time.Since(began)
		assert.Less(t, took, 15*time.Second)
		assert.False(t, <-ready, "not ready any more")
		for range cap(slow) {
			assert.NoError(t, <-slow, "what is in progress ends")
		}
		group.Wait()
		atStop := p.mailed()

		p.start()
		there := admin.everybody()
		var mails map[string]int
		missing := func() (lost []string) {
			mails = p.mailed()
			invited.Range(func(email, _ any) bool {
				if mails[email.(string)] == 0 {
					lost = append(lost, email.(string))
				}
				return true
			})
			return lost
		}
		require.Eventually(t, func() bool { return len(missing()) == 0 }, 30*time.Second, 200*time.Millisecond, "every invitation has its mail")
		acknowledged, twice := 0, 0
		invited.Range(func(email, _ any) bool {
			acknowledged++
			assert.Equal(t, "PENDING", there[email.(string)], email)
			if mails[email.(string)] > 1 {
				twice++
			}
			return true
		})
		t.Logf("stopped in %s; %d acknowledged, %d mails by then, %d twice", took, acknowledged, len(atStop), twice)
		assert.Positive(t, acknowledged)
		assert.Zero(t, twice)
	})
}
