package graph

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"roster/internal/account"
	"roster/internal/notice"
)

// momentLife bounds how old what is shared may be.
const momentLife = 200 * time.Millisecond

// moment is what is found out once for all sockets of an organization that hear
// of the same change: thousands of them need the same person, counts and seats,
// and those of one session the same viewer and, if they ask the same, the same
// answer. Nothing in it is older than the latest notice.
type moment struct {
	*loaded
	recognize func(ctx context.Context, token string) (*account.Viewer, error)
	heard     uint64
	began     time.Time

	mu      sync.Mutex
	viewers map[string]func(context.Context) (*account.Viewer, error)
	answers map[question]func() *graphql.Response
	warned  sync.Once
}

// question is what a session asks about a notice.
type question struct {
	token  string
	asked  string
	notice notice.Notice
}

// moment is the one in which to look at what a subscription has heard.
func (s *Sockets) moment(heard *notice.Subscription, organizationID string) *moment {
	// Read before anything is looked up: a notice from now on makes another moment.
	now := heard.Heard()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.moments[organizationID]
	if m == nil || m.heard != now || time.Since(m.began) > momentLife {
		m = &moment{
			loaded: newLoaded(s.directory), recognize: s.accounts.Recognizer(), heard: now, began: time.Now(),
			viewers: map[string]func(context.Context) (*account.Viewer, error){},
			answers: map[question]func() *graphql.Response{},
		}
		s.moments[organizationID] = m
		time.AfterFunc(momentLife, func() { s.forget(organizationID, m) })
	}
	return m
}

// forget lets go of what nobody needs any more.
func (s *Sockets) forget(organizationID string, m *moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moments[organizationID] == m {
		delete(s.moments, organizationID)
	}
}

// viewer is who has a session; nil when it is dead.
func (m *moment) viewer(token string) (*account.Viewer, error) {
	m.mu.Lock()
	find := m.viewers[token]
	if find == nil {
		find = once(func(ctx context.Context) (*account.Viewer, error) { return m.recognize(ctx, token) })
		m.viewers[token] = find
	}
	m.mu.Unlock()
	return find(context.Background())
}

// warn logs why nobody can be looked up, once for all sockets.
func (m *moment) warn(log *slog.Logger, err error) {
	m.warned.Do(func() { log.Warn("sockets cannot be told of changes at the moment; trying again", "error", err) })
}

// answer is the answer to a question.
func (m *moment) answer(q question, find func() *graphql.Response) *graphql.Response {
	m.mu.Lock()
	known := m.answers[q]
	if known == nil {
		known = sync.OnceValue(find)
		m.answers[q] = known
	}
	m.mu.Unlock()
	return known()
}
