package graph

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"roster/internal/directory"
)

// counted is a store that counts how often it is read.
type counted struct {
	directory.Store
	reads atomic.Int32
}

func (c *counted) ListUsers(ctx context.Context, organizationID string, q directory.ListQuery) ([]*directory.User, error) {
	c.reads.Add(1)
	return c.Store.ListUsers(ctx, organizationID, q)
}

func (c *counted) CountMatches(ctx context.Context, organizationID string, q directory.ListQuery) (int, error) {
	c.reads.Add(1)
	return c.Store.CountMatches(ctx, organizationID, q)
}

func (c *counted) Users(ctx context.Context, organizationID string, ids []string) ([]*directory.User, error) {
	c.reads.Add(1)
	return c.Store.Users(ctx, organizationID, ids)
}

func (c *counted) Seats(ctx context.Context, organizationID string) (directory.Seats, error) {
	c.reads.Add(1)
	return c.Store.Seats(ctx, organizationID)
}

func (c *counted) Counts(ctx context.Context, organizationID string) (directory.Counts, error) {
	c.reads.Add(1)
	return c.Store.Counts(ctx, organizationID)
}

func (c *counted) Events(ctx context.Context, organizationID string, q directory.EventQuery, limit int) ([]directory.Event, error) {
	c.reads.Add(1)
	return c.Store.Events(ctx, organizationID, q, limit)
}

func (c *counted) CountEvents(ctx context.Context, organizationID string, q directory.EventQuery, limit int) (int, error) {
	c.reads.Add(1)
	return c.Store.CountEvents(ctx, organizationID, q, limit)
}

// One read under many aliases costs one trip to the store, and different
// people are looked up together.
func TestAliasesOfAReadCostOneTrip(t *testing.T) {
	town := newTown(t, 50)
	for _, c := range []struct {
		field string
		trips int32
	}{
		{`users(first: 2, search: "a") { nodes { id } totalCount }`, 1},
		{`users(first: 2) { nodes { id invitation { invitedBy { id } } } totalCount }`, 1},
		{`user(id: "` + town.viewer.User.ID + `") { id }`, 1},
		{`organization { seats { used } userCounts { total } }`, 2},
		{`roles { userCount }`, 1},
		{`auditEvents(first: 2) { nodes { id } totalCount }`, 2},
	} {
		for _, aliases := range []int{1, 15} {
			var query strings.Builder
			for i := range aliases {
				fmt.Fprintf(&query, "a%d: %s ", i, c.field)
			}
			town.store.reads.Store(0)
			answer := town.ask(town.quick, "{ "+query.String()+"}", nil)
			assert.NotContains(t, answer, "errors")
			assert.Equal(t, c.trips, town.store.reads.Load(), "%d times %s", aliases, c.field)
		}
	}
}
