package sample

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// shelf is a store that keeps who is added.
type shelf struct {
	directory.Store
	users []*directory.User
}

func (s *shelf) BeginClaims(_ context.Context, _ string, batch directory.ClaimBatch) ([]error, error) {
	return make([]error, len(batch.Changes)), nil
}

func (s *shelf) SettleClaims(context.Context, string, []directory.Settlement) error { return nil }

func (s *shelf) InsertUsers(_ context.Context, users []*directory.User) ([]error, error) {
	s.users = append(s.users, users...)
	return make([]error, len(users)), nil
}

func TestFill(t *testing.T) {
	org := &directory.Organization{ID: "org_1"}
	for i, name := range []string{"Administrator", "User Manager", "Customer Success Manager", "Viewer"} {
		org.Roles = append(org.Roles, directory.Role{ID: string(rune('a' + i)), Name: name})
	}
	people := func(now time.Time) []*directory.User {
		s := &shelf{}
		require.NoError(t, Fill(t.Context(), s, org, 12_000, "hash", now, func(int) {}))
		require.Len(t, s.users, 12_000)
		return s.users
	}
	morning := time.Date(2026, 3, 4, 5, 6, 7, 123_456_789, time.UTC)
	first := people(morning)

	t.Run("the same people at any time of the day", func(t *testing.T) {
		assert.Empty(t, cmp.Diff(first, people(morning.Add(18*time.Hour+987_654*time.Nanosecond))))
	})

	t.Run("on another day too, only later", func(t *testing.T) {
		type self struct {
			name, email, title, role string
			status                   directory.Status
		}
		selves := func(users []*directory.User) map[self]int {
			all := map[self]int{}
			for _, u := range users {
				all[self{u.Name, u.Email, u.Title, u.RoleID, u.Status}]++
			}
			return all
		}
		assert.Equal(t, selves(first), selves(people(morning.Add(400*24*time.Hour))))
	})

	t.Run("nobody comes from the future", func(t *testing.T) {
		for _, u := range first {
			for _, at := range []time.Time{u.CreatedAt, u.UpdatedAt, u.LastLoginAt, u.DeactivatedAt} {
				require.False(t, at.After(morning), u.Email)
			}
		}
	})
}
