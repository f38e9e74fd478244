package account

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"roster/internal/directory"
)

// Sessions are where somebody is signed in, the latest use first. Everybody
// sees their own; others' need what ending them needs.
func (a *Accounts) Sessions(ctx context.Context, by directory.Actor, u *directory.User) ([]Session, error) {
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	if err := by.May(directory.ActionRevokeSessions, u); err != nil {
		return nil, directory.Refuse(directory.CodeForbidden, "You cannot see where this person is signed in. Ask somebody who manages them.")
	}
	now := a.directory.Now()
	sessions, err := a.vault.Sessions(ctx, u.OrganizationID, u.ID, now)
	if err != nil {
		return nil, fmt.Errorf("find sessions: %w", err)
	}
	sessions = slices.DeleteFunc(sessions, func(s Session) bool { return !u.HasSession(s.ID, now) })
	slices.SortFunc(sessions, func(a, b Session) int { return b.LastUsedAt.Compare(a.LastUsedAt) })
	return sessions, nil
}

// RevokeSession ends one session of the viewer, or of somebody the viewer
// manages. Refusals: NOT_FOUND, ROLE_ESCALATION.
func (a *Accounts) RevokeSession(ctx context.Context, viewer *Viewer, origin directory.Origin, userID *string, id string) (*directory.User, error) {
	by := viewer.Actor(origin)
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	if userID == nil {
		userID = &viewer.User.ID
	}
	return a.endSessions(ctx, by, *userID, func(s directory.SessionRef) bool { return s.ID == id }, func(ended int) (*directory.News, error) {
		if ended == 0 {
			return nil, directory.Refuse(directory.CodeNotFound, "There is no such session any more.", "id")
		}
		return &directory.News{Action: directory.SessionRevoked, Details: []directory.Detail{{Field: "session", Value: id}}}, nil
	})
}

// RevokeSessions ends all sessions of somebody; of the viewer, all but this
// one. Refusals: NOT_FOUND, ROLE_ESCALATION.
func (a *Accounts) RevokeSessions(ctx context.Context, viewer *Viewer, origin directory.Origin, userID string) (*directory.User, error) {
	by := viewer.Actor(origin)
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	here := viewer.Session.ID
	return a.endSessions(ctx, by, userID, func(s directory.SessionRef) bool { return s.ID != here }, func(ended int) (*directory.News, error) {
		if ended == 0 {
			return nil, nil
		}
		return &directory.News{Action: directory.SessionsRevoked, Details: []directory.Detail{{Field: "sessions", Value: strconv.Itoa(ended)}}}, nil
	})
}

// endSessions ends those of somebody's sessions that which tells; news is asked
// how it is told that so many ended.
func (a *Accounts) endSessions(ctx context.Context, by directory.Actor, userID string, which func(directory.SessionRef) bool, news func(ended int) (*directory.News, error)) (*directory.User, error) {
	if userID != by.User.ID {
		if err := by.NeedToManage(); err != nil {
			return nil, err
		}
	}
	var ended []string
	u, err := a.directory.Change(ctx, by, userID, func(u *directory.User) (*directory.News, error) {
		if err := by.May(directory.ActionRevokeSessions, u); err != nil {
			return nil, err
		}
		now := a.directory.Now()
		ended = nil
		u.Sessions = slices.DeleteFunc(u.Sessions, func(s directory.SessionRef) bool {
			alive := now.Before(s.ExpiresAt)
			if alive && which(s) {
				ended = append(ended, s.ID)
			}
			return !alive || which(s)
		})
		return news(len(ended))
	})
	if err != nil || len(ended) == 0 {
		return u, err
	}
	// They are dead already; this clears them away.
	if err := a.vault.EndSessions(ctx, by.Organization.ID, userID, ended); err != nil {
		return u, fmt.Errorf("clear sessions away: %w", err)
	}
	return u, nil
}
