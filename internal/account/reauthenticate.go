package account

import (
	"context"
	"fmt"
	"time"

	"roster/internal/directory"
)

// Proof is what shows again who somebody is: exactly one of the two.
type Proof struct {
	Password *string
	// Code is one of the authenticator app, or a recovery code.
	Code *string
}

// Reauthenticate has the viewer prove again who they are, and answers until
// when that counts for what answers REAUTHENTICATION_REQUIRED. Refusals:
// INVALID (not exactly one proof), WRONG_PASSWORD, WRONG_CODE,
// TWO_FACTOR_NOT_ENABLED. Failures are limited with those of signing in.
func (a *Accounts) Reauthenticate(ctx context.Context, viewer *Viewer, origin directory.Origin, proof Proof) (time.Time, error) {
	by := viewer.Actor(origin)
	if err := by.SignedIn(); err != nil {
		return time.Time{}, err
	}
	var err error
	switch {
	case (proof.Password == nil) == (proof.Code == nil):
		err = directory.Refuse(directory.CodeInvalid, "Send your password or a code: one of them.")
	case proof.Password != nil:
		err = a.provePassword(ctx, by, *proof.Password, "password")
	default:
		err = a.limitCodes(ctx, by, func() error { return a.proveCode(ctx, by, *proof.Code) })
	}
	if err != nil {
		return time.Time{}, err
	}
	session := viewer.Session
	session.AuthenticatedAt = a.directory.Now()
	session.LastUsedAt = session.AuthenticatedAt
	if err := a.vault.PutSession(ctx, session, sessionEnd(session, session.LastUsedAt)); err != nil {
		return time.Time{}, fmt.Errorf("keep session: %w", err)
	}
	return directory.FreshUntil(session.AuthenticatedAt), nil
}

// proveCode spends a code of the actor's second factor. It is no sign-in, so
// the audit log is told only of a recovery code, of which there is now one less.
func (a *Accounts) proveCode(ctx context.Context, by directory.Actor, code string) error {
	_, err := a.directory.Change(ctx, by, by.User.ID, func(u *directory.User) (*directory.News, error) {
		used, err := a.useCode(u, code)
		if err != nil {
			return nil, err
		}
		news := &directory.News{Mails: used.mails()}
		if used == recoveryCode {
			news.Action = directory.RecoveryCodeUsed
		}
		return news, nil
	})
	return err
}
