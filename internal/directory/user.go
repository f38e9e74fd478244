package directory

import (
	"slices"
	"time"
)

// Status is where somebody is between invited and gone.
//
//	           accept                delete
//	PENDING ───────────▶ ACTIVE ───────────────▶ INACTIVE
//	   ▲  └──────────────── delete ───────────────▲ │ │
//	   │                     ▲  reactivate, with a password
//	   │                     └────────────────────────┘ │
//	   └─────────── reactivate, without one ────────────┘
type Status string

const (
	// Active people have completed set-up and can sign in.
	Active Status = "ACTIVE"
	// Inactive people were deleted; they can be reactivated.
	Inactive Status = "INACTIVE"
	// Pending people are invited and have not completed set-up; they cannot sign in.
	Pending Status = "PENDING"
)

// User is a person who has, had, or is promised access to an organization's
// product. An administrator invites them, they complete the set-up and are
// Active; deleting makes them Inactive, and nothing of them is lost.
//
// All that must change together stands in this one document, and changes by
// compare-and-set on Revision: the person, the credentials, and what has
// happened and still has to be told.
type User struct {
	ID             string
	OrganizationID string
	// Email and Username keep the spelling they were given in; they are unique
	// in the organization by EmailKey and Key, in one space of names: nobody's
	// username is somebody else's address.
	Email    string
	Username string
	// Name and Title are empty when they were never given.
	Name   string
	Title  string
	RoleID string
	Status Status

	CreatedAt time.Time
	UpdatedAt time.Time
	// DeactivatedAt and LastLoginAt are zero when that never happened.
	DeactivatedAt time.Time
	LastLoginAt   time.Time

	// Version moves with what an editor sees and changes; a sign-in or a mail
	// sent again leaves it alone.
	Version int
	// Revision moves at every write; the store compares and sets it.
	Revision int64

	// Invitation is there while the person is Pending.
	Invitation *Link
	// PasswordReset is there while a reset is outstanding.
	PasswordReset *Link

	Credentials Credentials
	// Sessions are the sessions that live: one that is not listed here is dead,
	// whatever another store says.
	Sessions []SessionRef
	// Outbox is what has happened to the person and still has to be told.
	Outbox []Entry
}

// Link is an outstanding link in a mail: an invitation, or a password reset.
// It dies when it is used, renewed or cancelled, and when the person leaves.
type Link struct {
	// RequestedBy is the user who asked; empty when the person asked, or nobody.
	RequestedBy string
	RequestedAt time.Time
	// Lifetime runs from the moment in which the mail is made.
	Lifetime  time.Duration
	ExpiresAt time.Time
	// TokenHash is the SHA-256 of the token in the mail sent last; empty before
	// the first is made.
	TokenHash string
	Delivery  Delivery
	// Request is the idempotency key under which it was asked for, if there was
	// one: a request that is repeated finds its own link.
	Request string
	// Renewed tells that it took the place of another.
	Renewed bool
}

// of tells whether the link was asked for under this idempotency key, and so
// lately that the key still means it.
func (l *Link) of(request string, now time.Time) bool {
	return l != nil && request != "" && l.Request == request && now.Before(l.RequestedAt.Add(requestKept))
}

// Alive tells whether the link opens at now.
func (l *Link) Alive(now time.Time) bool {
	return l != nil && l.TokenHash != "" && now.Before(l.ExpiresAt)
}

// DeliveryState is how far a mail has come.
type DeliveryState string

const (
	// Queued mails wait to be sent, perhaps after failed tries.
	Queued DeliveryState = "QUEUED"
	// Sent mails were accepted by the mail server.
	Sent DeliveryState = "SENT"
	// Failed mails were refused for good, or not accepted for days.
	Failed DeliveryState = "FAILED"
)

// Delivery is what became of the latest mail.
type Delivery struct {
	State DeliveryState
	// At is when the state was reached.
	At time.Time
	// Attempts is how often sending was tried.
	Attempts int
	// Reason is why the last try failed, for an administrator.
	Reason string
}

// Credentials prove who somebody is.
type Credentials struct {
	// PasswordHash is a PHC string; empty before set-up.
	PasswordHash      string
	PasswordChangedAt time.Time
	// TwoFactor is there when a second factor is asked for at sign-in.
	TwoFactor *TwoFactor
	// TwoFactorSetup is the sealed secret of a set-up begun and not confirmed.
	TwoFactorSetup []byte
	// Version moves when the password, the second factor or the status
	// changes; what was begun under an older one is refused.
	Version int
}

// TwoFactor is a confirmed second factor: a TOTP secret (RFC 6238) and the
// codes for the day the device is lost.
type TwoFactor struct {
	// Secret is sealed with the installation's key for this user alone.
	Secret    []byte
	EnabledAt time.Time
	// LastStep is the latest time step accepted; it and earlier ones are spent.
	LastStep int64
	// RecoveryHashes are the SHA-256 of the codes not used yet.
	RecoveryHashes []string
}

// SessionRef is one session that lives.
type SessionRef struct {
	ID string
	// ExpiresAt is its absolute end.
	ExpiresAt time.Time
}

// DisplayName is what to call u: the name, or else the username.
func (u *User) DisplayName() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Username
}

// hasPassword tells whether set-up was ever completed.
func (u *User) hasPassword() bool { return u.Credentials.PasswordHash != "" }

// TwoFactorEnabled tells whether sign-in asks for a second factor.
func (u *User) TwoFactorEnabled() bool { return u.Credentials.TwoFactor != nil }

// HasSession tells whether the session lives at now.
func (u *User) HasSession(id string, now time.Time) bool {
	return slices.ContainsFunc(u.Sessions, func(s SessionRef) bool {
		return s.ID == id && now.Before(s.ExpiresAt)
	})
}

// EndSessions ends every session but the one named, if any.
func (u *User) EndSessions(except string) {
	u.Sessions = slices.DeleteFunc(u.Sessions, func(s SessionRef) bool { return s.ID != except })
}

// Keys are what nobody else of the organization may have: the address and the username.
func (u *User) Keys() []string {
	email, username := EmailKey(u.Email), NameKey(u.Username)
	if email == username {
		return []string{email}
	}
	return []string{email, username}
}

// Clone is a copy that can be edited without changing u.
func (u *User) Clone() *User {
	c := *u
	c.Invitation = clonePointer(u.Invitation)
	c.PasswordReset = clonePointer(u.PasswordReset)
	c.Credentials.TwoFactor = clonePointer(u.Credentials.TwoFactor)
	if c.Credentials.TwoFactor != nil {
		c.Credentials.TwoFactor.RecoveryHashes = slices.Clone(u.Credentials.TwoFactor.RecoveryHashes)
	}
	c.Sessions = slices.Clone(u.Sessions)
	c.Outbox = slices.Clone(u.Outbox)
	return &c
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
