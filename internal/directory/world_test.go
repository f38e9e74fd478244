package directory_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
	"roster/internal/sqlite"
)

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// recorder counts what is delivered.
type recorder struct {
	mu    sync.Mutex
	users []*directory.User
}

func (r *recorder) Deliver(users []*directory.User) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users = append(r.users, users...)
}

func (r *recorder) DeliverOrganization(*directory.Organization) {}

func (r *recorder) take() []*directory.User {
	r.mu.Lock()
	defer r.mu.Unlock()
	users := r.users
	r.users = nil
	return users
}

// house is an installation in a SQLite file.
type house struct {
	store     *sqlite.Store
	vault     *sqlite.Vault
	dir       *directory.Directory
	clock     *clock
	delivered *recorder
	settings  directory.Settings
}

const (
	invitationTTL = 7 * 24 * time.Hour
	resetTTL      = 24 * time.Hour
)

func newHouse(t testing.TB) *house {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "roster.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	h := &house{store: sqlite.NewStore(db), vault: sqlite.NewVault(db), clock: newClock(), delivered: &recorder{}, settings: directory.Settings{
		InvitationTTL: invitationTTL, PasswordResetTTL: resetTTL, InvitationsPerHour: 200,
		Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)},
	}}
	h.dir = directory.New(h.store, h.vault, h.settings, h.delivered, h.clock.Now, rand.Reader)
	return h
}

// world is one organization of a house.
type world struct {
	*house
	t   testing.TB
	org *directory.Organization
	// admin is the first administrator, who acts.
	admin *directory.User
	// The built-in roles.
	adminRole, csm, manager, viewer string
	// extraID is a role that was not made with the organization; see extra.
	extraID string
}

func (h *house) world(t testing.TB, seatLimit int) *world {
	t.Helper()
	slug := "w" + directory.NewID("", time.Now(), rand.Reader)
	org, err := h.dir.CreateOrganization(t.Context(), "Acme", slug, seatLimit)
	require.NoError(t, err)
	w := &world{house: h, t: t, org: org}
	w.adminRole, w.csm, w.manager, w.viewer = org.Roles[0].ID, org.Roles[1].ID, org.Roles[2].ID, org.Roles[3].ID
	w.admin, err = h.dir.EnsureAdministrator(t.Context(), org, "root@"+slug+".example", "hash", "")
	require.NoError(t, err)
	h.delivered.take()
	return w
}

func newWorld(t testing.TB, seatLimit int) *world { return newHouse(t).world(t, seatLimit) }

// as is somebody, as they are now, as an actor.
func (w *world) as(u *directory.User) directory.Actor {
	return directory.Actor{User: w.read(u.ID), Organization: w.org, Origin: directory.Origin{IP: "192.0.2.1", UserAgent: "test"}, AuthenticatedAt: w.dir.Now()}
}

func (w *world) root() directory.Actor { return w.as(w.admin) }

func (w *world) read(id string) *directory.User {
	w.t.Helper()
	u, err := w.store.User(w.t.Context(), w.org.ID, id)
	require.NoError(w.t, err)
	return u
}

func (w *world) invite(email, role string) *directory.User {
	w.t.Helper()
	results, err := w.dir.InviteUsers(w.t.Context(), w.root(), []string{email}, role, nil)
	require.NoError(w.t, err)
	require.Len(w.t, results, 1)
	require.Equal(w.t, directory.OutcomeInvited, results[0].Outcome, results[0].Message)
	w.delivered.take()
	return results[0].User
}

// change edits somebody as the accounts or the relay would.
func (w *world) change(u *directory.User, edit func(*directory.User)) *directory.User {
	w.t.Helper()
	changed, err := w.dir.Change(w.t.Context(), directory.Actor{Organization: w.org}, u.ID, func(u *directory.User) (*directory.News, error) {
		edit(u)
		return &directory.News{Action: "TEST"}, nil
	})
	require.NoError(w.t, err)
	w.delivered.take()
	return changed
}

func complete(u *directory.User) {
	u.Status, u.Invitation, u.Credentials.PasswordHash = directory.Active, nil, "hash"
}

// member is somebody who has completed the set-up.
func (w *world) member(email, role string) *directory.User {
	w.t.Helper()
	return w.change(w.invite(email, role), complete)
}

// gone is somebody who was deleted.
func (w *world) gone(email, role string) *directory.User {
	w.t.Helper()
	u, err := w.dir.DeleteUser(w.t.Context(), w.root(), w.member(email, role).ID, nil)
	require.NoError(w.t, err)
	w.delivered.take()
	return u
}

// everybody is all people of the organization as the store has them.
func (w *world) everybody() map[string]*directory.User {
	w.t.Helper()
	org, err := w.store.Organization(context.Background(), w.org.ID)
	require.NoError(w.t, err)
	query := directory.ListQuery{Order: directory.Order{Field: directory.ByCreated}, Limit: 1000}
	for _, role := range org.Roles {
		query.Roles = append(query.Roles, role.ID)
	}
	users, err := w.store.ListUsers(context.Background(), w.org.ID, query)
	require.NoError(w.t, err)
	all := map[string]*directory.User{}
	for _, u := range users {
		all[u.ID] = u
	}
	return all
}

func (w *world) seats() directory.Seats {
	w.t.Helper()
	seats, err := w.store.Seats(context.Background(), w.org.ID)
	require.NoError(w.t, err)
	return seats
}

// settled checks that what is kept beside the people agrees with them.
func (w *world) settled() {
	w.t.Helper()
	used, counts := 0, directory.Counts{}
	for _, u := range w.everybody() {
		if w.org.TakesSeat(u) {
			used++
		}
		counts[directory.GroupOf(u)]++
	}
	assert.Equal(w.t, used, w.seats().Used, "the seats taken are the people who take one")
	kept, err := w.store.Counts(context.Background(), w.org.ID)
	require.NoError(w.t, err)
	for g, n := range kept {
		if n == 0 {
			delete(kept, g)
		}
	}
	assert.Equal(w.t, counts, kept)
}

// unchanged checks that act writes nothing and tells nobody.
func (w *world) unchanged(act func()) {
	w.t.Helper()
	before, seats := w.everybody(), w.seats()
	w.delivered.take()
	act()
	assert.Empty(w.t, cmp.Diff(before, w.everybody()), "nothing changes")
	assert.Equal(w.t, seats, w.seats(), "no seat changes")
	assert.Empty(w.t, w.delivered.take(), "nobody is told")
	w.settled()
}

// refused checks that act is refused with code and changes nothing.
func (w *world) refused(code directory.Code, act func() error) {
	w.t.Helper()
	w.unchanged(func() {
		w.t.Helper()
		err := act()
		if !directory.HasCode(err, code) {
			assert.Fail(w.t, "not refused as it should be", "%v instead of %s", err, code)
		}
	})
}

// events are the audit events that are to be told of everybody.
func (w *world) events() []directory.Event {
	var all []directory.Event
	for _, u := range w.everybody() {
		for _, entry := range u.Outbox {
			if entry.Event != nil {
				all = append(all, *entry.Event)
			}
		}
	}
	slices.SortFunc(all, func(a, b directory.Event) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// changes checks that act leaves exactly one audit event, of this action, on
// one person whose document alone changes; it answers that person and the event.
func (w *world) changes(action directory.Action, act func() error) (*directory.User, directory.Event) {
	w.t.Helper()
	before, known := w.everybody(), map[string]bool{}
	for _, event := range w.events() {
		known[event.ID] = true
	}
	w.delivered.take()
	require.NoError(w.t, act())
	var fresh []directory.Event
	for _, event := range w.events() {
		if !known[event.ID] {
			fresh = append(fresh, event)
		}
	}
	require.Len(w.t, fresh, 1, "exactly one audit event")
	event := fresh[0]
	assert.Equal(w.t, action, event.Action)
	after := w.everybody()
	for id, u := range after {
		assert.Equal(w.t, id == event.TargetID, !cmp.Equal(before[id], u), "only the one it was done to changes: %s", u.Email)
	}
	told := w.delivered.take()
	require.Len(w.t, told, 1, "the relay is told once")
	u := after[event.TargetID]
	assert.Empty(w.t, cmp.Diff(u, told[0], cmpopts.EquateEmpty()), "the relay is told what was written")
	assert.Equal(w.t, w.org.ID, event.OrganizationID)
	assert.True(w.t, event.At.Equal(w.dir.Now()))
	if was := before[event.TargetID]; was != nil {
		moved := 0
		if len(event.Before) > 0 {
			moved = 1
		}
		assert.Equal(w.t, was.Version+moved, u.Version, "the version moves with what editors see")
		assert.Equal(w.t, was.Revision+1, u.Revision)
	}
	w.settled()
	return u, event
}

func text(s string) *string { return &s }

func number(n int) *int { return &n }

// mails are the kinds of the mails that are to be sent to u.
func mails(u *directory.User) []directory.MailKind {
	var kinds []directory.MailKind
	for _, entry := range u.Outbox {
		if entry.Mail != nil {
			kinds = append(kinds, entry.Mail.Kind)
		}
	}
	return kinds
}

// detail is the value of a field of an event's before or after.
func detail(details []directory.Detail, field string) string {
	for _, d := range details {
		if d.Field == field {
			return d.Value
		}
	}
	return fmt.Sprintf("no %s in %v", field, details)
}
