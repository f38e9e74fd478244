package httpd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"roster/graph"
	"roster/internal/directory"
)

// How much a server takes on at once, for each core, since cores are what it
// runs out of first: an operation costs one to a few milliseconds of a core,
// and waits for its stores the rest of its time. With more in progress none
// would be done sooner, and all would be late together.
const (
	operationsPerCore = 16
	// waitingPerCore is what a core gets done in less than anybody waits, also
	// when it is not all ours; and their bodies fit into memory.
	waitingPerCore = 96
	longestWait    = time.Second
	// comeBack is when those who are refused are asked to try again.
	comeBack = "2"
)

// gate lets so many operations in at once. The next ones wait for a moment, in
// the order in which they came; who finds the line full is not let in at all.
type gate struct {
	line, inside chan struct{}
	wait         time.Duration
	cores        int
	refused      atomic.Int64
}

func newGate(inside, waiting int, wait time.Duration) *gate {
	return &gate{line: make(chan struct{}, inside+waiting), inside: make(chan struct{}, inside), wait: wait, cores: runtime.GOMAXPROCS(0)}
}

// full tells whether nobody can come in or wait.
func (g *gate) full() bool { return len(g.line) == cap(g.line) }

// enter waits to be let in; who is in must leave.
func (g *gate) enter(ctx context.Context) (leave func(), ok bool) {
	select {
	case g.line <- struct{}{}:
	default:
		return nil, false
	}
	if !g.comeIn(ctx) {
		<-g.line
		return nil, false
	}
	// The scheduler runs goroutines that wake each other before it looks at the
	// network. Operations that hand on their places would so keep all the others
	// waiting, even for a refusal or for /healthz: with 400 clients on one core
	// about a second, and 30 ms when each stands back once. Where there is a core
	// for each, that would only wake another core.
	if len(g.inside) > g.cores {
		runtime.Gosched()
	}
	return func() { <-g.inside; <-g.line }, true
}

// comeIn takes a place inside, and waits for one if it must.
func (g *gate) comeIn(ctx context.Context) bool {
	select {
	case g.inside <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.inside <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// load is how many operations are inside and how many wait, now, and how many
// were turned away since the start.
func (g *gate) load() (running, waiting, refused int) {
	running = len(g.inside)
	return running, max(len(g.line)-running, 0), int(g.refused.Load())
}

// Admission is what a server takes on. Those who are signed in have a gate of
// their own: a crowd that signs in, where each waits until a core has computed
// a hash, does not keep the others from their work.
type Admission struct{ members, strangers *gate }

// NewAdmission takes on what the cores are good for.
func NewAdmission() *Admission {
	cores := runtime.GOMAXPROCS(0)
	newOne := func() *gate { return newGate(cores*operationsPerCore, cores*waitingPerCore, longestWait) }
	return &Admission{members: newOne(), strangers: newOne()}
}

// Members is how many operations of people who are signed in are in progress
// and how many wait, now, and how many were turned away since the start.
func (a *Admission) Members() (running, waiting, refused int) { return a.members.load() }

// Strangers is the same for people who are not signed in.
func (a *Admission) Strangers() (running, waiting, refused int) { return a.strangers.load() }

// admit lets a request in and finds out who asks, or answers that it can't.
// Who finds a full line is told before anything is read.
func (s *server) admit(ctx context.Context, w http.ResponseWriter, r *http.Request, request *graph.Request) (leave func(), ok bool) {
	token := ""
	if r.Method == http.MethodPost {
		token = sessionToken(r, s.options.PublicURL)
	}
	gate := s.admission.strangers
	if token != "" {
		gate = s.admission.members
	}
	if gate.full() {
		s.busy(w, request, gate)
		return nil, false
	}
	// A body that trickles in holds no place.
	r.Body = readAhead(r.Body)
	if leave, ok = gate.enter(ctx); !ok {
		s.busy(w, request, gate)
		return nil, false
	}
	if token == "" {
		return leave, true
	}
	viewer, err := s.accounts.Authenticate(ctx, token)
	if err == nil && viewer != nil {
		request.Viewer = viewer
		return leave, true
	}
	leave()
	if err != nil {
		s.unavailable(w, request, err)
		return nil, false
	}
	// The session has ended: a stranger, like the others.
	if leave, ok = s.admission.strangers.enter(ctx); !ok {
		s.busy(w, request, s.admission.strangers)
	}
	return leave, ok
}

// readAhead reads a body, and answers one that gives the same, with the error
// that it ended with.
func readAhead(body io.ReadCloser) io.ReadCloser {
	read, err := io.ReadAll(body)
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), ended{err}), body}
}

// ended is the end of a body; nil: it was complete.
type ended struct{ err error }

func (e ended) Read([]byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	return 0, io.EOF
}

// busy answers a request that is too many.
func (s *server) busy(w http.ResponseWriter, request *graph.Request, at *gate) {
	at.refused.Add(1)
	s.log.Debug("too many requests at once", "request", request.ID)
	refuseForNow(w, request, "The service has more to do at the moment than it can. Try again in a few seconds.")
}

// unavailable answers when it cannot be found out who asks: nobody is let in.
func (s *server) unavailable(w http.ResponseWriter, request *graph.Request, err error) {
	if !errors.Is(err, context.Canceled) {
		s.log.Error("a session could not be looked up", "request", request.ID, "error", err)
	}
	refuseForNow(w, request, "The service cannot answer at the moment. Try again in a few seconds.")
}

func refuseForNow(w http.ResponseWriter, request *graph.Request, message string) {
	request.Outcome = string(directory.CodeUnavailable)
	w.Header().Set("Retry-After", comeBack)
	graph.RefuseHTTP(w, http.StatusServiceUnavailable, directory.CodeUnavailable, message, request.ID)
}
