package directory

import (
	"fmt"
	"time"
)

// freshFor is how long a proof of who somebody is counts for what is refused
// to a session that was merely kept.
const freshFor = 15 * time.Minute

// Actor is who asks, and from where.
type Actor struct {
	// User is nil for the service itself and for people who have not signed in.
	User *User
	// Organization is the one everything is asked of.
	Organization *Organization
	Origin       Origin
	// AuthenticatedAt is when the person last proved who they are.
	AuthenticatedAt time.Time
}

// id is the actor's user id; empty when there is none.
func (a Actor) id() string {
	if a.User == nil {
		return ""
	}
	return a.User.ID
}

// Role is the actor's role as it is now; the zero role for nobody.
func (a Actor) Role() Role {
	if a.User == nil || a.Organization == nil {
		return Role{}
	}
	return a.Organization.RoleOf(a.User)
}

// MustSetUpTwoFactor tells whether the organization requires a second factor
// that the actor does not have.
func (a Actor) MustSetUpTwoFactor() bool {
	return a.User != nil && a.Organization.RequireTwoFactor && !a.User.TwoFactorEnabled()
}

// SignedIn refuses the whole request unless the actor is somebody who may do
// more than set up a second factor.
func (a Actor) SignedIn() error {
	switch {
	case a.User == nil:
		return Refuse(CodeUnauthenticated, "Sign in first.")
	case a.MustSetUpTwoFactor():
		return Refuse(CodeForbidden, "Your organization requires two-factor authentication. Set it up first.")
	}
	return nil
}

// need refuses the whole request unless the actor has the permission.
func (a Actor) need(p Permission) error {
	if err := a.SignedIn(); err != nil {
		return err
	}
	if !a.Role().Has(p) {
		return Refuse(CodeForbidden, fmt.Sprintf("Your role does not have the permission %s. Ask an administrator.", p))
	}
	return nil
}

// Sees tells whether the actor may see a person: oneself, and with VIEW_USERS
// anybody of the organization.
func (a Actor) Sees(u *User) bool {
	return a.User != nil && a.User.OrganizationID == u.OrganizationID && (a.User.ID == u.ID || a.SeesOrganization())
}

// SeesRole tells whether the actor may see a role: their own, and with
// VIEW_USERS any.
func (a Actor) SeesRole(role Role) bool {
	return a.User != nil && a.Role().ID == role.ID || a.SeesOrganization()
}

// SeesOrganization tells whether the actor may see the organization, and
// everybody in it.
func (a Actor) SeesOrganization() bool { return a.need(ViewUsers) == nil }

// NeedToManage refuses the whole request unless the actor manages people.
func (a Actor) NeedToManage() error { return a.need(ManageUsers) }

// fresh refuses the whole request unless the actor has proved who they are
// within the last 15 minutes.
func (a Actor) fresh(now time.Time) error {
	if now.Sub(a.AuthenticatedAt) < freshFor {
		return nil
	}
	return Refuse(CodeReauthenticate, "Prove again who you are, with your password or a code, then try again.")
}

// FreshUntil is until when a proof given at this time counts as fresh.
func FreshUntil(proved time.Time) time.Time { return proved.Add(freshFor) }

// mayGrant refuses a role that grants more than the actor has.
func (a Actor) mayGrant(role Role, field ...string) *Error {
	if a.Role().Covers(role) {
		return nil
	}
	return Refuse(CodeRoleEscalation, fmt.Sprintf("The role %s grants permissions that yours does not have. Ask somebody who has them.", role.Name), field...)
}

// mayManage refuses to change somebody whose role grants more than the actor has.
func (a Actor) mayManage(u *User) *Error {
	if role := a.Organization.RoleOf(u); !a.Role().Covers(role) {
		return Refuse(CodeRoleEscalation, fmt.Sprintf("This person's role, %s, grants permissions that yours does not have. Ask somebody who has them.", role.Name))
	}
	return nil
}

// notSelf refuses what nobody does to themselves; remedy says what to do instead.
func (a Actor) notSelf(u *User, remedy string, field ...string) *Error {
	if a.id() == u.ID {
		return Refuse(CodeSelfAction, remedy, field...)
	}
	return nil
}
