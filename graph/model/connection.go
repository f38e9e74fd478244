// Package model holds the Go types of the schema; most are generated.
package model

import "context"

// UserConnection is a page of people. The total is only counted when asked for.
type UserConnection struct {
	Edges    []*UserEdge
	Nodes    []*User
	PageInfo *PageInfo
	Total    func(context.Context) (int, error)
}

// TotalCount is how many people the whole list has.
func (c *UserConnection) TotalCount(ctx context.Context) (int32, error) {
	n, err := c.Total(ctx)
	return int32(n), err //nolint:gosec // no organization has two billion people
}
