package directory_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// overtake begins a change of u that is held before its write, has another
// change of u fail, and lets the first go on.
func overtake(t *testing.T, w *world, u *directory.User, roleID string, meanwhile func()) {
	t.Helper()
	store := &slow{Store: w.store, arrived: make(chan struct{}), goOn: make(chan struct{})}
	d := directory.New(store, w.vault, w.settings, w.delivered, w.clock.Now, rand.Reader)
	moved := make(chan error)
	go func() {
		_, err := d.UpdateUser(context.WithoutCancel(t.Context()), w.root(), u.ID, directory.Changes{RoleID: &roleID}, nil)
		moved <- err
	}()
	<-store.arrived
	taken := w.admin.Username
	_, err := w.dir.UpdateUser(t.Context(), w.root(), u.ID, directory.Changes{RoleID: &roleID, Username: &taken}, nil)
	assert.True(t, directory.HasCode(err, directory.CodeTaken), "%v", err)
	meanwhile()
	close(store.goOn)
	select {
	case err := <-moved:
		require.NoError(t, err)
	case <-time.After(5 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestAChangeThatFailsTakesNoClaimFromOneOnItsWay(t *testing.T) {
	w := newWorld(t, 1)
	u := w.member("ann@x.example", w.viewer)
	overtake(t, w, u, w.csm, func() {})
	w.settled()
}

func TestAFenceKnowsOfAChangeThatAnotherHasMarked(t *testing.T) {
	w := newWorld(t, 1)
	u := w.member("ann@x.example", w.manager)
	overtake(t, w, u, w.viewer, func() {
		_, err := w.dir.UpdateRole(t.Context(), w.root(), w.viewer, directory.RoleChanges{Permissions: []directory.Permission{directory.CSMSeat}}, nil)
		require.NoError(t, err)
	})
	w.org, _ = w.store.Organization(t.Context(), w.org.ID)
	w.settled()
}
