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
	operation, refused := c.exec.CreateOperationContext(ctx, &graphql.RawParams{
		Query: *in.Query, OperationName: in.OperationName, Variables: in.Variables, Extensions: in.Extensions,
	})
	switch {
	case refused != nil:
		c.refuse(id, badInput(refused))
		return
	case operation.Operation.Operation != ast.Subscription:
		c.refuse(id, badInput(gqlerror.List{{Message: "Send queries and mutations as POST requests; here are subscriptions only."}}))
		return
	}
	if len(graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Subscription"})) != 1 {
		c.refuse(id, badInput(gqlerror.List{{Message: "A subscription has exactly one field."}}))
		return
	}
	if answer := dispatch(ctx, c.exec, operation); answer != nil {
		c.refuse(id, answer.Errors)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets.subscribed.Add(1)
	c.subscribed = append(c.subscribed, subscribed{id: id, asked: string(payload), operation: operation})
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
		c.sockets.subscribed.Add(-1)
		c.subscribed = slices.Delete(slices.Clone(c.subscribed), i, i+1)
	}
}
