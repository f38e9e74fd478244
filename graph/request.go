package graph

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/vikstrous/dataloadgen"

	"roster/internal/account"
	"roster/internal/directory"
)

// Request is what the protocol around an operation knows about who asks.
type Request struct {
	// ID is the request's, for the operator's log.
	ID string
	// Viewer is who is signed in; nil when nobody is.
	Viewer *account.Viewer
	Origin directory.Origin
	// KeepSession has the browser keep a session's token until it ends; an
	// empty token has it forget.
	KeepSession func(token string, ends time.Time)
}

type requestKey struct{}

// operation is a request with what its resolvers have loaded already.
type operation struct {
	*Request
	people *dataloadgen.Loader[string, *directory.User]
	counts func(context.Context) (directory.Counts, error)
}

// loaderWait is how long a look-up of a person waits for others to join it.
const loaderWait = time.Millisecond

// WithRequest says who asks in ctx.
func WithRequest(ctx context.Context, d *directory.Directory, r *Request) context.Context {
	op := &operation{Request: r}
	op.people = dataloadgen.NewLoader(func(ctx context.Context, ids []string) ([]*directory.User, []error) {
		found, err := d.UsersByID(ctx, op.actor(), ids)
		users, errs := make([]*directory.User, len(ids)), make([]error, len(ids))
		for i, id := range ids {
			users[i], errs[i] = found[id], err
		}
		return users, errs
	}, dataloadgen.WithWait(loaderWait))
	op.counts = once(func(ctx context.Context) (directory.Counts, error) { return d.Counts(ctx, op.actor()) })
	return context.WithValue(ctx, requestKey{}, op)
}

// requestOf is the request of ctx; it is there, or the wiring is wrong.
func requestOf(ctx context.Context) *operation {
	op, ok := ctx.Value(requestKey{}).(*operation)
	if !ok {
		panic(fmt.Errorf("graph: a resolver ran outside of a request"))
	}
	return op
}

// actor is who asks, to the domain.
func (op *operation) actor() directory.Actor { return op.Viewer.Actor(op.Origin) }

// once remembers the first answer of load.
func once[T any](load func(context.Context) (T, error)) func(context.Context) (T, error) {
	var guard sync.Once
	var answer T
	var err error
	return func(ctx context.Context) (T, error) {
		guard.Do(func() { answer, err = load(ctx) })
		return answer, err
	}
}
