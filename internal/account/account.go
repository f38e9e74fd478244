// Package account proves who somebody is: passwords, links in mails, sessions,
// and the second factor. It changes people through the directory, whose rules
// hold here as well, and defines the Vault that it needs.
package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"roster/internal/directory"
)

// Settings are what an installation decides about signing in.
type Settings struct {
	// PasswordMinLength is in code points.
	PasswordMinLength int
	// Secrets encrypt TOTP secrets; the first is used, all are accepted.
	Secrets [][]byte
}

// Accounts is how people prove who they are.
type Accounts struct {
	directory *directory.Directory
	store     directory.Store
	vault     Vault
	settings  Settings
	sealer    *sealer
	hasher    *hasher
	now       func() time.Time
	random    io.Reader
	// used is SessionsUsed.
	used atomic.Int64
}

// New makes an Accounts. random must be safe for concurrent use.
func New(d *directory.Directory, store directory.Store, vault Vault, settings Settings, now func() time.Time, random io.Reader) (*Accounts, error) {
	sealer, err := newSealer(settings.Secrets, random)
	if err != nil {
		return nil, fmt.Errorf("prepare encryption: %w", err)
	}
	hasher, err := newHasher()
	if err != nil {
		return nil, err
	}
	return &Accounts{
		directory: d, store: store, vault: vault, settings: settings,
		sealer: sealer, hasher: hasher, now: now, random: random,
	}, nil
}

// Viewer is somebody signed in, as they are now.
type Viewer struct {
	User         *directory.User
	Organization *directory.Organization
	Session      Session
}

// Actor is the viewer as the one who asks; nobody, for nil.
func (v *Viewer) Actor(origin directory.Origin) directory.Actor {
	if v == nil {
		return directory.Actor{Origin: origin}
	}
	return directory.Actor{User: v.User, Organization: v.Organization, Origin: origin, AuthenticatedAt: v.Session.AuthenticatedAt}
}

// Permissions are what the viewer's role lets them do.
func (v *Viewer) Permissions() []directory.Permission {
	return v.Actor(directory.Origin{}).Role().Permissions
}

// organization finds the one that somebody not signed in has named.
// CodeNotFound when there is none.
func (a *Accounts) organization(ctx context.Context, slug string) (*directory.Organization, error) {
	org, err := a.store.OrganizationBySlug(ctx, slug)
	if errors.Is(err, directory.ErrNotFound) {
		return nil, directory.Refuse(directory.CodeNotFound, "There is no such organization. Check its name in your invitation.", "organization")
	}
	if err != nil {
		return nil, fmt.Errorf("find organization: %w", err)
	}
	return org, nil
}

// NamedToSignIn is how somebody names the organization when they sign in: its
// slug, or nothing when it is the installation's first.
func (a *Accounts) NamedToSignIn(ctx context.Context, org *directory.Organization) string {
	first, err := a.store.OrganizationBySlug(ctx, "")
	if err == nil && first.ID == org.ID {
		return ""
	}
	// Not knowing the first does no harm: the slug of any will do.
	return org.Slug
}

// tokenOrganization is the organization of a token. CodeLinkInvalid when the
// token is none.
func (a *Accounts) tokenOrganization(ctx context.Context, token string) (org *directory.Organization, hash string, err error) {
	id, hash, ok := ReadToken(token)
	if !ok {
		return nil, "", directory.DeadLink()
	}
	org, err = a.store.Organization(ctx, id)
	if errors.Is(err, directory.ErrNotFound) {
		return nil, "", directory.DeadLink()
	}
	if err != nil {
		return nil, "", fmt.Errorf("find organization: %w", err)
	}
	return org, hash, nil
}

// reserve counts one use under a limit, or says when it goes on.
func (a *Accounts) reserve(ctx context.Context, organizationID, key string, limit directory.Limit, refusal string) error {
	_, wait, err := a.vault.Reserve(ctx, organizationID, a.directory.Now(), directory.Use{Key: key, Limit: limit, N: 1})
	if err != nil {
		return fmt.Errorf("check limit: %w", err)
	}
	if wait > 0 {
		return directory.TooMany(refusal, wait)
	}
	return nil
}

var signInFirst = directory.Refuse(directory.CodeUnauthenticated, "Sign in first.")
