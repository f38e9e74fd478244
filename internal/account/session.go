package account

import (
	"context"
	"fmt"
	"slices"
	"time"

	"roster/internal/directory"
)

// How long sessions last.
const (
	sessionIdle     = time.Hour
	sessionAbsolute = 24 * time.Hour
	// touchEvery is how exactly the last use is kept; a session may end that
	// much before it has been idle for sessionIdle.
	touchEvery = time.Minute
	// maxSessions is how many sessions somebody has at most; the oldest ends.
	maxSessions = 50
)

const prefixSession = "sess_"

// Authenticate finds who has a session token, and keeps the session for longer;
// nil when the session is dead or unknown, which is the same as not being
// signed in.
func (a *Accounts) Authenticate(ctx context.Context, token string) (*Viewer, error) {
	viewer, err := a.recognize(ctx, token, a.store.Organization)
	if viewer == nil || err != nil {
		return nil, err
	}
	now, session := a.directory.Now(), &viewer.Session
	if now.Sub(session.LastUsedAt) >= touchEvery {
		if err := a.vault.TouchSession(ctx, *session, now, sessionEnd(*session, now)); err != nil {
			return nil, fmt.Errorf("keep session: %w", err)
		}
		session.LastUsedAt = now
		a.used.Add(1)
	}
	return viewer, nil
}

// SessionsUsed is how often a session was used since the start of the program,
// once in each minute in which it was. How many it becomes more in a minute is how
// many sessions are in use.
func (a *Accounts) SessionsUsed() int { return int(a.used.Load()) }

// sessionEnd is when a session ends that was last used at lastUsed.
func sessionEnd(s Session, lastUsed time.Time) time.Time {
	if idle := lastUsed.Add(sessionIdle); idle.Before(s.ExpiresAt) {
		return idle
	}
	return s.ExpiresAt
}

// startSession signs somebody in, if edit has nothing against it, and releases
// what that had reserved. The vault knows the session before the user's document
// names it, with what edit changes; so the document is the last thing that is
// written, and a sign-in that races a delete signs nobody in.
func (a *Accounts) startSession(ctx context.Context, by directory.Actor, released Released, edit directory.Edit) (*Viewer, string, error) {
	if _, err := edit(by.User.Clone()); err != nil {
		return nil, "", err
	}
	userID, now := by.User.ID, a.directory.Now()
	token, hash := NewToken(by.Organization.ID, a.random)
	session := Session{
		ID: directory.NewID(prefixSession, a.now(), a.random), OrganizationID: by.Organization.ID, UserID: userID,
		TokenHash: hash, CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(sessionAbsolute),
		AuthenticatedAt: now, Origin: by.Origin,
	}
	if err := a.vault.StartSession(ctx, session, sessionEnd(session, now), released); err != nil {
		return nil, "", fmt.Errorf("keep session: %w", err)
	}
	user, err := a.directory.ChangeFrom(ctx, by, by.User, func(u *directory.User) (*directory.News, error) {
		news, err := edit(u)
		if err != nil {
			return nil, err
		}
		u.LastLoginAt = now
		u.Sessions = slices.DeleteFunc(u.Sessions, func(s directory.SessionRef) bool { return !now.Before(s.ExpiresAt) })
		u.Sessions = append(u.Sessions, directory.SessionRef{ID: session.ID, ExpiresAt: session.ExpiresAt})
		u.Sessions = u.Sessions[max(len(u.Sessions)-maxSessions, 0):]
		return news, nil
	})
	if err != nil {
		// Nobody is signed in by it; this only clears it away.
		_ = a.vault.EndSessions(context.WithoutCancel(ctx), session.OrganizationID, userID, []string{session.ID})
		return nil, "", err
	}
	a.used.Add(1)
	return &Viewer{User: user, Organization: by.Organization, Session: session}, token, nil
}

// Logout ends the viewer's session, also in the vault.
func (a *Accounts) Logout(ctx context.Context, viewer *Viewer, origin directory.Origin) error {
	if viewer == nil {
		return nil
	}
	_, err := a.directory.Change(ctx, viewer.Actor(origin), viewer.User.ID, func(u *directory.User) (*directory.News, error) {
		if !u.HasSession(viewer.Session.ID, a.directory.Now()) {
			return nil, nil
		}
		u.Sessions = slices.DeleteFunc(u.Sessions, func(s directory.SessionRef) bool { return s.ID == viewer.Session.ID })
		return &directory.News{Action: directory.SignedOut}, nil
	})
	if err != nil {
		return err
	}
	return a.vault.EndSessions(ctx, viewer.Session.OrganizationID, viewer.Session.UserID, []string{viewer.Session.ID})
}
