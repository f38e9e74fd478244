//go:build services

package main

import (
	"context"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// behind puts a proxy that can do harm before the server of a URL in the
// environment. It is not started.
func behind(t *testing.T, env []string, variable, query string) ([]string, *toxiproxy.Proxy) {
	t.Helper()
	var proxy *toxiproxy.Proxy
	changed := slices.Clone(env)
	for i, pair := range changed {
		if value, ok := strings.CutPrefix(pair, variable+"="); ok {
			u, err := url.Parse(value)
			require.NoError(t, err)
			proxy = newProxy(t, u.Host)
			u.Host, u.RawQuery = proxy.Listen, strings.TrimPrefix(u.RawQuery+"&"+query, "&")
			changed[i] = variable + "=" + u.String()
		}
	}
	require.NotNil(t, proxy, variable)
	return changed, proxy
}

func newProxy(t *testing.T, upstream string) *toxiproxy.Proxy {
	t.Helper()
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "", freeAddress(t), upstream)
	t.Cleanup(proxy.Stop)
	return proxy
}

// toxic makes a proxy do harm until it is healed.
func toxic(t *testing.T, proxy *toxiproxy.Proxy, kind, attributes string) func() {
	return func() {
		_, err := proxy.Toxics.AddToxicJson(strings.NewReader(`{"type": "` + kind + `", "attributes": ` + attributes + `}`))
		assert.NoError(t, err)
	}
}

func heal(proxy *toxiproxy.Proxy) { proxy.Toxics.ResetToxics(context.Background()) }

// TestFaults, all at the same time: they wait more than they work, so that
// there may be more of them than cores.
func TestFaults(t *testing.T) {
	var group sync.WaitGroup
	defer group.Wait()
	beside := func(name string, test func(t *testing.T)) { group.Go(func() { t.Run(name, test) }) }
	beside("MongoDB", func(t *testing.T) { faultsOfAStore(t, "MONGODB_URI") })
	beside("Redis", func(t *testing.T) { faultsOfAStore(t, "REDIS_URL") })
	beside("MongoDB's connections used up", func(t *testing.T) { connectionsUsedUp(t, "MONGODB_URI", "maxPoolSize=4") })
	beside("Redis' connections used up", func(t *testing.T) { connectionsUsedUp(t, "REDIS_URL", "pool_size=4") })
	beside("mail server 2 s slow", func(t *testing.T) { faultsOfTheMailServer(t, mailFault{"latency", `{"latency": 2000}`, false}) })
	beside("mail server half-open", func(t *testing.T) { faultsOfTheMailServer(t, mailFault{"timeout", `{"timeout": 0}`, false}) })
	beside("mails cut off", func(t *testing.T) { faultsOfTheMailServer(t, mailFault{"limit_data", `{"bytes": 900}`, false}) })
	beside("mail server's yes is lost", func(t *testing.T) { faultsOfTheMailServer(t, mailFault{lost: true}) })
	beside("stop while all is slow", stopWhileAllIsSlow)
}

// deadline is how long any request may take: an operation's 10 s, and a moment
// for a machine that is busy with other tests.
const deadline = 10*time.Second + 2*time.Second

// asker does one thing again and again, while a store has a fault.
type asker struct {
	name string
	// ask answers what is wrong with the answer; nil when it is as it must be.
	// An answer of UNAVAILABLE is never wrong, and not shown to it.
	ask func(n int) (reply, error)
	ok  func(n int, r reply) bool
}

// besieged is a program with a fault before one of its stores, and what it has
// acknowledged.
type besieged struct {
	*program
	admin   *client
	adminID string
	role    string
	// bob's password is reset, ann signs in, and somebody guesses carl's password.
	bobID   string
	invited sync.Map
	resets, guesses, signIns,
	limited atomic.Int64
	round atomic.Int64
	began time.Time
}

const (
	annPassword   = "a walk along the river"
	wrongPassword = "a guess along the river"
)

// besiege launches a program with a proxy before one of its stores, which is
// not started. The query is added to the store's URL.
func besiege(t *testing.T, variable, query string) (*besieged, *toxiproxy.Proxy) {
	t.Helper()
	env, proxy := behind(t, servicesEnv(t), variable, query)
	b := &besieged{program: &program{t: t, dir: t.TempDir(), watched: freeAddress(t)}}
	addr := freeAddress(t)
	b.url = "http://" + addr
	b.env = append(env, "ADDR="+addr, "PUBLIC_URL="+b.url, "DATA_DIR="+b.dir, "TRUSTED_PROXIES=127.0.0.0/8",
		"BOOTSTRAP_ADMIN_EMAIL="+adminEmail, "BOOTSTRAP_ADMIN_PASSWORD="+adminPassword)
	b.launch()
	t.Cleanup(func() {
		b.kill()
		if t.Failed() {
			t.Logf("log of the program:\n%s", b.log())
		}
	})
	return b, proxy
}

// prepare makes the people that the askers are about.
func (b *besieged) prepare() {
	b.admin = b.program.admin()
	b.adminID = text(b.admin.viewer(), "user", "id")
	b.role = b.admin.roles()["Viewer"]
	b.enter(b.admin, "Viewer", "ann@example.com", annPassword)
	b.enter(b.admin, "Viewer", "carl@example.com", annPassword)
	_, b.bobID = b.enter(b.admin, "Viewer", "bob@example.com", annPassword)
	b.began = time.Now()
}

// askers is everything that must not go wrong.
func (b *besieged) askers(transport *http.Transport) []asker {
	as := func(token string) *client {
		return &client{p: b.program, token: token, http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
	}
	admin, stranger, forger := as(b.admin.token), as(""), as(b.admin.token[:len(b.admin.token)-4]+"AAAA")
	// Each from an address of its own, so that only the account's limit counts.
	signIn := func(n int, username, password string) (reply, error) {
		c := as("")
		c.ip = fmt.Sprintf("10.%d.%d.%d", b.round.Load(), n/200, n%200+1)
		return c.ask(loginQuery, object{"in": object{"username": username, "password": password, "issueToken": true}})
	}
	return []asker{
		{"who am I", func(int) (reply, error) { return admin.ask(`{ viewer { user { id } } }`, nil) },
			func(_ int, r reply) bool { return text(r.payload(), "user", "id") == b.adminID }},
		{"who is there", func(int) (reply, error) { return admin.ask(pageQuery, nil) },
			func(_ int, r reply) bool { return r.code() == "" && r.payload() != nil }},
		{"a stranger's look", func(int) (reply, error) { return stranger.ask(pageQuery, nil) },
			func(_ int, r reply) bool { return r.code() == "UNAUTHENTICATED" && r.payload() == nil }},
		{"a forged session", func(int) (reply, error) { return forger.ask(`{ viewer { user { id } } }`, nil) },
			func(_ int, r reply) bool { return r.code() == "" && r.payload() == nil }},
		{"a guess of a password", func(n int) (reply, error) { return signIn(n, "carl@example.com", wrongPassword) },
			func(_ int, r reply) bool {
				if slices.Equal(refusals(r.payload()), []string{"INVALID_CREDENTIALS"}) {
					b.guesses.Add(1)
					return text(r.payload(), "token") == ""
				}
				return r.code() == "RATE_LIMITED"
			}},
		{"a sign-in", func(n int) (reply, error) { return signIn(n, "ann@example.com", annPassword) },
			func(_ int, r reply) bool {
				if r.code() == "RATE_LIMITED" {
					b.limited.Add(1)
					return true
				}
				b.signIns.Add(1)
				return text(r.payload(), "token") != ""
			}},
		{"an invitation", func(n int) (reply, error) {
			return admin.ask(inviteQuery, object{"in": object{"emails": []string{b.email(n)}, "roleId": b.role}})
		}, func(n int, r reply) bool {
			b.invited.Store(b.email(n), true)
			return text(r.payload(), "results", 0, "outcome") == "INVITED"
		}},
		{"a reset of a password", func(int) (reply, error) {
			return admin.ask(`mutation($id: ID!) { resetPassword(id: $id) { user { id } userErrors { code } } }`, object{"id": b.bobID})
		}, func(_ int, r reply) bool {
			if r.code() == "RATE_LIMITED" {
				return true
			}
			b.resets.Add(1)
			return text(r.payload(), "user", "id") == b.bobID
		}},
	}
}

func (b *besieged) email(n int) string { return fmt.Sprintf("r%dn%d@example.com", b.round.Load(), n) }

// siege does everything at once, the fault from shortly after the beginning
// until the end, and checks what was answered.
func (b *besieged) siege(t *testing.T, lasts time.Duration, begin, end func()) (healed time.Time) {
	t.Helper()
	b.round.Add(1)
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	defer transport.CloseIdleConnections()
	var group sync.WaitGroup
	var answered, refused atomic.Int64
	var longest atomic.Int64
	stop := make(chan struct{})
	for _, a := range b.askers(transport) {
		for worker := range 2 {
			group.Go(func() {
				for n := worker; ; n += 2 {
					began := time.Now()
					r, err := a.ask(n)
					took := time.Since(began)
					for was := longest.Load(); int64(took) > was && !longest.CompareAndSwap(was, int64(took)); was = longest.Load() {
					}
					switch {
					case err != nil:
						t.Errorf("%s: no answer: %v", a.name, err)
						return
					case r.code() == "UNAVAILABLE":
						refused.Add(1)
						if p := r.payload(); p != nil {
							t.Errorf("%s: UNAVAILABLE, with data: %v", a.name, p)
						}
					case a.ok(n, r):
						answered.Add(1)
					default:
						t.Errorf("%s: status %d: %v %v", a.name, r.status, r.Errors, r.Data)
					}
					select {
					case <-stop:
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			})
		}
	}
	time.Sleep(300 * time.Millisecond)
	begin()
	time.Sleep(lasts)
	assert.NotEqual(t, http.StatusOK, b.get("/readyz"))
	assert.Equal(t, http.StatusOK, b.get("/healthz"))
	end()
	healed = time.Now()
	close(stop)
	b.recovers(t, healed)
	group.Wait()
	assert.Less(t, time.Duration(longest.Load()), deadline, "every request ends in time")
	assert.Positive(t, refused.Load(), "there was a fault")
	t.Logf("%d answered, %d UNAVAILABLE, the longest took %s", answered.Load(), refused.Load(), time.Duration(longest.Load()).Round(time.Millisecond))
	return healed
}

// recovers waits until everything works again.
func (b *besieged) recovers(t *testing.T, healed time.Time) {
	t.Helper()
	c := *b.admin
	c.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	again := 0
	fails := func() string {
		if status := b.get("/readyz"); status != http.StatusOK {
			return fmt.Sprintf("readyz answers %d", status)
		}
		again++
		for _, query := range []string{
			`{ viewer { user { id } } }`, pageQuery,
			// It asks the limits, and may be asked thrice an hour.
			fmt.Sprintf(`mutation { requestPasswordReset(input: {username: "nobody%d@example.com"}) { userErrors { code } } }`, again),
		} {
			c.ip = fmt.Sprintf("172.16.%d.%d", b.round.Load(), again)
			if r, err := c.ask(query, nil); err != nil || r.code() != "" || r.payload() == nil {
				return fmt.Sprintf("%s answers %v %v", query, r, err)
			}
		}
		return ""
	}
	why := fails()
	for why != "" && time.Since(healed) < 20*time.Second {
		time.Sleep(20 * time.Millisecond)
		why = fails()
	}
	took := time.Since(healed)
	t.Logf("all works again after %s %s", took.Round(time.Millisecond), why)
	assert.Less(t, took, 5*time.Second)
}

// settles waits until there are as many goroutines as before.
func (b *besieged) settles(t *testing.T, before int) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	b.admin.http.CloseIdleConnections()
	var now int
	var doing string
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		if now, doing = b.goroutines(); now <= before {
			t.Logf("%d goroutines before, %d after", before, now)
			return
		}
	}
	t.Errorf("%d goroutines before, %d after:\n%s", before, now, doing)
}

// faultsOfAStore: whatever happens between the program and a store, every
// request ends in time, nobody gets in who shouldn't, and when it is over all
// is as before.
func faultsOfAStore(t *testing.T, variable string) {
	b, proxy := besiege(t, variable, "")
	t.Run("down at start", func(t *testing.T) {
		require.Eventually(t, func() bool { return b.get("/healthz") == http.StatusOK }, 10*time.Second, 20*time.Millisecond)
		began := time.Now()
		var r reply
		for r.code() != "UNAVAILABLE" && time.Since(began) < deadline {
			var err error
			r, err = b.anybody().ask(loginQuery, object{"in": object{"username": adminEmail, "password": adminPassword}})
			require.NoError(t, err)
			require.Nil(t, dig(r.payload(), "viewer"))
		}
		assert.Equal(t, "UNAVAILABLE", r.code())
		assert.Less(t, time.Since(began), deadline)
		assert.Equal(t, http.StatusServiceUnavailable, b.get("/readyz"))
		require.NoError(t, proxy.Start())
		healed := time.Now()
		b.waitReady(30 * time.Second)
		t.Logf("ready after %s", time.Since(healed).Round(time.Millisecond))
		assert.Less(t, time.Since(healed), 5*time.Second)
	})
	b.prepare()

	// Slow ones last longer than any request may.
	for _, f := range []struct {
		name       string
		lasts      time.Duration
		begin, end func()
	}{
		{"5 s slow", 13 * time.Second, toxic(t, proxy, "latency", `{"latency": 5000}`), func() { heal(proxy) }},
		{"half-open", 13 * time.Second, toxic(t, proxy, "timeout", `{"timeout": 0}`), func() { heal(proxy) }},
		{"away", 3 * time.Second, proxy.Stop, func() { require.NoError(t, proxy.Start()) }},
		{"connections reset", 3 * time.Second, toxic(t, proxy, "reset_peer", `{"timeout": 0}`), func() { heal(proxy) }},
		{"answers cut off", 3 * time.Second, toxic(t, proxy, "limit_data", `{"bytes": 100}`), func() { heal(proxy) }},
	} {
		t.Run(f.name, func(t *testing.T) {
			before, _ := b.goroutines()
			b.siege(t, f.lasts, f.begin, f.end)
			b.settles(t, before)
			there := b.admin.everybody()
			b.invited.Range(func(email, _ any) bool {
				return assert.Equal(t, "PENDING", there[email.(string)], "acknowledged: %s", email)
			})
		})
	}

	t.Run("limits have held throughout", func(t *testing.T) {
		t.Logf("%d guesses of a password, %d resets, %d sign-ins and %d that were limited in %s",
			b.guesses.Load(), b.resets.Load(), b.signIns.Load(), b.limited.Load(), time.Since(b.began).Round(time.Second))
		// 5, and one more with each delay of at least 30 s.
		assert.LessOrEqual(t, b.guesses.Load(), 5+int64(time.Since(b.began)/(30*time.Second)))
		assert.LessOrEqual(t, b.resets.Load(), int64(3))
	})
	t.Run("every invitation has its mail", func(t *testing.T) {
		missing := func() (lost []string) {
			mails := b.mailed()
			b.invited.Range(func(email, _ any) bool {
				if mails[email.(string)] == 0 {
					lost = append(lost, email.(string))
				}
				return true
			})
			return lost
		}
		require.Eventually(t, func() bool { return len(missing()) == 0 }, 90*time.Second, 200*time.Millisecond)
	})
	t.Run("stops in time while half-open, and leaves no goroutine behind", func(t *testing.T) {
		toxic(t, proxy, "timeout", `{"timeout": 0}`)()
		transport := &http.Transport{}
		for _, a := range b.askers(transport) {
			go func() { _, _ = a.ask(1000) }()
		}
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		assert.Zero(t, b.stop())
		t.Logf("stopped in %s", time.Since(began).Round(time.Millisecond))
		assert.Less(t, time.Since(began), 15*time.Second)
	})
}

// connectionsUsedUp: when there are few connections to a slow store, those who
// want one wait no longer than anybody waits.
func connectionsUsedUp(t *testing.T, variable, few string) {
	b, proxy := besiege(t, variable, few)
	require.NoError(t, proxy.Start())
	b.waitReady(30 * time.Second)
	b.prepare()
	before, _ := b.goroutines()
	toxic(t, proxy, "latency", `{"latency": 1000}`)()

	transport := &http.Transport{}
	var group sync.WaitGroup
	var answered, refused atomic.Int64
	for _, a := range b.askers(transport) {
		for n := range 40 {
			group.Go(func() {
				began := time.Now()
				r, err := a.ask(n)
				assert.Less(t, time.Since(began), deadline, a.name)
				switch {
				case err != nil:
					t.Errorf("%s: no answer: %v", a.name, err)
				case r.code() == "UNAVAILABLE":
					refused.Add(1)
				case a.ok(n, r):
					answered.Add(1)
				default:
					t.Errorf("%s: status %d: %v %v", a.name, r.status, r.Errors, r.Data)
				}
			})
		}
	}
	group.Wait()
	transport.CloseIdleConnections()
	heal(proxy)
	t.Logf("%d answered, %d UNAVAILABLE", answered.Load(), refused.Load())
	assert.Positive(t, refused.Load())
	b.recovers(t, time.Now())
	b.settles(t, before)
	assert.LessOrEqual(t, b.guesses.Load(), int64(5))
	assert.LessOrEqual(t, b.resets.Load(), int64(3))
	assert.Zero(t, b.stop(), "and no goroutine is left behind")
}

// stopWhileAllIsSlow: the program ends in time also when its requests take
// all the time that they have, and the mail server does not answer.
func stopWhileAllIsSlow(t *testing.T) {
	b, proxy := besiege(t, "MONGODB_URI", "")
	b.kill() // and once more, with a mail server
	addr := freeAddress(t)
	serveSMTP(t, addr)
	postbox := newProxy(t, addr)
	require.NoError(t, postbox.Start())
	require.NoError(t, proxy.Start())
	b.env = append(b.env, "SMTP_URL=smtp://"+postbox.Listen)
	b.start()
	b.admin = b.program.admin()
	b.role = b.admin.roles()["Viewer"]
	toxic(t, postbox, "timeout", `{"timeout": 0}`)()
	toxic(t, proxy, "latency", `{"latency": 500}`)()

	var group sync.WaitGroup
	transport := &http.Transport{}
	for _, a := range b.askers(transport) {
		if a.name != "an invitation" {
			continue
		}
		for n := range 20 {
			group.Go(func() {
				r, err := a.ask(n)
				switch {
				case err != nil:
					t.Errorf("no answer: %v", err)
				case r.code() != "UNAVAILABLE":
					assert.True(t, a.ok(n, r), "%v", r)
				}
			})
		}
	}
	time.Sleep(500 * time.Millisecond)
	began := time.Now()
	assert.Zero(t, b.stop())
	took := time.Since(began)
	group.Wait()
	assert.Less(t, took, 15*time.Second)

	heal(proxy)
	heal(postbox)
	b.start()
	there := b.admin.everybody()
	acknowledged := 0
	b.invited.Range(func(email, _ any) bool {
		acknowledged++
		return assert.Equal(t, "PENDING", there[email.(string)], "acknowledged: %s", email)
	})
	t.Logf("stopped in %s; %d acknowledged", took.Round(time.Millisecond), acknowledged)
	assert.Positive(t, acknowledged)
}

// mailFault is something that happens between the program and the mail server.
type mailFault struct {
	toxic, attributes string
	// lost has the connection break when the server has taken a mail and not
	// said so yet: the one case in which a mail is sent twice.
	lost bool
}

// faultsOfTheMailServer: people are invited as if nothing were wrong, and each
// gets a mail when it is over.
func faultsOfTheMailServer(t *testing.T, fault mailFault) {
	var guard sync.Mutex
	mails := map[string][]string{}
	var losing atomic.Bool
	losing.Store(fault.lost)
	addr := freeAddress(t)
	proxy := newProxy(t, addr)
	serveSMTPTo(t, addr, func(mail string) {
		guard.Lock()
		defer guard.Unlock()
		to := recipientPattern.FindStringSubmatch(mail)
		mails[to[1]] = append(mails[to[1]], mail)
		if losing.Load() {
			proxy.Stop()
			assert.NoError(t, proxy.Start())
		}
	})
	require.NoError(t, proxy.Start())
	p := install(t, ways[0], "SMTP_URL=smtp://"+proxy.Listen)
	admin := p.admin()
	if !fault.lost {
		_, err := proxy.Toxics.AddToxicJson(strings.NewReader(
			`{"type": "` + fault.toxic + `", "stream": "upstream", "attributes": ` + fault.attributes + `}`))
		require.NoError(t, err)
	}

	var invited []string
	for n := range 4 {
		emails := []string{fmt.Sprintf("a%d@example.com", n), fmt.Sprintf("b%d@example.com", n), fmt.Sprintf("c%d@example.com", n)}
		began := time.Now()
		payload := admin.invite("Viewer", emails...)
		assert.Less(t, time.Since(began), 5*time.Second, "it waits for no mail")
		for i, email := range emails {
			assert.Equal(t, "INVITED", text(payload, "results", i, "outcome"))
			invited = append(invited, email)
		}
	}
	time.Sleep(5 * time.Second)
	losing.Store(false)
	heal(proxy)
	healed := time.Now()

	sent := func() int {
		guard.Lock()
		defer guard.Unlock()
		return len(mails)
	}
	for sent() < len(invited) && time.Since(healed) < 100*time.Second {
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(healed)
	require.Eventually(t, func() bool { return p.backlog(admin) == 0 }, 100*time.Second, 100*time.Millisecond, "the rows say that the mails are sent")
	guard.Lock()
	defer guard.Unlock()
	twice := 0
	for _, email := range invited {
		require.NotEmpty(t, mails[email], email)
		twice += len(mails[email]) - 1
	}
	t.Logf("%d mails, all sent %s after the fault, %d once more", len(invited), took.Round(time.Millisecond), twice)
	if !fault.lost {
		assert.Zero(t, twice)
	}
	t.Run("the latest link works", func(t *testing.T) {
		email := invited[0]
		link := linkPattern.FindStringSubmatch(unfolded(t, mails[email][len(mails[email])-1]))
		require.NotNil(t, link)
		accepted := p.anybody().do(acceptQuery, object{"in": object{"token": link[1], "password": annPassword}})
		assert.Empty(t, refusals(accepted))
	})
}

var recipientPattern = regexp.MustCompile(`(?im)^To:.*?<([^>]+)>`)

// unfolded is a mail without the line breaks of its quoted-printable.
func unfolded(t *testing.T, mail string) string {
	t.Helper()
	text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(mail)))
	require.NoError(t, err)
	return string(text)
}

// backlog is how many of the newest pending people still wait for their mail.
func (p *program) backlog(admin *client) int {
	p.t.Helper()
	list := admin.do(`{ users(status: PENDING, orderBy: {field: CREATED_AT, direction: DESC}, first: 100) { nodes { invitation { delivery { state } } } } }`, nil)
	waiting := 0
	nodes, _ := list["nodes"].([]any)
	for _, n := range nodes {
		if text(n, "invitation", "delivery", "state") == "QUEUED" {
			waiting++
		}
	}
	return waiting
}
