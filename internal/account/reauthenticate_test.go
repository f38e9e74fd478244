package account_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
)

// TestWhatNeedsAFreshProof: a proof of who somebody is counts for 15 minutes,
// in the session in which it was given.
func TestWhatNeedsAFreshProof(t *testing.T) {
	h := newHouse(t)
	member := h.member(t)
	n := 0
	// What needs it, each in a form that changes something every time.
	changes := []struct {
		name string
		make func(by directory.Actor) error
	}{
		{"disable2FA", func(by directory.Actor) error {
			h.change(t, member, func(u *directory.User) { u.Credentials.TwoFactor = &directory.TwoFactor{EnabledAt: h.dir.Now()} })
			u, err := h.dir.DisableTwoFactor(t.Context(), by, member.ID, nil, nil)
			assert.Equal(t, err != nil, h.read(t, member).TwoFactorEnabled(), "%v", u)
			return err
		}},
		{"createRole", func(by directory.Actor) error {
			name := fmt.Sprintf("Role %d", n)
			_, err := h.dir.CreateRole(t.Context(), by, directory.RoleChanges{Name: &name})
			return err
		}},
		{"updateRole", func(by directory.Actor) error {
			description := fmt.Sprintf("Changed %d times", n)
			_, err := h.dir.UpdateRole(t.Context(), by, h.org.Roles[3].ID, directory.RoleChanges{Description: &description}, nil)
			return err
		}},
		{"deleteRole", func(by directory.Actor) error {
			fresh := by
			fresh.AuthenticatedAt = h.dir.Now()
			name := fmt.Sprintf("Deleted %d", n)
			role, err := h.dir.CreateRole(t.Context(), fresh, directory.RoleChanges{Name: &name})
			require.NoError(t, err)
			_, err = h.dir.DeleteRole(t.Context(), by, role.ID, nil)
			return err
		}},
		{"updateOrganization", func(by directory.Actor) error {
			name := fmt.Sprintf("Acme %d", n)
			_, err := h.dir.UpdateOrganization(t.Context(), by, directory.OrganizationChanges{Name: &name}, nil)
			return err
		}},
	}
	stored := func(t *testing.T) (o *directory.Organization, events int) {
		t.Helper()
		o, err := h.store.Organization(t.Context(), h.org.ID)
		require.NoError(t, err)
		return o, len(o.Outbox)
	}
	// allowed and refusedAll try everything with a session.
	allowed := func(t *testing.T, token string) {
		t.Helper()
		for _, c := range changes {
			n++
			assert.NoError(t, c.make(h.viewer(t, token).Actor(h.origin())), c.name)
		}
	}
	refusedAll := func(t *testing.T, token string) {
		t.Helper()
		for _, c := range changes {
			n++
			before, events := stored(t)
			err := c.make(h.viewer(t, token).Actor(h.origin()))
			refused(t, directory.CodeReauthenticate, err)
			after, told := stored(t)
			if c.name != "deleteRole" {
				assert.Equal(t, before, after, c.name)
				assert.Equal(t, events, told, c.name)
			} else {
				assert.Len(t, after.Roles, len(before.Roles)+1, "the role that was to be deleted is there")
			}
		}
	}
	keep := func(t *testing.T, token string, d time.Duration) {
		t.Helper()
		// A session ends when it is not used for an hour.
		for ; d > 30*time.Minute; d -= 30 * time.Minute {
			h.clock.advance(30 * time.Minute)
			require.NotNil(t, h.viewer(t, token))
		}
		h.clock.advance(d)
	}

	_, token := h.signIn(t, h.read(t, h.root))
	t.Run("signing in is a proof, for less than 15 minutes", func(t *testing.T) {
		allowed(t, token)
		h.clock.advance(15*time.Minute - time.Millisecond)
		allowed(t, token)
		h.clock.advance(time.Millisecond)
		refusedAll(t, token)
	})
	t.Run("it is asked for only of those who may do it", func(t *testing.T) {
		_, viewerToken := h.signIn(t, h.member(t))
		h.clock.advance(time.Hour - time.Second)
		viewer := h.viewer(t, viewerToken)
		require.NotNil(t, viewer)
		_, err := h.dir.CreateRole(t.Context(), viewer.Actor(h.origin()), directory.RoleChanges{})
		refused(t, directory.CodeForbidden, err)
	})
	_, token = h.signIn(t, h.read(t, h.root))
	h.clock.advance(20 * time.Minute)
	t.Run("a wrong one does not count", func(t *testing.T) {
		wrong := otherPassword
		_, err := h.accounts.Reauthenticate(t.Context(), h.viewer(t, token), h.origin(), account.Proof{Password: &wrong})
		refused(t, directory.CodeWrongPassword, err)
		refusedAll(t, token)
	})
	t.Run("the password counts for 15 minutes, in this session alone", func(t *testing.T) {
		_, other := h.signIn(t, h.read(t, h.root))
		keep(t, token, 15*time.Minute)
		right := password
		until, err := h.accounts.Reauthenticate(t.Context(), h.viewer(t, token), h.origin(), account.Proof{Password: &right})
		require.NoError(t, err)
		assert.Equal(t, h.dir.Now().Add(15*time.Minute), until)
		allowed(t, token)
		refusedAll(t, other)
		h.clock.set(until.Add(-time.Millisecond))
		allowed(t, token)
		h.clock.set(until)
		refusedAll(t, token)
	})
	t.Run("so does a code, and it makes the session no longer", func(t *testing.T) {
		_, token, device, codes := h.withDevice(t, h.root)
		begun := h.viewer(t, token).Session
		keep(t, token, 40*time.Minute)
		refusedAll(t, token)
		code := device.code(t, h.clock.Now())
		until, err := h.accounts.Reauthenticate(t.Context(), h.viewer(t, token), h.origin(), account.Proof{Code: &code})
		require.NoError(t, err)
		allowed(t, token)
		h.clock.set(until)
		refusedAll(t, token)
		_, err = h.accounts.Reauthenticate(t.Context(), h.viewer(t, token), h.origin(), account.Proof{Code: &code})
		refused(t, directory.CodeWrongCode, err)
		refusedAll(t, token)
		_, err = h.accounts.Reauthenticate(t.Context(), h.viewer(t, token), h.origin(), account.Proof{Code: &codes[0]})
		require.NoError(t, err)
		allowed(t, token)
		assert.Equal(t, begun.ExpiresAt, h.viewer(t, token).Session.ExpiresAt)
	})
	t.Run("a session that has ended is not brought back", func(t *testing.T) {
		v, token := h.signIn(t, member)
		require.NoError(t, h.accounts.Logout(t.Context(), v, h.origin()))
		right := password
		_, err := h.accounts.Reauthenticate(t.Context(), v, h.origin(), account.Proof{Password: &right})
		require.NoError(t, err)
		assert.Nil(t, h.viewer(t, token))
	})
}

// TestSessionsInOrder: the latest use comes first, and what has ended is not listed.
func TestSessionsInOrder(t *testing.T) {
	h := newHouse(t)
	ann := h.member(t)
	var ids, tokens []string
	for range 3 {
		v, token := h.signIn(t, ann)
		ids, tokens = append(ids, v.Session.ID), append(tokens, token)
		h.clock.advance(2 * time.Minute)
	}
	listed := func(t *testing.T) []string {
		t.Helper()
		u := h.read(t, ann)
		sessions, err := h.accounts.Sessions(t.Context(), directory.Actor{User: u, Organization: h.org}, u)
		require.NoError(t, err)
		var found []string
		for _, s := range sessions {
			found = append(found, s.ID)
		}
		return found
	}
	assert.Equal(t, []string{ids[2], ids[1], ids[0]}, listed(t))
	h.viewer(t, tokens[0])
	assert.Equal(t, []string{ids[0], ids[2], ids[1]}, listed(t), "it was used just now")
	h.clock.advance(56 * time.Minute)
	assert.Equal(t, []string{ids[0], ids[2]}, listed(t), "one was idle for an hour")
	h.viewer(t, tokens[0])
	h.change(t, ann, func(u *directory.User) { u.EndSessions(ids[2]) })
	assert.Equal(t, []string{ids[2]}, listed(t), "one is in the vault only")
	h.clock.advance(time.Hour)
	assert.Empty(t, listed(t))
}
