package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scrape asks for metrics as Prometheus does, with headers that
// name another client, or host.
func scrape(t *testing.T, url string, headers ...string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(t, err)
	for _, name := range headers {
		if name == "Host" {
			request.Host = "evil.example"
		}
		request.Header.Set(name, "192.0.2.1")
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// metrics are what the program tells of itself.
func (p *program) metrics() string {
	p.t.Helper()
	status, body := scrape(p.t, p.url+"/metrics")
	require.Equal(p.t, http.StatusOK, status, body)
	return body
}

// metric is the value of one series; -1 when there is none.
func (p *program) metric(series string) float64 {
	p.t.Helper()
	match := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(p.metrics())
	if match == nil {
		return -1
	}
	value, err := strconv.ParseFloat(match[1], 64)
	require.NoError(p.t, err)
	return value
}

// becomes waits until a series has a value.
func (p *program) becomes(series string, value float64) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return p.metric(series) == value }, 30*time.Second, 50*time.Millisecond, "%s %v", series, value)
}

func TestMetrics(t *testing.T) {
	documents := map[string]string{"embedded": "sqlite", "services": "mongodb"}
	vault := map[string]string{"embedded": "sqlite", "services": "redis"}
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		admin := p.admin()
		p.anybody().signIn(adminEmail, "a wrong password of some length")
		admin.invite("Viewer", "ann@example.com", "not an address")
		_, err := p.anybody().ask(`{ users { totalCount } }`, nil)
		require.NoError(t, err)
		_, err = admin.ask(`{ roles { id } organization { id } }`, nil)
		require.NoError(t, err)
		_, err = admin.ask(`{ roles { id } ... on Query { again: roles { name } } ...More } fragment More on Query { roles { name } }`, nil)
		require.NoError(t, err)
		_, err = admin.ask(`{ nothing }`, nil)
		require.NoError(t, err)
		answer, err := http.Post(p.url+"/graphql", "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		_ = answer.Body.Close()

		for series, value := range map[string]float64{
			`roster_operations_total{operation="login",outcome="OK"}`:                  1,
			`roster_operations_total{operation="login",outcome="INVALID_CREDENTIALS"}`: 1,
			`roster_operations_total{operation="inviteUsers",outcome="OK"}`:            1,
			`roster_operations_total{operation="users",outcome="UNAUTHENTICATED"}`:     1,
			`roster_operations_total{operation="several",outcome="OK"}`:                1,
			`roster_operations_total{operation="roles",outcome="OK"}`:                  2, // one by invite
			`roster_operations_total{operation="none",outcome="BAD_USER_INPUT"}`:       2,
			`roster_operation_duration_seconds_count{operation="login"}`:               2,
			`roster_admission_running{gate="members"}`:                                 0,
			`roster_argon2_refused_total`:                                              0,
		} {
			assert.InDelta(t, value, p.metric(series), 0, series)
		}
		for _, call := range []string{
			documents[w.name] + " UpdateUser", documents[w.name] + " InsertUsers", vault[w.name] + " StartSession", vault[w.name] + " Session",
		} {
			store, kind, _ := strings.Cut(call, " ")
			assert.Positive(t, p.metric(fmt.Sprintf(`roster_store_call_duration_seconds_count{call=%q,store=%q}`, kind, store)), call)
			assert.Zero(t, p.metric(fmt.Sprintf(`roster_store_call_errors_total{call=%q,store=%q}`, kind, store)), call)
		}
		p.becomes(`roster_audit_events_total{action="SIGNED_IN"}`, 1)
		p.becomes(`roster_sessions_used_total`, 1)
		p.becomes(`roster_audit_events_total{action="USER_INVITED"}`, 1)
		p.becomes(`roster_mails_total{outcome="sent"}`, 1)

		socket := admin.listen()
		p.becomes(`roster_sockets`, 1)
		p.becomes(`roster_subscriptions`, 1)
		before := p.metric(`roster_subscription_events_total`)
		admin.invite("Viewer", "bob@example.com")
		require.Eventually(t, func() bool { return p.metric(`roster_subscription_events_total`) > before }, 30*time.Second, 50*time.Millisecond)
		require.NoError(t, socket.conn.CloseNow())
		p.becomes(`roster_sockets`, 0)
		p.becomes(`roster_subscriptions`, 0)
		assert.Positive(t, p.metric(`process_resident_memory_bytes`))
		assert.Positive(t, p.metric(`go_goroutines`))
	})
}

// TestMailsThatDoNotLeaveShow, before anybody complains.
func TestMailsThatDoNotLeaveShow(t *testing.T) {
	p := install(t, ways[0], "SMTP_URL=smtp://"+freeAddress(t))
	p.admin().invite("Viewer", "ann@example.com", "bob@example.com", "cy@example.com")
	require.Eventually(t, func() bool { return p.metric(`roster_mails_total{outcome="failed"}`) > 0 }, 30*time.Second, 50*time.Millisecond)
	p.becomes(`roster_relay_backlog`, 3)
	age := p.metric(`roster_relay_oldest_seconds`)
	require.Positive(t, age)
	require.Eventually(t, func() bool { return p.metric(`roster_relay_oldest_seconds`) > age }, 30*time.Second, 50*time.Millisecond)
	assert.Zero(t, p.metric(`roster_mails_total{outcome="sent"}`))
}

// TestNobodyMakesSeries: whatever is sent, the series are the program's own.
func TestNobodyMakesSeries(t *testing.T) {
	p := install(t, ways[0])
	admin := p.admin()
	// series counts what there is, but for what the service does by itself.
	series := func() int {
		count := 0
		for line := range strings.Lines(p.metrics()) {
			if strings.HasPrefix(line, "roster_operation") {
				count++
			}
		}
		return count
	}
	ask := func(i int) {
		name := fmt.Sprintf("madeUp%d", i)
		for _, query := range []string{
			`query ` + name + ` { viewer { user { id } } }`,
			`query ` + name + ` { ` + name + `: viewer { user { id } } }`,
			`query ` + name + ` { ...` + name + ` } fragment ` + name + ` on Query { viewer { user { id } } }`,
			`{ ` + name + ` }`,
			`query ` + name + ` {`,
		} {
			_, err := admin.ask(query, object{name: name})
			require.NoError(t, err)
		}
		if i%20 > 0 {
			return
		}
		for _, target := range []string{"/graphql?" + name, "/graphql?query={viewer{user{id}}}&operationName=" + name, "/" + name} {
			for _, method := range []string{http.MethodPost, http.MethodGet, strings.ToUpper(name)} {
				request, err := http.NewRequest(method, p.url+target, strings.NewReader(name))
				require.NoError(t, err)
				request.Header.Set("Content-Type", name)
				request.Header.Set("User-Agent", name)
				request.Header.Set("X-Request-Id", name)
				answer, err := http.DefaultClient.Do(request)
				require.NoError(t, err)
				_ = answer.Body.Close()
			}
		}
	}
	ask(0)
	before := series()
	for i := range 200 {
		ask(i + 1)
	}
	assert.Equal(t, before, series())
	assert.False(t, strings.Contains(strings.ToLower(p.metrics()), "madeup"))
}

// tells tells whether metrics are in an answer.
func tells(body string) bool { return strings.Contains(body, "roster_argon2_running") }

// TestMetricsAreForTheOperator, not for strangers.
func TestMetricsAreForTheOperator(t *testing.T) {
	t.Run("this machine may ask, and nobody whom a proxy speaks for", func(t *testing.T) {
		p := install(t, ways[0])
		assert.True(t, tells(p.metrics()))
		for _, header := range []string{"X-Forwarded-For", "Forwarded", "Via", "Host"} {
			status, body := scrape(t, p.url+"/metrics", header)
			assert.Equal(t, http.StatusForbidden, status, header)
			assert.False(t, tells(body))
		}
		answer, err := http.Post(p.url+"/metrics", "text/plain", nil)
		require.NoError(t, err)
		_ = answer.Body.Close()
		assert.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
	})
	t.Run("behind a proxy, which looks like this machine, nobody may", func(t *testing.T) {
		p := install(t, ways[0], "PUBLIC_URL=https://roster.example")
		status, body := scrape(t, p.url+"/metrics")
		assert.Equal(t, http.StatusForbidden, status)
		assert.False(t, tells(body))
		assert.Contains(t, body, "METRICS_ADDR")
	})
	t.Run("an address of their own has them, and nothing else has", func(t *testing.T) {
		own := freeAddress(t)
		p := install(t, ways[0], "PUBLIC_URL=https://roster.example", "METRICS_ADDR="+own)
		status, body := scrape(t, "http://"+own+"/metrics", "X-Forwarded-For")
		assert.Equal(t, http.StatusOK, status)
		assert.True(t, tells(body))
		for _, url := range []string{p.url + "/metrics", "http://" + own + "/", "http://" + own + "/graphql"} {
			status, body = scrape(t, url)
			assert.Equal(t, http.StatusNotFound, status, url)
			assert.False(t, tells(body))
		}
		require.Equal(t, 0, p.stop())
	})
	t.Run("an address that is taken stops the start with one sentence", func(t *testing.T) {
		p := install(t, ways[0])
		taken := strings.TrimPrefix(p.url, "http://")
		code, said := once(t, []string{"DATA_DIR=" + t.TempDir(), "ADDR=127.0.0.1:0", "METRICS_ADDR=" + taken})
		assert.NotZero(t, code)
		assert.Contains(t, said, "METRICS_ADDR")
	})
}
