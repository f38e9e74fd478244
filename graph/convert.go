package graph

import (
	"time"

	"github.com/99designs/gqlgen/graphql"

	"roster/graph/model"
	"roster/internal/account"
	"roster/internal/directory"
)

// optional is nil for what was never given.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func toInt(n int) int32 { return int32(n) } //nolint:gosec // counts of people, versions and tries stay far below

func toIntPointer(n *int32) *int {
	if n == nil {
		return nil
	}
	i := int(*n)
	return &i
}

// toUser shows u as its organization sees it; nil for nobody.
func toUser(org *directory.Organization, u *directory.User, now time.Time) *model.User {
	if u == nil || org == nil {
		return nil
	}
	role, _ := org.Role(u.RoleID)
	shown := &model.User{
		ID: u.ID, Email: u.Email, Username: u.Username, Name: optional(u.Name), Title: optional(u.Title),
		Status: model.UserStatus(u.Status), Role: toRole(role), CsmSeat: org.TakesSeat(u),
		TwoFactorEnabled: u.TwoFactorEnabled(), LastLoginAt: optionalTime(u.LastLoginAt),
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, DeactivatedAt: optionalTime(u.DeactivatedAt),
		Version: toInt(u.Version),
	}
	if link := u.Invitation; link != nil && u.Status == directory.Pending {
		shown.Invitation = &model.Invitation{
			InvitedByID: link.RequestedBy, InvitedAt: link.RequestedAt, ExpiresAt: link.ExpiresAt,
			Expired: !now.Before(link.ExpiresAt), Delivery: toDelivery(link.Delivery),
		}
	}
	if link := u.PasswordReset; link != nil && now.Before(link.ExpiresAt) {
		shown.PasswordReset = &model.PasswordReset{
			RequestedByID: link.RequestedBy, RequestedAt: link.RequestedAt, ExpiresAt: link.ExpiresAt,
			Delivery: toDelivery(link.Delivery),
		}
	}
	return shown
}

func toDelivery(d directory.Delivery) *model.MailDelivery {
	return &model.MailDelivery{
		State: model.MailDeliveryState(d.State), At: d.At, Attempts: toInt(d.Attempts), Reason: optional(d.Reason),
	}
}

func toRole(r directory.Role) *model.Role {
	return &model.Role{
		ID: r.ID, Name: r.Name, Description: optional(r.Description), Permissions: toPermissions(r.Permissions),
		CsmSeat: r.TakesSeat(), BuiltIn: r.BuiltIn,
	}
}

func toPermissions(all []directory.Permission) []model.Permission {
	shown := make([]model.Permission, len(all))
	for i, p := range all {
		shown[i] = model.Permission(p)
	}
	return shown
}

func toViewer(v *account.Viewer, now time.Time) *model.Viewer {
	if v == nil {
		return nil
	}
	return &model.Viewer{
		User: toUser(v.Organization, v.User, now), Permissions: toPermissions(v.Permissions()), Session: toSession(v.Session),
	}
}

func toSession(s account.Session) *model.Session {
	return &model.Session{
		ID: s.ID, CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt, ExpiresAt: s.ExpiresAt,
		IPAddress: optional(s.Origin.IP), UserAgent: optional(s.Origin.UserAgent),
	}
}

func toConnection(org *directory.Organization, page *directory.UserPage, now time.Time) *model.UserConnection {
	shown := &model.UserConnection{
		Edges: make([]*model.UserEdge, len(page.Users)), Nodes: make([]*model.User, len(page.Users)),
		PageInfo: &model.PageInfo{HasNextPage: page.HasNext, HasPreviousPage: page.HasPrev},
		Total:    page.Total,
	}
	for i, u := range page.Users {
		shown.Nodes[i] = toUser(org, u, now)
		shown.Edges[i] = &model.UserEdge{Cursor: page.Cursors[i], Node: shown.Nodes[i]}
	}
	if n := len(page.Cursors); n > 0 {
		shown.PageInfo.StartCursor, shown.PageInfo.EndCursor = &page.Cursors[0], &page.Cursors[n-1]
	}
	return shown
}

func toInviteResults(org *directory.Organization, results []directory.InviteResult, now time.Time) []*model.InviteResult {
	shown := make([]*model.InviteResult, len(results))
	for i, r := range results {
		shown[i] = &model.InviteResult{
			Input: r.Input, Email: optional(r.Email), Outcome: model.InviteOutcome(r.Outcome),
			User: toUser(org, r.User, now), Message: r.Message,
		}
	}
	return shown
}

// toInvitePayload lists those who were invited beside the answers for all.
func toInvitePayload(org *directory.Organization, results []directory.InviteResult, refused []*model.UserError, now time.Time) *model.InviteUsersPayload {
	payload := &model.InviteUsersPayload{Results: toInviteResults(org, results, now), Users: []*model.User{}, UserErrors: refused}
	for i, r := range results {
		if r.Outcome == directory.OutcomeInvited || r.Outcome == directory.OutcomeRenewed {
			payload.Users = append(payload.Users, payload.Results[i].User)
		}
	}
	return payload
}

// value is what p points to; empty for null.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// given is what an input field says to change: nil when it is absent, empty
// when it is null.
func given(o graphql.Omittable[*string]) *string {
	text, present := o.ValueOK()
	if present && text == nil {
		return new(string)
	}
	return text
}
