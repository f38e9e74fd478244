package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// raw sends a body as it is.
func (p *program) raw(method, body string, header ...string) (int, string, http.Header) {
	p.t.Helper()
	request, err := http.NewRequest(method, p.url+"/graphql", strings.NewReader(body))
	require.NoError(p.t, err)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	return answer.StatusCode, string(text), answer.Header
}

// TestHostileRequests: each is refused without an effect, beside its legitimate twin.
func TestHostileRequests(t *testing.T) {
	p := install(t, ways[0], "ALLOWED_ORIGINS=https://console.example.com", "TRUSTED_PROXIES=10.0.0.0/8")
	admin := p.admin()
	const fine = `{"query":"{ viewer { user { id } } }"}`

	t.Run("bodies", func(t *testing.T) {
		for _, c := range []struct {
			name, body string
			status     int
		}{
			{"the twin", fine, 200},
			{"a member twice", `{"query":"{ viewer { user { id } } }","query":"{ roles { id } }"}`, 400},
			{"a member in another case", `{"QUERY":"{ viewer { user { id } } }"}`, 400},
			{"something behind the object", fine + " x", 400},
			{"an array of operations", "[" + fine + "]", 400},
			{"not UTF-8", "{\"query\":\"{ viewer { user { id } } }\xff\"}", 400},
			{"no JSON, with a password", `{"password": hunter2-hunter2`, 400},
			{"no query", `{}`, 400},
			{"more than 100 KiB", `{"query":"` + strings.Repeat(" ", 101<<10) + `"}`, 413},
		} {
			t.Run(c.name, func(t *testing.T) {
				status, body, _ := p.raw(http.MethodPost, c.body)
				assert.Equal(t, c.status, status)
				assert.NotContains(t, body, "hunter2", "nothing is sent back")
			})
		}
	})

	t.Run("methods, types and origins", func(t *testing.T) {
		for _, c := range []struct {
			name, method string
			header       []string
			status       int
		}{
			{"a GET", http.MethodGet, nil, 405},
			{"text", http.MethodPost, []string{"Content-Type", "text/plain"}, 415},
			{"a form", http.MethodPost, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
			{"no type", http.MethodPost, []string{"Content-Type", ""}, 415},
			{"another site, as browsers say", http.MethodPost, []string{"Sec-Fetch-Site", "cross-site"}, 403},
			{"another origin", http.MethodPost, []string{"Origin", "https://evil.test"}, 403},
			{"an origin that begins like an allowed one", http.MethodPost, []string{"Origin", "https://console.example.com.evil.test"}, 403},
			{"an allowed origin without TLS", http.MethodPost, []string{"Origin", "http://console.example.com"}, 403},
			{"the origin null", http.MethodPost, []string{"Origin", "null"}, 403},
			{"the allowed origin", http.MethodPost, []string{"Origin", "https://console.example.com", "Sec-Fetch-Site", "cross-site"}, 200},
			{"its own origin", http.MethodPost, []string{"Origin", p.url, "Sec-Fetch-Site", "same-origin"}, 200},
		} {
			t.Run(c.name, func(t *testing.T) {
				status, _, header := p.raw(c.method, fine, c.header...)
				assert.Equal(t, c.status, status)
				if status != 200 {
					assert.Empty(t, header.Get("Access-Control-Allow-Origin"))
				}
			})
		}
		_, _, header := p.raw(http.MethodGet, "")
		assert.Equal(t, "POST", header.Get("Allow"))
	})

	t.Run("every answer has its headers", func(t *testing.T) {
		_, _, header := p.raw(http.MethodPost, fine)
		assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		assert.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
		assert.Equal(t, "no-store", header.Get("Cache-Control"))
		assert.Contains(t, header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	})

	var doubling strings.Builder
	for i := range 40 {
		fmt.Fprintf(&doubling, " fragment f%d on Query { ...f%d ...f%d }", i, i+1, i+1)
	}
	login := `login(input: {username: \"a\", password: \"b\"}) { token }`
	t.Run("operations", func(t *testing.T) {
		for _, c := range []struct {
			name, query string
			variables   object
			says        string
		}{
			{"two sign-ins", strings.ReplaceAll(`mutation { a: `+login+` b: `+login+` }`, `\"`, `"`), nil, "more than 1"},
			{"two sign-ins in a fragment", strings.ReplaceAll(`mutation { ...f } fragment f on Mutation { a: `+login+` b: `+login+` }`, `\"`, `"`), nil, "more than 1"},
			{"twelve levels", `{ viewer { user { invitation { invitedBy { invitation { invitedBy { invitation { invitedBy { invitation { invitedBy { id } } } } } } } } } } }`, nil, "levels"},
			{"fragments that double", `{ ...f0 }` + doubling.String() + ` fragment f40 on Query { viewer { user { id } } }`, nil, "objects"},
			{"16 aliases", "{" + aliases(16, "viewer { user { id } }") + "}", nil, "aliases"},
			{"21 directives", "{ viewer { user { id " + strings.Repeat("@include(if: true) ", 21) + "} } }", nil, ""},
			{"too many tokens", "{" + strings.Repeat(" roles { id }", 300) + "}", nil, "token"},
			{"a number that is too large", `mutation($v: Int) { deleteUser(id: "x", expectedVersion: $v) { userErrors { code } } }`, object{"v": 3000000000}, "large"},
			{"an object for a text", `query($s: String) { users(search: $s) { totalCount } }`, object{"s": object{"$ne": nil}}, ""},
			{"an object for an id", `query($id: ID!) { user(id: $id) { id } }`, object{"id": object{"$gt": ""}}, ""},
			{"a misspelled field", `{ userz { id } }`, nil, ""},
			{"a misspelled argument", `{ users(frist: 1) { totalCount } }`, nil, ""},
			{"a misspelled value", `{ users(status: ACTIV) { totalCount } }`, nil, ""},
			{"a misspelled input field", `mutation { login(input: {usernam: "a"}) { token } }`, nil, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				r, err := admin.ask(c.query, c.variables)
				require.NoError(t, err)
				assert.Equal(t, "BAD_USER_INPUT", r.code(), "%v", r)
				require.NotEmpty(t, r.Errors)
				assert.Contains(t, r.Errors[0].Message, c.says)
				assert.NotContains(t, r.Errors[0].Message, "Did you mean")
			})
		}
		r, err := admin.ask("{"+aliases(15, "viewer { user { id } }")+"}", nil)
		require.NoError(t, err)
		assert.Empty(t, r.Errors, "the twin: 15 aliases")
	})

	t.Run("nobody was invited, changed or signed in by any of it", func(t *testing.T) {
		assert.EqualValues(t, 1, admin.do(`{ users { totalCount } }`, nil)["totalCount"])
		assert.Equal(t, http.StatusOK, p.get("/readyz"))
	})

	t.Run("who is not signed in, or lacks the permission, gets nothing", func(t *testing.T) {
		for _, query := range []string{
			`{ users { totalCount } }`, `{ user(id: "x") { id } }`, `{ node(id: "x") { id } }`, `{ roles { id } }`, `{ organization { name } }`,
			`mutation { inviteUsers(input: {emails: ["a@b.example"], roleId: "x"}) { users { id } } }`,
			`mutation { resendInvitation(id: "x") { user { id } } }`, `mutation { updateUser(id: "x", input: {name: "x"}) { user { id } } }`,
			`mutation { deleteUser(id: "x") { user { id } } }`, `mutation { reactivateUser(id: "x") { user { id } } }`,
			`mutation { resetPassword(id: "x") { user { id } } }`, `mutation { disable2FA(id: "x") { user { id } } }`,
			`mutation { changePassword(input: {currentPassword: "x", newPassword: "y"}) { user { id } } }`,
			`mutation { updateProfile(input: {name: "x"}) { user { id } } }`, `mutation { startTwoFactorSetup { secret } }`,
			`mutation { confirmTwoFactorSetup(code: "x") { recoveryCodes } }`, `mutation { removeTwoFactor(code: "x") { user { id } } }`,
		} {
			r, err := p.anybody().ask(query, nil)
			require.NoError(t, err)
			assert.Equal(t, "UNAUTHENTICATED", r.code(), query)
		}
		viewer, viewerID := p.enter(admin, "Viewer", "viewer@example.com", "only looks at what there is")
		manager, _ := p.enter(admin, "User Manager", "manager@example.com", "manages those who are below")
		for _, mutation := range []string{"deleteUser", "reactivateUser", "resetPassword", "disable2FA", "resendInvitation"} {
			r, err := viewer.ask(`mutation($id: ID!) { `+mutation+`(id: $id) { user { id } } }`, object{"id": viewerID})
			require.NoError(t, err)
			assert.Equal(t, "FORBIDDEN", r.code(), mutation)
		}
		adminID := text(admin.viewer(), "user", "id")
		assert.Equal(t, []string{"ROLE_ESCALATION"}, refusals(manager.do(deleteQuery, object{"id": adminID})))
		assert.Equal(t, []string{"ROLE_ESCALATION"}, refusals(manager.invite("Administrator", "friend@example.com")))
		assert.Equal(t, []string{"SELF_ACTION"}, refusals(admin.do(deleteQuery, object{"id": adminID})))
		assert.Empty(t, refusals(manager.do(deleteQuery, object{"id": viewerID})), "the twin")
	})

	t.Run("an address from a peer that is not trusted changes no limit", func(t *testing.T) {
		wrong := `{"query":"mutation { login(input: {username: \"nobody%d\", password: \"x\"}) { userErrors { code } } }"}`
		limited := 0
		for i := range 40 {
			_, body, _ := p.raw(http.MethodPost, fmt.Sprintf(wrong, i), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
			if strings.Contains(body, "RATE_LIMITED") {
				limited++
			}
		}
		assert.Positive(t, limited)
	})
}

func aliases(n int, field string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d: %s", i, field)
	}
	return b.String()
}
