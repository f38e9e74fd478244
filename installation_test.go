package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLifetimesAndPasswordLengthAreTold: a console says before what will count.
func TestLifetimesAndPasswordLengthAreTold(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "INVITATION_TTL=48h", "PASSWORD_RESET_TTL=90m", "PASSWORD_MIN_LENGTH=20")

		installation := p.anybody().do(`{ installation { invitationLifetimeSeconds passwordResetLifetimeSeconds passwordMinLength } }`, nil)
		assert.EqualValues(t, 172_800, installation["invitationLifetimeSeconds"])
		assert.EqualValues(t, 5400, installation["passwordResetLifetimeSeconds"])
		assert.EqualValues(t, 20, installation["passwordMinLength"])

		admin := p.admin()
		set := func(lifetime any) object {
			answer := admin.do(`mutation($in: UpdateOrganizationInput!) { updateOrganization(input: $in) {
				organization { invitationLifetimeSeconds ownInvitationLifetimeSeconds } userErrors { message } } }`,
				object{"in": object{"invitationLifetimeSeconds": lifetime}})
			organization, _ := dig(answer, "organization").(object)
			return organization
		}
		// The same length, set by the organization, stays when the installation's changes.
		for _, own := range []any{7200, 172_800} {
			now := set(own)
			assert.EqualValues(t, own, now["invitationLifetimeSeconds"])
			assert.EqualValues(t, own, now["ownInvitationLifetimeSeconds"])
		}
		now := set(nil)
		assert.EqualValues(t, 172_800, now["invitationLifetimeSeconds"])
		assert.Nil(t, now["ownInvitationLifetimeSeconds"])
	})
}
