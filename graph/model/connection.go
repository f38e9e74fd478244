// Package model holds the Go types of the schema; most are generated.
package model

import (
	"context"

	"roster/internal/directory"
)

// UserConnection is a page of people, of which only what is asked for is made.
type UserConnection struct {
	Page         *directory.UserPage
	Organization *directory.Organization
	// Show makes a User of somebody.
	Show func(*directory.User) *User
}

// Nodes are the people of the page.
func (c *UserConnection) Nodes() []*User {
	nodes := make([]*User, len(c.Page.Users))
	for i, u := range c.Page.Users {
		nodes[i] = c.Show(u)
	}
	return nodes
}

// Edges are the people of the page with their cursors.
func (c *UserConnection) Edges() []*UserEdge {
	edges := make([]*UserEdge, len(c.Page.Users))
	for i, u := range c.Page.Users {
		edges[i] = &UserEdge{Cursor: c.Page.Cursor(i), Node: c.Show(u)}
	}
	return edges
}

// PageInfo is where the page is in the list.
func (c *UserConnection) PageInfo() *PageInfo {
	return NewPageInfo(len(c.Page.Users), c.Page.Cursor, c.Page.HasNext, c.Page.HasPrev)
}

// TotalCount is how many people the whole list has; counted only when asked.
func (c *UserConnection) TotalCount(ctx context.Context) (int32, error) {
	n, err := c.Page.Total(ctx)
	return int32(n), err //nolint:gosec // no organization has two billion people
}

// NewPageInfo is the place of a page of n, each of which has a cursor.
func NewPageInfo(n int, cursor func(int) string, hasNext, hasPrevious bool) *PageInfo {
	info := &PageInfo{HasNextPage: hasNext, HasPreviousPage: hasPrevious}
	if n > 0 {
		first, last := cursor(0), cursor(n-1)
		info.StartCursor, info.EndCursor = &first, &last
	}
	return info
}

// AuditEventConnection is a page of events. The total is only counted when asked for.
type AuditEventConnection struct {
	Edges    []*AuditEventEdge
	Nodes    []*AuditEvent
	PageInfo *PageInfo
	Total    func(context.Context) (int, error)
}

// TotalCount is how many events the whole list has, up to a limit.
func (c *AuditEventConnection) TotalCount(ctx context.Context) (int32, error) {
	n, err := c.Total(ctx)
	return int32(n), err //nolint:gosec // it is limited
}
