package graph

import (
	"fmt"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// subscribe begins an operation.
func (c *socket) subscribe(id string, payload jsontext.Value) {
	var in parameters
	switch {
	case c.heard == nil:
		c.end(closeUnauthorized, "Send connection_init first, and wait for connection_ack.")
		return
	case id == "" || json.Unmarshal(payload, &in, json.WithUnmarshalers(numbers)) != nil || in.Query == nil:
		c.badMessage("A subscribe message has an id, and a payload with query, and if needed operationName and variables.")
		return
	}
	c.mu.Lock()
	count, used := len(c.subscribed), c.find(id) >= 0
	c.mu.Unlock()
	switch {
	case used:
		c.end(closeIDInUse, "There is a subscription with this id already.")
		return
	case count >= maxSubscriptions:
		c.refuse(id, badInput(gqlerror.List{{Message: fmt.Sprintf("A connection has at most %d subscriptions. Complete one first.", maxSubscriptions)}}))
		return
	}
	m := c.moment()
	viewer, err := m.viewer(c.token)
	if !c.admit(viewer, err) {
		return
	}
	ctx := c.operationContext(m, viewer, nil)
	s, refused := c.sockets.subscribe(string(payload), func() (*graphql.OperationContext, gqlerror.List) {
		return c.exec.CreateOperationContext(ctx, &graphql.RawParams{
			Query: *in.Query, OperationName: in.OperationName, Variables: in.Variables, Extensions: in.Extensions,
		})
	})
	if refused != nil {
		c.refuse(id, badInput(refused))
		return
	}
	if answer := dispatch(ctx, c.exec, s.operation); answer != nil {
		c.sockets.unsubscribe(s)
		c.refuse(id, answer.Errors)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribed = append(c.subscribed, subscribed{id, s})
}

// subscription is what clients ask for who ask the same. There may be thousands,
// who all use the console.
type subscription struct {
	// asked is the payload that began it.
	asked     string
	operation *graphql.OperationContext
	// alike is whether the answer is the same for all who see the organization.
	alike bool
	// by is how many it goes on for; Sockets guards it.
	by int
}

// subscribe is the subscription that a payload asks for, which create makes when
// nobody has asked for it, or why it is none. Whether somebody may ask, it does
// not tell. It goes on until unsubscribe.
func (s *Sockets) subscribe(asked string, create func() (*graphql.OperationContext, gqlerror.List)) (*subscription, gqlerror.List) {
	if known := s.join(asked, nil); known != nil {
		return known, nil
	}
	operation, refused := create()
	switch {
	case refused != nil:
		return nil, refused
	case operation.Operation.Operation != ast.Subscription:
		return nil, gqlerror.List{{Message: "Send queries and mutations as POST requests; here are subscriptions only."}}
	case len(graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Subscription"})) != 1:
		return nil, gqlerror.List{{Message: "A subscription has exactly one field."}}
	}
	return s.join(asked, &subscription{
		asked: asked, operation: operation, alike: isAlike(operation.Operation.SelectionSet, map[string]bool{}),
	}), nil
}

// join counts one more who asks for something, for which made is the subscription
// unless there is one; nil when there is none.
func (s *Sockets) join(asked string, made *subscription) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.subscriptions[asked]
	if one == nil {
		if made == nil {
			return nil
		}
		one, s.subscriptions[asked] = made, made
	}
	one.by++
	s.subscribed++
	return one
}

// unsubscribe ends what subscribe began.
func (s *Sockets) unsubscribe(one *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribed--
	if one.by--; one.by == 0 {
		delete(s.subscriptions, one.asked)
	}
}

// refuse ends an operation, or never begins it.
func (c *socket) refuse(id string, errs gqlerror.List) {
	c.send(refusal(id, errs))
}

func refusal(id string, errs gqlerror.List) outgoing {
	return outgoing{ID: id, Type: "error", Payload: errs[:min(len(errs), maxErrors)]}
}

// find is where an operation is; the caller holds the lock.
func (c *socket) find(id string) int {
	return slices.IndexFunc(c.subscribed, func(s subscribed) bool { return s.id == id })
}

// forget ends an operation, if it is there.
func (c *socket) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.find(id); i >= 0 {
		c.sockets.unsubscribe(c.subscribed[i].subscription)
		c.subscribed = slices.Delete(slices.Clone(c.subscribed), i, i+1)
	}
}
