package graph

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"roster/internal/account"
	"roster/internal/notice"
)

// momentLife bounds how old what is shared may be.
const momentLife = 200 * time.Millisecond

// moment is what is found out once for all sockets of an organization that hear
// of the same change: thousands of them need the same person, counts and seats,
// those of one session the same viewer, and those who ask the same, mostly, the
// same answer. Nothing in it is older than the latest notice.
type moment struct {
	*loaded
	recognize func(ctx context.Context, token string) (*account.Viewer, error)
	heard     uint64
	began     time.Time

	mu      sync.Mutex
	viewers map[string]func(context.Context) (*account.Viewer, error)
	answers map[question]*answer
	warned  sync.Once
}

// question is what a session asks about a notice. The token is empty when the
// answer is alike for all who see the organization.
type question struct {
	token  string
	asked  string
	notice notice.Notice
}

// answer is the answer to a question, and the message that it is in, by the id
// under which a client has asked.
type answer struct {
	find     func() *graphql.Response
	mu       sync.Mutex
	messages map[string][]byte
}

// message is the message to those who have asked under an id.
func (a *answer) message(id string, encode func(*graphql.Response) []byte) []byte {
	response := a.find()
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.messages[id]
	if !ok {
		known = encode(response)
		if len(a.messages) < sharedMessages {
			a.messages[id] = known
		}
	}
	return known
}

// sharedMessages is how many ids are worth keeping a message for: clients
// choose them, and most choose alike.
const sharedMessages = 16

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
			answers: map[question]*answer{},
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
func (m *moment) answer(q question, find func() *graphql.Response) *answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.answers[q]
	if known == nil {
		known = &answer{find: sync.OnceValue(find), messages: map[string][]byte{}}
		m.answers[q] = known
	}
	return known
}

// alike are the fields that are the same for all who see the organization. What
// is not here is resolved for each session: what may be done to somebody hangs
// on who asks, and where they are signed in is for few to see.
var alike = map[string][]string{
	"Subscription": {"userChanged"},
	"UserChange":   {"kind", "user", "organization"},
	"User": {
		"id", "email", "username", "name", "title", "status", "role", "csmSeat", "twoFactorEnabled",
		"lastLoginAt", "createdAt", "updatedAt", "deactivatedAt", "version",
	},
	"Role":         {"id", "name", "description", "permissions", "csmSeat", "builtIn", "userCount", "version"},
	"Organization": {"id", "name", "slug", "seats", "userCounts", "invitationLifetimeSeconds", "requireTwoFactor", "version"},
	"SeatUsage":    {"limit", "used", "available"},
	"UserCounts":   {"active", "inactive", "pending", "total"},
}

// isAlike tells whether a valid selection is of such fields only. Each fragment
// is looked at once: they may double at each step.
func isAlike(set ast.SelectionSet, seen map[string]bool) bool {
	for _, selection := range set {
		same := true
		switch field := selection.(type) {
		case *ast.Field:
			same = field.Name == "__typename" ||
				slices.Contains(alike[field.ObjectDefinition.Name], field.Name) && isAlike(field.SelectionSet, seen)
		case *ast.InlineFragment:
			same = isAlike(field.SelectionSet, seen)
		case *ast.FragmentSpread:
			if !seen[field.Name] {
				seen[field.Name] = true
				same = isAlike(field.Definition.SelectionSet, seen)
			}
		}
		if !same {
			return false
		}
	}
	return true
}
