package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"roster/internal/directory"
)

// Limits on what strangers can have mailed.
var (
	resetsPerAccount = directory.Limit{Uses: 3, Window: time.Hour}
	resetsPerAddress = directory.Limit{Uses: 10, Window: time.Hour}
)

// resetFloor is how long asking for a password reset takes at least: longer
// than finding the account and writing the request, so that the time does not
// tell whether there is one.
const resetFloor = 150 * time.Millisecond

// Invitation finds who is invited by a live link, and where to; looking does
// not use it up. Nil when the link is dead.
func (a *Accounts) Invitation(ctx context.Context, token string) (*directory.Organization, *directory.User, error) {
	org, hash, err := a.tokenOrganization(ctx, token)
	if err == nil {
		var u *directory.User
		if u, err = a.directory.InvitationFor(ctx, org.ID, hash); err == nil {
			return org, u, nil
		}
	}
	if directory.HasCode(err, directory.CodeLinkInvalid) {
		return nil, nil, nil
	}
	return nil, nil, err
}

// InviterName is what to call the one who invited u; empty when that is not known.
func (a *Accounts) InviterName(ctx context.Context, u *directory.User) (string, error) {
	if u.Invitation == nil || u.Invitation.RequestedBy == "" {
		return "", nil
	}
	inviter, err := a.store.User(ctx, u.OrganizationID, u.Invitation.RequestedBy)
	if errors.Is(err, directory.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find who invited: %w", err)
	}
	return inviter.DisplayName(), nil
}

// Acceptance is what somebody invited fills in.
type Acceptance struct {
	Token string
	// Name, Username and Title are nil to keep what the invitation says.
	Name, Username, Title *string
	Password              string
}

// AcceptInvitation completes the set-up of the person whom the link invites,
// with the address and role of the invitation; it does not sign in. Refusals:
// LINK_INVALID, REQUIRED, INVALID, WEAK_PASSWORD, TAKEN.
func (a *Accounts) AcceptInvitation(ctx context.Context, origin directory.Origin, in Acceptance) (*directory.Organization, *directory.User, error) {
	org, hash, err := a.tokenOrganization(ctx, in.Token)
	if err != nil {
		return nil, nil, err
	}
	invited, err := a.directory.InvitationFor(ctx, org.ID, hash)
	if err != nil {
		return nil, nil, err
	}
	by := directory.Actor{User: invited, Organization: org, Origin: origin}
	changes := directory.Changes{Name: in.Name, Username: in.Username, Title: in.Title}
	draft := invited.Clone()
	wrong := directory.Collect(changes.Apply(draft))
	if refused := a.checkPassword(draft, in.Password, "password"); refused != nil {
		wrong = append(wrong, refused)
	}
	if err := wrong.OrNil(); err != nil {
		return org, nil, err
	}
	passwordHash, err := a.hasher.hash(ctx, in.Password)
	if err != nil {
		return nil, nil, err
	}
	user, err := a.directory.Change(ctx, by, invited.ID, func(u *directory.User) (*directory.News, error) {
		now := a.directory.Now()
		if u.Status != directory.Pending || !u.Invitation.Alive(now) || u.Invitation.TokenHash != hash {
			return nil, directory.DeadLink()
		}
		if err := changes.Apply(u); err != nil {
			return nil, err
		}
		u.Status, u.Invitation = directory.Active, nil
		a.setPassword(u, passwordHash)
		return &directory.News{Action: directory.InvitationAccepted}, nil
	})
	if err != nil {
		return org, nil, err
	}
	return org, user, nil
}

// setPassword gives u a new password; what was begun with another is dead.
func (a *Accounts) setPassword(u *directory.User, hash string) {
	u.Credentials.PasswordHash, u.Credentials.PasswordChangedAt = hash, a.directory.Now()
	u.Credentials.Version++
	u.PasswordReset = nil
	u.DropDeadMails()
}

func (a *Accounts) checkPassword(u *directory.User, password, field string) *directory.Error {
	return CheckPassword(password, a.settings.PasswordMinLength, []string{u.Email, u.Username, u.Name}, field)
}

// RequestPasswordReset has a reset link mailed to whoever has the username or
// address, or the invitation again if they are pending. The answer and its
// time are the same when nobody has it. It is limited per account and per
// address of the client.
func (a *Accounts) RequestPasswordReset(ctx context.Context, origin directory.Origin, organization, username string) error {
	floor := time.NewTimer(resetFloor)
	defer floor.Stop()
	err := a.requestPasswordReset(ctx, origin, organization, username)
	select {
	case <-floor.C:
	case <-ctx.Done():
	}
	return err
}

func (a *Accounts) requestPasswordReset(ctx context.Context, origin directory.Origin, organization, username string) error {
	org, err := a.organization(ctx, organization)
	if err != nil {
		return err
	}
	key := directory.NameKey(username)
	user, err := a.known(ctx, org.ID, key)
	if err != nil {
		return err
	}
	account := "forgotten:name:" + hashToken(key)
	if user != nil {
		account = "forgotten:user:" + user.ID
	}
	if err := a.reserve(ctx, org.ID, "forgotten:ip:"+origin.IP, resetsPerAddress, "Too many password resets were asked for from your network."); err != nil {
		return err
	}
	if err := a.reserve(ctx, org.ID, account, resetsPerAccount, "Too many password resets were asked for this account."); err != nil {
		return err
	}
	if user == nil {
		return nil
	}
	by := directory.Actor{Organization: org, Origin: origin}
	_, err = a.directory.Change(ctx, by, user.ID, func(u *directory.User) (*directory.News, error) {
		if u.Status == directory.Inactive {
			return nil, nil
		}
		return a.directory.StartPasswordReset(by, u, ""), nil
	})
	return err
}

// CompletePasswordReset sets a new password for the person whom the link was
// sent to. All their sessions end and they are told; it does not sign in, and
// a second factor stays. Refusals: LINK_INVALID, REQUIRED, WEAK_PASSWORD.
func (a *Accounts) CompletePasswordReset(ctx context.Context, origin directory.Origin, token, password string) (*directory.Organization, *directory.User, error) {
	org, hash, err := a.tokenOrganization(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	owner, err := a.directory.PasswordResetFor(ctx, org.ID, hash)
	if err != nil {
		return nil, nil, err
	}
	if refused := a.checkPassword(owner, password, "password"); refused != nil {
		return org, nil, refused
	}
	passwordHash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return nil, nil, err
	}
	by := directory.Actor{User: owner, Organization: org, Origin: origin}
	user, err := a.directory.Change(ctx, by, owner.ID, func(u *directory.User) (*directory.News, error) {
		if u.Status != directory.Active || !u.PasswordReset.Alive(a.directory.Now()) || u.PasswordReset.TokenHash != hash {
			return nil, directory.DeadLink()
		}
		a.setPassword(u, passwordHash)
		u.EndSessions("")
		return &directory.News{Action: directory.PasswordResetCompleted, Mails: []directory.MailKind{directory.MailPasswordChanged}}, nil
	})
	if err != nil {
		return org, nil, err
	}
	// The real owner is back: what strangers guessed no longer delays them.
	if err := a.vault.Forget(ctx, org.ID, "login:user:"+owner.ID); err != nil {
		return org, user, nil //nolint:nilerr // the password is set; the delay passes by itself
	}
	return org, user, nil
}

// ChangePassword sets the viewer's password. All other sessions end, and the
// viewer is told by mail. Refusals: WRONG_PASSWORD, REQUIRED, WEAK_PASSWORD.
// Wrong ones are limited with those of signing in.
func (a *Accounts) ChangePassword(ctx context.Context, viewer *Viewer, origin directory.Origin, current, password string) (*directory.User, error) {
	by := viewer.Actor(origin)
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	if err := a.provePassword(ctx, by, current, "currentPassword"); err != nil {
		return viewer.User, err
	}
	if refused := a.checkPassword(viewer.User, password, "newPassword"); refused != nil {
		return viewer.User, refused
	}
	passwordHash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	was := viewer.User.Credentials.PasswordHash
	return a.directory.Change(ctx, by, viewer.User.ID, func(u *directory.User) (*directory.News, error) {
		if u.Credentials.PasswordHash != was || !u.HasSession(viewer.Session.ID, a.directory.Now()) {
			return nil, directory.Refuse(directory.CodeWrongPassword, "The password was changed in the meantime. Sign in with the new one.", "currentPassword")
		}
		a.setPassword(u, passwordHash)
		u.EndSessions(viewer.Session.ID)
		return &directory.News{Action: directory.PasswordChanged, Mails: []directory.MailKind{directory.MailPasswordChanged}}, nil
	})
}

// provePassword refuses a password that is not the actor's: WRONG_PASSWORD.
// Wrong ones are limited with those of signing in, and counted before they are
// looked at.
func (a *Accounts) provePassword(ctx context.Context, by directory.Actor, password, field string) error {
	account := "login:user:" + by.User.ID
	if err := a.reserve(ctx, by.Organization.ID, account, failuresPerAccount, "Too many wrong passwords for this account."); err != nil {
		return err
	}
	match, _, err := a.hasher.check(ctx, password, by.User.Credentials.PasswordHash)
	if err != nil || match {
		a.refund(ctx, by.Organization.ID, account)
	}
	if err == nil && !match {
		return directory.Refuse(directory.CodeWrongPassword, "The current password is wrong.", field)
	}
	return err
}
