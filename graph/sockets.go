package graph

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/notice"
)

// What sockets may take.
const (
	maxSockets       = 10_000
	maxMessage       = 64 << 10
	maxSubscriptions = 20
	// tellers is how many sockets are told something at the same time.
	tellers = 32
)

// pace is the times of sockets.
type pace struct {
	// begin is how long a client has for connection_init.
	begin time.Duration
	// check is how often a client has to answer and its session is looked up;
	// answer is how long the client has for it.
	check, answer time.Duration
	// write is how long a client may take to read a message, and slow how long
	// others wait for it.
	write, slow time.Duration
	// retry is when what could not be looked up is looked up again.
	retry time.Duration
	// listen is how long a socket waits until it hears other servers.
	listen time.Duration
}

var usualPace = pace{
	begin: 5 * time.Second, check: 25 * time.Second, answer: 10 * time.Second,
	write: 10 * time.Second, slow: 5 * time.Millisecond, retry: time.Second, listen: 2 * time.Second,
}

// Sockets are the WebSockets of this server: gqlgen's transport for
// subscriptions, by the protocol graphql-transport-ws. gqlgen's own neither
// bounds operations, nor refuses mutations, nor ends with the session.
//
// Each change is resolved as an operation of its own, for a viewer looked up
// for it, so that nobody sees with yesterday's rights. A socket that is slow
// has one message in the making and a bounded list of notices; it is told to
// fetch again when that is full, dropped when it does not read at all, and
// holds up no other.
type Sockets struct {
	directory *directory.Directory
	accounts  *account.Accounts
	hub       *notice.Hub
	log       *slog.Logger
	pace      pace
	limit     int
	turns     turns
	// told counts events that were sent.
	told atomic.Int64

	mu       sync.Mutex
	open     map[*socket]struct{}
	stopping bool
	moments  map[string]*moment
	// subscriptions are by what was asked for, and subscribed counts the operations
	// that go on.
	subscriptions map[string]*subscription
	subscribed    int
	// left has a place for the news that a socket has left.
	left chan struct{}
}

var _ graphql.Transport = (*Sockets)(nil)

// NewSockets makes the sockets of a server.
func NewSockets(d *directory.Directory, accounts *account.Accounts, hub *notice.Hub, log *slog.Logger) *Sockets {
	return &Sockets{
		directory: d, accounts: accounts, hub: hub, log: log, pace: usualPace, limit: maxSockets, turns: turns{free: tellers},
		open: map[*socket]struct{}{}, moments: map[string]*moment{}, subscriptions: map[string]*subscription{}, left: make(chan struct{}, 1),
	}
}

// IsUpgrade tells whether a request asks for a WebSocket.
func IsUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Supports implements graphql.Transport.
func (*Sockets) Supports(r *http.Request) bool { return IsUpgrade(r) }

// Do opens a socket. Whoever calls has made sure of the origin.
func (s *Sockets) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	asked := requestOf(r.Context()).Request
	c := &socket{sockets: s, exec: exec, id: asked.ID, origin: asked.Origin, token: asked.Token}
	if !s.enter(c) {
		w.Header().Set("Retry-After", "5")
		RefuseHTTP(w, http.StatusServiceUnavailable, directory.CodeUnavailable, "This server takes no more connections at the moment. Try again in a few seconds.", asked.ID)
		return
	}
	// The origin is judged already, by the rule for all requests.
	conn, err := websocket.Accept(lean{w, &c.wire}, r, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol}, CompressionMode: websocket.CompressionDisabled, InsecureSkipVerify: true,
		OnPongReceived: func(context.Context, []byte) { c.answered() },
	})
	if err != nil {
		// Accept has said what is wrong.
		s.leave(c)
		return
	}
	c.opened(conn)
	// The request ends here, and what it holds is free.
	go c.serve()
}

func (s *Sockets) enter(c *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || len(s.open) >= s.limit {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *Sockets) leave(c *socket) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	select {
	case s.left <- struct{}{}:
	default:
	}
}

// Close ends all sockets, and refuses new ones. It returns when they have
// ended, or ctx has.
func (s *Sockets) Close(ctx context.Context) {
	s.mu.Lock()
	s.stopping = true
	open := make([]*socket, 0, len(s.open))
	for c := range s.open {
		open = append(open, c)
	}
	s.mu.Unlock()
	for _, c := range open {
		c.end(websocket.StatusGoingAway, goingAway)
	}
	for s.count() > 0 {
		select {
		case <-s.left:
		case <-ctx.Done():
			return
		}
	}
}

// Open is how many sockets and subscriptions are open, and how many events have
// been told since the start.
func (s *Sockets) Open() (sockets, subscriptions, told int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open), s.subscribed, int(s.told.Load())
}

func (s *Sockets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}
