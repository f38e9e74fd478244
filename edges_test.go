package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEdges: what hangs on a person in the answer of a change needs what asking
// for it needs. A link shows somebody themselves, and opens nothing behind them.
func TestEdges(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		c := newPermissionTown(t, w)
		elsewhere := c.shared["foreign"]
		accept := func(selection string) string {
			return `mutation($in: AcceptInvitationInput!) { acceptInvitation(input: $in) { user { id ` + selection + ` } userErrors { code } } }`
		}
		complete := func(selection string) string {
			return `mutation($in: CompletePasswordResetInput!) { completePasswordReset(input: $in) { user { id ` + selection + ` } userErrors { code } } }`
		}
		const counts, sessions = `role { userCount }`, `sessions { id }`
		for _, edge := range []struct {
			name, selection string
			by              *client
			code            string
		}{
			{"how many have the role, to a stranger", counts, c.anybody(), "UNAUTHENTICATED"},
			{"where they are signed in, to a stranger", sessions, c.anybody(), "UNAUTHENTICATED"},
			{"how many have the role, to a half sign-in", counts, c.callers["half"].client, "UNAUTHENTICATED"},
			{"where they are signed in, to a half sign-in", sessions, c.callers["half"].client, "UNAUTHENTICATED"},
			{"how many have the role, to an auditor", counts, c.callers["al"].client, "FORBIDDEN"},
			{"where they are signed in, to an auditor", sessions, c.callers["al"].client, "FORBIDDEN"},
			{"where they are signed in, to a viewer", sessions, c.callers["vwr"].client, "FORBIDDEN"},
			{"where they are signed in, to another organization's administrator", sessions, elsewhere.client, "FORBIDDEN"},
			{"the twin: how many have the role, to a viewer", counts, c.callers["vwr"].client, ""},
			{"the twin: where they are signed in, to a user manager", sessions, c.callers["mgr"].client, ""},
		} {
			t.Run(edge.name, func(t *testing.T) {
				pending, active := c.pending("Guest"), c.active("Guest")
				r, err := edge.by.persist(accept(edge.selection), object{"in": object{"token": c.link(pending.email, 1), "password": townPassword}})
				require.NoError(t, err)
				assert.Equal(t, edge.code, r.code())
				c.root.do(resetQuery, object{"id": active.id})
				r, err = edge.by.persist(complete(edge.selection), object{"in": object{"token": c.link(active.email, 2), "password": otherPassword}})
				require.NoError(t, err)
				assert.Equal(t, edge.code, r.code())
			})
		}
		t.Run("no action is allowed on somebody of another organization, nor to a stranger", func(t *testing.T) {
			for _, by := range []*client{c.anybody(), elsewhere.client} {
				pending := c.pending("Guest")
				r, err := by.persist(accept(`actions { action allowed reason }`), object{"in": object{"token": c.link(pending.email, 1), "password": townPassword}})
				require.NoError(t, err)
				require.Empty(t, r.Errors)
				list, _ := dig(r.Data, "acceptInvitation", "user", "actions").([]any)
				assert.NotEmpty(t, list)
				for _, state := range list {
					assert.Equal(t, false, dig(state, "allowed"), "%v", state)
					assert.NotEmpty(t, text(state, "reason"))
				}
			}
		})
		t.Run("what an address is answered tells a manager who sees nobody no other address", func(t *testing.T) {
			taken := c.addresses(1)[0]
			named := c.active("Guest")
			require.Empty(t, refusals(c.root.do(updateQuery, object{"id": named.id, "in": object{"username": taken}})))
			input := object{"in": object{"emails": []string{taken}, "roleId": c.roles["Guest"]}}
			hidden := c.callers["mu"].do(inviteQuery, input)
			assert.Equal(t, "TAKEN", text(hidden, "results", 0, "outcome"))
			assert.NotContains(t, text(hidden, "results", 0, "message"), named.email)
			shown := c.callers["mgr"].do(inviteQuery, input)
			assert.Equal(t, "TAKEN", text(shown, "results", 0, "outcome"))
			assert.Contains(t, text(shown, "results", 0, "message"), named.email)
		})
		t.Run("an event's people are not shown to an auditor who sees nobody", func(t *testing.T) {
			r, err := c.callers["al"].ask(`{ auditEvents(first: 100) { nodes { actor { id email } target { __typename ... on User { id email } } } } }`, nil)
			require.NoError(t, err)
			assert.Equal(t, "FORBIDDEN", r.code())
			for _, id := range shownIn(r.Data) {
				assert.Equal(t, c.callers["al"].id, id, "oneself")
			}
			twin := c.callers["adm"].do(`{ auditEvents(first: 20) { nodes { actor { id email } target { __typename ... on User { id email } } } } }`, nil)
			assert.Greater(t, len(shownIn(twin)), 10)
		})
	})
}

// TestReactivatingWithASeat: User.actions knows whether a seat is free.
func TestReactivatingWithASeat(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "SEAT_LIMIT=1")
		admin := p.admin()
		id := text(admin.invite("Customer Success Manager", "ann@example.com"), "users", 0, "id")
		admin.do(deleteQuery, object{"id": id})
		state := func() any {
			list, _ := admin.do(`query($id: ID!) { user(id: $id) { actions { action allowed reason } } }`, object{"id": id})["actions"].([]any)
			for _, state := range list {
				if text(state, "action") == "REACTIVATE" {
					return state
				}
			}
			return nil
		}
		assert.Equal(t, object{"action": "REACTIVATE", "allowed": true, "reason": nil}, state())
		bob := text(admin.invite("Customer Success Manager", "bob@example.com"), "users", 0, "id")
		assert.Equal(t, false, dig(state(), "allowed"))
		refused := admin.do(reactivateQuery, object{"id": id})
		assert.Equal(t, []string{"NO_SEAT_AVAILABLE"}, refusals(refused))
		shown := admin.do(`mutation($id: ID!) { reactivateUser(id: $id) { userErrors { message } } }`, object{"id": id})
		assert.Equal(t, text(shown, "userErrors", 0, "message"), text(state(), "reason"), "in the same words")
		admin.do(deleteQuery, object{"id": bob})
		assert.Equal(t, true, dig(state(), "allowed"))
		assert.Empty(t, refusals(admin.do(reactivateQuery, object{"id": id})))
	})
}
