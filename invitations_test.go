package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestPreview: the preview says what the invitation then does, and does nothing.
func TestPreview(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "SEAT_LIMIT=2")
		admin := p.admin()
		role := admin.roles()["Customer Success Manager"]
		admin.invite("Viewer", "pending@example.com")
		emails := []string{
			"one@example.com, pending@example.com", "two@example.com three@example.com", "ONE@example.com", "rubbish", adminEmail,
		}
		preview := admin.do(`query($e: [String!]!, $r: ID!) { previewInvitations(emails: $e, roleId: $r) {
			results { input email outcome message } seatsNeeded seatsAvailable userErrors { code } } }`, object{"e": emails, "r": role})
		assert.EqualValues(t, 3, preview["seatsNeeded"])
		assert.EqualValues(t, 2, preview["seatsAvailable"])
		assert.EqualValues(t, 2, admin.do(`{ users { totalCount } }`, nil)["totalCount"], "nobody is invited by it")
		assert.Len(t, p.mails("one@example.com"), 0)

		done := admin.do(`mutation($in: InviteUsersInput!) { inviteUsers(input: $in) { results { input email outcome message } userErrors { code } } }`,
			object{"in": object{"emails": emails, "roleId": role}})
		assert.Equal(t, done["results"], preview["results"])
		assert.Equal(t, "NO_SEAT_AVAILABLE", text(done, "results", 3, "outcome"))

		r, err := p.anybody().ask(`{ previewInvitations(emails: [], roleId: "x") { seatsNeeded } }`, nil)
		assert.NoError(t, err)
		assert.Equal(t, "UNAUTHENTICATED", r.code())
	})
}

// TestCancelPasswordReset: the link dies, and nothing else.
func TestCancelPasswordReset(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		admin := p.admin()
		ann, id := p.enter(admin, "Viewer", "ann@example.com", "a walk along the river")
		admin.do(`mutation($id: ID!) { resetPassword(id: $id) { userErrors { code } } }`, object{"id": id})
		token := p.link("ann@example.com", 2)
		cancel := `mutation($id: ID!) { cancelPasswordReset(id: $id) { user { passwordReset { expiresAt } } userErrors { code } } }`
		assert.Empty(t, refusals(admin.do(cancel, object{"id": id})))
		assert.Nil(t, admin.do(userQuery, object{"id": id})["passwordReset"])
		complete := `mutation($in: CompletePasswordResetInput!) { completePasswordReset(input: $in) { userErrors { code } } }`
		assert.Equal(t, []string{"LINK_INVALID"}, refusals(p.anybody().do(complete, object{"in": object{"token": token, "password": "another walk along the sea"}})))
		assert.NotNil(t, ann.viewer(), "sessions go on")
		assert.Empty(t, refusals(admin.do(cancel, object{"id": id})), "cancelling what is not there is no mistake")
		assert.Equal(t, []string{"NOT_FOUND"}, refusals(admin.do(cancel, object{"id": "user_00000000000000000000000000"})))
	})
}
