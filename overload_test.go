//go:build linux

package main

// The tests of this file share their machine with whatever else runs, so that
// they count how long something takes in the time in which the server has had
// a core: what it has worked meanwhile, which others cannot stretch.

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The server gets one core in these tests, so that what it can do, and how
// many it lets wait, is the same on every machine.
const oneCore = "GOMAXPROCS=1"

const pageQuery = `{ users(first: 50) { totalCount nodes { id name email role { name } status } } }`

// crowd is somebody signed in, with as many connections as it takes.
func crowd(c *client) *client {
	many := *c
	many.http = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2000}}
	return &many
}

// worked is for how long the program has had a core, so far.
func (p *program) worked() time.Duration {
	// The clock of another process, as clock_getcpuclockid(3) makes it.
	var spent unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|2), &spent); err != nil {
		p.t.Error(err)
	}
	return time.Duration(spent.Nano())
}

// tally is what came of many requests.
type tally struct {
	mu sync.Mutex
	// took is how long those took that were answered, by status.
	took  map[int][]time.Duration
	wrong []string
}

func (l *tally) add(r reply, err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.took == nil {
		l.took = map[int][]time.Duration{}
	}
	switch {
	case err != nil:
		l.wrong = append(l.wrong, err.Error())
	case r.status == http.StatusServiceUnavailable || r.status == http.StatusTooManyRequests:
		if r.header.Get("Retry-After") == "" {
			l.wrong = append(l.wrong, "no Retry-After")
		}
	case r.status != http.StatusOK || r.code() != "":
		l.wrong = append(l.wrong, fmt.Sprintf("%d %v", r.status, r.Errors))
	}
	l.took[r.status] = append(l.took[r.status], took)
}

// quantile is the time that this part of all took at most.
func quantile(all []time.Duration, part float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(part*float64(len(all)-1))]
}

// load has many ask for a page at once, each anew after a pause, for some time.
func load(c *client, clients int, pace, lasts time.Duration) *tally {
	var all tally
	var group sync.WaitGroup
	end := time.Now().Add(lasts)
	for range clients {
		group.Go(func() {
			for time.Now().Before(end) {
				next, worked := time.After(pace), c.p.worked()
				r, err := c.ask(pageQuery, nil)
				all.add(r, err, c.p.worked()-worked)
				<-next
			}
		})
	}
	group.Wait()
	return &all
}

// health asks for /healthz again and again, and answers how long each took.
func (p *program) health(stop <-chan struct{}) (took []time.Duration, failed int) {
	own := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	defer own.CloseIdleConnections()
	for {
		worked := p.worked()
		answer, err := own.Get(p.url + "/healthz")
		if err != nil || answer.StatusCode != http.StatusOK {
			failed++
		}
		if err == nil {
			_ = answer.Body.Close()
		}
		took = append(took, p.worked()-worked)
		select {
		case <-stop:
			return took, failed
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestFourTimesOverload: what the server takes on it answers in bounded time;
// the rest is told at once when to come back.
func TestFourTimesOverload(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := installBare(t, w, []string{"BOOTSTRAP_ADMIN_EMAIL=" + adminEmail, "BOOTSTRAP_ADMIN_PASSWORD=" + adminPassword, oneCore}, "--seed", "300")
		admin := crowd(p.admin())
		load(admin, 8, 0, 500*time.Millisecond)
		const measured = 2 * time.Second
		capacity := float64(len(load(admin, 8, 0, measured).took[http.StatusOK])) / measured.Seconds()
		require.Positive(t, capacity)

		const clients, lasts = 400, 4 * time.Second
		stop := make(chan struct{})
		var health []time.Duration
		var sick int
		var group sync.WaitGroup
		group.Go(func() { health, sick = p.health(stop) })
		began := time.Now()
		all := load(admin, clients, time.Duration(clients/(4*capacity)*float64(time.Second)), lasts)
		spent := time.Since(began)
		close(stop)
		group.Wait()

		served, refused := all.took[http.StatusOK], all.took[http.StatusServiceUnavailable]
		t.Logf("%.0f a second when calm; under load %.0f a second were asked, %.0f served (median %s, p99 %s), %.0f refused (median %s, p99 %s); health median %s, p99 %s",
			capacity, float64(len(served)+len(refused))/spent.Seconds(),
			float64(len(served))/spent.Seconds(), quantile(served, 0.5), quantile(served, 0.99),
			float64(len(refused))/spent.Seconds(), quantile(refused, 0.5), quantile(refused, 0.99),
			quantile(health, 0.5), quantile(health, 0.99))
		assert.Empty(t, all.wrong)
		assert.NotEmpty(t, served)
		assert.NotEmpty(t, refused)
		assert.Zero(t, sick)
		assert.Less(t, quantile(health, 0.5), 100*time.Millisecond)
		assert.Less(t, quantile(served, 0.99), 5*time.Second)
		assert.NotNil(t, admin.viewer(), "afterwards all is as before")
	})
}

// memory is the peak of what a program has had in memory since it was last
// asked to forget it, in bytes.
func (p *program) memory() (peak, now int) {
	p.t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	require.NoError(p.t, err)
	field := func(name string) int {
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, name+":"); ok {
				kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
				require.NoError(p.t, err)
				return kib << 10
			}
		}
		p.t.Fatalf("no %s in the status of the program", name)
		return 0
	}
	return field("VmHWM"), field("VmRSS")
}

// TestFiveHundredSignIns at once: memory stays bounded, and who is signed in
// already goes on working.
func TestFiveHundredSignIns(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "TRUSTED_PROXIES=127.0.0.0/8")
		admin := p.admin()
		_, before := p.memory()
		everybody := crowd(p.anybody())

		var evaluated, refused atomic.Int64
		var group sync.WaitGroup
		for i := range 500 {
			group.Go(func() {
				c := *everybody
				c.ip = fmt.Sprintf("203.0.%d.%d", i/250, i%250+1)
				r, err := c.ask(loginQuery, object{"in": object{"username": fmt.Sprintf("somebody%d@example.com", i), "password": "not the password"}})
				switch {
				case err != nil:
					t.Error(err)
				case r.code() == "UNAVAILABLE":
					refused.Add(1)
				case slices.Equal(refusals(r.payload()), []string{"INVALID_CREDENTIALS"}):
					evaluated.Add(1)
				default:
					t.Errorf("%d %v", r.status, r)
				}
			})
		}
		done := make(chan struct{})
		go func() { group.Wait(); close(done) }()
		var work []time.Duration
		for over := false; !over; {
			worked := p.worked()
			r, err := admin.ask(pageQuery, nil)
			require.NoError(t, err)
			require.Empty(t, r.Errors)
			work = append(work, p.worked()-worked)
			select {
			case <-done:
				over = true
			default:
			}
		}
		peak, _ := p.memory()
		t.Logf("%d evaluated, %d refused; %d MiB before, %d MiB at the peak; %d pages meanwhile, median %s, p99 %s",
			evaluated.Load(), refused.Load(), before>>20, peak>>20, len(work), quantile(work, 0.5), quantile(work, 0.99))
		assert.Less(t, peak-before, 200<<20)
		assert.Positive(t, evaluated.Load())
		assert.Less(t, quantile(work, 0.5), time.Second)
		c := p.anybody()
		c.ip = "198.51.100.1"
		c.signIn(adminEmail, adminPassword)
		assert.NotEmpty(t, c.token, "afterwards people can sign in")
	})
}

// TestTooManyGuesses: the answer says when it goes on, to programs that know
// HTTP and to those that know the API.
func TestTooManyGuesses(t *testing.T) {
	p := install(t, ways[0])
	for range 10 {
		r, err := p.anybody().ask(loginQuery, object{"in": object{"username": "somebody@example.com", "password": "not the password"}})
		require.NoError(t, err)
		if r.code() == "RATE_LIMITED" {
			assert.EqualValues(t, r.header.Get("Retry-After"), fmt.Sprint(r.Errors[0].Extensions["retryAfterSeconds"]))
			assert.NotEmpty(t, r.header.Get("Retry-After"))
			return
		}
		assert.Empty(t, r.header.Get("Retry-After"))
	}
	t.Fatal("ten guesses were not too many")
}
