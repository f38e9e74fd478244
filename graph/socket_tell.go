package graph

import (
	"context"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"roster/graph/model"
	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/notice"
)

// operationContext is the context of telling one change to a viewer.
func (c *socket) operationContext(m *moment, viewer *account.Viewer, change *model.UserChange) context.Context {
	return context.WithValue(graphql.StartOperationTrace(context.Background()), requestKey{}, &operation{
		Request: &Request{ID: c.id, Viewer: viewer, Origin: c.origin, KeepSession: func(string, time.Time) {}},
		loaded:  m.loaded, change: change,
	})
}

// dispatch answers nil when there is nothing to tell.
func dispatch(ctx context.Context, exec graphql.GraphExecutor, operation *graphql.OperationContext) *graphql.Response {
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	run, ctx := exec.DispatchOperation(ctx, operation)
	return run(ctx)
}

// wake has the next notice told. It does not wait for that. What is about the
// client comes before others hear of it: the session may have ended.
func (c *socket) wake(n notice.Notice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended || c.heard == nil || c.retrying:
	case c.telling:
		c.more = true
	default:
		c.telling = true
		c.sockets.turns.take(c.tell, n.UserID == c.userID)
	}
}

// rest ends telling, unless something has come meanwhile.
func (c *socket) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.telling = c.more && !c.ended && !c.retrying
	c.more = false
	if c.telling {
		c.sockets.turns.take(c.tell, false)
	}
}

// tell tells one notice, and then others come first. It keeps its turn while
// the client reads, unless that takes long.
func (c *socket) tell() (kept bool) {
	messages, more := c.compose()
	slow := time.AfterFunc(c.sockets.pace.slow, c.sockets.turns.give)
	for _, m := range messages {
		if !c.write(m) {
			return slow.Stop()
		}
		c.sockets.told.Add(1)
	}
	if more {
		c.sockets.turns.take(c.tell, false)
	} else {
		c.rest()
	}
	return slow.Stop()
}

// compose takes a notice, and makes the messages that tell it; false when
// there is nothing more for now.
func (c *socket) compose() (messages [][]byte, more bool) {
	defer c.recovered()
	n, ok := c.heard.Next()
	c.mu.Lock()
	all, ended := c.subscribed, c.ended
	c.mu.Unlock()
	if !ok || ended {
		return nil, false
	}
	if len(all) == 0 && n.UserID != "" && n.UserID != c.userID {
		return nil, true
	}
	m := c.moment()
	viewer, err := m.viewer(c.token)
	switch {
	case err != nil:
		m.warn(c.sockets.log, err)
		c.later()
		return nil, false
	case !c.admit(viewer, nil):
		return nil, false
	}
	for _, s := range all {
		answer := m.answer(question{token: c.token, asked: s.asked, notice: n}, func() *graphql.Response {
			change := &model.UserChange{Kind: model.UserChangeKind(n.Kind), UserID: n.UserID}
			return dispatch(c.operationContext(m, viewer, change), c.exec, s.operation)
		})
		switch {
		case answer == nil:
			// The operation asks for nothing, as with a directive that leaves all out.
		case isUnavailable(answer.Errors):
			c.later()
			return messages, false
		case len(answer.Data) == 0:
			c.forget(s.id)
			messages = append(messages, encode(refusal(s.id, answer.Errors)))
		default:
			messages = append(messages, encode(outgoing{ID: s.id, Type: "next", Payload: &response{
				Errors: answer.Errors[:min(len(answer.Errors), maxErrors)], Data: jsontext.Value(answer.Data), Extensions: answer.Extensions,
			}}))
		}
	}
	return messages, true
}

// isUnavailable tells whether something could not be looked up at the moment.
func isUnavailable(errs gqlerror.List) bool {
	return slices.ContainsFunc(errs, func(e *gqlerror.Error) bool {
		return e.Extensions["code"] == string(directory.CodeUnavailable)
	})
}

// later has the client fetch again when what it missed can be looked up.
func (c *socket) later() {
	c.heard.Missed()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retrying = true
	time.AfterFunc(c.sockets.pace.retry, func() {
		c.mu.Lock()
		c.retrying = false
		c.mu.Unlock()
		c.wake(notice.Notice{})
	})
}
