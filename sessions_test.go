package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// servers are two that share their stores; in a way in which there is one, it
// is that one twice.
func servers(t *testing.T, w way) (one, two *program) {
	t.Helper()
	env := w.env(t)
	shared := way{name: w.name, env: func(*testing.T) []string { return env }, open: w.open}
	one = install(t, shared)
	if env == nil {
		return one, one
	}
	return one, install(t, shared)
}

const (
	firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
	safari  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"

	sessionsQuery  = `query($id: ID!) { user(id: $id) { sessions { id device userAgent ipAddress current createdAt lastUsedAt expiresAt } } }`
	revokeQuery    = `mutation($id: ID!, $user: ID) { revokeSession(id: $id, userId: $user) { user { id sessions { id } } userErrors { code field } } }`
	revokeAllQuery = `mutation($id: ID!) { revokeSessions(userId: $id) { user { id sessions { id current } } userErrors { code } } }`
)

// TestSessions: where somebody is signed in is seen, and ended, on one server
// and with effect on all.
func TestSessions(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		one, two := servers(t, w)
		admin := one.admin()
		ann, annID := one.enter(admin, "Viewer", "ann@example.com", townPassword)
		bob, bobID := one.enter(admin, "Viewer", "bob@example.com", townPassword)
		// on is somebody who signs in on a server with a device, and uses the other.
		on := func(signsIn, uses *program, agent string) *client {
			c := signsIn.anybody()
			c.agent = agent
			c.signIn("ann@example.com", townPassword)
			require.NotEmpty(t, c.token)
			c.p = uses
			return c
		}
		desk, phone := on(one, two, firefox), on(two, one, safari)
		id := func(c *client) string { return text(c.viewer(), "session", "id") }
		devices := func(t *testing.T, c *client) []string {
			t.Helper()
			var found []string
			list, _ := c.do(sessionsQuery, object{"id": annID})["sessions"].([]any)
			for _, session := range list {
				device := text(session, "device")
				if dig(session, "current") == true {
					device += ", here"
				}
				found = append(found, device)
			}
			return found
		}

		t.Run("they are listed in words, the latest use first", func(t *testing.T) {
			assert.Equal(t, []string{"Safari on macOS", "Firefox on Windows, here", "Go-http-client"}, devices(t, desk))
			assert.Equal(t, []string{"Safari on macOS", "Firefox on Windows", "Go-http-client"}, devices(t, admin), "to somebody who manages her")
			first, _ := phone.do(sessionsQuery, object{"id": annID})["sessions"].([]any)
			assert.Equal(t, id(phone), text(first, 0, "id"))
			assert.Equal(t, safari, text(first, 0, "userAgent"))
			assert.Equal(t, "127.0.0.1", text(first, 0, "ipAddress"))
			created, err := time.Parse(time.RFC3339, text(first, 0, "createdAt"))
			require.NoError(t, err)
			expires, err := time.Parse(time.RFC3339, text(first, 0, "expiresAt"))
			require.NoError(t, err)
			assert.Equal(t, 24*time.Hour, expires.Sub(created))
		})
		t.Run("a session that is used again comes first", func(t *testing.T) {
			proved := ann.do(`mutation { reauthenticate(input: {password: "`+townPassword+`"}) { until userErrors { code } } }`, nil)
			require.Empty(t, refusals(proved))
			assert.Equal(t, []string{"Go-http-client", "Safari on macOS", "Firefox on Windows"}, devices(t, admin))
		})
		t.Run("colleagues do not see them", func(t *testing.T) {
			r, err := bob.ask(sessionsQuery, object{"id": annID})
			require.NoError(t, err)
			assert.Equal(t, "FORBIDDEN", r.code())
		})
		t.Run("one of one's own ends at once, on every server", func(t *testing.T) {
			ended := ann.do(revokeQuery, object{"id": id(desk)})
			assert.Empty(t, refusals(ended))
			assert.Len(t, dig(ended, "user", "sessions"), 2)
			assert.Nil(t, desk.viewer())
			assert.NotNil(t, phone.viewer(), "the others go on")
			assert.NotNil(t, ann.viewer())
		})
		t.Run("no other is meant by an id than that of the person named", func(t *testing.T) {
			for _, variables := range []object{
				{"id": id(bob)}, {"id": id(bob), "user": annID}, {"id": "sess_00000000000000000000000000"}, {"id": ""},
			} {
				assert.Equal(t, []string{"NOT_FOUND"}, refusals(ann.do(revokeQuery, variables)))
			}
			r, err := ann.ask(revokeQuery, object{"id": id(bob), "user": bobID})
			require.NoError(t, err)
			assert.Equal(t, "FORBIDDEN", r.code())
			assert.Equal(t, []string{"NOT_FOUND"}, refusals(admin.do(revokeQuery, object{"id": id(bob), "user": annID})))
			assert.NotNil(t, bob.viewer())
		})
		t.Run("an administrator ends one of somebody else's", func(t *testing.T) {
			assert.Empty(t, refusals(admin.do(revokeQuery, object{"id": id(phone), "user": annID})))
			assert.Nil(t, phone.viewer())
			assert.NotNil(t, ann.viewer())
		})
		t.Run("all of one's own, but this one", func(t *testing.T) {
			desk, phone = on(one, two, firefox), on(two, two, safari)
			left := ann.do(revokeAllQuery, object{"id": annID})
			assert.Empty(t, refusals(left))
			assert.Equal(t, []any{object{"id": id(ann), "current": true}}, dig(left, "user", "sessions"))
			assert.Nil(t, desk.viewer())
			assert.Nil(t, phone.viewer())
			assert.NotNil(t, ann.viewer())
		})
		t.Run("all of somebody else's", func(t *testing.T) {
			desk, phone = on(one, two, firefox), on(two, one, safari)
			assert.Empty(t, refusals(admin.do(revokeAllQuery, object{"id": annID})))
			for _, c := range []*client{ann, desk, phone} {
				assert.Nil(t, c.viewer())
			}
			assert.NotNil(t, bob.viewer(), "nobody else's")
			assert.NotNil(t, on(one, two, firefox).viewer(), "she can sign in again")
		})
		t.Run("this one, which is as good as signing out", func(t *testing.T) {
			c := on(one, two, firefox)
			assert.Empty(t, refusals(c.do(revokeQuery, object{"id": id(c)})))
			assert.Nil(t, c.viewer())
		})
	})
}

// TestReauthenticate: exactly one right proof counts, and wrong ones are few.
func TestReauthenticate(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		c := newTown(t, w)
		ann := c.one("Viewer").enter(t)
		prove := `mutation($in: ReauthenticateInput!) { reauthenticate(input: $in) { until userErrors { code field } } }`
		ask := func(in object) object { return ann.do(prove, object{"in": in}) }
		until := func(t *testing.T, payload object) {
			t.Helper()
			assert.Empty(t, refusals(payload))
			end, err := time.Parse(time.RFC3339, text(payload, "until"))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now().Add(15*time.Minute), end, 10*time.Second)
		}
		t.Run("a password", func(t *testing.T) { until(t, ask(object{"password": townPassword})) })
		t.Run("a code without a second factor", func(t *testing.T) {
			assert.Equal(t, []string{"TWO_FACTOR_NOT_ENABLED"}, refusals(ask(object{"code": "123456"})))
		})
		ann.enableTwoFactor(t)
		t.Run("a recovery code, once", func(t *testing.T) {
			code := ann.code(t)
			until(t, ask(object{"code": code}))
			assert.Equal(t, []string{"WRONG_CODE"}, refusals(ask(object{"code": code})))
		})
		t.Run("neither, both, and null for one", func(t *testing.T) {
			for _, in := range []object{{}, {"password": townPassword, "code": ann.codes[0]}, {"password": nil, "code": nil}} {
				payload := ask(in)
				assert.Equal(t, []string{"INVALID"}, refusals(payload))
				assert.Nil(t, payload["until"])
			}
			until(t, ask(object{"password": nil, "code": ann.code(t)}))
			until(t, ask(object{"password": townPassword, "code": nil}))
		})
		t.Run("wrong ones are limited, each kind by its own count, the right one too while it lasts", func(t *testing.T) {
			for wrong, code := range map[string]string{"password": "WRONG_PASSWORD", "code": "WRONG_CODE"} {
				for range 5 {
					payload := ask(object{wrong: "wrong"})
					assert.Equal(t, []string{code}, refusals(payload))
					assert.Equal(t, []any{"input", wrong}, dig(payload, "userErrors", 0, "field"))
				}
				right := object{"password": townPassword, "code": ann.codes[0]}[wrong]
				r, err := ann.ask(prove, object{"in": object{wrong: right}})
				require.NoError(t, err)
				assert.Equal(t, "RATE_LIMITED", r.code())
				assert.Greater(t, r.Errors[0].Extensions["retryAfterSeconds"], 1.0)
			}
			assert.NotNil(t, ann.viewer(), "the session goes on")
		})
	})
}
