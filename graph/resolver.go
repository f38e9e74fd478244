// Package graph speaks GraphQL: its resolvers read the arguments, call one
// function of the domain, and translate the answer. No rule lives here.
package graph

//go:generate go tool gqlgen generate

import (
	"context"
	"time"

	"roster/graph/model"
	"roster/internal/account"
	"roster/internal/directory"
)

// Resolver answers the fields of the schema.
type Resolver struct {
	Directory *directory.Directory
	Accounts  *account.Accounts
	// PasswordMinLength is told to whoever is to choose a password.
	PasswordMinLength int
}

// change is the answer of a mutation about one user.
func (r *Resolver) change(ctx context.Context, u *directory.User, err error, path ...string) (*model.User, []*model.UserError, error) {
	refused, err := userErrors(err, path...)
	if err != nil {
		return nil, nil, err
	}
	return r.user(ctx, u), refused, nil
}

// user shows u to whoever asks.
func (r *Resolver) user(ctx context.Context, u *directory.User) *model.User {
	return toUser(requestOf(ctx).actor().Organization, u, r.now())
}

func (r *Resolver) now() time.Time { return r.Directory.Now() }

// person is an edge to a user, nil for nobody; those asked for together are
// looked up together.
func (r *Resolver) person(ctx context.Context, id string) (*model.User, error) {
	if id == "" {
		return nil, nil
	}
	u, err := requestOf(ctx).people.Load(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.user(ctx, u), nil
}

// signIn answers how far a sign-in has come, and has the browser keep the session.
func (r *Resolver) signIn(ctx context.Context, signIn *account.SignIn, err error, issueToken bool) (*model.LoginPayload, error) {
	refused, err := userErrors(err, "input")
	if err != nil {
		return nil, err
	}
	payload := &model.LoginPayload{UserErrors: refused}
	switch {
	case signIn == nil:
	case signIn.Challenge != nil:
		payload.TwoFactorChallenge = &model.TwoFactorChallenge{Token: signIn.Token, ExpiresAt: signIn.Challenge.ExpiresAt}
	default:
		request := requestOf(ctx)
		request.Viewer = signIn.Viewer
		payload.Viewer = toViewer(signIn.Viewer, r.now())
		if issueToken {
			payload.Token = &signIn.Token
		} else {
			request.KeepSession(signIn.Token, signIn.Viewer.Session.ExpiresAt)
		}
	}
	return payload, nil
}
