package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"roster/graph/model"
	"roster/internal/account"
	"roster/internal/directory"
)

// Request is what the protocol around an operation knows about who asks.
type Request struct {
	// ID is the request's, for the operator's log.
	ID string
	// Viewer is who is signed in; nil when nobody is.
	Viewer *account.Viewer
	// Token is what a request for a WebSocket shows to say who asks, which is
	// looked up again and again; empty in other requests.
	Token  string
	Origin directory.Origin
	// KeepSession has the browser keep a session's token until it ends; an
	// empty token has it forget.
	KeepSession func(token string, ends time.Time)

	// Operation and Outcome say, when the request is answered, what was asked
	// for and what became of it (see operationOf and outcomeOf), for whoever
	// counts: each is one of a few words, whatever the client sends. Empty: it was
	// not found out.
	Operation, Outcome string
	// refused is the first refusal that a payload shows.
	refused atomic.Pointer[directory.Code]
}

// BearerToken is the token in an Authorization header; empty when it is of
// another scheme.
func BearerToken(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

type requestKey struct{}

// operation is a request with what its resolvers have loaded already.
type operation struct {
	*Request
	*loaded
	// change is what a subscription tells; nil while it tells nothing.
	change *model.UserChange
	lists  lists
	// lent is whether the transport gives the answer back when it is written; see
	// answers.
	lent bool
}

// lists are what an operation has asked for already: the same list under
// several aliases is read once.
type lists struct {
	guard sync.Mutex
	asked map[string]any
}

// list answers a list of this name with these arguments, which are written as
// JSON to tell one from another.
func list[T any](ctx context.Context, op *operation, load func(context.Context) (T, error), name string, arguments ...any) (T, error) {
	text, err := json.Marshal(arguments)
	if err != nil {
		return load(ctx)
	}
	key := name + string(text)
	op.lists.guard.Lock()
	known, ok := op.lists.asked[key].(func(context.Context) (T, error))
	if !ok {
		known = once(load)
		if op.lists.asked == nil {
			op.lists.asked = map[string]any{}
		}
		op.lists.asked[key] = known
	}
	op.lists.guard.Unlock()
	return known(ctx)
}

// loaded is what has been looked up once, for all who need it: whoever asks
// first has it looked up, as the one who asks.
type loaded struct {
	people *people
	counts func(context.Context) (directory.Counts, error)
	seats  func(context.Context) (directory.Seats, error)
}

func newLoaded(d *directory.Directory) *loaded {
	return &loaded{
		people: newPeople(func(ctx context.Context, ids []string) (map[string]*directory.User, error) {
			return d.UsersByID(ctx, requestOf(ctx).actor(), ids)
		}),
		counts: once(func(ctx context.Context) (directory.Counts, error) { return d.Counts(ctx, requestOf(ctx).actor()) }),
		seats:  once(func(ctx context.Context) (directory.Seats, error) { return d.Seats(ctx, requestOf(ctx).actor()) }),
	}
}

// WithRequest says who asks in ctx.
func WithRequest(ctx context.Context, d *directory.Directory, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, &operation{Request: r, loaded: newLoaded(d)})
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

// lookUpTimeout is how long something is looked up for several who need it.
const lookUpTimeout = 8 * time.Second

// shared is ctx for what is looked up for others too: it goes on when the one
// who asked has left.
func shared(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), lookUpTimeout)
}

// once remembers the first answer of load.
func once[T any](load func(context.Context) (T, error)) func(context.Context) (T, error) {
	var guard sync.Once
	var answer T
	var err error
	return func(ctx context.Context) (T, error) {
		guard.Do(func() {
			ctx, cancel := shared(ctx)
			defer cancel()
			answer, err = load(ctx)
		})
		return answer, err
	}
}
