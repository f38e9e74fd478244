package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// What a request reads again costs no question of the file, and yet it sees what
// it has written itself, what anybody in this process has, and before long what
// another process has; the next request sees that at once.
func TestMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	one, other := search(t, path, 0), search(t, path, 0)
	o := &directory.Organization{ID: "org_1", Slug: "one"}
	require.NoError(t, one.InsertOrganization(t.Context(), o))
	ann := newUser(o, "ann", "Ann")
	add(t, one.Store, ann)
	one.await(o.ID)

	asked := 0
	one.db.Observe(func(context.Context, string) { asked++ })
	name := func(ctx context.Context) string {
		t.Helper()
		u, err := one.User(ctx, o.ID, "ann")
		require.NoError(t, err)
		return u.Name
	}
	rename := func(ctx context.Context, s *Store, name string) {
		t.Helper()
		u, err := s.User(ctx, o.ID, "ann")
		require.NoError(t, err)
		u = u.Clone()
		u.Name = name
		require.NoError(t, s.UpdateUser(ctx, u))
	}

	ctx := one.db.Moment(t.Context())
	look := func() {
		t.Helper()
		assert.Equal(t, "Ann", name(ctx))
		_, err := one.Organization(ctx, o.ID)
		require.NoError(t, err)
		_, err = one.Store.ListUsers(ctx, o.ID, directory.ListQuery{Order: directory.Order{Field: directory.ByName}, Limit: 10})
		require.NoError(t, err)
	}
	look()
	momentOf(ctx).until = time.Now().Add(time.Hour) // however slow the machine is
	asked = 0
	look()
	look()
	assert.Zero(t, asked, "statements")
	momentOf(ctx).until = time.Now().Add(momentLasts)

	rename(ctx, one.Store, "Bea")
	assert.Equal(t, "Bea", name(ctx), "what the request has written")
	rename(t.Context(), one.Store, "Cem")
	assert.Equal(t, "Cem", name(ctx), "what this process has written")
	rename(t.Context(), other.Store, "Dan")
	assert.Equal(t, "Dan", name(one.db.Moment(t.Context())), "what another process has written, in the next request")
	assert.Eventually(t, func() bool { return name(ctx) == "Dan" }, time.Minute, time.Millisecond, "what another process has written, in the same")
}
