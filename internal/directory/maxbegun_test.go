package directory_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// crowded is a store in which very many have a role.
type crowded struct {
	directory.Store
	role string
	many int
}

func (c *crowded) Members(ctx context.Context, organizationID, roleID string, status directory.Status, limit int) ([]string, error) {
	if roleID != c.role || status != directory.Active {
		return c.Store.Members(ctx, organizationID, roleID, status, limit)
	}
	ids := make([]string, min(c.many, limit))
	for i := range ids {
		ids[i] = fmt.Sprintf("user_%d", i)
	}
	return ids, nil
}

// So many claims begin together that MongoDB takes them in one document: what
// a role means to seats and to administrators changes for 25,000 people at once.
func TestMoreClaimsThanBeginTogether(t *testing.T) {
	w := newWorld(t, 50_000)
	w.newExtra()
	both := []directory.Permission{
		directory.ViewUsers, directory.ManageUsers, directory.ManageRoles, directory.ManageOrganization, directory.ViewAuditLog, directory.CSMSeat,
	}
	store := &crowded{Store: w.store, role: w.extra()}
	d := directory.New(store, w.vault, w.settings, w.delivered, w.clock.Now, rand.Reader)
	allow := func(many int, permissions []directory.Permission) error {
		store.many = many
		_, err := d.UpdateRole(t.Context(), w.root(), w.extra(), directory.RoleChanges{Permissions: permissions}, nil)
		return err
	}
	err := allow(25_001, both)
	require.Error(t, err)
	assert.True(t, directory.HasCode(err, directory.CodeInvalid), err)
	assert.Contains(t, err.Error(), "one after the other")
	seats, err := w.store.Seats(t.Context(), w.org.ID)
	require.NoError(t, err)
	assert.Zero(t, seats.Used, "nothing has begun")

	require.NoError(t, allow(25_001, []directory.Permission{directory.ViewUsers, directory.CSMSeat}), "one of the two")
	require.NoError(t, allow(25_001, []directory.Permission{directory.ViewUsers}))
	require.NoError(t, allow(25_000, both), "both, of fewer")
	seats, err = w.store.Seats(t.Context(), w.org.ID)
	require.NoError(t, err)
	assert.Equal(t, 25_000, seats.Used)
}
