package directory

import (
	"context"
	"fmt"
	"time"
)

// UsersByID finds those of the ids that exist, by id. It needs VIEW_USERS.
func (d *Directory) UsersByID(ctx context.Context, by Actor, ids []string) (map[string]*User, error) {
	if err := by.need(ViewUsers); err != nil {
		return nil, err
	}
	users, err := d.store.Users(ctx, by.Organization.ID, ids)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	found := make(map[string]*User, len(users))
	for _, u := range users {
		found[u.ID] = u
	}
	return found, nil
}

// Counts is how many people are in each group. It needs VIEW_USERS.
func (d *Directory) Counts(ctx context.Context, by Actor) (Counts, error) {
	if err := by.need(ViewUsers); err != nil {
		return nil, err
	}
	return d.store.Counts(ctx, by.Organization.ID)
}

// Seats is how many CSM seats there are and how many are taken. It needs VIEW_USERS.
func (d *Directory) Seats(ctx context.Context, by Actor) (Seats, error) {
	if err := by.need(ViewUsers); err != nil {
		return Seats{}, err
	}
	return d.store.Seats(ctx, by.Organization.ID)
}

// OrganizationOf is the actor's organization. It needs VIEW_USERS.
func (d *Directory) OrganizationOf(by Actor) (*Organization, error) {
	if err := by.need(ViewUsers); err != nil {
		return nil, err
	}
	return by.Organization, nil
}

// Roles are the organization's roles, by name. It needs VIEW_USERS.
func (d *Directory) Roles(by Actor) ([]Role, error) {
	if err := by.need(ViewUsers); err != nil {
		return nil, err
	}
	return rolesByName(by.Organization.Roles), nil
}

// Changes are the fields of a person to change; nil leaves one as it is. An
// empty Name or Title clears it.
type Changes struct {
	Name, Username, Title, RoleID *string
}

// Apply changes u, or says everything that is wrong with the changes.
func (c Changes) Apply(u *User) error {
	var wrong Errors
	text := func(field string, value *string, target *string, clean func(string, string) (string, *Error)) {
		if value == nil {
			return
		}
		cleaned, refused := clean(*value, field)
		if refused != nil {
			wrong = append(wrong, refused)
			return
		}
		*target = cleaned
	}
	text("name", c.Name, &u.Name, CleanText)
	text("username", c.Username, &u.Username, CleanUsername)
	text("title", c.Title, &u.Title, CleanText)
	return wrong.OrNil()
}

// checkVersion refuses an edit of what the editor has not seen.
func checkVersion(u *User, expected *int) *Error {
	if expected == nil || *expected == u.Version {
		return nil
	}
	return Refuse(CodeConflict, "Somebody else has changed this person since you opened the page. Look at what is there now, then try again.", "expectedVersion")
}

// firstRefusal is the first that is one; nil when there is none.
func firstRefusal(refusals ...*Error) *Error {
	for _, refused := range refusals {
		if refused != nil {
			return refused
		}
	}
	return nil
}

// first is the first refusal, as an error.
func first(refusals ...*Error) error {
	if refused := firstRefusal(refusals...); refused != nil {
		return refused
	}
	return nil
}

// UpdateUser changes name, username, title and role. It needs MANAGE_USERS.
// Refusals: NOT_FOUND, SELF_ACTION (one's own role), ROLE_ESCALATION,
// CONFLICT, REQUIRED, INVALID, TAKEN, NO_SEAT_AVAILABLE, LAST_ADMINISTRATOR.
func (d *Directory) UpdateUser(ctx context.Context, by Actor, id string, changes Changes, expectedVersion *int) (*User, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	return d.Change(ctx, by, id, func(u *User) (*News, error) {
		if err := by.May(ActionUpdate, u); err != nil {
			return nil, err
		}
		if err := first(checkVersion(u, expectedVersion)); err != nil {
			return nil, err
		}
		was := *u
		if err := changes.Apply(u); err != nil {
			return nil, err
		}
		if changes.RoleID != nil && *changes.RoleID != by.Organization.current(u.RoleID) {
			if err := by.May(ActionChangeRole, u); err != nil {
				return nil, err
			}
			role, refused := grantable(by, *changes.RoleID)
			if refused != nil {
				return nil, refused
			}
			u.RoleID = role.ID
		}
		if was.Name == u.Name && was.Username == u.Username && was.Title == u.Title && was.RoleID == u.RoleID {
			return nil, nil
		}
		return &News{Action: UserUpdated}, nil
	})
}

// grantable finds a role that the actor may give.
func grantable(by Actor, roleID string) (Role, *Error) {
	if roleID == "" {
		return Role{}, Refuse(CodeRequired, "Choose a role.", "roleId")
	}
	role, ok := by.Organization.Role(roleID)
	if !ok {
		return Role{}, noSuchRole("roleId")
	}
	return role, by.mayGrant(role, "roleId")
}

// UpdateProfile changes one's own name, username and title. Refusals:
// REQUIRED, INVALID, TAKEN.
func (d *Directory) UpdateProfile(ctx context.Context, by Actor, changes Changes) (*User, error) {
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	changes.RoleID = nil
	return d.Change(ctx, by, by.User.ID, func(u *User) (*News, error) {
		was := *u
		if err := changes.Apply(u); err != nil {
			return nil, err
		}
		if was.Name == u.Name && was.Username == u.Username && was.Title == u.Title {
			return nil, nil
		}
		return &News{Action: ProfileUpdated}, nil
	})
}

// DeleteUser makes somebody Inactive: sessions and links die, a seat becomes
// free, and nothing else of the person is lost. It needs MANAGE_USERS.
// Refusals: NOT_FOUND, SELF_ACTION, ROLE_ESCALATION, CONFLICT,
// LAST_ADMINISTRATOR.
func (d *Directory) DeleteUser(ctx context.Context, by Actor, id string, expectedVersion *int) (*User, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	return d.Change(ctx, by, id, func(u *User) (*News, error) {
		if err := by.May(ActionDelete, u); err != nil {
			return nil, err
		}
		if u.Status == Inactive {
			return nil, nil
		}
		if err := first(checkVersion(u, expectedVersion)); err != nil {
			return nil, err
		}
		u.Status, u.DeactivatedAt = Inactive, d.Now()
		u.Invitation, u.PasswordReset = nil, nil
		u.Credentials.TwoFactorSetup = nil
		u.Credentials.Version++
		u.EndSessions("")
		u.DropDeadMails()
		return &News{Action: UserDeleted}, nil
	})
}

// DropDeadMails takes mails with a link that has died out of the outbox.
func (u *User) DropDeadMails() {
	kept := u.Outbox[:0]
	for _, entry := range u.Outbox {
		if entry.Mail == nil || !entry.Mail.Kind.CarriesLink() || entry.Mail.Kind.Link(u) != nil {
			kept = append(kept, entry)
		}
	}
	u.Outbox = kept
}

// ReactivateUser brings somebody deleted back with the role they had: Active
// with the password they had, else Pending with a fresh invitation. It needs
// MANAGE_USERS. Refusals: NOT_FOUND, ROLE_ESCALATION, CONFLICT,
// NO_SEAT_AVAILABLE.
func (d *Directory) ReactivateUser(ctx context.Context, by Actor, id string, expectedVersion *int, key *string) (*User, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	return d.changeOnce(ctx, by, "reactivateUser", key, id, expectedVersion, func(string) (*User, error) {
		return d.reactivate(ctx, by, id, expectedVersion)
	})
}

func (d *Directory) reactivate(ctx context.Context, by Actor, id string, expectedVersion *int) (*User, error) {
	return d.Change(ctx, by, id, func(u *User) (*News, error) {
		if err := by.May(ActionReactivate, u); err != nil {
			return nil, err
		}
		if u.Status != Inactive {
			return nil, nil
		}
		if err := first(checkVersion(u, expectedVersion)); err != nil {
			return nil, err
		}
		u.DeactivatedAt = time.Time{}
		u.Credentials.Version++
		if u.hasPassword() {
			u.Status = Active
			return &News{Action: UserReactivated, Mails: []MailKind{MailAccountReactivated}}, nil
		}
		u.Status = Pending
		u.Invitation = d.newLink(by, d.InvitationLifetime(by.Organization))
		return &News{Action: UserReactivated, Mails: []MailKind{MailInvitation}}, nil
	})
}

// resetsPerAccount is how often one person can be sent a reset by
// administrators; strangers have a count of their own.
var resetsPerAccount = Limit{Uses: 3, Window: time.Hour}

// ResetPassword sends somebody a link to set a new password. Until they do,
// the current one keeps working and sessions go on; an earlier link dies. A
// pending person gets the invitation again. It needs MANAGE_USERS. Refusals:
// NOT_FOUND, ROLE_ESCALATION, INVALID (inactive). It is limited per account.
func (d *Directory) ResetPassword(ctx context.Context, by Actor, id string, key *string) (*User, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	return d.changeOnce(ctx, by, "resetPassword", key, id, nil, func(request string) (*User, error) {
		return d.changeLimited(ctx, by, id, ActionResetPassword, request,
			func() error {
				return d.reserve(ctx, by.Organization.ID, "reset:"+id, resetsPerAccount, 1, "Three password resets were sent to this person within an hour.")
			},
			func(u *User) *News { return d.StartPasswordReset(by, u, request) })
	})
}

// CancelPasswordReset ends the outstanding reset link of somebody, if there is
// one. It needs MANAGE_USERS. Refusals: NOT_FOUND, ROLE_ESCALATION.
func (d *Directory) CancelPasswordReset(ctx context.Context, by Actor, id string) (*User, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	return d.Change(ctx, by, id, func(u *User) (*News, error) {
		if err := by.May(ActionCancelPasswordReset, u); err != nil {
			return nil, err
		}
		if u.PasswordReset == nil {
			return nil, nil
		}
		u.PasswordReset = nil
		u.DropDeadMails()
		return &News{Action: PasswordResetCancelled}, nil
	})
}

// changeOnce is a change of one person under an idempotency key. It answers the
// person as they are now.
func (d *Directory) changeOnce(ctx context.Context, by Actor, mutation string, key *string, id string, expectedVersion *int, run func(request string) (*User, error)) (*User, error) {
	var changed *User
	input := struct {
		ID      string
		Version *int
	}{id, expectedVersion}
	_, err := once(ctx, d, by, mutation, key, input, func(request string) (answer struct{}, err error) {
		changed, err = run(request)
		return answer, err
	})
	if changed == nil && err == nil {
		return d.find(ctx, by.Organization.ID, id)
	}
	return changed, err
}

// changeLimited is Change for a link that is limited: what is refused is not
// counted; reserve counts; edit changes whoever may be changed. A request that
// finds its own link has been there before.
func (d *Directory) changeLimited(ctx context.Context, by Actor, id string, action UserAction, request string, reserve func() error, edit func(*User) *News) (*User, error) {
	done := func(u *User) bool { return u.Invitation.of(request, d.Now()) || u.PasswordReset.of(request, d.Now()) }
	u, err := d.find(ctx, by.Organization.ID, id)
	if err != nil {
		return nil, err
	}
	if done(u) {
		return u, nil
	}
	if err := by.May(action, u); err != nil {
		return u, err
	}
	if err := reserve(); err != nil {
		return nil, err
	}
	return d.Change(ctx, by, id, func(u *User) (*News, error) {
		if done(u) {
			return nil, nil
		}
		if err := by.May(action, u); err != nil {
			return nil, err
		}
		return edit(u), nil
	})
}

// StartPasswordReset puts a reset link on its way to u, who is not Inactive,
// or the invitation again if u is Pending. It is an Edit's part. request is the
// idempotency key it is asked for under, if there is one.
func (d *Directory) StartPasswordReset(by Actor, u *User, request string) *News {
	if u.Status == Pending {
		return d.renewInvitation(by, u, request)
	}
	u.PasswordReset = d.newLink(by, d.settings.PasswordResetTTL)
	u.PasswordReset.Request = request
	u.supersedeMails(MailPasswordReset)
	return &News{Action: PasswordResetRequested, Mails: []MailKind{MailPasswordReset}}
}

// supersedeMails takes mails of these kinds out of the outbox: a newer one comes.
func (u *User) supersedeMails(kinds ...MailKind) {
	kept := u.Outbox[:0]
	for _, entry := range u.Outbox {
		superseded := false
		for _, kind := range kinds {
			superseded = superseded || entry.Mail != nil && entry.Mail.Kind == kind
		}
		if !superseded {
			kept = append(kept, entry)
		}
	}
	u.Outbox = kept
}

// newLink is a link that starts its way now; its token is made with the mail.
func (d *Directory) newLink(by Actor, lifetime time.Duration) *Link {
	now := d.Now()
	return &Link{
		RequestedBy: by.id(), RequestedAt: now, Lifetime: lifetime, ExpiresAt: now.Add(lifetime),
		Delivery: Delivery{State: Queued, At: now},
	}
}

// DisableTwoFactor takes the second factor off for somebody who lost the
// device, ends their sessions and tells them by mail. It needs MANAGE_USERS and
// a fresh proof of who the actor is.
// Refusals: NOT_FOUND, SELF_ACTION, ROLE_ESCALATION, CONFLICT,
// TWO_FACTOR_NOT_ENABLED.
func (d *Directory) DisableTwoFactor(ctx context.Context, by Actor, id string, expectedVersion *int, key *string) (*User, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	if err := by.fresh(d.Now()); err != nil {
		return nil, err
	}
	return d.changeOnce(ctx, by, "disable2FA", key, id, expectedVersion, func(string) (*User, error) {
		return d.disableTwoFactor(ctx, by, id, expectedVersion)
	})
}

func (d *Directory) disableTwoFactor(ctx context.Context, by Actor, id string, expectedVersion *int) (*User, error) {
	return d.Change(ctx, by, id, func(u *User) (*News, error) {
		if err := by.May(ActionDisableTwoFactor, u); err != nil {
			return nil, err
		}
		if err := first(checkVersion(u, expectedVersion)); err != nil {
			return nil, err
		}
		u.Credentials.TwoFactor, u.Credentials.TwoFactorSetup = nil, nil
		u.Credentials.Version++
		u.EndSessions("")
		return &News{Action: TwoFactorDisabled, Mails: []MailKind{MailTwoFactorDisabled}}, nil
	})
}

// reserve counts n uses under a limit, or says when it goes on.
func (d *Directory) reserve(ctx context.Context, organizationID, key string, limit Limit, n int, refusal string) error {
	_, wait, err := d.limiter.Reserve(ctx, organizationID, d.Now(), Use{key, limit, n})
	if err != nil {
		return fmt.Errorf("check limit: %w", err)
	}
	if wait > 0 {
		return TooMany(refusal, wait)
	}
	return nil
}
