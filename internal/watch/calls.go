package watch

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"roster/internal/directory"
)

// calls measures the calls of one store.
type calls struct {
	metrics *Metrics
	store   string
	// tracer is nil when nothing is traced.
	tracer trace.Tracer
}

// call is one that is going on.
type call struct {
	calls
	name  string
	began time.Time
	span  trace.Span
}

func (c calls) begin(ctx context.Context, name string) (context.Context, call) {
	one := call{calls: c, name: name, began: time.Now()}
	if c.tracer != nil {
		ctx, one.span = c.tracer.Start(ctx, c.store+" "+name)
	}
	return ctx, one
}

// end is deferred with the error that is to be answered.
func (c call) end(err *error) {
	c.metrics.callTime.WithLabelValues(c.store, c.name).Observe(time.Since(c.began).Seconds())
	failed := failure(*err)
	if failed {
		c.metrics.callErrors.WithLabelValues(c.store, c.name).Inc()
	}
	if c.span != nil {
		if failed {
			c.span.SetStatus(codes.Error, "")
		}
		c.span.End()
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
