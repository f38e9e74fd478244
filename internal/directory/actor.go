package directory

import "fmt"

// Actor is who asks, and from where.
type Actor struct {
	// User is nil for the service itself and for people who have not signed in.
	User *User
	// Organization is the one everything is asked of.
	Organization *Organization
	Origin       Origin
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
	return a.Organization.roleOf(a.User)
}

// need refuses the whole request unless the actor has the permission.
func (a Actor) need(p Permission) error {
	switch {
	case a.User == nil:
		return Refuse(CodeUnauthenticated, "Sign in first.")
	case !a.Role().Has(p):
		return Refuse(CodeForbidden, fmt.Sprintf("Your role does not have the permission %s. Ask an administrator.", p))
	}
	return nil
}

// mayGrant refuses a role that grants more than the actor has.
func (a Actor) mayGrant(role Role, field ...string) *Error {
	if a.Role().Covers(role) {
		return nil
	}
	return Refuse(CodeRoleEscalation, fmt.Sprintf("The role %s grants permissions that yours does not have. Ask somebody who has them.", role.Name), field...)
}

// mayManage refuses to change somebody whose role grants more than the actor has.
func (a Actor) mayManage(u *User) *Error {
	if role := a.Organization.roleOf(u); !a.Role().Covers(role) {
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
