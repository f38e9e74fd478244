package main

import (
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const userQuery = `query($id: ID!) { user(id: $id) {
	id email username name title status version twoFactorEnabled csmSeat lastLoginAt deactivatedAt role { name }
	invitation { invitedBy { email } invitedAt expiresAt expired delivery { state attempts reason } }
	passwordReset { requestedBy { email } expiresAt delivery { state } } } }`

// TestLifecycle is the whole product in one walk.
func TestLifecycle(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		admin := p.admin()
		annPassword, newPassword := "a walk along the river", "another walk along the sea"

		t.Run("what people paste is answered address by address, in order", func(t *testing.T) {
			payload := admin.invite("Viewer",
				"Ann Lee <ann@example.com>, bob@example.com; carol@example.com\ndan@example.com",
				"not an address", "ANN@example.com", adminEmail, "eve@example..com")
			assert.Empty(t, refusals(payload))
			var got []string
			results, _ := payload["results"].([]any)
			for _, r := range results {
				got = append(got, text(r, "email")+" "+text(r, "outcome"))
				assert.NotEmpty(t, text(r, "message"))
			}
			assert.Equal(t, []string{
				"ann@example.com INVITED", "bob@example.com INVITED", "carol@example.com INVITED", "dan@example.com INVITED",
				" INVALID_ADDRESS", "ANN@example.com DUPLICATE", adminEmail + " ALREADY_ACTIVE", " INVALID_ADDRESS",
			}, got)
			assert.Len(t, payload["users"], 4)
		})

		token := p.link("ann@example.com", 1)
		annID := text(admin.do(`{ users(search: "ann lee") { nodes { id } totalCount } }`, nil), "nodes", 0, "id")

		t.Run("the row tells who invited and what became of the mail", func(t *testing.T) {
			require.Eventually(t, func() bool {
				return text(admin.do(userQuery, object{"id": annID}), "invitation", "delivery", "state") == "SENT"
			}, 10*time.Second, 20*time.Millisecond)
			u := admin.do(userQuery, object{"id": annID})
			assert.Equal(t, "PENDING", u["status"])
			assert.Equal(t, "Ann Lee", u["name"])
			assert.Equal(t, adminEmail, text(u, "invitation", "invitedBy", "email"))
			assert.Equal(t, false, dig(u, "invitation", "expired"))
		})

		t.Run("the link shows the invitation without using it up", func(t *testing.T) {
			for range 2 {
				shown := p.anybody().do(`query($t: String!) { invitation(token: $t) { organizationName organization email name username roleName invitedByName expiresAt passwordMinLength } }`, object{"t": token})
				assert.Equal(t, "ann@example.com", shown["email"])
				assert.Equal(t, "Viewer", shown["roleName"])
				assert.Nil(t, shown["organization"], "the first need not be named to sign in")
			}
			assert.Nil(t, p.anybody().do(`query($t: String!) { invitation(token: $t) { email } }`, object{"t": token[:len(token)-4] + "AAAA"}))
		})

		t.Run("set-up refuses what is wrong, all at once, and then completes", func(t *testing.T) {
			bad := p.anybody().do(acceptQuery, object{"in": object{"token": token, "password": "short", "username": " "}})
			assert.ElementsMatch(t, []string{"REQUIRED", "WEAK_PASSWORD"}, refusals(bad))
			good := p.anybody().do(acceptQuery, object{"in": object{"token": token, "password": annPassword, "title": "Head of Support"}})
			assert.Empty(t, refusals(good))
			assert.Equal(t, "ACTIVE", text(good, "user", "status"))
			assert.Equal(t, "ann@example.com", text(good, "user", "username"))
			again := p.anybody().do(acceptQuery, object{"in": object{"token": token, "password": annPassword}})
			assert.Equal(t, []string{"LINK_INVALID"}, refusals(again))
		})

		ann := p.anybody()
		t.Run("then she can sign in, and is on the Active tab", func(t *testing.T) {
			ann.signIn("Ann@Example.com ", annPassword)
			require.NotEmpty(t, ann.token)
			list := `query($s: UserStatus) { users(status: $s) { totalCount nodes { email } } }`
			active := admin.do(list, object{"s": "ACTIVE"})
			assert.EqualValues(t, 2, active["totalCount"])
			assert.EqualValues(t, 3, admin.do(list, object{"s": "PENDING"})["totalCount"])
		})

		t.Run("an update changes what is present, and nothing else", func(t *testing.T) {
			update := `mutation($id: ID!, $in: UpdateUserInput!) { updateUser(id: $id, input: $in) { user { name title username version } userErrors { code field } } }`
			before := admin.do(userQuery, object{"id": annID})
			got := admin.do(update, object{"id": annID, "in": object{"title": nil, "name": "Ann B. Lee"}})
			assert.Empty(t, refusals(got))
			assert.Equal(t, "Ann B. Lee", text(got, "user", "name"))
			assert.Nil(t, dig(got, "user", "title"))
			assert.Equal(t, "ann@example.com", text(got, "user", "username"))
			same := admin.do(update, object{"id": annID, "in": object{"name": "Ann B. Lee"}})
			assert.Equal(t, dig(got, "user", "version"), dig(same, "user", "version"), "nothing changed")
			stale := admin.do(update, object{"id": annID, "in": object{"name": "Ann", "expectedVersion": before["version"]}})
			assert.Equal(t, []string{"CONFLICT"}, refusals(stale))
			assert.Equal(t, "Ann B. Lee", text(stale, "user", "name"), "the current object")
			taken := admin.do(update, object{"id": annID, "in": object{"username": "BOB@example.com"}})
			assert.Equal(t, []string{"TAKEN"}, refusals(taken))
			assert.Equal(t, []string{"INVALID"}, refusals(admin.do(update, object{"id": annID, "in": object{"name": "Ann\r\nBcc: x"}})))
			assert.Empty(t, refusals(admin.do(update, object{"id": annID, "in": object{"username": "ann"}})))
		})

		t.Run("a second reset kills the first link; password and sessions go on until it is used", func(t *testing.T) {
			reset := `mutation($id: ID!) { resetPassword(id: $id) { user { passwordReset { expiresAt } } userErrors { code } } }`
			assert.Empty(t, refusals(admin.do(reset, object{"id": annID})))
			first := p.link("ann@example.com", 2)
			assert.Empty(t, refusals(admin.do(reset, object{"id": annID})))
			second := p.link("ann@example.com", 3)
			assert.NotNil(t, ann.viewer(), "the session goes on")
			assert.NotEmpty(t, text(p.anybody().signIn("ann", annPassword), "token"), "the password goes on")
			complete := `mutation($in: CompletePasswordResetInput!) { completePasswordReset(input: $in) { user { id } userErrors { code } } }`
			assert.Equal(t, []string{"LINK_INVALID"}, refusals(p.anybody().do(complete, object{"in": object{"token": first, "password": newPassword}})))
			assert.Equal(t, []string{"LINK_INVALID"}, refusals(p.anybody().do(acceptQuery, object{"in": object{"token": second, "password": newPassword}})), "kinds do not mix")
			assert.Equal(t, []string{"WEAK_PASSWORD"}, refusals(p.anybody().do(complete, object{"in": object{"token": second, "password": "passwordpassword"}})))
			assert.Empty(t, refusals(p.anybody().do(complete, object{"in": object{"token": second, "password": newPassword}})))
			assert.Equal(t, []string{"LINK_INVALID"}, refusals(p.anybody().do(complete, object{"in": object{"token": second, "password": newPassword}})))
			assert.Nil(t, ann.viewer(), "sessions are dead")
			assert.Equal(t, []string{"INVALID_CREDENTIALS"}, refusals(p.anybody().signIn("ann", annPassword)))
			assert.Contains(t, p.mail("ann@example.com", 4), "password")
			ann.signIn("ann", newPassword)
			require.NotEmpty(t, ann.token)
		})

		var secret string
		var codes []any
		t.Run("a second factor is set up with a code of the app", func(t *testing.T) {
			setup := ann.do(`mutation { startTwoFactorSetup { secret otpauthUri qrCode userErrors { code } } }`, nil)
			secret = text(setup, "secret")
			assert.True(t, strings.HasPrefix(text(setup, "otpauthUri"), "otpauth://totp/"))
			assert.True(t, strings.HasPrefix(text(setup, "qrCode"), "data:image/png;base64,"))
			confirm := `mutation($c: String!) { confirmTwoFactorSetup(code: $c) { recoveryCodes userErrors { code } } }`
			assert.Equal(t, []string{"WRONG_CODE"}, refusals(ann.do(confirm, object{"c": "000000"})))
			code, err := totp.GenerateCode(secret, time.Now().Add(-30*time.Second))
			require.NoError(t, err)
			confirmed := ann.do(confirm, object{"c": code})
			assert.Empty(t, refusals(confirmed))
			codes, _ = confirmed["recoveryCodes"].([]any)
			require.Len(t, codes, 10)
		})

		verify := `mutation($in: VerifyTwoFactorInput!) { verifyTwoFactor(input: $in) { token viewer { user { id } } userErrors { code } } }`
		halfway := func(t *testing.T) string {
			t.Helper()
			c := p.anybody()
			half := c.signIn("ann", newPassword)
			require.Empty(t, c.token, "no session before the second factor")
			challenge := text(half, "twoFactorChallenge", "token")
			require.NotEmpty(t, challenge)
			c.token = challenge
			assert.Nil(t, c.viewer(), "a challenge is no session")
			return challenge
		}
		t.Run("each code of the app works once, and each recovery code too", func(t *testing.T) {
			code, err := totp.GenerateCode(secret, time.Now())
			require.NoError(t, err)
			first := p.anybody().do(verify, object{"in": object{"challenge": halfway(t), "code": code[:3] + " " + code[3:], "issueToken": true}})
			assert.Empty(t, refusals(first))
			assert.NotEmpty(t, text(first, "token"))
			assert.Equal(t, []string{"WRONG_CODE"}, refusals(p.anybody().do(verify, object{"in": object{"challenge": halfway(t), "code": code}})))
			recovery := object{"challenge": halfway(t), "code": codes[0], "issueToken": true}
			used := p.anybody().do(verify, object{"in": recovery})
			assert.Empty(t, refusals(used))
			ann.token = text(used, "token")
			assert.Equal(t, []string{"LINK_INVALID"}, refusals(p.anybody().do(verify, object{"in": recovery})), "the half session is gone")
			assert.Equal(t, []string{"WRONG_CODE"}, refusals(p.anybody().do(verify, object{"in": object{"challenge": halfway(t), "code": codes[0]}})))
		})

		t.Run("an administrator disables the second factor: sessions end, and sign-in asks no more", func(t *testing.T) {
			disable := `mutation($id: ID!) { disable2FA(id: $id) { user { twoFactorEnabled } userErrors { code } } }`
			assert.Empty(t, refusals(admin.do(disable, object{"id": annID})))
			assert.Nil(t, ann.viewer())
			assert.Equal(t, []string{"TWO_FACTOR_NOT_ENABLED"}, refusals(admin.do(disable, object{"id": annID})))
			ann.signIn("ann", newPassword)
			require.NotEmpty(t, ann.token)
		})

		remove := `mutation($id: ID!) { deleteUser(id: $id) { user { id status deactivatedAt } userErrors { code } } }`
		reactivate := `mutation($id: ID!) { reactivateUser(id: $id) { user { status invitation { expired } } userErrors { code } } }`
		t.Run("deleting ends her access at the next request, and can be undone", func(t *testing.T) {
			assert.Equal(t, "INACTIVE", text(admin.do(remove, object{"id": annID}), "user", "status"))
			assert.Nil(t, ann.viewer())
			assert.Equal(t, []string{"INVALID_CREDENTIALS"}, refusals(p.anybody().signIn("ann", newPassword)))
			assert.Empty(t, refusals(admin.do(remove, object{"id": annID})), "deleting again changes nothing")
			assert.Equal(t, "INACTIVE", text(admin.invite("Viewer", "ann@example.com"), "results", 0, "outcome"))
			assert.Equal(t, "ACTIVE", text(admin.do(reactivate, object{"id": annID}), "user", "status"))
			assert.Nil(t, ann.viewer(), "no old session comes back")
			ann.signIn("ann", newPassword)
			require.NotEmpty(t, ann.token)
		})

		t.Run("somebody pending who was deleted comes back pending, with a fresh link", func(t *testing.T) {
			old := p.link("bob@example.com", 1)
			bobID := text(admin.do(`{ users(search: "bob") { nodes { id } } }`, nil), "nodes", 0, "id")
			admin.do(remove, object{"id": bobID})
			assert.Nil(t, p.anybody().do(`query($t: String!) { invitation(token: $t) { email } }`, object{"t": old}))
			assert.Equal(t, "PENDING", text(admin.do(reactivate, object{"id": bobID}), "user", "status"))
			fresh := p.link("bob@example.com", 2)
			assert.Equal(t, []string{"LINK_INVALID"}, refusals(p.anybody().do(acceptQuery, object{"in": object{"token": old, "password": annPassword}})))
			resend := `mutation($id: ID!) { resendInvitation(id: $id) { user { version } userErrors { code } } }`
			version := admin.do(userQuery, object{"id": bobID})["version"]
			sent := admin.do(resend, object{"id": bobID})
			assert.Empty(t, refusals(sent))
			assert.Equal(t, version, dig(sent, "user", "version"), "a mail sent again makes nobody's edit stale")
			newest := p.link("bob@example.com", 3)
			assert.Equal(t, []string{"LINK_INVALID"}, refusals(p.anybody().do(acceptQuery, object{"in": object{"token": fresh, "password": annPassword}})))
			assert.Empty(t, refusals(p.anybody().do(acceptQuery, object{"in": object{"token": newest, "password": annPassword}})))
			assert.Equal(t, []string{"NOT_PENDING"}, refusals(admin.do(resend, object{"id": bobID})))
		})

		t.Run("a stranger who asks for a reset gets one answer for everybody", func(t *testing.T) {
			ask := `mutation($in: RequestPasswordResetInput!) { requestPasswordReset(input: $in) { message userErrors { code } } }`
			known := p.anybody().do(ask, object{"in": object{"username": "ann@EXAMPLE.com"}})
			unknown := p.anybody().do(ask, object{"in": object{"username": "nobody@example.com"}})
			assert.Equal(t, known, unknown)
			assert.Contains(t, p.mail("ann@example.com", 9), "reset-password#token=")
			assert.Empty(t, p.mails("nobody@example.com"))
		})

		t.Run("one's own password and profile", func(t *testing.T) {
			other := p.anybody()
			other.signIn("ann", newPassword)
			change := `mutation($in: ChangePasswordInput!) { changePassword(input: $in) { user { id } userErrors { code field } } }`
			assert.Equal(t, []string{"WRONG_PASSWORD"}, refusals(ann.do(change, object{"in": object{"currentPassword": "wrong", "newPassword": annPassword}})))
			assert.Empty(t, refusals(ann.do(change, object{"in": object{"currentPassword": newPassword, "newPassword": annPassword}})))
			assert.NotNil(t, ann.viewer(), "this session goes on")
			assert.Nil(t, other.viewer(), "the others end")
			profile := ann.do(`mutation { updateProfile(input: {name: "Ann", title: "CEO"}) { user { name title } userErrors { code } } }`, nil)
			assert.Equal(t, "CEO", text(profile, "user", "title"))
		})

		t.Run("roles, organization, user, node", func(t *testing.T) {
			org := admin.do(`{ organization { name slug seats { limit used available } userCounts { active pending inactive total } } }`, nil)
			assert.EqualValues(t, 25, dig(org, "seats", "limit"))
			assert.EqualValues(t, 5, dig(org, "userCounts", "total"))
			assert.EqualValues(t, 3, dig(org, "userCounts", "active"))
			r, err := admin.ask(`{ roles { id name userCount csmSeat permissions } }`, nil)
			require.NoError(t, err)
			assert.Equal(t, "Administrator", text(r.Data["roles"], 0, "name"))
			assert.EqualValues(t, 1, dig(r.Data["roles"], 0, "userCount"))
			node := admin.do(`query($id: ID!) { node(id: $id) { __typename ... on User { email } ... on Role { name } } }`, object{"id": annID})
			assert.Equal(t, "User", node["__typename"])
			assert.Equal(t, "Role", admin.do(`query($id: ID!) { node(id: $id) { __typename } }`, object{"id": text(r.Data["roles"], 0, "id")})["__typename"])
			assert.Nil(t, admin.do(userQuery, object{"id": "user_00000000000000000000000000"}))
		})

		t.Run("logout ends the session", func(t *testing.T) {
			c := p.anybody()
			c.signIn("ann", annPassword)
			c.do(`mutation { logout { userErrors { code } } }`, nil)
			assert.Nil(t, c.viewer())
		})

		t.Run("a browser is signed in by a cookie", func(t *testing.T) {
			jar, err := cookiejar.New(nil)
			require.NoError(t, err)
			c := &client{p: p, http: &http.Client{Jar: jar}}
			payload := c.do(loginQuery, object{"in": object{"username": "ann", "password": annPassword}})
			assert.Nil(t, payload["token"], "the token is in the cookie only")
			assert.NotNil(t, c.viewer())
			c.do(`mutation { logout { userErrors { code } } }`, nil)
			assert.Nil(t, c.viewer())
		})

		t.Run("after a restart everything is there, sessions too", func(t *testing.T) {
			assert.Equal(t, 0, p.stop())
			p.start()
			assert.NotNil(t, ann.viewer())
			assert.EqualValues(t, 5, admin.do(`{ users { totalCount } }`, nil)["totalCount"])
		})
	})
}
