package account

import (
	"context"
	"time"

	"roster/internal/directory"
)

// Vault keeps what expires: sessions, half-finished sign-ins, and counts of
// what is limited. It is quick, shared by all servers, and may forget: what it
// has lost is as good as ended, and what comes back in it after a failure is
// dead unless the user's document still names it.
//
// Every method may be called by any number of goroutines and servers at once,
// and answers an error that wraps directory.ErrUnavailable when the vault can't
// be reached or does not answer in time. Secrets are kept as hashes only.
type Vault interface {
	directory.Limiter
	directory.Requests
	// StartSession keeps s, whose token is new, until ends, for a sign-in that is
	// written into the user's document next: until that names the session, nobody
	// is signed in by it. So it need not be durable by itself, but with what is
	// written next. In the same step, what the sign-in had reserved is released.
	StartSession(ctx context.Context, s Session, ends time.Time, released Released) error
	// PutSession keeps s, in place of one with the same TokenHash, until ends.
	PutSession(ctx context.Context, s Session, ends time.Time) error
	// Session finds one by its token's hash; directory.ErrNotFound when there is
	// none, or it has ended by now.
	Session(ctx context.Context, organizationID, tokenHash string, now time.Time) (Session, error)
	// Sessions finds all of a user's that have not ended, in no order.
	Sessions(ctx context.Context, organizationID, userID string, now time.Time) ([]Session, error)
	// TouchSession sets LastUsedAt and when the session ends, if it is there.
	TouchSession(ctx context.Context, s Session, lastUsed, ends time.Time) error
	// EndSessions removes those of a user's sessions whose ids are named.
	EndSessions(ctx context.Context, organizationID, userID string, ids []string) error
	// PutChallenge keeps c until it expires.
	PutChallenge(ctx context.Context, c Challenge) error
	// Challenge finds one by its token's hash; directory.ErrNotFound when there
	// is none, or it has expired by now.
	Challenge(ctx context.Context, organizationID, tokenHash string, now time.Time) (Challenge, error)
	// EndChallenge removes one, if it is there.
	EndChallenge(ctx context.Context, organizationID, tokenHash string) error
	// Ping answers nil when the vault can be read and written.
	Ping(ctx context.Context) error
}

// Session is somebody signed in on one device.
type Session struct {
	ID             string
	OrganizationID string
	UserID         string
	// TokenHash is the SHA-256 of the token that the device keeps.
	TokenHash string
	CreatedAt time.Time
	// LastUsedAt is right to the minute.
	LastUsedAt time.Time
	// ExpiresAt is the absolute end, however much the session is used.
	ExpiresAt time.Time
	// AuthenticatedAt is when the person last proved who they are.
	AuthenticatedAt time.Time
	Origin          directory.Origin
}

// Released are keys of limits whose uses are not to count: all of Forget, as
// with Limiter.Forget, and one of Refund, as with Limiter.Refund. Empty: none.
type Released struct{ Forget, Refund string }

// Challenge is a sign-in whose password was right and whose second factor is
// still to come. It opens nothing else.
type Challenge struct {
	OrganizationID string
	UserID         string
	TokenHash      string
	// CredentialsVersion is the user's when the password was right.
	CredentialsVersion int
	ExpiresAt          time.Time
}
