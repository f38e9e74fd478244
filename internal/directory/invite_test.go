package directory_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

func TestInviteUsers(t *testing.T) {
	h := newHouse(t)
	invite := func(w *world, by directory.Actor, role string, emails ...string) ([]directory.InviteResult, error) {
		return w.dir.InviteUsers(w.t.Context(), by, emails, role, nil)
	}
	outcomes := func(results []directory.InviteResult) (all []string) {
		for _, r := range results {
			all = append(all, strings.TrimSpace(r.Email+" "+string(r.Outcome)))
		}
		return all
	}
	t.Run("somebody invited is pending, named, and has a mail on its way", func(t *testing.T) {
		w := h.world(t, 1)
		var result directory.InviteResult
		u, event := w.changes(directory.UserInvited, func() error {
			results, err := invite(w, w.root(), w.csm, "Ann Lee <Ann@X.example>")
			result = results[0]
			return err
		})
		assert.Equal(t, directory.OutcomeInvited, result.Outcome)
		assert.Equal(t, u.ID, result.User.ID)
		assert.Contains(t, result.Message, "7 days")
		assert.Equal(t, []string{"Ann Lee", "Ann@X.example", "Ann@X.example", w.csm, "PENDING"}, []string{u.Name, u.Email, u.Username, u.RoleID, string(u.Status)})
		require.NotNil(t, u.Invitation)
		assert.Equal(t, w.admin.ID, u.Invitation.RequestedBy)
		assert.Equal(t, invitationTTL, u.Invitation.Lifetime)
		assert.Equal(t, []directory.MailKind{directory.MailInvitation}, mails(u))
		assert.Equal(t, w.admin.ID, event.ActorID)
		assert.Equal(t, "Customer Success Manager", detail(event.After, "role"))
		assert.Equal(t, 1, u.Version)
		assert.Equal(t, 1, w.seats().Used, "a pending person holds the seat")
	})
	t.Run("each address is answered in the order given, and a bad one loses no other", func(t *testing.T) {
		w := h.world(t, 5)
		w.member("active@x.example", w.viewer)
		w.invite("pending@x.example", w.viewer)
		w.gone("gone@x.example", w.viewer)
		named := w.member("named@x.example", w.viewer)
		w.change(named, func(u *directory.User) { u.Username = "nick@x.example" })
		events := len(w.events())
		results, err := invite(w, w.root(), w.csm, "new@x.example, nonsense; ACTIVE@x.example", "Pending <pending@X.example>\tgone@x.example", "nick@x.example NEW@x.example", "a@b@c", "other@x.example")
		require.NoError(t, err)
		assert.Equal(t, []string{
			"new@x.example INVITED", "INVALID_ADDRESS", "ACTIVE@x.example ALREADY_ACTIVE", "pending@X.example RENEWED", "gone@x.example INACTIVE",
			"nick@x.example TAKEN", "NEW@x.example DUPLICATE", "INVALID_ADDRESS", "other@x.example INVITED",
		}, outcomes(results))
		assert.Equal(t, results[0].User.ID, results[6].User.ID, "a duplicate has the user of the first")
		assert.Equal(t, w.viewer, results[3].User.RoleID, "who is pending keeps the role that was promised")
		for _, r := range results {
			assert.NotEmpty(t, r.Message)
			assert.Equal(t, r.Outcome == directory.OutcomeInvalidAddress, r.User == nil)
		}
		assert.Len(t, w.events(), events+3, "two invited, one renewed")
		assert.Len(t, w.delivered.take(), 3)
		w.settled()
	})
	t.Run("inviting a pending person again kills the old link", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.change(w.invite("ann@x.example", w.csm), func(u *directory.User) { u.Invitation.TokenHash = "old" })
		u, event := w.changes(directory.InvitationRenewed, func() error {
			results, err := invite(w, w.root(), w.viewer, "ANN@x.example")
			assert.Equal(t, directory.OutcomeRenewed, results[0].Outcome)
			return err
		})
		assert.Equal(t, ann.Version, u.Version)
		assert.Empty(t, event.Before)
		assert.Equal(t, []directory.MailKind{directory.MailInvitationRenewed}, mails(u), "one mail, not two")
		assert.Equal(t, w.csm, u.RoleID)
		_, err := w.dir.InvitationFor(t.Context(), w.org.ID, "old")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid))
	})
	t.Run("inviting who is there already tells nobody", func(t *testing.T) {
		w := h.world(t, 1)
		w.member("ann@x.example", w.viewer)
		w.gone("gone@x.example", w.viewer)
		w.unchanged(func() {
			_, err := invite(w, w.root(), w.viewer, "ann@x.example gone@x.example nonsense")
			assert.NoError(t, err)
		})
	})
	t.Run("as many are invited as there are seats, the first in the list", func(t *testing.T) {
		w := h.world(t, 2)
		results, err := invite(w, w.root(), w.csm, "a@x.example b@x.example c@x.example")
		require.NoError(t, err)
		assert.Equal(t, []string{"a@x.example INVITED", "b@x.example INVITED", "c@x.example NO_SEAT_AVAILABLE"}, outcomes(results))
		assert.Nil(t, results[2].User)
		w.settled()
		w.delivered.take()
		w.unchanged(func() {
			results, err = invite(w, w.root(), w.csm, "c@x.example")
			require.NoError(t, err)
			assert.Equal(t, directory.OutcomeNoSeat, results[0].Outcome)
		})
		results, err = invite(w, w.root(), w.viewer, "c@x.example")
		require.NoError(t, err)
		assert.Equal(t, directory.OutcomeInvited, results[0].Outcome, "a role without a seat needs none")
	})
	t.Run("nobody invites with a role that grants more, nor renews for one", func(t *testing.T) {
		w := h.world(t, 1)
		manager := w.member("manager@x.example", w.manager)
		w.invite("boss@x.example", w.adminRole)
		w.refused(directory.CodeRoleEscalation, func() error { _, err := invite(w, w.as(manager), w.adminRole, "a@x.example"); return err })
		w.unchanged(func() {
			results, err := invite(w, w.as(manager), w.manager, "boss@x.example")
			require.NoError(t, err)
			assert.Equal(t, directory.OutcomeEscalation, results[0].Outcome)
		})
		w.changes(directory.UserInvited, func() error { _, err := invite(w, w.as(manager), w.manager, "a@x.example"); return err })
		w.changes(directory.UserInvited, func() error { _, err := invite(w, w.as(manager), w.csm, "b@x.example"); return err })
	})
	t.Run("the whole is refused without a role, addresses, or the permission", func(t *testing.T) {
		w, other := h.world(t, 1), h.world(t, 1)
		viewer := w.member("viewer@x.example", w.viewer)
		try := func(by directory.Actor, role string, emails ...string) func() error {
			return func() error { _, err := invite(w, by, role, emails...); return err }
		}
		w.refused(directory.CodeForbidden, try(w.as(viewer), w.viewer, "a@x.example"))
		w.refused(directory.CodeUnauthenticated, try(directory.Actor{Organization: w.org}, w.viewer, "a@x.example"))
		w.refused(directory.CodeRequired, try(w.root(), "", "a@x.example"))
		w.refused(directory.CodeNotFound, try(w.root(), other.viewer, "a@x.example"))
		w.refused(directory.CodeRequired, try(w.root(), w.viewer))
		w.refused(directory.CodeRequired, try(w.root(), w.viewer, " ", ","))
	})
	t.Run("a hundred addresses are invited, a hundred and one are refused", func(t *testing.T) {
		w := h.world(t, 0)
		var many []string
		for i := range 101 {
			many = append(many, fmt.Sprintf("u%d@x.example", i))
		}
		w.refused(directory.CodeInvalid, func() error { _, err := invite(w, w.root(), w.viewer, strings.Join(many, "\n")); return err })
		results, err := invite(w, w.root(), w.viewer, strings.Join(many[:100], "\n"))
		require.NoError(t, err)
		assert.Len(t, results, 100)
		w.settled()
	})
	t.Run("an organization has a limit an hour, and another has its own", func(t *testing.T) {
		w, other := h.world(t, 0), h.world(t, 0)
		many := make([]string, 2)
		for i := range 200 {
			many[i/100] += fmt.Sprintf("u%d@x.example ", i)
		}
		for _, hundred := range many {
			_, err := invite(w, w.root(), w.viewer, hundred)
			require.NoError(t, err)
		}
		w.refused(directory.CodeRateLimited, func() error { _, err := invite(w, w.root(), w.viewer, "b@x.example"); return err })
		other.invite("b@x.example", other.viewer)
		h.clock.advance(time.Hour)
		w.invite("b@x.example", w.viewer)
	})
	t.Run("one who is invited by many at once is invited once", func(t *testing.T) {
		w := h.world(t, 8)
		by := w.root()
		var group sync.WaitGroup
		all := make([][]directory.InviteResult, 8)
		for i := range all {
			group.Go(func() {
				var err error
				all[i], err = invite(w, by, w.csm, "ann@x.example")
				assert.NoError(t, err)
			})
		}
		group.Wait()
		invited := map[directory.InviteOutcome]int{}
		for _, results := range all {
			require.Len(t, results, 1)
			invited[results[0].Outcome]++
		}
		assert.Equal(t, map[directory.InviteOutcome]int{directory.OutcomeInvited: 1, directory.OutcomeRenewed: 7}, invited)
		assert.Equal(t, 1, w.seats().Used)
		w.settled()
	})
}

func TestResendInvitation(t *testing.T) {
	h := newHouse(t)
	again := func(w *world, u *directory.User) func() error {
		return func() error {
			_, err := w.dir.ResendInvitation(w.t.Context(), w.root(), u.ID, nil)
			return err
		}
	}
	t.Run("sends a fresh link, and the old one dies", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.change(w.invite("ann@x.example", w.csm), func(u *directory.User) { u.Invitation.TokenHash = "old" })
		h.clock.advance(time.Hour)
		u, _ := w.changes(directory.InvitationRenewed, again(w, ann))
		assert.Equal(t, ann.Version, u.Version)
		assert.True(t, u.Invitation.ExpiresAt.Equal(h.dir.Now().Add(invitationTTL)))
		assert.Equal(t, []directory.MailKind{directory.MailInvitationRenewed}, mails(u))
		_, err := w.dir.InvitationFor(t.Context(), w.org.ID, "old")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid))
	})
	t.Run("works also when the old link is too old", func(t *testing.T) {
		w := h.world(t, 1)
		ann := w.change(w.invite("ann@x.example", w.csm), func(u *directory.User) { u.Invitation.TokenHash = "old" })
		h.clock.advance(invitationTTL)
		_, err := w.dir.InvitationFor(t.Context(), w.org.ID, "old")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid))
		w.changes(directory.InvitationRenewed, again(w, ann))
	})
	t.Run("to somebody active or deleted is refused", func(*testing.T) {
		w := h.world(t, 1)
		w.refused(directory.CodeNotPending, again(w, w.member("ann@x.example", w.viewer)))
		w.refused(directory.CodeNotPending, again(w, w.gone("bob@x.example", w.viewer)))
	})
}

func TestEnsureAdministrator(t *testing.T) {
	h := newHouse(t)
	organization := func(t *testing.T, slug string) *world {
		t.Helper()
		org, err := h.dir.CreateOrganization(t.Context(), slug, "", 0)
		require.NoError(t, err)
		return &world{house: h, t: t, org: org}
	}
	ensure := func(w *world, email, password, token string) *directory.User {
		u, err := h.dir.EnsureAdministrator(w.t.Context(), w.org, email, password, token)
		require.NoError(w.t, err)
		w.settled()
		return u
	}
	t.Run("with a password the administrator is active at once", func(t *testing.T) {
		w := organization(t, "one")
		u := ensure(w, "root@x.example", "hash", "")
		assert.Equal(t, directory.Active, u.Status)
		assert.Equal(t, directory.OrganizationCreated, w.events()[0].Action)
		assert.Nil(t, ensure(w, "other@x.example", "hash", ""), "who can enter is there already")
		assert.Len(t, w.everybody(), 1)
	})
	t.Run("without one they are invited, and again at each start until they come", func(t *testing.T) {
		w := organization(t, "two")
		u := ensure(w, "root@x.example", "", "first")
		assert.Equal(t, directory.Pending, u.Status)
		found, err := h.dir.InvitationFor(t.Context(), w.org.ID, "first")
		require.NoError(t, err)
		assert.Equal(t, u.ID, found.ID)
		assert.Empty(t, mails(w.read(u.ID)), "the operator passes the link on")
		ensure(w, "ROOT@x.example", "", "second")
		_, err = h.dir.InvitationFor(t.Context(), w.org.ID, "first")
		assert.True(t, directory.HasCode(err, directory.CodeLinkInvalid))
		_, err = h.dir.InvitationFor(t.Context(), w.org.ID, "second")
		require.NoError(t, err)
		assert.Nil(t, ensure(w, "other@x.example", "", "third"), "others are invited already")
		assert.Equal(t, directory.Active, ensure(w, "root@x.example", "hash", "").Status)
		assert.Len(t, w.everybody(), 1)
	})
	t.Run("what is no address is refused", func(t *testing.T) {
		w := organization(t, "three")
		_, err := h.dir.EnsureAdministrator(t.Context(), w.org, "root", "hash", "")
		assert.True(t, directory.HasCode(err, directory.CodeInvalid))
	})
	t.Run("an organization needs a name and a slug of its own", func(t *testing.T) {
		for _, test := range []struct {
			name, slug string
			code       directory.Code
		}{{"", "x", directory.CodeRequired}, {"a\nb", "x", directory.CodeInvalid}, {"One", "one", directory.CodeTaken}, {"ONE", "", directory.CodeTaken}, {"株式会社", "", directory.CodeInvalid}, {"x", "A", directory.CodeInvalid}, {"x", "-a", directory.CodeInvalid}, {"x", strings.Repeat("a", 64), directory.CodeInvalid}} {
			_, err := h.dir.CreateOrganization(t.Context(), test.name, test.slug, 0)
			assert.True(t, directory.HasCode(err, test.code), "%q %q: %v", test.name, test.slug, err)
		}
		_, err := h.dir.CreateOrganization(t.Context(), "One", "one-more", 0)
		assert.NoError(t, err)
	})
}

func TestChangesAtTheSameTime(t *testing.T) {
	h := newHouse(t)
	t.Run("two administrators who demote each other leave one", func(t *testing.T) {
		w := h.world(t, 0)
		second := w.member("second@x.example", w.adminRole)
		a, b := w.root(), w.as(second)
		for round := range 5 {
			errs := make([]error, 2)
			var group sync.WaitGroup
			group.Go(func() {
				_, errs[0] = h.dir.UpdateUser(t.Context(), a, second.ID, directory.Changes{RoleID: &w.viewer}, nil)
			})
			group.Go(func() {
				_, errs[1] = h.dir.UpdateUser(t.Context(), b, w.admin.ID, directory.Changes{RoleID: &w.viewer}, nil)
			})
			group.Wait()
			demoted, refused := 0, 0
			for _, err := range errs {
				switch {
				case err == nil:
					demoted++
				case directory.HasCode(err, directory.CodeLastAdministrator):
					refused++
				}
			}
			assert.Equal(t, []int{1, 1}, []int{demoted, refused}, "round %d: %v", round, errs)
			w.settled()
			for _, u := range []*directory.User{w.admin, second} {
				w.change(u, func(u *directory.User) { u.RoleID = w.adminRole })
			}
		}
	})
	t.Run("what many change of one person is all there", func(t *testing.T) {
		w := h.world(t, 1)
		ann, by := w.member("ann@x.example", w.viewer), w.root()
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() {
				_, err := h.dir.UpdateUser(t.Context(), by, ann.ID, directory.Changes{Title: text(fmt.Sprint(i))}, nil)
				assert.NoError(t, err)
			})
		}
		group.Wait()
		u := w.read(ann.ID)
		assert.Equal(t, ann.Version+10, u.Version)
		assert.Len(t, u.Outbox, len(ann.Outbox)+10)
	})
	t.Run("of many who saw the same version one is heard", func(t *testing.T) {
		w := h.world(t, 1)
		ann, by := w.member("ann@x.example", w.viewer), w.root()
		var group sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			group.Go(func() {
				_, errs[i] = h.dir.UpdateUser(t.Context(), by, ann.ID, directory.Changes{Title: text(fmt.Sprint(i))}, &ann.Version)
			})
		}
		group.Wait()
		heard := 0
		for _, err := range errs {
			if err == nil {
				heard++
			} else {
				assert.True(t, directory.HasCode(err, directory.CodeConflict), "%v", err)
			}
		}
		assert.Equal(t, 1, heard)
	})
	t.Run("fifty invitations take five free seats", func(t *testing.T) {
		w := h.world(t, 5)
		by := w.root()
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				_, err := h.dir.InviteUsers(t.Context(), by, []string{fmt.Sprintf("u%d@x.example", i)}, w.csm, nil)
				assert.NoError(t, err)
			})
		}
		group.Wait()
		assert.Equal(t, directory.Seats{Limit: 5, Used: 5}, w.seats())
		assert.Len(t, w.everybody(), 6)
		w.settled()
	})
}

func TestSettleLeftClaims(t *testing.T) {
	h := newHouse(t)
	w := h.world(t, 2)
	ann := w.invite("ann@x.example", w.csm)
	// A crash after the claims were begun, before the user was changed.
	answers, err := h.store.BeginClaims(t.Context(), w.org.ID, directory.ClaimBatch{Mark: "mark", At: h.dir.Now(), Changes: []directory.ClaimChange{
		{UserID: ann.ID, Seat: directory.Leaving},
		{UserID: directory.NewID("user_", h.clock.Now(), zeros{}), Seat: directory.Joining},
	}})
	require.NoError(t, err)
	require.Equal(t, []error{nil, nil}, answers)
	require.Equal(t, 2, w.seats().Used, "on the safe side")
	left, err := h.dir.SettleLeftClaims(t.Context())
	require.NoError(t, err)
	assert.Zero(t, left, "a request may still be at it")
	h.clock.advance(directory.SettleAfter + time.Millisecond)
	left, err = h.dir.SettleLeftClaims(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, left)
	assert.Equal(t, 1, w.seats().Used)
	w.settled()
}
