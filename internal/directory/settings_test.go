package directory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

func TestUpdateOrganization(t *testing.T) {
	w := newWorld(t, 5)
	w.invite("a@x.example", w.csm)
	w.invite("b@x.example", w.csm)
	lifetime := func(d time.Duration) *time.Duration { return &d }
	stale := w.root()
	stale.AuthenticatedAt = w.clock.Now().Add(-time.Hour)
	for _, refused := range []struct {
		name    string
		code    directory.Code
		by      directory.Actor
		changes directory.OrganizationChanges
		version *int
	}{
		{"without the permission", directory.CodeForbidden, w.as(w.member("viewer@x.example", w.viewer)), directory.OrganizationChanges{Name: text("x")}, nil},
		{"with an old proof", directory.CodeReauthenticate, stale, directory.OrganizationChanges{Name: text("x")}, nil},
		{"without a name", directory.CodeRequired, w.root(), directory.OrganizationChanges{Name: text("")}, nil},
		{"fewer seats than are taken", directory.CodeInvalid, w.root(), directory.OrganizationChanges{SeatLimit: number(1)}, nil},
		{"fewer than no seats", directory.CodeInvalid, w.root(), directory.OrganizationChanges{SeatLimit: number(-1)}, nil},
		{"more seats than there can be", directory.CodeInvalid, w.root(), directory.OrganizationChanges{SeatLimit: number(50_001)}, nil},
		{"a lifetime that is too short", directory.CodeInvalid, w.root(), directory.OrganizationChanges{InvitationLifetime: lifetime(time.Hour - time.Second)}, nil},
		{"a lifetime that is too long", directory.CodeInvalid, w.root(), directory.OrganizationChanges{InvitationLifetime: lifetime(30*24*time.Hour + time.Second)}, nil},
		{"what somebody else has changed", directory.CodeConflict, w.root(), directory.OrganizationChanges{Name: text("x")}, number(9)},
	} {
		t.Run(refused.name, func(t *testing.T) {
			w.refused(refused.code, func() error {
				_, err := w.dir.UpdateOrganization(t.Context(), refused.by, refused.changes, refused.version)
				return err
			})
			w.reread()
			assert.Equal(t, 1, w.org.Version)
			assert.Empty(t, w.org.Outbox)
			assert.Nil(t, w.org.Transition)
			assert.Equal(t, 5, w.seats().Limit)
		})
	}

	yes := true
	o, err := w.dir.UpdateOrganization(t.Context(), w.root(), directory.OrganizationChanges{
		Name: text(" Acme & Co "), SeatLimit: number(2), InvitationLifetime: lifetime(2 * time.Hour), RequireTwoFactor: &yes,
	}, number(1))
	require.NoError(t, err)
	assert.Equal(t, "Acme & Co", o.Name)
	assert.Equal(t, 2, o.Version)
	assert.Equal(t, 2, w.seats().Limit)
	w.reread()
	require.Len(t, w.org.Outbox, 1)
	event := w.org.Outbox[0].Event
	assert.Equal(t, directory.OrganizationUpdated, event.Action)
	assert.Equal(t, w.admin.ID, event.ActorID)
	assert.Equal(t, "5", detail(event.Before, "seatLimit"))
	assert.Equal(t, "2", detail(event.After, "seatLimit"))
	assert.Equal(t, "7200", detail(event.After, "invitationLifetimeSeconds"))
	assert.Equal(t, "on", detail(event.After, "requireTwoFactor"))

	t.Run("who has no second factor can do nothing", func(t *testing.T) {
		w.refused(directory.CodeForbidden, func() error {
			_, err := w.dir.InviteUsers(t.Context(), w.root(), []string{"c@x.example"}, w.viewer, nil)
			return err
		})
	})
	t.Run("who has one goes on, and invitations live as long as was set", func(t *testing.T) {
		w.change(w.admin, func(u *directory.User) { u.Credentials.TwoFactor = &directory.TwoFactor{} })
		u := w.invite("c@x.example", w.viewer)
		assert.Equal(t, 2*time.Hour, u.Invitation.Lifetime)
	})
	t.Run("more seats are there at once", func(t *testing.T) {
		_, err := w.dir.UpdateOrganization(t.Context(), w.root(), directory.OrganizationChanges{SeatLimit: number(3)}, nil)
		require.NoError(t, err)
		w.reread()
		assert.Nil(t, w.org.Transition)
		w.invite("d@x.example", w.csm)
	})
}
