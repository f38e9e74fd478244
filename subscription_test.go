package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listener is a WebSocket to a program.
type listener struct {
	t    *testing.T
	conn *websocket.Conn
}

const subprotocol = "graphql-transport-ws"

// dial opens a WebSocket; the answer is there when it is refused, too.
func (p *program) dial(header http.Header) (*listener, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, answer, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.url, "http")+"/graphql", &websocket.DialOptions{
		Subprotocols: []string{subprotocol}, HTTPHeader: header,
	})
	if err != nil {
		return nil, answer, err
	}
	p.t.Cleanup(func() { _ = conn.CloseNow() })
	return &listener{t: p.t, conn: conn}, answer, nil
}

// open opens a WebSocket and begins it with the token of c.
func (c *client) open() *listener {
	c.p.t.Helper()
	l, _, err := c.p.dial(nil)
	require.NoError(c.p.t, err)
	l.send(object{"type": "connection_init", "payload": object{"Authorization": "Bearer " + c.token}})
	return l
}

const changesQuery = `subscription { userChanged { kind user { id email status name } organization { userCounts { total } } } }`

// listen opens a WebSocket on which changes come.
func (c *client) listen() *listener {
	c.p.t.Helper()
	l := c.open()
	require.Equal(c.p.t, "connection_ack", l.next(5 * time.Second)["type"])
	l.send(object{"id": "1", "type": "subscribe", "payload": object{"query": changesQuery}})
	// What was sent before the answer to this was read before it, too.
	l.send(object{"type": "ping"})
	require.Equal(c.p.t, "pong", l.next(5 * time.Second)["type"])
	return l
}

func (l *listener) send(m object) {
	l.t.Helper()
	body, err := json.Marshal(m)
	require.NoError(l.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(l.t, l.conn.Write(ctx, websocket.MessageText, body))
}

// read is the next message, or why there is none.
func (l *listener) read(patience time.Duration) (object, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, body, err := l.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	var m object
	return m, json.Unmarshal(body, &m)
}

func (l *listener) next(patience time.Duration) object {
	l.t.Helper()
	m, err := l.read(patience)
	require.NoError(l.t, err)
	return m
}

// change waits for a change that is as wanted, and answers it.
func (l *listener) change(kind, email string) object {
	l.t.Helper()
	for {
		m := l.next(5 * time.Second)
		require.Equal(l.t, "next", m["type"], "%v", m)
		c, _ := dig(m, "payload", "data", "userChanged").(object)
		require.NotNil(l.t, c, "%v", m)
		if c["kind"] == kind && text(c, "user", "email") == email {
			return c
		}
	}
}

// closed waits until the server closes, and answers with what code.
func (l *listener) closed(patience time.Duration) websocket.StatusCode {
	l.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		_, err := l.read(time.Until(deadline))
		if err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

// dies waits for the server to close the socket because its session has ended.
func (l *listener) dies() {
	l.t.Helper()
	began := time.Now()
	assert.EqualValues(l.t, 4401, l.closed(5*time.Second))
	assert.Less(l.t, time.Since(began), time.Second)
}

// TestSubscription listens to what happens to people.
func TestSubscription(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		admin := p.admin()
		l := admin.listen()
		const annPassword, newPassword = "a walk along the river", "a run through the woods"

		t.Run("an invitation is told, with the counts that it has changed, and then its mail", func(t *testing.T) {
			admin.invite("Viewer", "ann@example.com")
			c := l.change("CREATED", "ann@example.com")
			assert.Equal(t, "PENDING", text(c, "user", "status"))
			assert.EqualValues(t, 2, dig(c, "organization", "userCounts", "total"))
			l.change("UPDATED", "ann@example.com")
			assert.Equal(t, "SENT", text(admin.do(`{ users(search: "ann") { nodes { invitation { delivery { state } } } } }`, nil),
				"nodes", 0, "invitation", "delivery", "state"), "told after it was written")
		})

		annID := text(admin.do(`{ users(search: "ann") { nodes { id } } }`, nil), "nodes", 0, "id")
		ann := p.anybody()
		t.Run("so are set-up, edits, delete and reactivation", func(t *testing.T) {
			p.anybody().do(acceptQuery, object{"in": object{"token": p.link("ann@example.com", 1), "password": annPassword}})
			for text(l.change("UPDATED", "ann@example.com"), "user", "status") != "ACTIVE" {
			}
			admin.do(`mutation($id: ID!) { updateUser(id: $id, input: {name: "Ann"}) { user { id } } }`, object{"id": annID})
			for text(l.change("UPDATED", "ann@example.com"), "user", "name") != "Ann" {
			}
			admin.do(deleteQuery, object{"id": annID})
			assert.Equal(t, "INACTIVE", text(l.change("DELETED", "ann@example.com"), "user", "status"))
			admin.do(`mutation($id: ID!) { reactivateUser(id: $id) { user { id } } }`, object{"id": annID})
			assert.Equal(t, "ACTIVE", text(l.change("UPDATED", "ann@example.com"), "user", "status"))
		})

		sockets := func() (one, two *listener) {
			ann.signIn("ann@example.com", annPassword)
			other := p.anybody()
			other.signIn("ann@example.com", annPassword)
			return ann.listen(), other.listen()
		}
		t.Run("logout closes the sockets of the session, and no others", func(t *testing.T) {
			one, two := sockets()
			ann.do(`mutation { logout { userErrors { code } } }`, nil)
			one.dies()
			two.change("UPDATED", "ann@example.com")
		})
		t.Run("a changed password closes those of the other sessions", func(t *testing.T) {
			one, two := sockets()
			ann.do(`mutation($in: ChangePasswordInput!) { changePassword(input: $in) { userErrors { code } } }`,
				object{"in": object{"currentPassword": annPassword, "newPassword": newPassword}})
			two.dies()
			one.change("UPDATED", "ann@example.com")
		})
		t.Run("a reset closes all, when it is completed and not before", func(t *testing.T) {
			ann.signIn("ann@example.com", newPassword)
			one := ann.listen()
			admin.do(`mutation($id: ID!) { resetPassword(id: $id) { userErrors { code } } }`, object{"id": annID})
			one.change("UPDATED", "ann@example.com")
			var token string
			require.Eventually(t, func() bool {
				for _, m := range p.mails("ann@example.com") {
					if match := linkPattern.FindStringSubmatch(m); match != nil && strings.Contains(match[0], "reset-password") {
						token = match[1]
					}
				}
				return token != ""
			}, 20*time.Second, 20*time.Millisecond)
			p.anybody().do(`mutation($in: CompletePasswordResetInput!) { completePasswordReset(input: $in) { userErrors { code } } }`,
				object{"in": object{"token": token, "password": annPassword}})
			one.dies()
		})
		t.Run("disabling the second factor closes all", func(t *testing.T) {
			ann.signIn("ann@example.com", annPassword)
			secret := text(ann.do(`mutation { startTwoFactorSetup { secret } }`, nil), "secret")
			code, err := totp.GenerateCode(secret, time.Now())
			require.NoError(t, err)
			ann.do(`mutation($c: String!) { confirmTwoFactorSetup(code: $c) { userErrors { code } } }`, object{"c": code})
			one := ann.listen()
			half := p.anybody()
			half.token = text(half.signIn("ann@example.com", annPassword), "twoFactorChallenge", "token")
			require.NotEmpty(t, half.token)
			assert.EqualValues(t, 4401, half.open().closed(time.Second), "a sign-in half done is none")
			admin.do(`mutation($id: ID!) { disable2FA(id: $id) { userErrors { code } } }`, object{"id": annID})
			one.dies()
		})
		t.Run("delete closes all", func(t *testing.T) {
			one, two := sockets()
			admin.do(deleteQuery, object{"id": annID})
			one.dies()
			two.dies()
		})
		t.Run("a browser shows its cookie", func(t *testing.T) {
			jar, err := cookiejar.New(nil)
			require.NoError(t, err)
			c := &client{p: p, http: &http.Client{Jar: jar}}
			c.do(loginQuery, object{"in": object{"username": adminEmail, "password": adminPassword}})
			u, err := url.Parse(p.url)
			require.NoError(t, err)
			cookies := jar.Cookies(u)
			require.Len(t, cookies, 1)
			s, _, err := p.dial(http.Header{"Cookie": {cookies[0].String()}, "Origin": {p.url}})
			require.NoError(t, err)
			s.send(object{"type": "connection_init"})
			assert.Equal(t, "connection_ack", s.next(5 * time.Second)["type"])
			c.do(`mutation { logout { userErrors { code } } }`, nil)
			s.dies()
		})
		t.Run("stopping closes them as going away", func(t *testing.T) {
			began := time.Now()
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
			assert.EqualValues(t, 1001, l.closed(10*time.Second))
			<-p.done
			assert.Equal(t, 0, p.cmd.ProcessState.ExitCode())
			assert.Less(t, time.Since(began), 15*time.Second)
		})
	})
}

// TestSocketOrigins: a page of another site cannot open a socket with the
// cookie of whoever looks at it.
func TestSocketOrigins(t *testing.T) {
	p := install(t, ways[0], "ALLOWED_ORIGINS=https://console.example.com")
	admin := p.admin()
	for _, c := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"a script", nil, 0},
		{"a page from here", http.Header{"Origin": {p.url}}, 0},
		{"a page from here, as browsers say now", http.Header{"Origin": {p.url}, "Sec-Fetch-Site": {"same-origin"}}, 0},
		{"an allowed page", http.Header{"Origin": {"https://console.example.com"}, "Sec-Fetch-Site": {"cross-site"}}, 0},
		{"a foreign page", http.Header{"Origin": {"https://evil.example"}}, 403},
		{"a foreign page, as browsers say now", http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		{"a neighbour", http.Header{"Origin": {"https://evil.example.com"}, "Sec-Fetch-Site": {"same-site"}}, 403},
		{"a page without an origin", http.Header{"Origin": {"null"}}, 403},
		{"the allowed one without TLS", http.Header{"Origin": {"http://console.example.com"}}, 403},
		{"one that begins like it", http.Header{"Origin": {"https://console.example.com.evil.example"}}, 403},
		{"one with its name at the end", http.Header{"Origin": {"https://evil-console.example.com"}}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, answer, err := p.dial(c.header)
			if c.want != 0 {
				require.Error(t, err)
				require.NotNil(t, answer)
				assert.Equal(t, c.want, answer.StatusCode)
				return
			}
			require.NoError(t, err)
			l.send(object{"type": "connection_init", "payload": object{"Authorization": "Bearer " + admin.token}})
			assert.Equal(t, "connection_ack", l.next(5 * time.Second)["type"])
		})
	}
}
