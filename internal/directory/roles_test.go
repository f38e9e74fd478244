package directory_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

var view = []directory.Permission{directory.ViewUsers}

// role adds a role and answers its id.
func (w *world) role(name string, permissions ...directory.Permission) string {
	w.t.Helper()
	role, err := w.dir.CreateRole(w.t.Context(), w.root(), directory.RoleChanges{Name: &name, Permissions: permissions})
	require.NoError(w.t, err)
	w.reread()
	return role.ID
}

func TestRolesAreRefused(t *testing.T) {
	w := newWorld(t, 5)
	editor := w.role("Role editor", directory.ViewUsers, directory.ManageRoles)
	by := func() directory.Actor {
		return w.as(w.member(fmt.Sprintf("%d@x.example", time.Now().UnixNano()), editor))
	}
	create := func(by directory.Actor, c directory.RoleChanges) func() error {
		return func() error { _, err := w.dir.CreateRole(t.Context(), by, c); return err }
	}
	update := func(by directory.Actor, id string, c directory.RoleChanges, version *int) func() error {
		return func() error { _, err := w.dir.UpdateRole(t.Context(), by, id, c, version); return err }
	}
	remove := func(by directory.Actor, id string, replacement *string) func() error {
		return func() error { _, err := w.dir.DeleteRole(t.Context(), by, id, replacement); return err }
	}
	stale := w.root()
	stale.AuthenticatedAt = w.clock.Now().Add(-15 * time.Minute)
	almost := w.root()
	almost.AuthenticatedAt = w.clock.Now().Add(-15*time.Minute + time.Millisecond)
	used := w.role("Used", directory.ViewUsers)
	w.member("user@x.example", used)
	inactive := w.role("Of somebody deleted", directory.ViewUsers)
	w.gone("gone@x.example", inactive)
	manager := w.as(w.member("manager@x.example", w.manager))

	for _, refused := range []struct {
		name string
		code directory.Code
		do   func() error
	}{
		{"by nobody", directory.CodeUnauthenticated, create(directory.Actor{Organization: w.org}, directory.RoleChanges{Name: text("x")})},
		{"without the permission", directory.CodeForbidden, create(manager, directory.RoleChanges{Name: text("x")})},
		{"with a proof that is 15 minutes old", directory.CodeReauthenticate, create(stale, directory.RoleChanges{Name: text("x")})},
		{"without a name", directory.CodeRequired, create(w.root(), directory.RoleChanges{Name: text(" ")})},
		{"with a name that cannot be shown", directory.CodeInvalid, create(w.root(), directory.RoleChanges{Name: text("a\nb")})},
		{"with another's name in other letters", directory.CodeTaken, create(w.root(), directory.RoleChanges{Name: text(" vIEWER ")})},
		{"granting more than one's own", directory.CodeRoleEscalation, create(by(), directory.RoleChanges{Name: text("x"), Permissions: []directory.Permission{directory.ViewAuditLog}})},
		{"an unknown one", directory.CodeNotFound, update(w.root(), "role_none", directory.RoleChanges{Name: text("x")}, nil)},
		{"that grants more than one's own", directory.CodeRoleEscalation, update(by(), w.manager, directory.RoleChanges{Name: text("x")}, nil)},
		{"to grant more than one's own", directory.CodeRoleEscalation, update(by(), w.viewer, directory.RoleChanges{Permissions: []directory.Permission{directory.ManageUsers}}, nil)},
		{"that somebody else has changed", directory.CodeConflict, update(w.root(), w.viewer, directory.RoleChanges{Name: text("x")}, number(7))},
		{"one's own to lose permissions", directory.CodeSelfAction, update(by(), editor, directory.RoleChanges{Permissions: view}, nil)},
		{"the last administrators' to lose permissions", directory.CodeLastAdministrator, update(w.root(), w.adminRole, directory.RoleChanges{Permissions: view}, nil)},
		{"to take seats that are not there", directory.CodeNoSeatAvailable, func() error {
			for i := range 6 {
				w.invite(fmt.Sprintf("viewer%d@x.example", i), w.viewer)
			}
			return update(w.root(), w.viewer, directory.RoleChanges{Permissions: []directory.Permission{directory.CSMSeat}}, nil)()
		}},
		{"deleting a built-in one", directory.CodeInvalid, remove(w.root(), w.viewer, &w.manager)},
		{"deleting one that somebody has", directory.CodeRoleInUse, remove(w.root(), used, nil)},
		{"deleting one that somebody deleted has", directory.CodeRoleInUse, remove(w.root(), inactive, nil)},
		{"replacing one by itself", directory.CodeNotFound, remove(w.root(), used, &used)},
		{"replacing one by one that grants more", directory.CodeRoleEscalation, remove(by(), used, &w.manager)},
		{"deleting one's own", directory.CodeSelfAction, remove(by(), editor, &w.viewer)},
	} {
		t.Run(refused.name, func(t *testing.T) {
			before, err := w.store.Organization(t.Context(), w.org.ID)
			require.NoError(t, err)
			err = refused.do()
			assert.True(t, directory.HasCode(err, refused.code), "%v", err)
			after, err := w.store.Organization(t.Context(), w.org.ID)
			require.NoError(t, err)
			assert.Nil(t, after.Transition)
			assert.Equal(t, before.Roles, after.Roles)
			assert.Equal(t, before.Outbox, after.Outbox, "nobody is told")
			w.settled()
			w.administratorsSettled()
		})
	}
	t.Run("a proof that is a moment younger is fresh", func(t *testing.T) {
		require.NoError(t, create(almost, directory.RoleChanges{Name: text("Fresh")})())
	})
	t.Run("no more than a hundred", func(t *testing.T) {
		w.reread()
		for i := len(w.org.Roles); i < 100; i++ {
			w.role(fmt.Sprintf("Role %d", i))
		}
		w.refused(directory.CodeInvalid, create(w.root(), directory.RoleChanges{Name: text("x")}))
	})
}

func TestSeatsFollowARole(t *testing.T) {
	w := newWorld(t, 3)
	active, pending := w.member("active@x.example", w.viewer), w.invite("pending@x.example", w.viewer)
	w.gone("gone@x.example", w.viewer)
	before := map[string]*directory.User{active.ID: w.read(active.ID), pending.ID: w.read(pending.ID)}

	role, err := w.dir.UpdateRole(t.Context(), w.root(), w.viewer, directory.RoleChanges{Permissions: []directory.Permission{directory.CSMSeat, directory.ViewUsers}}, number(1))
	require.NoError(t, err)
	assert.True(t, role.TakesSeat())
	assert.Equal(t, 2, role.Version)
	w.reread()
	assert.Equal(t, 2, w.seats().Used, "who is active or pending takes one")
	w.settled()
	for id, u := range before {
		assert.Equal(t, u, w.read(id), "no person's document is written")
	}
	event := w.org.Outbox[len(w.org.Outbox)-1].Event
	assert.Equal(t, directory.RoleUpdated, event.Action)
	assert.Equal(t, "VIEW_USERS", detail(event.Before, "permissions"))
	assert.Equal(t, "VIEW_USERS CSM_SEAT", detail(event.After, "permissions"))

	_, err = w.dir.UpdateRole(t.Context(), w.root(), w.viewer, directory.RoleChanges{Permissions: view}, nil)
	require.NoError(t, err)
	w.reread()
	assert.Equal(t, 0, w.seats().Used)
	w.settled()
}

func TestARoleIsReplaced(t *testing.T) {
	w := newWorld(t, 3)
	helper := w.role("Helper", directory.ViewUsers)
	u, gone := w.member("a@x.example", helper), w.gone("b@x.example", helper)
	before := w.read(u.ID)
	replacement, err := w.dir.DeleteRole(t.Context(), w.root(), helper, &w.csm)
	require.NoError(t, err)
	assert.Equal(t, w.csm, replacement.ID)
	w.reread()
	assert.Empty(t, w.org.Retired, "few people are moved at once")
	assert.Equal(t, w.csm, w.read(u.ID).RoleID)
	assert.Equal(t, before.Version, w.read(u.ID).Version, "it is nobody's change of the person")
	assert.Equal(t, w.csm, w.read(gone.ID).RoleID)
	assert.Equal(t, 1, w.seats().Used, "who is active takes a seat now")
	w.settled()
	_, err = w.dir.InviteUsers(t.Context(), w.root(), []string{"c@x.example"}, helper, nil)
	assert.True(t, directory.HasCode(err, directory.CodeNotFound), "%v", err)
}

// Until everybody's document says so, people with a deleted role are listed,
// counted and treated as having the one that replaces it.
func TestARetiredRoleMeansItsReplacement(t *testing.T) {
	w := newWorld(t, 100)
	helper := w.role("Helper", directory.ViewUsers)
	for i := range 60 {
		w.invite(fmt.Sprintf("helper%02d@x.example", i), helper)
	}
	w.member("own@x.example", w.csm)
	_, err := w.dir.DeleteRole(t.Context(), w.root(), helper, &w.csm)
	require.NoError(t, err)
	w.reread()
	require.NotEmpty(t, w.org.Retired, "so many are left to the sweep")

	check := func() {
		t.Helper()
		assert.Equal(t, 61, w.seats().Used)
		w.settled()
		seats := true
		for _, filter := range []directory.UserFilter{{RoleIDs: []string{w.csm}}, {CSMSeat: &seats}} {
			page, err := w.dir.Users(t.Context(), w.root(), filter, directory.Order{Field: directory.ByRole}, directory.PageRequest{First: number(100)})
			require.NoError(t, err)
			assert.Len(t, page.Users, 61)
			total, err := page.Total(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 61, total)
		}
		counts, err := w.dir.Counts(t.Context(), w.root())
		require.NoError(t, err)
		assert.Equal(t, 61, w.org.People(counts, w.csm))
	}
	check()
	// Replacing the replacement reaches them too.
	other := w.role("Other", directory.ViewUsers, directory.CSMSeat)
	require.NoError(t, w.dir.SweepOrganizations(t.Context()))
	w.reread()
	assert.Empty(t, w.org.Retired)
	check()
	assert.NotEqual(t, other, w.csm)
}

// slow is a store that lets a test hold the write of a person.
type slow struct {
	directory.Store
	arrived, goOn chan struct{}
	once          sync.Once
}

func (s *slow) UpdateUser(ctx context.Context, u *directory.User) error {
	s.once.Do(func() {
		close(s.arrived)
		<-s.goOn
	})
	return s.Store.UpdateUser(ctx, u)
}

// Somebody comes to a role at the moment in which it gains a seat: the change
// of the role waits for them, and counts them.
func TestARoleThatChangesWaitsForWhoeverComesToIt(t *testing.T) {
	w := newWorld(t, 1)
	first, second := w.member("first@x.example", w.manager), w.member("second@x.example", w.manager)
	store := &slow{Store: w.store, arrived: make(chan struct{}), goOn: make(chan struct{})}
	d := directory.New(store, w.vault, w.settings, w.delivered, w.clock.Now, rand.Reader)
	moved := make(chan error)
	go func() {
		_, err := d.UpdateUser(context.WithoutCancel(t.Context()), w.root(), first.ID, directory.Changes{RoleID: &w.viewer}, nil)
		moved <- err
	}()
	<-store.arrived
	changed := make(chan error)
	go func() {
		_, err := w.dir.UpdateRole(context.WithoutCancel(t.Context()), w.root(), w.viewer, directory.RoleChanges{Permissions: []directory.Permission{directory.CSMSeat}}, nil)
		changed <- err
	}()
	select {
	case err := <-changed:
		t.Fatalf("the role changed with somebody on the way: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	// Whoever comes later waits for the role.
	late := make(chan error)
	go func() {
		_, err := w.dir.UpdateUser(context.WithoutCancel(t.Context()), w.root(), second.ID, directory.Changes{RoleID: &w.viewer}, nil)
		late <- err
	}()
	close(store.goOn)
	require.NoError(t, <-moved)
	require.NoError(t, <-changed)
	err := <-late
	assert.True(t, directory.HasCode(err, directory.CodeNoSeatAvailable), "%v", err)
	w.reread()
	assert.Equal(t, 1, w.seats().Used)
	w.settled()
}
