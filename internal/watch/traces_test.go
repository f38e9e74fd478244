package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

// kept are traces whose spans are kept as they would leave.
func kept() (*Traces, *tracetest.InMemoryExporter) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(discreet{exporter}))
	return &Traces{provider: provider, inside: insideRequests{provider: provider}}, exporter
}

func names(exporter *tracetest.InMemoryExporter) []string {
	all := []string{}
	for _, span := range exporter.GetSpans() {
		all = append(all, span.Name)
	}
	return all
}

func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	traces, err := NewTraces(t.Context(), nil, slog.Default())
	require.NoError(t, err)
	require.Nil(t, traces)
	next := &http.ServeMux{}
	assert.Same(t, next, traces.HTTP(next, nil), "nothing stands before the handler")
	assert.Nil(t, traces.within())
	assert.Empty(t, traces.GraphQL())
	o := options.Client()
	traces.MongoDB(o)
	assert.Nil(t, o.Monitor)
	assert.NoError(t, traces.Redis(nil))
	traces.Operation(t.Context(), "users", "OK")
	assert.NoError(t, traces.Close(t.Context()))
}

func TestOnlyWhatIsOnTheListLeaves(t *testing.T) {
	traces, exporter := kept()
	stranger := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, Remote: true})
	_, span := traces.provider.Tracer("x").Start(t.Context(), "a step", trace.WithLinks(trace.Link{SpanContext: stranger}))
	span.SetAttributes(attribute.String("roster.operation", "login"), attribute.String("db.query.text", "secret"), attribute.String("url.query", "token=secret"))
	span.RecordError(errors.New("secret"))
	span.SetStatus(codes.Error, "secret")
	span.End()
	require.Len(t, exporter.GetSpans(), 1)
	left := exporter.GetSpans()[0]
	assert.Equal(t, []attribute.KeyValue{attribute.String("roster.operation", "login")}, left.Attributes)
	assert.Empty(t, left.Events)
	assert.Empty(t, left.Links)
	assert.Equal(t, sdktrace.Status{Code: codes.Error}, left.Status)
}

func TestStepsAreTracedInsideRequestsOnly(t *testing.T) {
	traces, exporter := kept()
	m := NewMetrics()
	s := m.Store("sqlite", stub{err: errors.New("secret")}, traces)
	monitored := options.Client()
	traces.MongoDB(monitored)
	step := func(ctx context.Context) {
		_, _ = s.User(ctx, "org_secret", "user_secret")
		monitored.Monitor.Succeeded(ctx, &event.CommandSucceededEvent{CommandFinishedEvent: event.CommandFinishedEvent{CommandName: "find", Duration: time.Second}})
	}
	step(t.Context())
	assert.Empty(t, exporter.GetSpans(), "nobody asked")
	ctx, request := traces.provider.Tracer("x").Start(t.Context(), "a request")
	step(ctx)
	request.End()
	assert.Equal(t, []string{"sqlite User", "mongodb find", "a request"}, names(exporter))
	for _, span := range exporter.GetSpans()[:2] {
		assert.Equal(t, request.SpanContext().SpanID(), span.Parent.SpanID())
	}
	find := exporter.GetSpans()[1]
	assert.Equal(t, time.Second, find.EndTime.Sub(find.StartTime))
	assert.Equal(t, codes.Error, exporter.GetSpans()[0].Status.Code)
}

func TestAnOperationIsATrace(t *testing.T) {
	traces, exporter := kept()
	handler := traces.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "R1")
		traces.Operation(r.Context(), "users", "UNAVAILABLE")
	}), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	ask := func(method, target, peer, upgrade string) tracetest.SpanStubs {
		exporter.Reset()
		r := httptest.NewRequest(method, target, nil)
		r.RemoteAddr = peer
		r.Header.Set("Traceparent", "00-"+theirs+"-b7ad6b7169203331-01")
		r.Header.Set("User-Agent", "secret")
		r.Header.Set("X-Forwarded-For", "secret")
		if upgrade != "" {
			r.Header.Set("Upgrade", upgrade)
		}
		handler.ServeHTTP(httptest.NewRecorder(), r)
		return exporter.GetSpans()
	}
	spans := ask("POST", "/graphql?token=secret", "192.0.2.1:1234", "")
	require.Len(t, spans, 1)
	assert.Equal(t, "graphql users", spans[0].Name)
	assert.Equal(t, codes.Error, spans[0].Status.Code)
	assert.ElementsMatch(t, []attribute.KeyValue{
		attribute.String("http.request.method", "POST"), attribute.Int("http.response.status_code", 200),
		attribute.String("roster.operation", "users"), attribute.String("roster.outcome", "UNAVAILABLE"), attribute.String("roster.request", "R1"),
	}, spans[0].Attributes)
	assert.NotEqual(t, theirs, spans[0].SpanContext.TraceID().String(), "a stranger names no trace")
	spans = ask("POST", "/graphql", "10.1.2.3:1234", "")
	require.Len(t, spans, 1)
	assert.Equal(t, theirs, spans[0].SpanContext.TraceID().String(), "a trusted proxy does")
	assert.Empty(t, ask("GET", "/healthz", "10.1.2.3:1234", ""))
	assert.Empty(t, ask("GET", "/graphql", "10.1.2.3:1234", "websocket"))
}

// collectorAt is traces that are sent to a handler.
func collectorAt(t *testing.T, handler http.HandlerFunc, log io.Writer) *Traces {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	traces, err := NewTraces(t.Context(), at, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	return traces
}

func TestWhatIsLeftIsSentAtTheEnd(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	var got []byte
	traces := collectorAt(t, func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/v1/traces", r.URL.Path)
		assert.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
		got, _ = io.ReadAll(r.Body)
	}, io.Discard)
	_, span := traces.provider.Tracer("x").Start(t.Context(), "the last request")
	span.End()
	require.NoError(t, traces.Close(t.Context()))
	for _, what := range []string{"the last request", "service.name", "roster", "deployment.environment.name"} {
		assert.Contains(t, string(got), what)
	}
}

func TestTroubleWithTheCollectorIsLogged(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10") // milliseconds
	var guard sync.Mutex
	var log bytes.Buffer
	traces := collectorAt(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }, writerFunc(func(p []byte) (int, error) {
		guard.Lock()
		defer guard.Unlock()
		return log.Write(p)
	}))
	_, span := traces.provider.Tracer("x").Start(t.Context(), "a request")
	span.End()
	assert.Eventually(t, func() bool {
		guard.Lock()
		defer guard.Unlock()
		return bytes.Contains(log.Bytes(), []byte("traces do not reach the collector"))
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, traces.Close(t.Context()))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestACollectorThatDoesNotAnswerHoldsUpNobody(t *testing.T) {
	stop := make(chan struct{})
	traces := collectorAt(t, func(http.ResponseWriter, *http.Request) { <-stop }, io.Discard)
	defer close(stop)
	for range 5000 {
		_, span := traces.provider.Tracer("x").Start(t.Context(), "more than the queue takes")
		span.End()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	assert.Error(t, traces.Close(ctx), "it ends when it is told to, and says what was lost")
}

func TestTracesLeaveByHTTP(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	at, err := url.Parse("http://127.0.0.1:4317")
	require.NoError(t, err)
	_, err = NewTraces(t.Context(), at, slog.Default())
	assert.ErrorContains(t, err, "OTEL_EXPORTER_OTLP_PROTOCOL")
	assert.ErrorContains(t, err, "http/protobuf")
}
