package directory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// mutation is one that an administrator does to one person.
type mutation struct {
	name string
	do   func(w *world, by directory.Actor, id string, version *int) error
}

var mutations = []mutation{
	{"updateUser", func(w *world, by directory.Actor, id string, version *int) error {
		_, err := w.dir.UpdateUser(w.t.Context(), by, id, directory.Changes{Title: text("Boss")}, version)
		return err
	}},
	{"deleteUser", func(w *world, by directory.Actor, id string, version *int) error {
		_, err := w.dir.DeleteUser(w.t.Context(), by, id, version)
		return err
	}},
	{"reactivateUser", func(w *world, by directory.Actor, id string, version *int) error {
		_, err := w.dir.ReactivateUser(w.t.Context(), by, id, version, nil)
		return err
	}},
	{"disableTwoFactor", func(w *world, by directory.Actor, id string, version *int) error {
		_, err := w.dir.DisableTwoFactor(w.t.Context(), by, id, version, nil)
		return err
	}},
	{"resetPassword", func(w *world, by directory.Actor, id string, _ *int) error {
		_, err := w.dir.ResetPassword(w.t.Context(), by, id, nil)
		return err
	}},
	{"resendInvitation", func(w *world, by directory.Actor, id string, _ *int) error {
		_, err := w.dir.ResendInvitation(w.t.Context(), by, id, nil)
		return err
	}},
}

func enableTwoFactor(u *directory.User) {
	u.Credentials.TwoFactor = &directory.TwoFactor{Secret: []byte("sealed"), RecoveryHashes: []string{"a"}}
}

func TestMutationsByAdministrators(t *testing.T) {
	h := newHouse(t)
	w, other := h.world(t, 10), h.world(t, 10)
	stranger := other.member("stranger@x.example", other.viewer)
	viewer := w.member("viewer@x.example", w.viewer)
	manager := w.member("manager@x.example", w.manager)
	second := w.change(w.member("second@x.example", w.adminRole), enableTwoFactor)
	goneAdmin := w.gone("gone-admin@x.example", w.adminRole)
	pendingAdmin := w.invite("pending-admin@x.example", w.adminRole)
	unknown := directory.NewID("user_", h.clock.Now(), zeros{})
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			w.t = t
			t.Run("is refused to people without the permission", func(t *testing.T) {
				w.t = t
				w.refused(directory.CodeForbidden, func() error { return m.do(w, w.as(viewer), manager.ID, nil) })
				w.refused(directory.CodeUnauthenticated, func() error { return m.do(w, directory.Actor{Organization: w.org}, manager.ID, nil) })
			})
			t.Run("finds nobody of another organization, and nobody unknown", func(t *testing.T) {
				w.t = t
				for _, id := range []string{stranger.ID, unknown, "", "x", w.org.ID, viewer.ID + " ", "user_" + viewer.ID} {
					other.unchanged(func() {
						w.refused(directory.CodeNotFound, func() error { return m.do(w, w.root(), id, nil) })
					})
				}
			})
			t.Run("of somebody whose role grants more is refused", func(t *testing.T) {
				w.t = t
				for _, target := range []*directory.User{second, goneAdmin, pendingAdmin} {
					w.refused(directory.CodeRoleEscalation, func() error { return m.do(w, w.as(manager), target.ID, nil) })
				}
			})
		})
	}
}

// zeros is no randomness.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestUpdateUser(t *testing.T) {
	h := newHouse(t)
	update := func(w *world, by directory.Actor, u *directory.User, changes directory.Changes, version *int) func() error {
		return func() error {
			_, err := w.dir.UpdateUser(w.t.Context(), by, u.ID, changes, version)
			return err
		}
	}
	t.Run("changes name, username, title and role, and says what they were", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.member("ann@x.example", w.viewer)
		h.clock.advance(time.Minute)
		u, event := w.changes(directory.UserUpdated, update(w, w.root(), ann, directory.Changes{Name: text(" Ann "), Username: text("ann"), Title: text("VP"), RoleID: &w.csm}, &ann.Version))
		assert.Equal(t, []string{"Ann", "ann", "VP", w.csm, "ann@x.example"}, []string{u.Name, u.Username, u.Title, u.RoleID, u.Email})
		assert.Equal(t, w.admin.ID, event.ActorID)
		assert.Equal(t, "192.0.2.1", event.Origin.IP)
		assert.Equal(t, []directory.Detail{{Field: "username", Value: "ann@x.example"}, {Field: "name"}, {Field: "title"}, {Field: "role", Value: "Viewer"}, {Field: "roleId", Value: w.viewer}}, event.Before)
		assert.Equal(t, []directory.Detail{{Field: "username", Value: "ann"}, {Field: "name", Value: "Ann"}, {Field: "title", Value: "VP"}, {Field: "role", Value: "Customer Success Manager"}, {Field: "roleId", Value: w.csm}}, event.After)
		assert.True(t, u.UpdatedAt.Equal(h.dir.Now()))
	})
	t.Run("an empty name and title clear them, and what is not given stays", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.member("Ann Lee <ann@x.example>", w.viewer)
		require.Equal(t, "Ann Lee", ann.Name)
		u, _ := w.changes(directory.UserUpdated, update(w, w.root(), ann, directory.Changes{Name: text("")}, nil))
		assert.Empty(t, u.Name)
		assert.Equal(t, "ann@x.example", u.Username)
	})
	t.Run("asking for what somebody has already changes nothing and tells nobody", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.member("Ann <ann@x.example>", w.csm)
		w.unchanged(func() {
			assert.NoError(t, update(w, w.root(), ann, directory.Changes{Name: text(" Ann"), Username: text("ann@x.example"), RoleID: &w.csm}, nil)())
			assert.NoError(t, update(w, w.root(), ann, directory.Changes{}, &ann.Version)())
			assert.NoError(t, update(w, w.root(), w.admin, directory.Changes{RoleID: &w.adminRole}, nil)(), "one's own role as well")
		})
	})
	t.Run("one's own role is refused, one's own name is not", func(t *testing.T) {
		w := h.world(t, 1)
		w.member("second@x.example", w.adminRole)
		w.refused(directory.CodeSelfAction, update(w, w.root(), w.admin, directory.Changes{RoleID: &w.viewer}, nil))
		w.refused(directory.CodeSelfAction, update(w, w.root(), w.admin, directory.Changes{RoleID: &w.viewer, Name: text("Root")}, nil))
		w.changes(directory.UserUpdated, update(w, w.root(), w.admin, directory.Changes{Name: text("Root")}, nil))
	})
	t.Run("a role that grants more than one's own is refused, an equal one is not", func(t *testing.T) {
		w := h.world(t, 1)
		manager, ann := w.member("manager@x.example", w.manager), w.member("ann@x.example", w.viewer)
		w.refused(directory.CodeRoleEscalation, update(w, w.as(manager), ann, directory.Changes{RoleID: &w.adminRole}, nil))
		w.changes(directory.UserUpdated, update(w, w.as(manager), ann, directory.Changes{RoleID: &w.csm}, nil))
		w.changes(directory.UserUpdated, update(w, w.as(manager), ann, directory.Changes{RoleID: &w.manager}, nil))
	})
	t.Run("a role that is not the organization's is refused", func(t *testing.T) {
		w, other := h.world(t, 1), h.world(t, 1)
		ann := w.member("ann@x.example", w.viewer)
		w.refused(directory.CodeNotFound, update(w, w.root(), ann, directory.Changes{RoleID: &other.viewer}, nil))
		w.refused(directory.CodeRequired, update(w, w.root(), ann, directory.Changes{RoleID: text("")}, nil))
	})
	t.Run("an edit of what the editor has not seen is refused", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.member("ann@x.example", w.viewer)
		w.changes(directory.UserUpdated, update(w, w.root(), ann, directory.Changes{Name: text("Ann")}, &ann.Version))
		w.refused(directory.CodeConflict, update(w, w.root(), ann, directory.Changes{Name: text("Anna")}, &ann.Version))
		w.changes(directory.UserUpdated, update(w, w.root(), ann, directory.Changes{Name: text("Anna")}, number(ann.Version+1)))
		w.changes(directory.UserUpdated, update(w, w.root(), ann, directory.Changes{Name: text("Annie")}, nil))
	})
	t.Run("everything that is wrong is said at once", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.member("ann@x.example", w.viewer)
		var err error
		w.refused(directory.CodeInvalid, func() error {
			_, err = w.dir.UpdateUser(t.Context(), w.root(), ann.ID, directory.Changes{Name: text("a\nb"), Username: text(" "), Title: text("x\x00")}, nil)
			return err
		})
		assert.Len(t, directory.Collect(err), 3)
		assert.True(t, directory.HasCode(err, directory.CodeRequired))
	})
	t.Run("a username that is somebody's username or address is refused", func(t *testing.T) {
		w, other := h.world(t, 1), h.world(t, 1)
		ann, bob := w.member("ann@x.example", w.viewer), w.member("bob@x.example", w.viewer)
		gone := w.gone("gone@x.example", w.viewer)
		w.changes(directory.UserUpdated, update(w, w.root(), bob, directory.Changes{Username: text("bob")}, nil))
		for _, name := range []string{"bob", "BOB", "ｂｏｂ", "bob@x.example", "BOB@X.Example", "gone@x.example"} {
			w.refused(directory.CodeTaken, update(w, w.root(), ann, directory.Changes{Username: &name}, nil))
		}
		w.changes(directory.UserUpdated, update(w, w.root(), gone, directory.Changes{Username: text("gone")}, nil))
		w.refused(directory.CodeTaken, update(w, w.root(), ann, directory.Changes{Username: text("gone@x.example")}, nil))
		w.changes(directory.UserUpdated, update(w, w.root(), ann, directory.Changes{Username: text("bobby")}, nil))
		w.changes(directory.UserUpdated, update(w, w.root(), ann, directory.Changes{Username: text("BOBBY")}, nil))
		somebody := other.member("bob@x.example", other.viewer)
		other.changes(directory.UserUpdated, update(other, other.root(), somebody, directory.Changes{Username: text("bob")}, nil))
	})
	t.Run("a role with a seat needs a free one", func(t *testing.T) {
		w := h.world(t, 1)
		ann, bob := w.member("ann@x.example", w.csm), w.member("bob@x.example", w.viewer)
		w.refused(directory.CodeNoSeatAvailable, update(w, w.root(), bob, directory.Changes{RoleID: &w.csm, Name: text("Bob")}, nil))
		w.changes(directory.UserUpdated, update(w, w.root(), ann, directory.Changes{RoleID: &w.viewer}, nil))
		w.changes(directory.UserUpdated, update(w, w.root(), bob, directory.Changes{RoleID: &w.csm}, nil))
		w.refused(directory.CodeNoSeatAvailable, update(w, w.root(), ann, directory.Changes{RoleID: &w.csm}, nil))
	})
	t.Run("somebody deleted takes no seat by a role", func(t *testing.T) {
		w := h.world(t, 0)
		gone := w.gone("ann@x.example", w.viewer)
		w.changes(directory.UserUpdated, update(w, w.root(), gone, directory.Changes{RoleID: &w.csm}, nil))
		w.refused(directory.CodeNoSeatAvailable, func() error {
			_, err := w.dir.ReactivateUser(t.Context(), w.root(), gone.ID, nil, nil)
			return err
		})
	})
	t.Run("the last active administrator stays one", func(t *testing.T) {
		w := h.world(t, 1)
		second := w.member("second@x.example", w.adminRole)
		w.invite("pending@x.example", w.adminRole)
		by := w.as(second)
		w.changes(directory.UserUpdated, update(w, w.root(), second, directory.Changes{RoleID: &w.viewer}, nil))
		// Who was quicker to ask is still an administrator in the request.
		w.refused(directory.CodeLastAdministrator, update(w, by, w.admin, directory.Changes{RoleID: &w.viewer}, nil))
		w.refused(directory.CodeLastAdministrator, func() error {
			_, err := w.dir.DeleteUser(t.Context(), by, w.admin.ID, nil)
			return err
		})
		w.changes(directory.UserUpdated, update(w, w.root(), second, directory.Changes{RoleID: &w.adminRole}, nil))
		w.changes(directory.UserUpdated, update(w, by, w.admin, directory.Changes{RoleID: &w.viewer}, nil))
	})
}

func TestUpdateProfile(t *testing.T) {
	w := newWorld(t, 1)
	ann := w.member("ann@x.example", w.viewer)
	w.member("bob@x.example", w.viewer)
	profile := func(by directory.Actor, changes directory.Changes) func() error {
		return func() error {
			_, err := w.dir.UpdateProfile(t.Context(), by, changes)
			return err
		}
	}
	t.Run("changes one's own name, username and title, and never the role", func(t *testing.T) {
		w.t = t
		u, event := w.changes(directory.ProfileUpdated, profile(w.as(ann), directory.Changes{Name: text("Ann"), Username: text("ann"), Title: text("VP"), RoleID: &w.adminRole}))
		assert.Equal(t, w.viewer, u.RoleID)
		assert.Equal(t, ann.ID, event.ActorID)
	})
	t.Run("refuses what is wrong", func(t *testing.T) {
		w.t = t
		w.refused(directory.CodeTaken, profile(w.as(ann), directory.Changes{Username: text("Bob@x.example")}))
		w.refused(directory.CodeRequired, profile(w.as(ann), directory.Changes{Username: text("")}))
		w.refused(directory.CodeInvalid, profile(w.as(ann), directory.Changes{Name: text("a\r\nb")}))
		w.refused(directory.CodeUnauthenticated, profile(directory.Actor{Organization: w.org}, directory.Changes{Name: text("x")}))
	})
	t.Run("asking for what one has changes nothing", func(t *testing.T) {
		w.t = t
		w.unchanged(func() {
			assert.NoError(t, profile(w.as(ann), directory.Changes{Name: text("Ann"), Username: text(" ann"), RoleID: &w.adminRole})())
		})
	})
}

func TestDeleteUser(t *testing.T) {
	h := newHouse(t)
	del := func(w *world, by directory.Actor, u *directory.User, version *int) func() error {
		return func() error {
			_, err := w.dir.DeleteUser(w.t.Context(), by, u.ID, version)
			return err
		}
	}
	t.Run("ends sessions and links, and loses nothing else", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.change(w.member("Ann <ann@x.example>", w.csm), func(u *directory.User) {
			enableTwoFactor(u)
			u.Credentials.TwoFactorSetup = []byte("begun")
			u.Sessions = []directory.SessionRef{{ID: "sess_1", ExpiresAt: h.dir.Now().Add(time.Hour)}}
		})
		_, err := w.dir.ResetPassword(t.Context(), w.root(), ann.ID, nil)
		require.NoError(t, err)
		u, event := w.changes(directory.UserDeleted, del(w, w.root(), ann, nil))
		assert.Equal(t, directory.Inactive, u.Status)
		assert.True(t, u.DeactivatedAt.Equal(h.dir.Now()))
		assert.Empty(t, u.Sessions)
		assert.Nil(t, u.PasswordReset)
		assert.Nil(t, u.Credentials.TwoFactorSetup)
		assert.NotContains(t, mails(u), directory.MailPasswordReset, "no mail with a dead link is sent")
		assert.Greater(t, u.Credentials.Version, ann.Credentials.Version)
		assert.Equal(t, []any{"Ann", "hash", w.csm, true}, []any{u.Name, u.Credentials.PasswordHash, u.RoleID, u.TwoFactorEnabled()})
		assert.Equal(t, []directory.Detail{{Field: "status", Value: "ACTIVE"}}, event.Before)
		assert.Equal(t, []directory.Detail{{Field: "status", Value: "INACTIVE"}}, event.After)
		assert.Zero(t, w.seats().Used)
	})
	t.Run("of somebody pending kills the invitation and frees the seat", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.invite("ann@x.example", w.csm)
		w.change(ann, func(u *directory.User) { u.Invitation.TokenHash = "first" })
		u, _ := w.changes(directory.UserDeleted, del(w, w.root(), ann, nil))
		assert.Nil(t, u.Invitation)
		assert.Empty(t, mails(u))
		_, err := w.dir.InvitationFor(t.Context(), w.org.ID, "first")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid))
	})
	t.Run("of oneself is refused, also to the only administrator", func(*testing.T) {
		w := h.world(t, 1)
		w.refused(directory.CodeSelfAction, del(w, w.root(), w.admin, nil))
		second := w.member("second@x.example", w.adminRole)
		w.refused(directory.CodeSelfAction, del(w, w.root(), w.admin, nil))
		w.changes(directory.UserDeleted, del(w, w.as(second), w.admin, nil))
	})
	t.Run("of somebody who changed since is refused", func(*testing.T) {
		w := h.world(t, 1)
		ann := w.member("ann@x.example", w.viewer)
		w.refused(directory.CodeConflict, del(w, w.root(), ann, number(ann.Version-1)))
		w.changes(directory.UserDeleted, del(w, w.root(), ann, &ann.Version))
	})
	t.Run("of somebody deleted changes nothing and tells nobody, whatever version they saw", func(t *testing.T) {
		w := h.world(t, 1)
		gone := w.gone("ann@x.example", w.viewer)
		w.unchanged(func() {
			assert.NoError(t, del(w, w.root(), gone, nil)())
			assert.NoError(t, del(w, w.root(), gone, number(gone.Version-1))())
		})
	})
}

func TestReactivateUser(t *testing.T) {
	h := newHouse(t)
	reactivate := func(w *world, u *directory.User, version *int) func() error {
		return func() error {
			_, err := w.dir.ReactivateUser(w.t.Context(), w.root(), u.ID, version, nil)
			return err
		}
	}
	t.Run("somebody with a password is active again, and told so", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.change(w.member("ann@x.example", w.csm), func(u *directory.User) {
			u.Sessions = []directory.SessionRef{{ID: "sess_1", ExpiresAt: h.dir.Now().Add(time.Hour)}}
			u.PasswordReset = &directory.Link{TokenHash: "reset", ExpiresAt: h.dir.Now().Add(time.Hour)}
		})
		_, err := w.dir.DeleteUser(t.Context(), w.root(), ann.ID, nil)
		require.NoError(t, err)
		u, event := w.changes(directory.UserReactivated, reactivate(w, ann, nil))
		assert.Equal(t, directory.Active, u.Status)
		assert.True(t, u.DeactivatedAt.IsZero())
		assert.Equal(t, w.csm, u.RoleID)
		assert.Empty(t, u.Sessions, "no old session comes back")
		assert.Nil(t, u.PasswordReset, "no old link comes back")
		assert.Equal(t, []directory.MailKind{directory.MailAccountReactivated}, mails(u)[len(mails(u))-1:])
		assert.Equal(t, "ACTIVE", detail(event.After, "status"))
		assert.Equal(t, 1, w.seats().Used)
		_, err = w.dir.PasswordResetFor(t.Context(), w.org.ID, "reset")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid))
	})
	t.Run("somebody without a password is pending again, with a fresh invitation, and the old link stays dead", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.change(w.invite("ann@x.example", w.csm), func(u *directory.User) { u.Invitation.TokenHash = "old" })
		_, err := w.dir.InvitationFor(t.Context(), w.org.ID, "old")
		require.NoError(t, err)
		_, err = w.dir.DeleteUser(t.Context(), w.root(), ann.ID, nil)
		require.NoError(t, err)
		h.clock.advance(time.Hour)
		u, event := w.changes(directory.UserReactivated, reactivate(w, ann, nil))
		assert.Equal(t, directory.Pending, u.Status)
		require.NotNil(t, u.Invitation)
		assert.Empty(t, u.Invitation.TokenHash)
		assert.True(t, u.Invitation.ExpiresAt.Equal(h.dir.Now().Add(invitationTTL)))
		assert.Equal(t, []directory.MailKind{directory.MailInvitation}, mails(u))
		assert.Equal(t, "PENDING", detail(event.After, "status"))
		_, err = w.dir.InvitationFor(t.Context(), w.org.ID, "old")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid))
		_, err = w.dir.InvitationFor(t.Context(), w.org.ID, "")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid), "a link without a token opens nothing")
	})
	t.Run("without a free seat is refused and changes nothing, with one it succeeds", func(t *testing.T) {
		w := h.world(t, 1)
		gone := w.gone("ann@x.example", w.csm)
		pending := w.invite("bob@x.example", w.csm)
		w.refused(directory.CodeNoSeatAvailable, reactivate(w, gone, nil))
		_, err := w.dir.DeleteUser(t.Context(), w.root(), pending.ID, nil)
		require.NoError(t, err)
		w.changes(directory.UserReactivated, reactivate(w, gone, nil))
		w.refused(directory.CodeNoSeatAvailable, reactivate(w, pending, nil))
	})
	t.Run("of somebody who changed since is refused", func(*testing.T) {
		w := h.world(t, 1)
		gone := w.gone("ann@x.example", w.viewer)
		w.refused(directory.CodeConflict, reactivate(w, gone, number(gone.Version-1)))
		w.changes(directory.UserReactivated, reactivate(w, gone, &gone.Version))
	})
	t.Run("of somebody active or pending changes nothing and tells nobody", func(t *testing.T) {
		w := h.world(t, 1)
		active, pending := w.member("ann@x.example", w.csm), w.invite("bob@x.example", w.viewer)
		w.unchanged(func() {
			assert.NoError(t, reactivate(w, active, number(0))())
			assert.NoError(t, reactivate(w, pending, number(0))())
			assert.NoError(t, reactivate(w, w.admin, nil)())
		})
	})
}

func TestResetPassword(t *testing.T) {
	h := newHouse(t)
	reset := func(w *world, u *directory.User) func() error {
		return func() error {
			_, err := w.dir.ResetPassword(w.t.Context(), w.root(), u.ID, nil)
			return err
		}
	}
	t.Run("sends a link, and leaves password and sessions alone", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.change(w.member("ann@x.example", w.viewer), func(u *directory.User) {
			u.Sessions = []directory.SessionRef{{ID: "sess_1", ExpiresAt: h.dir.Now().Add(time.Hour)}}
		})
		u, event := w.changes(directory.PasswordResetRequested, reset(w, ann))
		require.NotNil(t, u.PasswordReset)
		assert.Equal(t, w.admin.ID, u.PasswordReset.RequestedBy)
		assert.True(t, u.PasswordReset.ExpiresAt.Equal(h.dir.Now().Add(resetTTL)))
		assert.Contains(t, mails(u), directory.MailPasswordReset)
		assert.Equal(t, ann.Sessions, u.Sessions)
		assert.Equal(t, ann.Credentials, u.Credentials)
		assert.Equal(t, ann.Version, u.Version)
		assert.Empty(t, event.Before)
	})
	t.Run("asking again kills the link before, and sends one mail only", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.member("ann@x.example", w.viewer)
		w.changes(directory.PasswordResetRequested, reset(w, ann))
		w.change(ann, func(u *directory.User) { u.PasswordReset.TokenHash = "first" })
		_, err := w.dir.PasswordResetFor(t.Context(), w.org.ID, "first")
		require.NoError(t, err)
		u, _ := w.changes(directory.PasswordResetRequested, reset(w, ann))
		_, err = w.dir.PasswordResetFor(t.Context(), w.org.ID, "first")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid))
		resets := 0
		for _, kind := range mails(u) {
			if kind == directory.MailPasswordReset {
				resets++
			}
		}
		assert.Equal(t, 1, resets)
	})
	t.Run("of somebody pending sends the invitation again", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.invite("ann@x.example", w.viewer)
		u, _ := w.changes(directory.InvitationRenewed, reset(w, ann))
		assert.Nil(t, u.PasswordReset)
		assert.Equal(t, []directory.MailKind{directory.MailInvitationRenewed}, mails(u))
	})
	t.Run("of somebody deleted is refused", func(*testing.T) {
		w := h.world(t, 1)
		w.refused(directory.CodeInvalid, reset(w, w.gone("ann@x.example", w.viewer)))
	})
	t.Run("three an hour for one person, and then again", func(*testing.T) {
		w := h.world(t, 1)
		ann, bob := w.member("ann@x.example", w.viewer), w.member("bob@x.example", w.viewer)
		for range 3 {
			w.changes(directory.PasswordResetRequested, reset(w, ann))
		}
		w.refused(directory.CodeRateLimited, reset(w, ann))
		w.changes(directory.PasswordResetRequested, reset(w, bob))
		h.clock.advance(time.Hour)
		w.changes(directory.PasswordResetRequested, reset(w, ann))
	})
}

func TestDisableTwoFactor(t *testing.T) {
	w := newWorld(t, 1)
	disable := func(by directory.Actor, u *directory.User, version *int) func() error {
		return func() error {
			_, err := w.dir.DisableTwoFactor(t.Context(), by, u.ID, version, nil)
			return err
		}
	}
	ann := w.change(w.member("ann@x.example", w.viewer), func(u *directory.User) {
		enableTwoFactor(u)
		u.Sessions = []directory.SessionRef{{ID: "sess_1", ExpiresAt: w.dir.Now().Add(time.Hour)}}
	})
	bob := w.member("bob@x.example", w.viewer)
	w.change(w.admin, enableTwoFactor)
	t.Run("of oneself is refused", func(t *testing.T) {
		w.t = t
		w.refused(directory.CodeSelfAction, disable(w.root(), w.admin, nil))
	})
	t.Run("of somebody who has none is refused", func(t *testing.T) {
		w.t = t
		w.refused(directory.CodeTwoFactorNotEnabled, disable(w.root(), bob, nil))
	})
	t.Run("of somebody who changed since is refused", func(t *testing.T) {
		w.t = t
		w.refused(directory.CodeConflict, disable(w.root(), ann, number(ann.Version-1)))
	})
	t.Run("ends the sessions and tells the person by mail", func(t *testing.T) {
		w.t = t
		u, event := w.changes(directory.TwoFactorDisabled, disable(w.root(), ann, &ann.Version))
		assert.False(t, u.TwoFactorEnabled())
		assert.Empty(t, u.Sessions)
		assert.Contains(t, mails(u), directory.MailTwoFactorDisabled)
		assert.Equal(t, "on", detail(event.Before, "twoFactor"))
		assert.Equal(t, ann.Credentials.Version+1, u.Credentials.Version)
		w.refused(directory.CodeTwoFactorNotEnabled, disable(w.root(), ann, nil))
	})
}
