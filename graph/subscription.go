package graph

import (
	"context"

	"roster/graph/model"
)

// userChanged answers one change and ends: each change is an operation of its
// own, with a viewer who was looked up for it, and Sockets has it run anew for
// the next. An error ends the subscription.
func (r *Resolver) userChanged(ctx context.Context) (<-chan *model.UserChange, error) {
	request := requestOf(ctx)
	if _, err := r.Directory.OrganizationOf(request.actor()); err != nil {
		return nil, err
	}
	changes := make(chan *model.UserChange, 1)
	if request.change != nil {
		changes <- request.change
	}
	close(changes)
	return changes, nil
}
