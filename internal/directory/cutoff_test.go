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

// mortal is a store whose process dies at one of its calls: that call is done
// or not done, and nothing after it is.
type mortal struct {
	directory.Store
	mu sync.Mutex
	// left is how many calls are answered before the end.
	left int
	// done tells whether the last call is still done.
	done bool
}

// step is one call; it answers whether to do it, and whether it answers.
func (m *mortal) step(call func() error) error {
	m.mu.Lock()
	m.left--
	left := m.left
	m.mu.Unlock()
	if left > 0 || left == 0 && m.done {
		if err := call(); left > 0 {
			return err
		}
	}
	return fmt.Errorf("the process is dead: %w", directory.ErrUnavailable)
}

func (m *mortal) reached() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left <= 0
}

func (m *mortal) Organization(ctx context.Context, id string) (o *directory.Organization, err error) {
	return o, m.step(func() error { o, err = m.Store.Organization(ctx, id); return err })
}

func (m *mortal) UpdateOrganization(ctx context.Context, o *directory.Organization) error {
	return m.step(func() error { return m.Store.UpdateOrganization(ctx, o) })
}

func (m *mortal) FenceClaims(ctx context.Context, organizationID string, version int64) (marks []string, err error) {
	return marks, m.step(func() error { marks, err = m.Store.FenceClaims(ctx, organizationID, version); return err })
}

func (m *mortal) BeginClaims(ctx context.Context, organizationID string, batch directory.ClaimBatch) (answers []error, err error) {
	return answers, m.step(func() error { answers, err = m.Store.BeginClaims(ctx, organizationID, batch); return err })
}

func (m *mortal) SettleClaims(ctx context.Context, organizationID string, settlements []directory.Settlement) error {
	return m.step(func() error { return m.Store.SettleClaims(ctx, organizationID, settlements) })
}

func (m *mortal) SetSeatLimit(ctx context.Context, organizationID string, limit int) error {
	return m.step(func() error { return m.Store.SetSeatLimit(ctx, organizationID, limit) })
}

func (m *mortal) Members(ctx context.Context, organizationID, roleID string, status directory.Status, limit int) (ids []string, err error) {
	return ids, m.step(func() error { ids, err = m.Store.Members(ctx, organizationID, roleID, status, limit); return err })
}

func (m *mortal) UpdateUser(ctx context.Context, u *directory.User) error {
	return m.step(func() error { return m.Store.UpdateUser(ctx, u) })
}

// A change of the organization that dies anywhere is made or not made when the
// sweeps have been there: seats, administrators, the limit and the audit event
// say the same as the organization.
func TestChangesOfTheOrganizationThatDieAnywhere(t *testing.T) {
	for _, change := range []struct {
		name string
		do   func(w *world, d *directory.Directory) error
		made func(w *world, o *directory.Organization) bool
	}{
		{"a role gains a seat", func(w *world, d *directory.Directory) error {
			_, err := d.UpdateRole(t.Context(), w.root(), w.viewer, directory.RoleChanges{Permissions: []directory.Permission{directory.ViewUsers, directory.CSMSeat}}, nil)
			return err
		}, func(w *world, o *directory.Organization) bool { role, _ := o.Role(w.viewer); return role.TakesSeat() }},
		{"a role loses its seat", func(w *world, d *directory.Directory) error {
			_, err := d.UpdateRole(t.Context(), w.root(), w.csm, directory.RoleChanges{Permissions: []directory.Permission{directory.ViewUsers}}, nil)
			return err
		}, func(w *world, o *directory.Organization) bool { role, _ := o.Role(w.csm); return !role.TakesSeat() }},
		{"a role is replaced by one with a seat", func(w *world, d *directory.Directory) error {
			_, err := d.DeleteRole(t.Context(), w.root(), w.extra(), &w.csm)
			return err
		}, func(w *world, o *directory.Organization) bool { _, there := o.Role(w.extra()); return !there }},
		{"more seats", func(w *world, d *directory.Directory) error {
			_, err := d.UpdateOrganization(t.Context(), w.root(), directory.OrganizationChanges{SeatLimit: number(30)}, nil)
			return err
		}, func(_ *world, o *directory.Organization) bool { return o.SeatLimit == 30 }},
		{"fewer seats", func(w *world, d *directory.Directory) error {
			_, err := d.UpdateOrganization(t.Context(), w.root(), directory.OrganizationChanges{SeatLimit: number(3)}, nil)
			return err
		}, func(_ *world, o *directory.Organization) bool { return o.SeatLimit == 3 }},
	} {
		t.Run(change.name, func(t *testing.T) {
			for _, done := range []bool{false, true} {
				for calls := 1; ; calls++ {
					w := newWorld(t, 20)
					w.newExtra()
					for i := range 3 {
						w.member(fmt.Sprintf("viewer%d@x.example", i), w.viewer)
						w.member(fmt.Sprintf("csm%d@x.example", i), w.csm)
					}
					w.invite("pending@x.example", w.viewer)
					w.member("extra@x.example", w.extra())
					store := &mortal{Store: w.store, left: calls, done: done}
					d := directory.New(store, w.vault, w.settings, w.delivered, w.clock.Now, rand.Reader)
					err := change.do(w, d)
					died := store.reached()

					for range 3 {
						w.clock.advance(time.Minute)
						require.NoError(t, w.dir.SweepOrganizations(t.Context()))
						_, sweepErr := w.dir.SettleLeftClaims(t.Context())
						require.NoError(t, sweepErr)
					}
					w.org, _ = w.store.Organization(t.Context(), w.org.ID)
					made := change.made(w, w.org)
					if err == nil {
						assert.True(t, made, "it was acknowledged")
					}
					assert.Nil(t, w.org.Transition)
					assert.Empty(t, w.org.Retired)
					assert.Equal(t, w.org.SeatLimit, w.seats().Limit)
					told := 0
					for _, entry := range w.org.Outbox {
						if entry.Event != nil && entry.Event.Action != directory.RoleCreated {
							told++
						}
					}
					assert.Equal(t, made, told == 1, "an audit event is there if and only if the change is")
					w.settled()
					w.administratorsSettled()
					if t.Failed() {
						t.Fatalf("died at call %d, done %v, answered %v", calls, done, err)
					}
					if !died {
						break
					}
				}
			}
		})
	}
}

// administratorsSettled checks that who counts as an administrator can be
// deleted when there is another one, and only then.
func (w *world) administratorsSettled() {
	w.t.Helper()
	left, err := w.store.UnsettledClaims(context.Background(), w.clock.Now().Add(time.Hour), 10)
	require.NoError(w.t, err)
	for _, claim := range left {
		assert.NotEqual(w.t, w.org.ID, claim.OrganizationID, "no claim is unsettled")
	}
}

const extraRole = "Extra"

// newExtra adds a role that was not made with the organization.
func (w *world) newExtra() {
	w.t.Helper()
	_, err := w.dir.CreateRole(w.t.Context(), w.root(), directory.RoleChanges{
		Name: text(extraRole), Permissions: []directory.Permission{directory.ViewUsers},
	})
	require.NoError(w.t, err)
	w.reread()
}

// extra is the id of that role, also when it is deleted.
func (w *world) extra() string {
	w.t.Helper()
	if w.extraID == "" {
		for _, role := range w.org.Roles {
			if role.Name == extraRole {
				w.extraID = role.ID
			}
		}
	}
	require.NotEmpty(w.t, w.extraID)
	return w.extraID
}

// reread takes the organization as it is now.
func (w *world) reread() {
	w.t.Helper()
	var err error
	w.org, err = w.store.Organization(context.Background(), w.org.ID)
	require.NoError(w.t, err)
}
