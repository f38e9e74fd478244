package directory

import (
	"time"
)

// Entry is something that has happened to a user and still has to be told. It
// is written together with what happened, in one document, so that neither is
// ever there without the other; the relay tells it and takes it out.
// Exactly one of Event and Mail is set.
type Entry struct {
	// ID is unique; an audit event is stored under it, so that telling it twice
	// stores it once.
	ID    string
	Event *Event
	Mail  *Mail
	// DueAt is when it is to be told; while it is being told, when somebody
	// else may try.
	DueAt time.Time
	// Attempts is how often telling was tried.
	Attempts int
}

// Event is a line of the audit log: who did what to whom, when, from where,
// and what it was before. Never a secret. Events are only ever added.
type Event struct {
	ID             string
	OrganizationID string
	Action         Action
	// ActorID is who did it: a user, or empty for the service itself and for
	// people who had not signed in.
	ActorID string
	// TargetID is the user, role or organization it was done to.
	TargetID string
	At       time.Time
	Origin   Origin
	Before   []Detail
	After    []Detail
}

// Detail is one value before or after.
type Detail struct {
	Field string
	Value string
}

// Action is what happened, as the audit log names it.
type Action string

// The actions of the audit log.
const (
	OrganizationCreated    Action = "ORGANIZATION_CREATED"
	OrganizationUpdated    Action = "ORGANIZATION_UPDATED"
	RoleCreated            Action = "ROLE_CREATED"
	RoleUpdated            Action = "ROLE_UPDATED"
	RoleDeleted            Action = "ROLE_DELETED"
	UserInvited            Action = "USER_INVITED"
	InvitationRenewed      Action = "INVITATION_RENEWED"
	InvitationAccepted     Action = "INVITATION_ACCEPTED"
	UserUpdated            Action = "USER_UPDATED"
	ProfileUpdated         Action = "PROFILE_UPDATED"
	UserDeleted            Action = "USER_DELETED"
	UserReactivated        Action = "USER_REACTIVATED"
	PasswordResetRequested Action = "PASSWORD_RESET_REQUESTED"
	PasswordResetCompleted Action = "PASSWORD_RESET_COMPLETED"
	PasswordResetCancelled Action = "PASSWORD_RESET_CANCELLED"
	PasswordChanged        Action = "PASSWORD_CHANGED"
	TwoFactorSetupStarted  Action = "TWO_FACTOR_SETUP_STARTED"
	TwoFactorEnabled       Action = "TWO_FACTOR_ENABLED"
	TwoFactorRemoved       Action = "TWO_FACTOR_REMOVED"
	TwoFactorDisabled      Action = "TWO_FACTOR_DISABLED"
	RecoveryCodeUsed       Action = "RECOVERY_CODE_USED"
	SignedIn               Action = "SIGNED_IN"
	SignedOut              Action = "SIGNED_OUT"
	SessionRevoked         Action = "SESSION_REVOKED"
	SessionsRevoked        Action = "SESSIONS_REVOKED"
)

// Origin is where a request came from.
type Origin struct {
	// IP is the client's address as far as it can be trusted; empty for the service itself.
	IP        string
	UserAgent string
}

// Mail is a mail to be written when it is sent: the recipient and the link are
// read from the user then, never from a request.
type Mail struct {
	Kind MailKind
	// ActorID is the user who caused it, if one did.
	ActorID string
	Origin  Origin
	// OccurredAt is when what it tells happened.
	OccurredAt time.Time
}

// MailKind is what a mail is about.
type MailKind string

// The mails that people get.
const (
	MailInvitation         MailKind = "invitation"
	MailInvitationRenewed  MailKind = "invitation_renewed"
	MailPasswordReset      MailKind = "password_reset"
	MailPasswordChanged    MailKind = "password_changed"
	MailTwoFactorEnabled   MailKind = "two_factor_enabled"
	MailTwoFactorDisabled  MailKind = "two_factor_disabled"
	MailRecoveryCodeUsed   MailKind = "recovery_code_used"
	MailAccountReactivated MailKind = "account_reactivated"
)

// Link is the link of u that a mail of this kind carries; nil when it carries
// none, or when the link it was to carry is no longer wanted.
func (k MailKind) Link(u *User) *Link {
	switch k {
	case MailInvitation, MailInvitationRenewed:
		return u.Invitation
	case MailPasswordReset:
		return u.PasswordReset
	}
	return nil
}

// CarriesLink tells whether a mail of this kind is worth nothing without its link.
func (k MailKind) CarriesLink() bool {
	return k == MailInvitation || k == MailInvitationRenewed || k == MailPasswordReset
}
