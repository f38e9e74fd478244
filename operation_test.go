package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestChangesOfOneOperation: what a change answers is as it is after that
// change, and not as it was found for the one before.
func TestChangesOfOneOperation(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "SEAT_LIMIT=1")
		admin := p.admin()
		roles := admin.roles()
		invited := admin.invite("Viewer", "ann@example.com, bob@example.com")
		csm := admin.invite("Customer Success Manager", "gone@example.com")
		gone := text(csm, "users", 0, "id")
		admin.do(deleteQuery, object{"id": gone})

		r, err := admin.ask(`mutation($ann: ID!, $bob: ID!, $role: ID!) {
			one: updateUser(id: $ann, input: {roleId: $role}) { user { role { userCount } } }
			two: updateUser(id: $bob, input: {roleId: $role}) { user { role { userCount } } } }`,
			object{"ann": text(invited, "users", 0, "id"), "bob": text(invited, "users", 1, "id"), "role": roles["User Manager"]})
		require.NoError(t, err)
		require.Empty(t, r.Errors)
		assert.EqualValues(t, 1, dig(r.Data, "one", "user", "role", "userCount"))
		assert.EqualValues(t, 2, dig(r.Data, "two", "user", "role", "userCount"))

		may := func(answer any) any {
			list, _ := dig(answer, "user", "actions").([]any)
			for _, state := range list {
				if text(state, "action") == "REACTIVATE" {
					return dig(state, "allowed")
				}
			}
			return nil
		}
		r, err = admin.ask(`mutation($gone: ID!, $ann: ID!, $csm: ID!) {
			one: cancelPasswordReset(id: $gone) { user { actions { action allowed } } }
			two: updateUser(id: $ann, input: {roleId: $csm}) { user { csmSeat } }
			three: cancelPasswordReset(id: $gone) { user { actions { action allowed } } } }`,
			object{"gone": gone, "ann": text(invited, "users", 0, "id"), "csm": roles["Customer Success Manager"]})
		require.NoError(t, err)
		require.Empty(t, r.Errors)
		assert.Equal(t, true, may(r.Data["one"]), "the seat is free")
		assert.Equal(t, true, dig(r.Data, "two", "user", "csmSeat"))
		assert.Equal(t, false, may(r.Data["three"]), "the seat is taken")
	})
}
