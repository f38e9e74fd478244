package watch

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"roster/internal/directory"
)

// calls measures the calls of one store.
type calls struct {
	// kinds are the methods that a store of this type has, by name.
	kinds map[string]*kind
	// tracer is nil when nothing is traced.
	tracer trace.Tracer
}

// kind is one kind of call.
type kind struct {
	took   prometheus.Observer
	failed prometheus.Counter
	span   string
}

// callsOf measures the methods of T.
func callsOf[T any](m *Metrics, store string, t *Traces) calls {
	c := calls{kinds: map[string]*kind{}, tracer: t.within()}
	of := reflect.TypeFor[T]()
	for i := range of.NumMethod() {
		name := of.Method(i).Name
		c.kinds[name] = &kind{
			took: m.callTime.WithLabelValues(store, name), failed: m.callErrors.WithLabelValues(store, name), span: store + " " + name,
		}
	}
	return c
}

// call is one that is going on.
type call struct {
	*kind
	began time.Time
	trace trace.Span
}

func (c calls) begin(ctx context.Context, method string) (context.Context, call) {
	one := call{kind: c.kinds[method], began: time.Now()}
	if c.tracer != nil {
		ctx, one.trace = c.tracer.Start(ctx, one.span)
	}
	return ctx, one
}

// end is deferred with the error that is to be answered.
func (c call) end(err *error) {
	c.took.Observe(time.Since(c.began).Seconds())
	failed := failure(*err)
	if failed {
		c.failed.Inc()
	}
	if c.trace != nil {
		if failed {
			c.trace.SetStatus(codes.Error, "")
		}
		c.trace.End()
	}
}

// failure tells whether an error is one: not an answer that the store's contract
// names, and not that the client has left.
func failure(err error) bool {
	if err == nil {
		return false
	}
	for _, answer := range []error{
		directory.ErrNotFound, directory.ErrStale, directory.ErrTaken, directory.ErrNoSeat, directory.ErrLastAdministrator, context.Canceled,
	} {
		if errors.Is(err, answer) {
			return false
		}
	}
	return true
}
