package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
)

func TestLogin(t *testing.T) {
	h := newHouse(t)
	t.Run("the username or the address and the password sign in", func(t *testing.T) {
		ann := h.change(t, h.member(t), func(u *directory.User) { u.Username = "Ann" })
		for _, name := range []string{"Ann", " ANN ", "ａｎｎ", strings.ToUpper(ann.Email)} {
			in, err := h.login(t, name, password)
			require.NoError(t, err, name)
			assert.Equal(t, ann.ID, in.Viewer.User.ID)
			assert.Nil(t, in.Challenge)
			assert.Equal(t, ann.ID, h.viewer(t, in.Token).User.ID)
		}
		u := h.read(t, ann)
		assert.True(t, u.LastLoginAt.Equal(h.dir.Now()))
		assert.Len(t, u.Sessions, 4)
		assert.Equal(t, ann.Version, u.Version, "editors see no change")
		assert.Equal(t, directory.SignedIn, u.Outbox[len(u.Outbox)-1].Event.Action)
	})
	t.Run("unknown, pending, inactive and wrong are one answer", func(t *testing.T) {
		pending, _ := h.invited(t)
		gone := h.member(t)
		_, err := h.dir.DeleteUser(t.Context(), h.admin(t), gone.ID, nil)
		require.NoError(t, err)
		var first *directory.Error
		_, err = h.login(t, h.member(t).Email, password+"!")
		require.ErrorAs(t, err, &first)
		assert.Equal(t, directory.CodeInvalidCredentials, first.Code)
		for _, name := range []string{"nobody@x.example", "nobody", "", pending.Email, gone.Email} {
			in, err := h.login(t, name, password)
			assert.Nil(t, in)
			var same *directory.Error
			require.ErrorAs(t, err, &same, name)
			assert.Equal(t, first, same, name)
		}
		_, err = h.login(t, h.root.Email, "")
		refused(t, directory.CodeInvalidCredentials, err)
	})
	t.Run("a look-alike is not the account", func(t *testing.T) {
		ann := h.change(t, h.member(t), func(u *directory.User) { u.Username = "Igor" })
		_, err := h.login(t, "ıgor", password)
		refused(t, directory.CodeInvalidCredentials, err)
		_, err = h.login(t, strings.Replace(ann.Email, "x.example", "х.example", 1), password) // Cyrillic
		refused(t, directory.CodeInvalidCredentials, err)
	})
	t.Run("an organization that is not there is said to be none", func(t *testing.T) {
		_, err := h.accounts.Login(t.Context(), h.origin(), account.Credentials{Organization: "nowhere", Username: h.root.Email, Password: password})
		refused(t, directory.CodeNotFound, err)
	})
	t.Run("after five failures the next waits, longer each time, and then the right password works", func(t *testing.T) {
		ann := h.change(t, h.member(t), func(u *directory.User) { u.Username = "jörg" })
		// Spellings share one count.
		for _, name := range []string{ann.Email, strings.ToUpper(ann.Email), "jörg", "JO\u0308RG", " Jörg"} {
			_, err := h.login(t, name, "wrong")
			refused(t, directory.CodeInvalidCredentials, err)
		}
		waits := func(want time.Duration) {
			t.Helper()
			_, err := h.login(t, "jörg", password)
			var one *directory.Error
			require.ErrorAs(t, err, &one)
			assert.Equal(t, directory.CodeRateLimited, one.Code, "also the right one waits")
			assert.Equal(t, want, one.RetryAfter)
		}
		for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
			waits(want)
			h.clock.advance(want - time.Millisecond)
			waits(time.Second)
			h.clock.advance(time.Millisecond)
			_, err := h.login(t, "JÖRG", "wrong")
			refused(t, directory.CodeInvalidCredentials, err)
		}
		waits(4 * time.Minute)
		_, err := h.login(t, h.member(t).Email, password)
		assert.NoError(t, err, "nobody else waits")
		h.clock.advance(4 * time.Minute)
		h.signIn(t, ann)
		_, err = h.login(t, "jörg", "wrong")
		refused(t, directory.CodeInvalidCredentials, err)
		h.signIn(t, ann) // the count has begun again
	})
	t.Run("names of nobody are limited as well", func(t *testing.T) {
		for _, name := range []string{"ghost", "GHOST", " ghost", "ｇhost", "Ghost"} {
			_, err := h.login(t, name, "wrong")
			refused(t, directory.CodeInvalidCredentials, err)
		}
		_, err := h.login(t, "gHost", "wrong")
		refused(t, directory.CodeRateLimited, err)
	})
	t.Run("one network has a limit of failures, and successes do not count", func(t *testing.T) {
		ann, origin := h.member(t), h.origin()
		try := func(name, password string) error {
			_, err := h.accounts.Login(t.Context(), origin, account.Credentials{Username: name, Password: password})
			return err
		}
		for i := range 30 {
			refused(t, directory.CodeInvalidCredentials, try(strings.Repeat("z", i+1), "wrong"))
			if i == 10 {
				require.NoError(t, try(ann.Email, password))
			}
		}
		refused(t, directory.CodeRateLimited, try("y", "wrong"))
		h.signIn(t, ann) // from elsewhere
		h.clock.advance(time.Minute)
		assert.NoError(t, try(ann.Email, password))
	})
	t.Run("a hash of other parameters is made anew at sign-in", func(t *testing.T) {
		old, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 8 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
		require.NoError(t, err)
		ann := h.change(t, h.member(t), func(u *directory.User) { u.Credentials.PasswordHash = old })
		_, err = h.login(t, ann.Email, "wrong")
		refused(t, directory.CodeInvalidCredentials, err)
		assert.Equal(t, old, h.read(t, ann).Credentials.PasswordHash, "not for a wrong one")
		_, first := h.signIn(t, ann)
		fresh := h.read(t, ann).Credentials
		assert.Contains(t, fresh.PasswordHash, "m=19456,t=2,p=1")
		assert.Equal(t, ann.Credentials.Version, fresh.Version, "nothing begun before is dead")
		h.signIn(t, ann)
		assert.Equal(t, fresh.PasswordHash, h.read(t, ann).Credentials.PasswordHash, "once is enough")
		assert.NotNil(t, h.viewer(t, first))
	})
}

func TestSessions(t *testing.T) {
	h := newHouse(t)
	t.Run("end when they were not used for an hour", func(t *testing.T) {
		_, token := h.signIn(t, h.member(t))
		for range 3 {
			h.clock.advance(time.Hour - time.Millisecond)
			assert.NotNil(t, h.viewer(t, token), "each use keeps it")
		}
		h.clock.advance(time.Hour)
		assert.Nil(t, h.viewer(t, token))
	})
	t.Run("end after 24 hours, however much they are used", func(t *testing.T) {
		began := h.clock.Now()
		_, token := h.signIn(t, h.member(t))
		for range 47 {
			h.clock.advance(30 * time.Minute)
			assert.NotNil(t, h.viewer(t, token))
		}
		h.clock.set(began.Add(24*time.Hour - time.Millisecond))
		assert.NotNil(t, h.viewer(t, token))
		h.clock.set(began.Add(24 * time.Hour))
		assert.Nil(t, h.viewer(t, token))
	})
	t.Run("logout ends one, and only that", func(t *testing.T) {
		ann := h.member(t)
		v, one := h.signIn(t, ann)
		_, two := h.signIn(t, ann)
		require.NoError(t, h.accounts.Logout(t.Context(), v, h.origin()))
		assert.Nil(t, h.viewer(t, one))
		assert.NotNil(t, h.viewer(t, two))
		events := len(h.read(t, ann).Outbox)
		require.NoError(t, h.accounts.Logout(t.Context(), v, h.origin()), "again is no matter")
		assert.Len(t, h.read(t, ann).Outbox, events)
		assert.NoError(t, h.accounts.Logout(t.Context(), nil, h.origin()))
	})
	t.Run("a delete ends all, and a reactivation brings none back", func(t *testing.T) {
		ann := h.member(t)
		_, one := h.signIn(t, ann)
		_, two := h.signIn(t, ann)
		_, err := h.dir.DeleteUser(t.Context(), h.admin(t), ann.ID, nil)
		require.NoError(t, err)
		assert.Nil(t, h.viewer(t, one))
		_, err = h.dir.ReactivateUser(t.Context(), h.admin(t), ann.ID, nil, nil)
		require.NoError(t, err)
		assert.Nil(t, h.viewer(t, one))
		assert.Nil(t, h.viewer(t, two))
		h.signIn(t, ann)
	})
	t.Run("one that only the vault knows is dead", func(t *testing.T) {
		ann := h.member(t)
		_, token := h.signIn(t, ann)
		h.change(t, ann, func(u *directory.User) { u.EndSessions("") })
		assert.Nil(t, h.viewer(t, token))
	})
	t.Run("of the 51st the first ends", func(t *testing.T) {
		ann := h.member(t)
		_, first := h.signIn(t, ann)
		h.change(t, ann, func(u *directory.User) {
			for range 49 {
				u.Sessions = append(u.Sessions, directory.SessionRef{ID: "sess_x", ExpiresAt: h.dir.Now().Add(time.Hour)})
			}
		})
		assert.NotNil(t, h.viewer(t, first))
		_, last := h.signIn(t, ann)
		assert.Nil(t, h.viewer(t, first))
		assert.NotNil(t, h.viewer(t, last))
		assert.Len(t, h.read(t, ann).Sessions, 50)
	})
	t.Run("what is no session's token is nobody", func(t *testing.T) {
		_, token := h.signIn(t, h.member(t))
		for _, bad := range []string{"", "x", token[:63], token[:62] + "AA", strings.Repeat("A", 64)} {
			assert.Nil(t, h.viewer(t, bad))
		}
	})
	t.Run("the role is the one of this moment", func(t *testing.T) {
		ann := h.member(t)
		_, token := h.signIn(t, ann)
		assert.Equal(t, []directory.Permission{directory.ViewUsers}, h.viewer(t, token).Permissions())
		h.change(t, ann, func(u *directory.User) { u.RoleID = h.org.Roles[2].ID })
		assert.Contains(t, h.viewer(t, token).Permissions(), directory.ManageUsers)
	})
}

func TestLinks(t *testing.T) {
	h := newHouse(t)
	accept := func(t *testing.T, token string) error {
		_, _, err := h.accounts.AcceptInvitation(t.Context(), h.origin(), account.Acceptance{Token: token, Password: password})
		return err
	}
	complete := func(t *testing.T, token string) error {
		_, _, err := h.accounts.CompletePasswordReset(t.Context(), h.origin(), token, otherPassword)
		return err
	}
	opens := func(t *testing.T, token string) bool {
		_, u, err := h.accounts.Invitation(t.Context(), token)
		require.NoError(t, err)
		return u != nil
	}
	t.Run("an invitation works until 7 days have passed, and not at that instant", func(t *testing.T) {
		_, one := h.invited(t)
		_, two := h.invited(t)
		h.clock.advance(invitationTTL - time.Millisecond)
		assert.True(t, opens(t, one))
		assert.NoError(t, accept(t, one))
		h.clock.advance(time.Millisecond)
		assert.False(t, opens(t, two))
		refused(t, directory.CodeLinkInvalid, accept(t, two))
	})
	t.Run("a reset works at 23:59:59.999 and is refused at 24:00:00.000", func(t *testing.T) {
		one, two := h.resetToken(t, h.member(t)), h.resetToken(t, h.member(t))
		h.clock.advance(resetTTL - time.Millisecond)
		assert.NoError(t, complete(t, one))
		h.clock.advance(time.Millisecond)
		refused(t, directory.CodeLinkInvalid, complete(t, two))
	})
	t.Run("opening an invitation does not use it up, completing the set-up does", func(t *testing.T) {
		ann, token := h.invited(t)
		for range 3 {
			assert.True(t, opens(t, token))
		}
		require.NoError(t, accept(t, token))
		assert.False(t, opens(t, token))
		refused(t, directory.CodeLinkInvalid, accept(t, token))
		u := h.read(t, ann)
		assert.Equal(t, directory.Active, u.Status)
		assert.Empty(t, u.Sessions, "it does not sign in")
		assert.Equal(t, []string{ann.Name, ann.Email, ann.RoleID}, []string{u.Name, u.Email, u.RoleID})
		h.signIn(t, u)
	})
	t.Run("what is wrong with a set-up is said at once, and leaves the link alive", func(t *testing.T) {
		ann, token := h.invited(t)
		empty, bad := "", "a\nb"
		_, _, err := h.accounts.AcceptInvitation(t.Context(), h.origin(), account.Acceptance{Token: token, Name: &bad, Username: &empty, Password: ann.Email})
		refused(t, directory.CodeInvalid, err)
		refused(t, directory.CodeRequired, err)
		refused(t, directory.CodeWeakPassword, err)
		taken := h.root.Username
		_, _, err = h.accounts.AcceptInvitation(t.Context(), h.origin(), account.Acceptance{Token: token, Username: &taken, Password: password})
		refused(t, directory.CodeTaken, err)
		name := " Ann "
		_, u, err := h.accounts.AcceptInvitation(t.Context(), h.origin(), account.Acceptance{Token: token, Name: &name, Username: &name, Password: password})
		require.NoError(t, err)
		assert.Equal(t, []string{"Ann", "Ann"}, []string{u.Name, u.Username})
	})
	t.Run("a completed reset ends all sessions, is told by mail, and does not sign in", func(t *testing.T) {
		ann := h.member(t)
		_, session := h.signIn(t, ann)
		token := h.resetToken(t, ann)
		assert.NotNil(t, h.viewer(t, session), "a request leaves sessions alone")
		_, _, err := h.accounts.CompletePasswordReset(t.Context(), h.origin(), token, "short")
		refused(t, directory.CodeWeakPassword, err)
		require.NoError(t, complete(t, token))
		refused(t, directory.CodeLinkInvalid, complete(t, token))
		assert.Nil(t, h.viewer(t, session))
		u := h.read(t, ann)
		assert.Empty(t, u.Sessions)
		assert.Equal(t, directory.MailPasswordChanged, u.Outbox[len(u.Outbox)-1].Mail.Kind)
		_, err = h.login(t, ann.Email, password)
		refused(t, directory.CodeInvalidCredentials, err)
		_, err = h.login(t, ann.Email, otherPassword)
		assert.NoError(t, err)
	})
	t.Run("asking again kills the reset before", func(t *testing.T) {
		ann := h.member(t)
		one, two := h.resetToken(t, ann), h.resetToken(t, ann)
		refused(t, directory.CodeLinkInvalid, complete(t, one))
		assert.NoError(t, complete(t, two))
	})
	t.Run("a changed password and a delete kill a reset", func(t *testing.T) {
		ann, bob := h.member(t), h.member(t)
		one, two := h.resetToken(t, ann), h.resetToken(t, bob)
		v, _ := h.signIn(t, ann)
		_, err := h.accounts.ChangePassword(t.Context(), v, h.origin(), password, otherPassword)
		require.NoError(t, err)
		_, err = h.dir.DeleteUser(t.Context(), h.admin(t), bob.ID, nil)
		require.NoError(t, err)
		_, err = h.dir.ReactivateUser(t.Context(), h.admin(t), bob.ID, nil, nil)
		require.NoError(t, err)
		refused(t, directory.CodeLinkInvalid, complete(t, one))
		refused(t, directory.CodeLinkInvalid, complete(t, two))
	})
	t.Run("an invitation, a reset and a session are never interchangeable", func(t *testing.T) {
		ann := h.member(t)
		_, session := h.signIn(t, ann)
		_, invitation := h.invited(t)
		reset := h.resetToken(t, ann)
		challenge := h.challenge(t, func() *directory.User {
			bob := h.member(t)
			h.withDevice(t, bob)
			return bob
		}())
		for _, token := range []string{session, reset, challenge} {
			assert.False(t, opens(t, token))
			refused(t, directory.CodeLinkInvalid, accept(t, token))
		}
		for _, token := range []string{session, invitation, challenge} {
			refused(t, directory.CodeLinkInvalid, complete(t, token))
		}
		for _, token := range []string{invitation, reset, challenge} {
			assert.Nil(t, h.viewer(t, token))
		}
		for _, token := range []string{invitation, reset, session} {
			_, err := h.verify(t, token, "123456")
			refused(t, directory.CodeLinkInvalid, err)
		}
		assert.NoError(t, accept(t, invitation))
		assert.NoError(t, complete(t, reset))
	})
	t.Run("the forgotten password of anybody gets the same answer", func(t *testing.T) {
		ann, gone := h.member(t), h.member(t)
		pending, token := h.invited(t)
		_, err := h.dir.DeleteUser(t.Context(), h.admin(t), gone.ID, nil)
		require.NoError(t, err)
		for _, name := range []string{ann.Email, gone.Email, pending.Email, "nobody@x.example"} {
			begin := time.Now()
			assert.NoError(t, h.accounts.RequestPasswordReset(t.Context(), h.origin(), "", name))
			assert.GreaterOrEqual(t, time.Since(begin), 150*time.Millisecond)
		}
		assert.NotNil(t, h.read(t, ann).PasswordReset)
		assert.Nil(t, h.read(t, gone).PasswordReset)
		assert.False(t, opens(t, token), "the invitation is renewed")
		assert.Equal(t, h.root.ID, h.read(t, pending).Invitation.RequestedBy, "a stranger has not invited anybody")
		name, err := h.accounts.InviterName(t.Context(), h.read(t, pending))
		require.NoError(t, err)
		assert.Equal(t, h.root.Username, name)
	})
	t.Run("three resets an hour for one account, whether it exists or not", func(t *testing.T) {
		ann := h.member(t)
		for _, name := range []string{ann.Email, "ghost@x.example"} {
			for range 3 {
				require.NoError(t, h.accounts.RequestPasswordReset(t.Context(), h.origin(), "", name))
			}
			refused(t, directory.CodeRateLimited, h.accounts.RequestPasswordReset(t.Context(), h.origin(), "", strings.ToUpper(name)))
		}
	})
}

func TestChangePassword(t *testing.T) {
	h := newHouse(t)
	ann := h.member(t)
	v, one := h.signIn(t, ann)
	_, two := h.signIn(t, ann)
	change := func(v *account.Viewer, current, fresh string) error {
		_, err := h.accounts.ChangePassword(t.Context(), v, h.origin(), current, fresh)
		return err
	}
	t.Run("is refused without the current one, and for a weak one", func(t *testing.T) {
		refused(t, directory.CodeWrongPassword, change(v, "wrong", otherPassword))
		refused(t, directory.CodeWeakPassword, change(v, password, "short"))
		refused(t, directory.CodeRequired, change(v, password, ""))
		refused(t, directory.CodeUnauthenticated, change(nil, password, otherPassword))
		assert.NotNil(t, h.viewer(t, two))
	})
	t.Run("ends all other sessions, and is told by mail", func(t *testing.T) {
		require.NoError(t, change(v, password, otherPassword))
		assert.NotNil(t, h.viewer(t, one))
		assert.Nil(t, h.viewer(t, two))
		u := h.read(t, ann)
		assert.Equal(t, directory.MailPasswordChanged, u.Outbox[len(u.Outbox)-1].Mail.Kind)
		refused(t, directory.CodeWrongPassword, change(v, password, otherPassword+"!"))
	})
	t.Run("wrong ones are limited with those of signing in", func(t *testing.T) {
		v := h.viewer(t, one)
		for range 4 {
			refused(t, directory.CodeWrongPassword, change(v, "wrong", password))
		}
		_, err := h.login(t, ann.Email, "wrong")
		refused(t, directory.CodeRateLimited, err)
		refused(t, directory.CodeRateLimited, change(v, otherPassword, password))
		_, err = h.login(t, ann.Email, otherPassword)
		refused(t, directory.CodeRateLimited, err)
	})
}
