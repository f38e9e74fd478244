package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-logr/logr"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"
)

const scope = "roster"

// Traces tells a collector what each request of the API did and how long each
// step of it took. A nil *Traces traces nothing, and costs nothing.
type Traces struct {
	provider *sdktrace.TracerProvider
	// inside makes spans within requests only, so that what goes on in the
	// background makes none.
	inside insideRequests
}

// NewTraces sends traces to the collector at this URL, as OpenTelemetry's own
// variables say (OTEL_…); nil when there is no URL. What goes wrong with it is
// logged, and nobody waits for it.
func NewTraces(ctx context.Context, collector *url.URL, log *slog.Logger) (*Traces, error) {
	if collector == nil {
		return nil, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		if protocol := os.Getenv(name); protocol != "" && !strings.HasPrefix(protocol, "http/") {
			return nil, fmt.Errorf("%s is %q: set it to http/protobuf, and OTEL_EXPORTER_OTLP_ENDPOINT to the collector's port for it, mostly 4318", name, protocol)
		}
	}
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces do not reach the collector", "error", err) }))
	var to []otlptracehttp.Option
	if os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		to = append(to, otlptracehttp.WithEndpointURL(collector.JoinPath("v1", "traces").String()))
	}
	exporter, err := otlptracehttp.New(ctx, to...)
	if err != nil {
		return nil, fmt.Errorf("prepare traces: %w", err)
	}
	// The variables come last, and win.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attribute.String("service.name", "roster")), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("prepare traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(discreet{exporter}), sdktrace.WithResource(about))
	return &Traces{provider: provider, inside: insideRequests{provider: provider}}, nil
}

// Close sends what is left, as far as ctx lets it.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// within makes spans of steps of requests; nil when nothing is traced.
func (t *Traces) within() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.inside.Tracer(scope)
}

// HTTP makes a span of each operation that next answers over HTTP. Whoever asks
// through one of the proxies may name the trace that it belongs to; for all
// others a new one begins, since anybody can send names of traces.
func (t *Traces) HTTP(next http.Handler, proxies []netip.Prefix) http.Handler {
	if t == nil {
		return next
	}
	named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("roster.request", w.Header().Get("X-Request-Id")))
	})
	return otelhttp.NewHandler(named, "graphql",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(operation string, _ *http.Request) string { return operation }),
		otelhttp.WithFilter(func(r *http.Request) bool {
			return r.URL.Path == "/graphql" && r.Header.Get("Upgrade") == ""
		}),
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool {
			peer, err := netip.ParseAddrPort(r.RemoteAddr)
			if err != nil {
				return true
			}
			for _, proxy := range proxies {
				if proxy.Contains(peer.Addr().Unmap()) {
					return false
				}
			}
			return true
		}))
}

// Operation names the span of ctx after an operation that was answered.
func (t *Traces) Operation(ctx context.Context, operation, outcome string) {
	if t == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	span.SetName("graphql " + operation)
	span.SetAttributes(attribute.String("roster.operation", operation), attribute.String("roster.outcome", outcome))
	if outcome == "INTERNAL" || outcome == "UNAVAILABLE" {
		span.SetStatus(codes.Error, "")
	}
}

// GraphQL makes a span of each root field.
func (t *Traces) GraphQL() []graphql.HandlerExtension {
	if t == nil {
		return nil
	}
	return []graphql.HandlerExtension{rootFields{t.within()}}
}

type rootFields struct{ tracer trace.Tracer }

var _ graphql.RootFieldInterceptor = rootFields{}

func (rootFields) ExtensionName() string                   { return "traces" }
func (rootFields) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptRootField implements graphql.RootFieldInterceptor.
func (f rootFields) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	field := graphql.GetRootFieldContext(ctx).Field
	ctx, span := f.tracer.Start(ctx, field.ObjectDefinition.Name+"."+field.Name)
	defer span.End()
	return next(ctx)
}

// MongoDB makes a span of each command to a server. A span has the command's
// name, and nothing of what it asks for.
func (t *Traces) MongoDB(o *options.ClientOptions) {
	if t == nil {
		return
	}
	tracer := t.within()
	ended := func(ctx context.Context, e event.CommandFinishedEvent, status codes.Code) {
		now := time.Now()
		_, span := tracer.Start(ctx, "mongodb "+e.CommandName, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(now.Add(-e.Duration)),
			trace.WithAttributes(attribute.String("db.system", "mongodb"), attribute.String("db.operation.name", e.CommandName)))
		span.SetStatus(status, "")
		span.End(trace.WithTimestamp(now))
	}
	o.SetMonitor(&event.CommandMonitor{
		Succeeded: func(ctx context.Context, e *event.CommandSucceededEvent) {
			ended(ctx, e.CommandFinishedEvent, codes.Unset)
		},
		Failed: func(ctx context.Context, e *event.CommandFailedEvent) {
			ended(ctx, e.CommandFinishedEvent, codes.Error)
		},
	})
}

// Redis makes a span of each command, without its keys and values.
func (t *Traces) Redis(client redis.UniversalClient) error {
	if t == nil {
		return nil
	}
	return redisotel.InstrumentTracing(client, redisotel.WithTracerProvider(t.inside),
		redisotel.WithDBStatement(false), redisotel.WithCallerEnabled(false), redisotel.WithDialFilter(true))
}

// insideRequests makes spans that have a parent, and no others.
type insideRequests struct {
	embedded.TracerProvider
	provider trace.TracerProvider
}

// Tracer implements trace.TracerProvider.
func (p insideRequests) Tracer(name string, o ...trace.TracerOption) trace.Tracer {
	return insideTracer{tracer: p.provider.Tracer(name, o...)}
}

type insideTracer struct {
	embedded.Tracer
	tracer trace.Tracer
}

// Start implements trace.Tracer.
func (t insideTracer) Start(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name, o...)
}

// discreet sends nothing of a span but its name, its times and what the list
// below lets out. The libraries that make spans put more into them with each
// version, and the texts of errors quote whatever was sent.
type discreet struct{ sdktrace.SpanExporter }

// told are the attributes that leave. None of them is a person's, or of a
// client's own choosing.
var told = map[attribute.Key]bool{
	"http.request.method": true, "http.response.status_code": true,
	"http.request.body.size": true, "http.response.body.size": true,
	"roster.operation": true, "roster.outcome": true, "roster.request": true,
	"db.system": true, "db.operation.name": true, "db.redis.num_cmd": true,
}

// ExportSpans implements sdktrace.SpanExporter.
func (d discreet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	cut := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		cut[i] = discreetSpan{span}
	}
	err := d.SpanExporter.ExportSpans(ctx, cut)
	if errors.Is(err, context.Canceled) {
		return nil // the program ends
	}
	return err
}

// discreetSpan is a span without what nobody is told: texts of errors, and what
// strangers say of traces of theirs.
type discreetSpan struct{ sdktrace.ReadOnlySpan }

func (s discreetSpan) Attributes() []attribute.KeyValue {
	var kept []attribute.KeyValue
	for _, one := range s.ReadOnlySpan.Attributes() {
		if told[one.Key] {
			kept = append(kept, one)
		}
	}
	return kept
}

func (s discreetSpan) Events() []sdktrace.Event { return nil }
func (s discreetSpan) Links() []sdktrace.Link   { return nil }
func (s discreetSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
