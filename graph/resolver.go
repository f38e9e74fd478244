// Package graph speaks GraphQL: its resolvers read the arguments, call one
// function of the domain, and translate the answer. No rule lives here.
package graph

//go:generate go tool gqlgen generate

import (
	"context"
	"slices"
	"time"

	"roster/graph/model"
	"roster/internal/account"
	"roster/internal/directory"
)

// Resolver answers the fields of the schema.
type Resolver struct {
	Directory *directory.Directory
	Accounts  *account.Accounts
	// What the operator has set is told to whoever asks.
	InvitationTTL, PasswordResetTTL time.Duration
	PasswordMinLength               int
}

// change is the answer of a mutation about one user.
func (r *Resolver) change(ctx context.Context, u *directory.User, err error, path ...string) (*model.User, []*model.UserError, error) {
	refused, err := userErrors(ctx, err, path...)
	if err != nil {
		return nil, nil, err
	}
	return r.user(ctx, u), refused, nil
}

// user shows u to whoever asks; nil for nobody, and when they may not see u.
func (r *Resolver) user(ctx context.Context, u *directory.User) *model.User {
	by := requestOf(ctx).actor()
	if u == nil || !by.Sees(u) {
		return nil
	}
	return toUser(by.Organization, u, r.now())
}

// role shows a role that was changed to whoever asks; nil when there is none,
// and when they may not see it.
func (r *Resolver) role(ctx context.Context, role *directory.Role) *model.Role {
	if role == nil || !requestOf(ctx).actor().SeesRole(*role) {
		return nil
	}
	return toRole(*role)
}

func (r *Resolver) now() time.Time { return r.Directory.Now() }

func (r *Resolver) organization(o *directory.Organization) *model.Organization {
	if o == nil {
		return nil
	}
	shown := &model.Organization{
		ID: o.ID, Name: o.Name, Slug: o.Slug, RequireTwoFactor: o.RequireTwoFactor, Version: toInt(o.Version),
		InvitationLifetimeSeconds: toSeconds(r.Directory.InvitationLifetime(o)),
	}
	if o.InvitationLifetime > 0 {
		own := toSeconds(o.InvitationLifetime)
		shown.OwnInvitationLifetimeSeconds = &own
	}
	return shown
}

// mention says who stands at the edges of a list. The one who asks is at hand.
func (op *operation) mention(ids ...string) {
	if op.Viewer != nil {
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == op.Viewer.User.ID })
	}
	op.people.mention(ids...)
}

// auditTarget is what an event was about, as it is now; nil when it is gone.
func (r *Resolver) auditTarget(ctx context.Context, id string) (model.AuditTarget, error) {
	// A nil *User in an AuditTarget would not be null.
	if u, err := r.person(ctx, id); u != nil || err != nil {
		return u, err
	}
	o, err := r.Directory.OrganizationOf(requestOf(ctx).actor())
	if err != nil {
		return nil, err
	}
	if role, ok := o.Role(id); ok {
		return toRole(role), nil
	}
	if id == o.ID {
		return r.organization(o), nil
	}
	return nil, nil
}

// person is an edge to a user, nil for nobody. One's own person needs no
// permission, and no look-up.
func (r *Resolver) person(ctx context.Context, id string) (*model.User, error) {
	if id == "" {
		return nil, nil
	}
	if viewer := requestOf(ctx).Viewer; viewer != nil && viewer.User.ID == id {
		return r.user(ctx, viewer.User), nil
	}
	u, err := requestOf(ctx).people.user(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.user(ctx, u), nil
}

func (r *Resolver) inviteResults(ctx context.Context, results []directory.InviteResult) []*model.InviteResult {
	shown := make([]*model.InviteResult, len(results))
	for i, result := range results {
		shown[i] = &model.InviteResult{
			Input: result.Input, Email: optional(result.Email), Outcome: model.InviteOutcome(result.Outcome),
			User: r.user(ctx, result.User), Message: result.Message,
		}
	}
	return shown
}

// invitePayload lists those who were invited beside the answers for all.
func (r *Resolver) invitePayload(ctx context.Context, results []directory.InviteResult, refused []*model.UserError) *model.InviteUsersPayload {
	payload := &model.InviteUsersPayload{Results: r.inviteResults(ctx, results), Users: []*model.User{}, UserErrors: refused}
	for i, result := range results {
		invited := result.Outcome == directory.OutcomeInvited || result.Outcome == directory.OutcomeRenewed
		if shown := payload.Results[i].User; invited && shown != nil {
			payload.Users = append(payload.Users, shown)
		}
	}
	return payload
}

// signIn answers how far a sign-in has come, and has the browser keep the session.
func (r *Resolver) signIn(ctx context.Context, signIn *account.SignIn, err error, issueToken bool) (*model.LoginPayload, error) {
	refused, err := userErrors(ctx, err, "input")
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
