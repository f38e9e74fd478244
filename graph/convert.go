package graph

import (
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/mileusna/useragent"

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

func toSeconds(d time.Duration) int32 { return toInt(int(d / time.Second)) }

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
	shown := &model.User{
		Person: u,
		ID:     u.ID, Email: u.Email, Username: u.Username, Name: optional(u.Name), Title: optional(u.Title),
		Status: model.UserStatus(u.Status), Role: toRole(org.RoleOf(u)), CsmSeat: org.TakesSeat(u),
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
		CsmSeat: r.TakesSeat(), BuiltIn: r.BuiltIn, Version: toInt(r.Version),
	}
}

func toPermissions(all []directory.Permission) []model.Permission {
	shown := make([]model.Permission, len(all))
	for i, p := range all {
		shown[i] = model.Permission(p)
	}
	return shown
}

// fromPermissions is never nil, which would mean unchanged.
func fromPermissions(shown []model.Permission) []directory.Permission {
	all := make([]directory.Permission, len(shown))
	for i, p := range shown {
		all[i] = directory.Permission(p)
	}
	return all
}

func toViewer(v *account.Viewer, now time.Time) *model.Viewer {
	if v == nil {
		return nil
	}
	return &model.Viewer{
		User: toUser(v.Organization, v.User, now), Permissions: toPermissions(v.Permissions()), Session: toSession(v.Session, v),
		TwoFactorRequired: v.Actor(directory.Origin{}).MustSetUpTwoFactor(),
	}
}

// toSession shows a session to viewer.
func toSession(s account.Session, viewer *account.Viewer) *model.Session {
	return &model.Session{
		Device: device(s.Origin.UserAgent), Current: viewer != nil && viewer.Session.ID == s.ID,
		ID: s.ID, CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt, ExpiresAt: s.ExpiresAt,
		IPAddress: optional(s.Origin.IP), UserAgent: optional(s.Origin.UserAgent),
	}
}

// device says in words what calls itself so.
func device(userAgent string) string {
	agent := useragent.Parse(userAgent)
	switch {
	case agent.Name == "" || strings.ContainsAny(agent.Name, "/;"):
		return "Unknown device"
	case agent.OS == "":
		return agent.Name
	}
	return agent.Name + " on " + agent.OS
}

func toEventConnection(page *directory.EventPage) *model.AuditEventConnection {
	shown := &model.AuditEventConnection{
		Edges: make([]*model.AuditEventEdge, len(page.Events)), Nodes: make([]*model.AuditEvent, len(page.Events)),
		PageInfo: model.NewPageInfo(len(page.Cursors), func(i int) string { return page.Cursors[i] }, page.HasNext, page.HasPrev),
		Total:    page.Total,
	}
	for i, e := range page.Events {
		shown.Nodes[i] = &model.AuditEvent{
			ID: e.ID, Action: model.AuditAction(e.Action), At: e.At, ActorID: optional(e.ActorID), TargetID: e.TargetID,
			IPAddress: optional(e.Origin.IP), UserAgent: optional(e.Origin.UserAgent),
			Before: toAuditValues(e.Before), After: toAuditValues(e.After),
		}
		shown.Edges[i] = &model.AuditEventEdge{Cursor: page.Cursors[i], Node: shown.Nodes[i]}
	}
	return shown
}

func toAuditValues(details []directory.Detail) []*model.AuditValue {
	shown := make([]*model.AuditValue, len(details))
	for i, d := range details {
		shown[i] = &model.AuditValue{Field: d.Field, Value: d.Value}
	}
	return shown
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
