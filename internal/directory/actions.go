package directory

import (
	"context"
	"errors"
	"fmt"
)

// UserAction is something that can be done to a person. Whether somebody may
// do it stands here, for the mutations and for those who ask before.
type UserAction string

// The actions, in the order in which they are listed.
const (
	ActionUpdate              UserAction = "UPDATE"
	ActionChangeRole          UserAction = "CHANGE_ROLE"
	ActionDelete              UserAction = "DELETE"
	ActionReactivate          UserAction = "REACTIVATE"
	ActionResendInvitation    UserAction = "RESEND_INVITATION"
	ActionResetPassword       UserAction = "RESET_PASSWORD"
	ActionCancelPasswordReset UserAction = "CANCEL_PASSWORD_RESET"
	ActionDisableTwoFactor    UserAction = "DISABLE_2FA"
	ActionRevokeSessions      UserAction = "REVOKE_SESSIONS"
)

// userRules say why an action on u is refused to somebody who manages users;
// nil when it is not. Refused is what the mutation refuses: what is so already
// succeeds and changes nothing.
var userRules = []struct {
	action UserAction
	// own: everybody may do it to themselves, without a permission.
	own     bool
	refusal func(by Actor, u *User) *Error
}{
	{action: ActionUpdate, refusal: Actor.mayManage},
	{action: ActionChangeRole, refusal: func(by Actor, u *User) *Error {
		return firstRefusal(by.mayManage(u), by.notSelf(u, "You cannot change your own role. Ask another administrator.", "roleId"))
	}},
	{action: ActionDelete, refusal: func(by Actor, u *User) *Error {
		return firstRefusal(by.notSelf(u, "You cannot delete yourself. Ask another administrator."), by.mayManage(u))
	}},
	{action: ActionReactivate, refusal: Actor.mayManage},
	{action: ActionResendInvitation, refusal: func(by Actor, u *User) *Error {
		return firstRefusal(by.mayManage(u), notPending(u))
	}},
	{action: ActionResetPassword, refusal: func(by Actor, u *User) *Error {
		return firstRefusal(by.mayManage(u), notInactive(u))
	}},
	{action: ActionCancelPasswordReset, refusal: Actor.mayManage},
	{action: ActionDisableTwoFactor, refusal: func(by Actor, u *User) *Error {
		return firstRefusal(
			by.notSelf(u, "You cannot disable your own two-factor authentication here. Remove it in your account, with a code."),
			by.mayManage(u), twoFactorOn(u))
	}},
	{action: ActionRevokeSessions, own: true, refusal: Actor.mayManage},
}

// May refuses an action on u, or answers nil. What depends on others, such as a
// free seat, is found out by doing it.
func (a Actor) May(action UserAction, u *User) error {
	for _, rule := range userRules {
		if rule.action != action {
			continue
		}
		if rule.own && a.id() == u.ID {
			return a.SignedIn()
		}
		if err := a.need(ManageUsers); err != nil {
			return err
		}
		if u.OrganizationID != a.Organization.ID {
			return noSuchUser()
		}
		return first(rule.refusal(a, u))
	}
	return fmt.Errorf("no rule for %s", action)
}

func notPending(u *User) *Error {
	switch u.Status {
	case Active:
		return Refuse(CodeNotPending, "This person has completed the set-up. Reset the password if they cannot sign in.", "id")
	case Inactive:
		return Refuse(CodeNotPending, "This person was deleted. Reactivate them; that sends a fresh invitation.", "id")
	case Pending:
	}
	return nil
}

func notInactive(u *User) *Error {
	if u.Status == Inactive {
		return Refuse(CodeInvalid, "This person was deleted. Reactivate them first.", "id")
	}
	return nil
}

func twoFactorOn(u *User) *Error {
	if !u.TwoFactorEnabled() {
		return Refuse(CodeTwoFactorNotEnabled, "This person has no two-factor authentication to disable.", "id")
	}
	return nil
}

// UserActionState is whether an action on somebody would succeed.
type UserActionState struct {
	Action UserAction
	// Reason is why not, with what to do about it; empty when it would.
	Reason string
}

// UserActions says of each action whether it would succeed now. seats is asked
// only when the answer hangs on a free one.
func (d *Directory) UserActions(ctx context.Context, by Actor, u *User, seats func(context.Context) (Seats, error)) ([]UserActionState, error) {
	states := make([]UserActionState, len(userRules))
	for i, rule := range userRules {
		states[i].Action = rule.action
		err := by.May(rule.action, u)
		if err == nil && rule.action == ActionReactivate && u.Status == Inactive && by.Organization.RoleOf(u).TakesSeat() {
			free, fault := seats(ctx)
			if fault != nil {
				return nil, fault
			}
			if free.Available() == 0 {
				err = Refuse(CodeNoSeatAvailable, noSeat)
			}
		}
		var refused *Error
		if errors.As(err, &refused) {
			states[i].Reason = refused.Message
		} else if err != nil {
			return nil, err
		}
	}
	return states, nil
}
