package graph

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/notice"
)

func TestSocketBegins(t *testing.T) {
	h := newHouse(t, func(s *Sockets) { s.pace.begin = 300 * time.Millisecond })
	token := h.session(t, h.root)

	t.Run("with the subprotocol", func(t *testing.T) {
		h.begin(t, token).settle()
		for _, offered := range [][]string{nil, {"graphql-ws"}} {
			code, reason := h.dial(t, offered...).closed(2 * time.Second)
			assert.Equal(t, 4406, code)
			assert.Contains(t, reason, subprotocol)
		}
		assert.Equal(t, subprotocol, h.dial(t, "graphql-ws", subprotocol).conn.Subprotocol(), "among others")
	})

	t.Run("with connection_init in time", func(t *testing.T) {
		begun, silent := h.begin(t, token), h.dial(t, subprotocol)
		code, _ := silent.closed(2 * time.Second)
		assert.Equal(t, 4408, code)
		begun.settle()
	})

	t.Run("once", func(t *testing.T) {
		c := h.begin(t, token)
		c.send(message{"type": "connection_init"})
		code, _ := c.closed(time.Second)
		assert.Equal(t, 4429, code)
	})

	t.Run("before anything is subscribed to", func(t *testing.T) {
		c := h.dial(t, subprotocol)
		c.subscribe("1", changes)
		code, _ := c.closed(time.Second)
		assert.Equal(t, 4401, code)
	})

	t.Run("a ping is answered at any time, and a pong needs no answer", func(t *testing.T) {
		c := h.dial(t, subprotocol)
		c.settle()
		c.send(message{"type": "pong", "payload": message{"any": "thing"}})
		c.send(message{"type": "ping", "payload": message{"any": "thing"}})
		assert.Equal(t, message{"type": "pong"}, c.next())
	})

	t.Run("for those who are signed in", func(t *testing.T) {
		_, hash := account.NewToken(h.org.ID, strings.NewReader(strings.Repeat("c", 64)))
		challenge, _ := account.NewToken(h.org.ID, strings.NewReader(strings.Repeat("c", 64)))
		require.NoError(t, h.vault.PutChallenge(t.Context(), account.Challenge{
			OrganizationID: h.org.ID, UserID: h.root.ID, TokenHash: hash, ExpiresAt: h.clock().Add(time.Hour),
		}))
		gone := h.enter(t, "gone", viewer)
		dead := h.session(t, gone)
		h.change(t, gone, func(u *directory.User) { u.Status = directory.Inactive; u.EndSessions("") })
		for name, payload := range map[string]any{
			"nothing":                    nil,
			"an empty object":            message{},
			"rubbish":                    message{"Authorization": "Bearer rubbish"},
			"another scheme":             message{"Authorization": "Basic " + token},
			"no text":                    message{"Authorization": []string{"Bearer " + token}},
			"a sign-in half done":        message{"Authorization": "Bearer " + challenge},
			"the session of who is gone": message{"Authorization": "Bearer " + dead},
		} {
			c := h.dial(t, subprotocol)
			c.send(message{"type": "connection_init", "payload": payload})
			code, reason := c.closed(time.Second)
			assert.Equal(t, 4401, code, name)
			assert.Contains(t, reason, "Sign in first", name)
		}
	})

	t.Run("the payload may be absent when the request says who asks, and wins otherwise", func(t *testing.T) {
		open := func() *client {
			conn, _, err := websocket.Dial(t.Context(), h.server.URL, &websocket.DialOptions{
				Subprotocols: []string{subprotocol}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
			})
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.CloseNow() })
			return &client{t: t, conn: conn}
		}
		for _, first := range []string{
			`{"type":"connection_init"}`, `{"type":"connection_init","payload":null}`, `{"type":"connection_init","payload":{"other":1}}`,
			`{"type":"connection_init","payload":{"authorization":"bearer ` + token + `"}}`,
		} {
			c := open()
			c.raw(first)
			assert.Equal(t, message{"type": "connection_ack"}, c.next(), first)
		}
		c := open()
		c.send(message{"type": "connection_init", "payload": message{"Authorization": "Bearer rubbish"}})
		code, _ := c.closed(time.Second)
		assert.Equal(t, 4401, code)
	})

	t.Run("when it cannot be found out who asks, the client is to try again", func(t *testing.T) {
		h.vault.down.Store(true)
		c := h.dial(t, subprotocol)
		c.send(message{"type": "connection_init", "payload": message{"Authorization": "Bearer " + token}})
		code, _ := c.closed(time.Second)
		assert.Equal(t, 1013, code)
		h.vault.down.Store(false)
		h.begin(t, token)
	})
}

func TestSocketMessages(t *testing.T) {
	h := newHouse(t, nil)
	token := h.session(t, h.root)

	t.Run("what is no message ends the socket", func(t *testing.T) {
		for _, text := range []string{
			``, `{`, `[]`, `"ping"`, `null`, `{}`, `{"type":"unknown"}`, `{"type":1}`, `{"type":"ping","type":"pong"}`, `{"type":"ping"}{}`,
			"{\"type\":\"ping\",\"id\":\"\xff\"}",
			`{"type":"connection_ack"}`, `{"type":"next"}`, `{"type":"start"}`,
			`{"type":"subscribe"}`, `{"type":"subscribe","id":"1"}`, `{"type":"subscribe","payload":{"query":"subscription{userChanged{kind}}"}}`,
			`{"type":"subscribe","id":"","payload":{"query":"subscription{userChanged{kind}}"}}`,
			`{"type":"subscribe","id":1,"payload":{"query":"subscription{userChanged{kind}}"}}`,
			`{"type":"subscribe","id":"1","payload":{}}`, `{"type":"subscribe","id":"1","payload":null}`, `{"type":"subscribe","id":"1","payload":"x"}`,
			`{"type":"subscribe","id":"1","payload":{"query":1}}`, `{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}`,
		} {
			c := h.begin(t, token)
			c.raw(text)
			code, _ := c.closed(time.Second)
			assert.Equal(t, 4400, code, text)
		}
		for _, payload := range []string{`[]`, `"x"`, `1`} {
			c := h.dial(t, subprotocol)
			c.raw(`{"type":"connection_init","payload":` + payload + `}`)
			code, _ := c.closed(time.Second)
			assert.Equal(t, 4400, code, payload)
		}
		c := h.begin(t, token)
		require.NoError(t, c.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"ping"}`)))
		code, _ := c.closed(time.Second)
		assert.Equal(t, 4400, code, "binary")
		h.listen(t, token).raw(`{"type":"complete","id":"unknown"}`)
	})

	t.Run("64 KiB are a message, one byte more is not", func(t *testing.T) {
		pad := func(size int) string {
			const begin, end = `{"type":"ping","payload":{"x":"`, `"}}`
			return begin + strings.Repeat("x", size-len(begin)-len(end)) + end
		}
		c := h.begin(t, token)
		c.raw(pad(maxMessage))
		assert.Equal(t, message{"type": "pong"}, c.next())
		c.raw(pad(maxMessage + 1))
		code, _ := c.closed(time.Second)
		assert.Equal(t, 1009, code)
	})

	t.Run("an id is used once at a time", func(t *testing.T) {
		c := h.listen(t, token)
		c.send(message{"id": "1", "type": "complete"})
		c.subscribe("1", changes)
		c.settle()
		c.subscribe("1", changes)
		code, _ := c.closed(time.Second)
		assert.Equal(t, 4409, code)
	})

	t.Run("a connection has so many subscriptions and no more", func(t *testing.T) {
		c := h.begin(t, token)
		for i := range maxSubscriptions {
			c.subscribe(fmt.Sprint(i), changes)
		}
		c.settle()
		c.subscribe("more", changes)
		assert.Equal(t, "BAD_USER_INPUT", c.refused("more"))
		h.rename(t, h.root, "Root")
		told := map[string]bool{}
		for range maxSubscriptions {
			m := c.next()
			told[text(m, "id")] = true
		}
		assert.Len(t, told, maxSubscriptions, "the others go on")
		c.send(message{"id": "0", "type": "complete"})
		c.subscribe("more", changes)
		c.settle()
	})

	t.Run("subscriptions only: a query or mutation is refused and has no effect", func(t *testing.T) {
		c := h.begin(t, token)
		c.subscribe("1", `{ viewer { user { id } } }`)
		assert.Equal(t, "BAD_USER_INPUT", c.refused("1"))
		c.subscribe("1", `mutation { updateProfile(input: {name: "Changed"}) { user { id } } }`)
		assert.Equal(t, "BAD_USER_INPUT", c.refused("1"))
		u, err := h.store.User(t.Context(), h.org.ID, h.root.ID)
		require.NoError(t, err)
		assert.Equal(t, "Root", u.Name)
		c.subscribe("1", changes)
		c.settle()
	})

	t.Run("operations are held to what POST requests are held to", func(t *testing.T) {
		c := h.begin(t, token)
		deep := `subscription { userChanged { ` + strings.Repeat("user { invitation { invitedBy { ", 5) + "id" + strings.Repeat(" } } }", 5) + ` } }`
		for _, query := range []string{
			``, `{`, `subscription { nothing }`, `subscription { userChanged { kind nothing } }`, `subscription { __typename }`,
			`subscription { a: userChanged { kind } b: userChanged { kind } }`,
			`subscription A { userChanged { kind } } subscription B { userChanged { kind } }`,
			deep,
			`subscription { userChanged { ` + strings.Repeat("kind ", maxTokens) + ` } }`,
			`subscription { userChanged { ` + aliases(maxAliases+1) + ` } }`,
			`subscription { userChanged @skip(if: true) { kind } }`,
		} {
			c.subscribe("1", query)
			assert.Equal(t, "BAD_USER_INPUT", c.refused("1"), query)
		}
		c.subscribe("1", `subscription { userChanged { `+aliases(maxAliases)+` } }`)
		c.settle()
	})

	t.Run("variables and names of operations count", func(t *testing.T) {
		c := h.begin(t, token)
		c.send(message{"id": "1", "type": "subscribe", "payload": message{
			"query":         `subscription A { userChanged { kind } } subscription B($with: Boolean!) { userChanged { kind user @include(if: $with) { name } } }`,
			"operationName": "B", "variables": message{"with": false},
		}})
		c.settle()
		h.rename(t, h.root, "Root II")
		m := c.next()
		assert.Equal(t, message{"userChanged": message{"kind": "UPDATED"}}, m["payload"].(message)["data"])
	})

	t.Run("a subscription by POST is refused at once", func(t *testing.T) {
		answer, err := http.Post(h.server.URL, "application/json", strings.NewReader(`{"query":"subscription { userChanged { kind } }"}`))
		require.NoError(t, err)
		defer answer.Body.Close()
		assert.Equal(t, http.StatusOK, answer.StatusCode)
		body := make([]byte, 1000)
		n, _ := answer.Body.Read(body)
		assert.Contains(t, string(body[:n]), subprotocol)
	})
}

func aliases(n int) string {
	all := ""
	for i := range n {
		all += fmt.Sprintf("a%d: kind ", i)
	}
	return all
}

func TestSocketTells(t *testing.T) {
	h := newHouse(t, func(s *Sockets) { s.pace.retry = 50 * time.Millisecond })
	ann := h.enter(t, "ann", viewer)

	t.Run("everybody who listens, each operation what it asks for", func(t *testing.T) {
		one, two := h.listen(t, h.session(t, h.root)), h.listen(t, h.session(t, ann))
		two.subscribe("2", `subscription { userChanged { changed: user { title email } } }`)
		two.settle()
		h.rename(t, ann, "Ann")
		one.changes("1", "UPDATED", "Ann")
		two.changes("1", "UPDATED", "Ann")
		assert.Equal(t, "ann@acme.example", text(two.next(), "payload", "data", "userChanged", "changed", "email"))
	})

	t.Run("what was completed is told no more, and the others are", func(t *testing.T) {
		c := h.listen(t, h.session(t, h.root))
		c.subscribe("2", changes)
		c.settle()
		c.send(message{"id": "1", "type": "complete"})
		c.settle()
		h.rename(t, ann, "Ann II")
		c.changes("2", "UPDATED", "Ann II")
		c.quiet()
	})

	t.Run("a REFETCH has no user", func(t *testing.T) {
		c := h.listen(t, h.session(t, h.root))
		h.hub.Publish(notice.Notice{OrganizationID: h.org.ID, Kind: notice.Refetch})
		m := c.next()
		assert.Equal(t, message{"userChanged": message{
			"kind": "REFETCH", "user": nil, "organization": message{"id": h.org.ID},
		}}, m["payload"].(message)["data"])
	})

	t.Run("nobody of another organization", func(t *testing.T) {
		other, boss := h.organization(t, "Other")
		c := h.listen(t, h.session(t, boss))
		h.rename(t, ann, "Ann III")
		c.quiet()
		_, err := h.dir.UpdateProfile(t.Context(), directory.Actor{User: boss, Organization: other}, directory.Changes{Name: new(string)})
		require.NoError(t, err)
		h.hub.Publish(notice.Notice{OrganizationID: other.ID, UserID: boss.ID, Kind: notice.Created})
		c.changes("1", "CREATED", "")
	})

	t.Run("whoever may see people, from the next change on", func(t *testing.T) {
		bob := h.enter(t, "bob", viewer)
		role := bob.RoleID
		c := h.listen(t, h.session(t, bob))
		h.rename(t, ann, "Ann IV")
		c.changes("1", "UPDATED", "Ann IV")
		// The rights go without a notice: what counts is what is stored.
		quietly := func(role string) {
			u, err := h.store.User(t.Context(), h.org.ID, bob.ID)
			require.NoError(t, err)
			u.RoleID = role
			require.NoError(t, h.store.UpdateUser(t.Context(), u))
		}
		time.Sleep(momentLife)
		quietly("role_none")
		h.rename(t, ann, "Ann V")
		assert.Equal(t, "FORBIDDEN", c.refused("1"))
		c.quiet()
		c.subscribe("1", changes)
		assert.Equal(t, "FORBIDDEN", c.refused("1"), "nor can they begin again")
		quietly(role)
		time.Sleep(momentLife)
		c.subscribe("1", changes)
		c.settle()
		h.rename(t, ann, "Ann VI")
		c.changes("1", "UPDATED", "Ann VI")
	})

	t.Run("after a store was away, that something was missed", func(t *testing.T) {
		c := h.listen(t, h.session(t, h.root))
		h.vault.down.Store(true)
		time.Sleep(momentLife)
		h.rename(t, ann, "Ann VII")
		h.rename(t, h.root, "Root III")
		time.Sleep(momentLife)
		h.vault.down.Store(false)
		kind, _ := c.change("1")
		assert.Equal(t, "REFETCH", kind)
		h.rename(t, ann, "Ann VIII")
		c.changes("1", "UPDATED", "Ann VIII")
	})

	t.Run("those who share a session, each under the id it has chosen", func(t *testing.T) {
		token := h.session(t, h.root)
		var all []*client
		for i := range 30 {
			c := h.begin(t, token)
			c.subscribe(fmt.Sprint("mine", i), changes)
			c.settle()
			all = append(all, c)
		}
		h.rename(t, ann, "Ann IX")
		for i, c := range all {
			c.changes(fmt.Sprint("mine", i), "UPDATED", "Ann IX")
		}
	})
}

func TestSocketEndsWithItsSession(t *testing.T) {
	h := newHouse(t, func(s *Sockets) { s.pace.check = 50 * time.Millisecond })
	ends := func(t *testing.T, c *client) {
		t.Helper()
		code, reason := c.closed(time.Second)
		assert.Equal(t, 4401, code)
		assert.NotEmpty(t, reason)
	}

	t.Run("that somebody has ended, with and without a subscription", func(t *testing.T) {
		h := newHouse(t, nil)
		ann := h.enter(t, "ann", viewer)
		token, other := h.session(t, ann), h.session(t, ann)
		listening, idle, others := h.listen(t, token), h.begin(t, token), h.listen(t, other)
		roots := h.listen(t, h.session(t, h.root))
		signedIn, err := h.accounts.Recognizer()(t.Context(), token)
		require.NoError(t, err)
		require.NoError(t, h.accounts.Logout(t.Context(), signedIn, directory.Origin{}))
		ends(t, listening)
		ends(t, idle)
		others.changes("1", "UPDATED", "")
		roots.changes("1", "UPDATED", "")
		_, err = h.dir.DeleteUser(t.Context(), directory.Actor{User: h.root, Organization: h.org}, ann.ID, nil)
		require.NoError(t, err)
		ends(t, others)
		roots.changes("1", "UPDATED", "")
		require.Eventually(t, func() bool { return h.sockets.count() == 1 }, 5*time.Second, 10*time.Millisecond, "nothing is kept of them")
	})

	t.Run("that ended without a word", func(t *testing.T) {
		ann := h.enter(t, "ann", viewer)
		c := h.listen(t, h.session(t, ann))
		u, err := h.store.User(t.Context(), h.org.ID, ann.ID)
		require.NoError(t, err)
		u.EndSessions("")
		require.NoError(t, h.store.UpdateUser(t.Context(), u))
		ends(t, c)
	})

	t.Run("an hour after its last use: a socket is none", func(t *testing.T) {
		token := h.session(t, h.root)
		c := h.listen(t, token)
		for range 5 {
			h.advance(11 * time.Minute)
			h.rename(t, h.root, fmt.Sprint("Root at ", h.clock()))
			c.changes("1", "UPDATED", fmt.Sprint("Root at ", h.clock()))
		}
		h.advance(5 * time.Minute)
		ends(t, c)
	})

	t.Run("not while it is used elsewhere, and then a day after it began", func(t *testing.T) {
		token := h.session(t, h.root)
		c := h.listen(t, token)
		for range 24*60/50 - 1 {
			h.advance(50 * time.Minute)
			used, err := h.accounts.Authenticate(t.Context(), token)
			require.NoError(t, err)
			require.NotNil(t, used)
			time.Sleep(2 * time.Millisecond)
		}
		c.settle()
		h.advance(90 * time.Minute)
		ends(t, c)
	})

	t.Run("while it cannot be looked up, nobody is let out, and nobody told anything", func(t *testing.T) {
		c := h.listen(t, h.session(t, h.root))
		h.vault.down.Store(true)
		time.Sleep(4 * h.sockets.pace.check)
		h.rename(t, h.root, "secret")
		c.quiet()
		h.vault.down.Store(false)
		c.changes("1", "REFETCH", "")
	})
}

func TestSocketOfSlowReader(t *testing.T) {
	h := newHouse(t, func(s *Sockets) { s.turns.free = 2 })
	token := h.session(t, h.root)
	ann := h.enter(t, "ann", viewer)
	large := `subscription { userChanged { kind user { name ` + largeFields() + ` } } }`
	// Long values fill buffers soon.
	h.change(t, ann, func(u *directory.User) { u.Name = strings.Repeat("n", 200) })

	t.Run("holds up nobody, and is told to fetch again", func(t *testing.T) {
		var slow []*client
		for range 5 {
			c := h.begin(t, token)
			c.subscribe("1", large)
			c.settle()
			slow = append(slow, c)
		}
		quick := h.listen(t, token)
		began := time.Now()
		for i := range 1000 {
			h.hub.Publish(notice.Notice{OrganizationID: h.org.ID, UserID: ann.ID, Kind: []notice.Kind{notice.Updated, notice.Created}[i%2]})
			kind, _ := quick.change("1")
			require.NotEqual(t, "REFETCH", kind)
		}
		assert.Less(t, time.Since(began), 9*time.Second)
		// Different notices, more than are kept, for those who still do not read.
		for i := range 300 {
			h.hub.Publish(notice.Notice{OrganizationID: h.org.ID, UserID: fmt.Sprint("user_", i), Kind: notice.Updated})
		}
		for _, c := range slow {
			for kind, last := "", 0; kind != "REFETCH"; last++ {
				require.Less(t, last, 1000, "all are told rather than missed")
				kind, _ = c.change("1")
			}
		}
	})

	t.Run("is dropped when it does not read at all", func(t *testing.T) {
		h := newHouse(t, func(s *Sockets) { s.pace.write = 300 * time.Millisecond })
		token := h.session(t, h.root)
		c, quick := h.begin(t, token), h.listen(t, token)
		c.subscribe("1", large)
		c.settle()
		require.Equal(t, 2, h.sockets.count())
		for i := range 500 {
			h.rename(t, h.root, fmt.Sprintf("%d %s", i, strings.Repeat("n", 150)))
			quick.change("1")
			if h.sockets.count() == 1 {
				break
			}
		}
		require.Eventually(t, func() bool { return h.sockets.count() == 1 }, 5*time.Second, 10*time.Millisecond)
		h.rename(t, h.root, "Root")
		quick.changes("1", "UPDATED", "Root")
	})

	t.Run("who does not even answer is dropped, who does is not", func(t *testing.T) {
		h := newHouse(t, func(s *Sockets) { s.pace.check, s.pace.answer = 50*time.Millisecond, 200*time.Millisecond })
		token := h.session(t, h.root)
		h.begin(t, token)
		live := h.begin(t, token)
		// Whoever reads answers.
		ctx := live.conn.CloseRead(t.Context())
		require.Eventually(t, func() bool { return h.sockets.count() == 1 }, 5*time.Second, time.Millisecond)
		time.Sleep(500 * time.Millisecond)
		assert.Equal(t, 1, h.sockets.count())
		assert.NoError(t, live.conn.Ping(ctx))
	})
}

func largeFields() string {
	all := ""
	for i := range maxAliases {
		all += fmt.Sprintf("a%d: name ", i)
	}
	return all
}

func TestSockets(t *testing.T) {
	t.Run("a server takes so many and no more", func(t *testing.T) {
		h := newHouse(t, func(s *Sockets) { s.limit = 2 })
		token := h.session(t, h.root)
		one := h.begin(t, token)
		h.begin(t, token)
		_, answer, err := websocket.Dial(t.Context(), h.server.URL, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
		require.Error(t, err)
		require.NotNil(t, answer)
		assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
		assert.NotEmpty(t, answer.Header.Get("Retry-After"))
		require.NoError(t, one.conn.Close(websocket.StatusNormalClosure, ""))
		require.Eventually(t, func() bool { return h.sockets.count() == 1 }, time.Second, time.Millisecond)
		h.begin(t, token)
	})

	t.Run("stopping closes all of them, and takes no more", func(t *testing.T) {
		h := newHouse(t, nil)
		token := h.session(t, h.root)
		all := []*client{h.listen(t, token), h.begin(t, token), h.dial(t, subprotocol)}
		done := make(chan struct{})
		go func() {
			h.sockets.Close(context.Background())
			close(done)
		}()
		for _, c := range all {
			code, _ := c.closed(time.Second)
			assert.Equal(t, 1001, code)
		}
		select {
		case <-done:
		case <-time.After(time.Second):
			t.Error("Close has not returned")
		}
		_, answer, err := websocket.Dial(t.Context(), h.server.URL, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
		require.Error(t, err)
		assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	})

	t.Run("nothing is left of those that have ended", func(t *testing.T) {
		h := newHouse(t, nil)
		token := h.session(t, h.root)
		require.NoError(t, h.listen(t, token).conn.CloseNow())
		require.Eventually(t, func() bool { return h.sockets.count() == 0 }, time.Second, time.Millisecond)
		before := runtime.NumGoroutine()
		for i := range 50 {
			c := h.listen(t, token)
			if i%2 == 0 {
				require.NoError(t, c.conn.Close(websocket.StatusNormalClosure, ""))
			} else {
				require.NoError(t, c.conn.CloseNow())
			}
		}
		h.rename(t, h.root, "Root")
		require.Eventually(t, func() bool { return h.sockets.count() == 0 }, 5*time.Second, 10*time.Millisecond)
		http.DefaultClient.CloseIdleConnections()
		require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+5 }, 5*time.Second, 10*time.Millisecond)
		time.Sleep(2 * momentLife)
		h.sockets.mu.Lock()
		defer h.sockets.mu.Unlock()
		assert.Empty(t, h.sockets.moments)
		assert.Empty(t, h.sockets.subscriptions)
		assert.Zero(t, h.sockets.subscribed)
	})

	t.Run("a request for another version of WebSocket is refused, and any other GET", func(t *testing.T) {
		h := newHouse(t, nil)
		for upgrade, want := range map[string]int{"websocket": http.StatusUpgradeRequired, "": http.StatusMethodNotAllowed} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.server.URL, nil)
			require.NoError(t, err)
			request.Header.Set("Upgrade", upgrade)
			answer, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			_ = answer.Body.Close()
			assert.Equal(t, want, answer.StatusCode)
		}
		assert.Zero(t, h.sockets.count())
	})
}
