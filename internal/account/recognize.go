package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"roster/internal/directory"
)

// Recognizer is Authenticate for what is no use of a session: it does not keep
// one alive. It recognizes many at one moment, and reads their organization once.
func (a *Accounts) Recognizer() func(ctx context.Context, token string) (*Viewer, error) {
	var guard sync.Mutex
	read := map[string]*directory.Organization{}
	organization := func(ctx context.Context, id string) (*directory.Organization, error) {
		guard.Lock()
		defer guard.Unlock()
		if read[id] == nil {
			org, err := a.store.Organization(ctx, id)
			if err != nil {
				return nil, err
			}
			read[id] = org
		}
		return read[id], nil
	}
	return func(ctx context.Context, token string) (*Viewer, error) { return a.recognize(ctx, token, organization) }
}

// readOrganization reads an organization.
type readOrganization func(ctx context.Context, id string) (*directory.Organization, error)

// recognize finds who has a session token. A session lives while both the vault
// knows it and the user's document names it.
func (a *Accounts) recognize(ctx context.Context, token string, organization readOrganization) (*Viewer, error) {
	organizationID, hash, ok := ReadToken(token)
	if !ok {
		return nil, nil
	}
	now := a.directory.Now()
	session, err := a.vault.Session(ctx, organizationID, hash, now)
	if errors.Is(err, directory.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	user, err := a.store.User(ctx, organizationID, session.UserID)
	if errors.Is(err, directory.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find session's user: %w", err)
	}
	if user.Status != directory.Active || !user.HasSession(session.ID, now) {
		return nil, nil
	}
	org, err := organization(ctx, organizationID)
	if err != nil {
		return nil, fmt.Errorf("find session's organization: %w", err)
	}
	return &Viewer{User: user, Organization: org, Session: session}, nil
}

// EndsAt is when the session ends unless it is used before.
func (s Session) EndsAt() time.Time { return sessionEnd(s, s.LastUsedAt) }
