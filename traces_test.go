package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is a collector of traces, by OTLP over HTTP.
type collector struct {
	url string

	mu    sync.Mutex
	raw   bytes.Buffer
	spans []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		// A request to export has the form of what it exports.
		var sent tracepb.TracesData
		if !assert.NoError(t, err) || !assert.NoError(t, proto.Unmarshal(body, &sent)) {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(body)
		for _, of := range sent.GetResourceSpans() {
			for _, in := range of.GetScopeSpans() {
				c.spans = append(c.spans, in.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// env has a program send its traces here, and soon.
func (c *collector) env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.url, "OTEL_BSP_SCHEDULE_DELAY=50"}
}

// text is all that has come, as bytes.
func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

func (c *collector) all() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

func (c *collector) names() []string {
	var names []string
	for _, span := range c.all() {
		names = append(names, span.GetName())
	}
	return names
}

// await waits for a span of this name, and answers the last one.
func (c *collector) await(t *testing.T, name string) *tracepb.Span {
	t.Helper()
	var found *tracepb.Span
	require.Eventually(t, func() bool {
		for _, span := range c.all() {
			if span.GetName() == name {
				found = span
			}
		}
		return found != nil
	}, 30*time.Second, 20*time.Millisecond, "a span %q", name)
	return found
}

// TestTraces: an operation is one trace, with its root field and every step that
// its stores took, and nothing of what was asked or of who asked.
func TestTraces(t *testing.T) {
	steps := map[string][]string{
		"embedded": {"sqlite Session", "sqlite User", "sqlite Organization", "sqlite ListUsers"},
		"services": {"redis Session", "hmget", "mongodb User", "mongodb ListUsers", "mongodb find"},
	}
	eachWay(t, func(t *testing.T, w way) {
		traces := newCollector(t)
		p := install(t, w, traces.env()...)
		admin := p.admin()
		answer, err := admin.ask(`query AnythingAtAll($s: String) { users(search: $s) { nodes { email } } }`, object{"s": "admin"})
		require.NoError(t, err)
		request := traces.await(t, "graphql users")
		attributes := map[string]string{}
		for _, one := range request.GetAttributes() {
			attributes[one.GetKey()] = one.GetValue().GetStringValue()
		}
		assert.Equal(t, "OK", attributes["roster.outcome"])
		assert.Equal(t, answer.header.Get("X-Request-Id"), attributes["roster.request"])
		var inside []string
		for _, span := range traces.all() {
			if bytes.Equal(span.GetTraceId(), request.GetTraceId()) {
				inside = append(inside, span.GetName())
			}
		}
		assert.Contains(t, inside, "Query.users")
		assert.Subset(t, inside, steps[w.name])
		assert.Contains(t, traces.names(), "Mutation.login")
		for _, what := range []string{"AnythingAtAll", "search", adminEmail, adminPassword, admin.token, "127.0.0.1", p.url, "org_", "user_"} {
			assert.NotContains(t, traces.text(), what)
		}
		for _, span := range traces.all() {
			assert.True(t, len(span.GetParentSpanId()) > 0 || strings.HasPrefix(span.GetName(), "graphql"), "%s stands alone", span.GetName())
		}
		require.Equal(t, 0, p.stop())
	})
}

// TestACollectorThatIsAway slows nothing down, and the program ends as usual.
func TestACollectorThatIsAway(t *testing.T) {
	silent := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	t.Cleanup(func() { close(silent); server.Close() })
	for name, url := range map[string]string{"silent": server.URL, "not there": "http://" + freeAddress(t)} {
		t.Run(name, func(t *testing.T) {
			p := install(t, ways[0], "OTEL_EXPORTER_OTLP_ENDPOINT="+url, "OTEL_BSP_SCHEDULE_DELAY=10")
			admin := p.admin()
			for range 100 {
				require.NotNil(t, admin.viewer())
			}
			assert.Equal(t, 0, p.stop())
			for line := range strings.Lines(p.log()) {
				assert.Regexp(t, `^time=\S+ level=(DEBUG|INFO|WARN|ERROR) msg=`, line)
			}
		})
	}
}
