package watch

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"roster/internal/directory"
)

// store is a directory.Store whose calls are measured.
type store struct {
	directory.Store
	calls
	events *prometheus.CounterVec
}

// Store measures the calls of s, which is named for what it wraps. t may be nil.
func (m *Metrics) Store(name string, s directory.Store, t *Traces) directory.Store {
	return store{s, callsOf[directory.Store](m, name, t), m.events}
}

func (w store) InsertOrganization(ctx context.Context, o *directory.Organization) (err error) {
	ctx, call := w.begin(ctx, "InsertOrganization")
	defer call.end(&err)
	return w.Store.InsertOrganization(ctx, o)
}

func (w store) UpdateOrganization(ctx context.Context, o *directory.Organization) (err error) {
	ctx, call := w.begin(ctx, "UpdateOrganization")
	defer call.end(&err)
	return w.Store.UpdateOrganization(ctx, o)
}

func (w store) Organization(ctx context.Context, id string) (found *directory.Organization, err error) {
	ctx, call := w.begin(ctx, "Organization")
	defer call.end(&err)
	return w.Store.Organization(ctx, id)
}

func (w store) OrganizationBySlug(ctx context.Context, slug string) (found *directory.Organization, err error) {
	ctx, call := w.begin(ctx, "OrganizationBySlug")
	defer call.end(&err)
	return w.Store.OrganizationBySlug(ctx, slug)
}

func (w store) DueOrganizations(ctx context.Context, now time.Time, limit int) (found []*directory.Organization, err error) {
	ctx, call := w.begin(ctx, "DueOrganizations")
	defer call.end(&err)
	return w.Store.DueOrganizations(ctx, now, limit)
}

func (w store) InsertUsers(ctx context.Context, users []*directory.User) (each []error, err error) {
	ctx, call := w.begin(ctx, "InsertUsers")
	defer call.end(&err)
	return w.Store.InsertUsers(ctx, users)
}

func (w store) UpdateUser(ctx context.Context, u *directory.User) (err error) {
	ctx, call := w.begin(ctx, "UpdateUser")
	defer call.end(&err)
	return w.Store.UpdateUser(ctx, u)
}

func (w store) User(ctx context.Context, organizationID, id string) (found *directory.User, err error) {
	ctx, call := w.begin(ctx, "User")
	defer call.end(&err)
	return w.Store.User(ctx, organizationID, id)
}

func (w store) Users(ctx context.Context, organizationID string, ids []string) (found []*directory.User, err error) {
	ctx, call := w.begin(ctx, "Users")
	defer call.end(&err)
	return w.Store.Users(ctx, organizationID, ids)
}

func (w store) UsersByKeys(ctx context.Context, organizationID string, keys []string) (found []*directory.User, err error) {
	ctx, call := w.begin(ctx, "UsersByKeys")
	defer call.end(&err)
	return w.Store.UsersByKeys(ctx, organizationID, keys)
}

func (w store) UserByLink(ctx context.Context, organizationID, tokenHash string) (found *directory.User, err error) {
	ctx, call := w.begin(ctx, "UserByLink")
	defer call.end(&err)
	return w.Store.UserByLink(ctx, organizationID, tokenHash)
}

func (w store) ListUsers(ctx context.Context, organizationID string, q directory.ListQuery) (found []*directory.User, err error) {
	ctx, call := w.begin(ctx, "ListUsers")
	defer call.end(&err)
	return w.Store.ListUsers(ctx, organizationID, q)
}

func (w store) CountMatches(ctx context.Context, organizationID string, q directory.ListQuery) (found int, err error) {
	ctx, call := w.begin(ctx, "CountMatches")
	defer call.end(&err)
	return w.Store.CountMatches(ctx, organizationID, q)
}

func (w store) Members(ctx context.Context, organizationID, roleID string, status directory.Status, limit int) (found []string, err error) {
	ctx, call := w.begin(ctx, "Members")
	defer call.end(&err)
	return w.Store.Members(ctx, organizationID, roleID, status, limit)
}

func (w store) Counts(ctx context.Context, organizationID string) (found directory.Counts, err error) {
	ctx, call := w.begin(ctx, "Counts")
	defer call.end(&err)
	return w.Store.Counts(ctx, organizationID)
}

func (w store) DueUsers(ctx context.Context, now time.Time, limit int) (found []*directory.User, err error) {
	ctx, call := w.begin(ctx, "DueUsers")
	defer call.end(&err)
	return w.Store.DueUsers(ctx, now, limit)
}

func (w store) Repair(ctx context.Context) (err error) {
	ctx, call := w.begin(ctx, "Repair")
	defer call.end(&err)
	return w.Store.Repair(ctx)
}

func (w store) BeginClaims(ctx context.Context, organizationID string, begin directory.ClaimBatch) (each []error, err error) {
	ctx, call := w.begin(ctx, "BeginClaims")
	defer call.end(&err)
	return w.Store.BeginClaims(ctx, organizationID, begin)
}

func (w store) SettleClaims(ctx context.Context, organizationID string, settlements []directory.Settlement) (err error) {
	ctx, call := w.begin(ctx, "SettleClaims")
	defer call.end(&err)
	return w.Store.SettleClaims(ctx, organizationID, settlements)
}

func (w store) UnsettledClaims(ctx context.Context, before time.Time, limit int) (found []directory.UnsettledClaim, err error) {
	ctx, call := w.begin(ctx, "UnsettledClaims")
	defer call.end(&err)
	return w.Store.UnsettledClaims(ctx, before, limit)
}

func (w store) FenceClaims(ctx context.Context, organizationID string, rolesVersion int64) (unsettled []string, err error) {
	ctx, call := w.begin(ctx, "FenceClaims")
	defer call.end(&err)
	return w.Store.FenceClaims(ctx, organizationID, rolesVersion)
}

func (w store) SetSeatLimit(ctx context.Context, organizationID string, limit int) (err error) {
	ctx, call := w.begin(ctx, "SetSeatLimit")
	defer call.end(&err)
	return w.Store.SetSeatLimit(ctx, organizationID, limit)
}

func (w store) Seats(ctx context.Context, organizationID string) (found directory.Seats, err error) {
	ctx, call := w.begin(ctx, "Seats")
	defer call.end(&err)
	return w.Store.Seats(ctx, organizationID)
}

func (w store) AppendEvents(ctx context.Context, events []directory.Event) (err error) {
	ctx, call := w.begin(ctx, "AppendEvents")
	defer call.end(&err)
	if err = w.Store.AppendEvents(ctx, events); err == nil {
		for _, e := range events {
			w.events.WithLabelValues(string(e.Action)).Inc()
		}
	}
	return err
}

func (w store) Events(ctx context.Context, organizationID string, q directory.EventQuery, limit int) (found []directory.Event, err error) {
	ctx, call := w.begin(ctx, "Events")
	defer call.end(&err)
	return w.Store.Events(ctx, organizationID, q, limit)
}

func (w store) CountEvents(ctx context.Context, organizationID string, q directory.EventQuery, limit int) (found int, err error) {
	ctx, call := w.begin(ctx, "CountEvents")
	defer call.end(&err)
	return w.Store.CountEvents(ctx, organizationID, q, limit)
}

func (w store) Ping(ctx context.Context) (err error) {
	ctx, call := w.begin(ctx, "Ping")
	defer call.end(&err)
	return w.Store.Ping(ctx)
}
