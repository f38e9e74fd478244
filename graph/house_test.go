package graph

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/notice"
	"roster/internal/sqlite"
)

// house is an installation with a SQLite file, one organization and sockets.
type house struct {
	store    *sqlite.Store
	vault    *vault
	dir      *directory.Directory
	accounts *account.Accounts
	hub      *notice.Hub
	sockets  *Sockets
	server   *httptest.Server
	org      *directory.Organization
	// root administers.
	root *directory.User

	mu  sync.Mutex
	now time.Time
}

// vault is one that can be made unreachable.
type vault struct {
	account.Vault
	down atomic.Bool
}

func (v *vault) Session(ctx context.Context, organizationID, tokenHash string, now time.Time) (account.Session, error) {
	if v.down.Load() {
		return account.Session{}, directory.ErrUnavailable
	}
	return v.Vault.Session(ctx, organizationID, tokenHash, now)
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// told is a relay that tells those who listen, and nobody else.
type told struct{ hub *notice.Hub }

func (r told) Deliver(users []*directory.User) {
	for _, u := range users {
		r.hub.Publish(notice.Notice{OrganizationID: u.OrganizationID, UserID: u.ID, Kind: notice.Updated})
	}
}

func (r told) DeliverOrganization(o *directory.Organization) {
	r.hub.Publish(notice.Notice{OrganizationID: o.ID, Kind: notice.Refetch})
}

// newHouse makes a house whose sockets keep a pace of their own.
func newHouse(t testing.TB, change func(*Sockets)) *house {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "roster.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	h := &house{
		store: sqlite.NewStore(db), vault: &vault{Vault: sqlite.NewVault(db)}, hub: notice.NewHub(nil),
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	secrets := [][]byte{bytes.Repeat([]byte("s"), 32)}
	h.dir = directory.New(h.store, h.vault, directory.Settings{
		InvitationTTL: time.Hour, PasswordResetTTL: time.Hour, InvitationsPerHour: 10_000, Secrets: secrets,
	}, told{h.hub}, h.clock, rand.Reader)
	h.accounts, err = account.New(h.dir, h.store, h.vault, account.Settings{PasswordMinLength: 15, Secrets: secrets}, h.clock, rand.Reader)
	require.NoError(t, err)
	h.org, h.root = h.organization(t, "Acme")

	h.sockets = NewSockets(h.dir, h.accounts, h.hub, slog.New(slog.DiscardHandler))
	if change != nil {
		change(h.sockets)
	}
	api := NewHandler(&Resolver{Directory: h.dir, Accounts: h.accounts}, h.sockets, false)
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := &Request{ID: rand.Text(), Token: BearerToken(r.Header.Get("Authorization"))}
		api.ServeHTTP(w, r.WithContext(WithRequest(r.Context(), h.dir, request)))
	}))
	// With small buffers a client that does not read is soon one that is slow.
	h.server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if conn, ok := c.(*net.TCPConn); ok && state == http.StateNew {
			_ = conn.SetWriteBuffer(4 << 10)
		}
	}
	h.server.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		h.sockets.Close(ctx)
		assert.Zero(t, h.sockets.count(), "all sockets have ended")
		h.server.Close()
	})
	return h
}

// organization makes one with an administrator.
func (h *house) organization(t testing.TB, name string) (*directory.Organization, *directory.User) {
	t.Helper()
	org, err := h.dir.CreateOrganization(t.Context(), name, strings.ToLower(name), 100)
	require.NoError(t, err)
	root, err := h.dir.EnsureAdministrator(t.Context(), org, "root@"+org.Slug+".example", "a hash of no password", "")
	require.NoError(t, err)
	return org, root
}

// enter makes somebody active, with a role of the house's organization.
func (h *house) enter(t testing.TB, name string, role int) *directory.User {
	t.Helper()
	by := directory.Actor{User: h.root, Organization: h.org}
	results, err := h.dir.InviteUsers(t.Context(), by, []string{name + "@acme.example"}, h.org.Roles[role].ID, nil)
	require.NoError(t, err)
	require.Equal(t, directory.OutcomeInvited, results[0].Outcome)
	return h.change(t, results[0].User, func(u *directory.User) {
		u.Status, u.Invitation, u.Credentials.PasswordHash = directory.Active, nil, "a hash of no password"
	})
}

// The roles of an organization, as they are made.
const (
	administrator = 0
	viewer        = 3
)

// change changes somebody, and has it told.
func (h *house) change(t testing.TB, u *directory.User, edit func(*directory.User)) *directory.User {
	t.Helper()
	u, err := h.dir.Change(t.Context(), directory.Actor{Organization: h.org}, u.ID, func(u *directory.User) (*directory.News, error) {
		edit(u)
		return &directory.News{Action: "TEST"}, nil
	})
	require.NoError(t, err)
	return u
}

// rename changes something of somebody that is shown.
func (h *house) rename(t testing.TB, u *directory.User, name string) {
	t.Helper()
	h.change(t, u, func(u *directory.User) { u.Name = name })
}

// session signs somebody in, and answers the token.
func (h *house) session(t testing.TB, u *directory.User) string {
	t.Helper()
	token, hash := account.NewToken(u.OrganizationID, rand.Reader)
	now := h.dir.Now()
	s := account.Session{
		ID: directory.NewID("sess_", now, rand.Reader), OrganizationID: u.OrganizationID, UserID: u.ID, TokenHash: hash,
		CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(24 * time.Hour), AuthenticatedAt: now,
	}
	u, err := h.store.User(t.Context(), u.OrganizationID, u.ID)
	require.NoError(t, err)
	u.Sessions = append(u.Sessions, directory.SessionRef{ID: s.ID, ExpiresAt: s.ExpiresAt})
	require.NoError(t, h.store.UpdateUser(t.Context(), u))
	require.NoError(t, h.vault.PutSession(t.Context(), s, s.EndsAt()))
	return token
}

// client is one end of a socket.
type client struct {
	t    testing.TB
	conn *websocket.Conn
}

// message is one of the protocol.
type message = map[string]any

// dial opens a socket.
func (h *house) dial(t testing.TB, protocols ...string) *client {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), h.server.URL, &websocket.DialOptions{
		Subprotocols: protocols,
	})
	require.NoError(t, err)
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{t: t, conn: conn}
}

// begin opens a socket and signs in.
func (h *house) begin(t testing.TB, token string) *client {
	t.Helper()
	c := h.dial(t, subprotocol)
	c.send(message{"type": "connection_init", "payload": message{"Authorization": "Bearer " + token}})
	require.Equal(t, message{"type": "connection_ack"}, c.next())
	return c
}

const changes = `subscription { userChanged { kind user { id name } organization { id } } }`

// listen opens a socket with one subscription, "1".
func (h *house) listen(t testing.TB, token string) *client {
	t.Helper()
	c := h.begin(t, token)
	c.subscribe("1", changes)
	c.settle()
	return c
}

func (c *client) raw(text string) {
	c.t.Helper()
	require.NoError(c.t, c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)))
}

func (c *client) send(m message) {
	c.t.Helper()
	body, err := json.Marshal(m)
	require.NoError(c.t, err)
	c.raw(string(body))
}

func (c *client) subscribe(id, query string) {
	c.t.Helper()
	c.send(message{"id": id, "type": "subscribe", "payload": message{"query": query}})
}

// settle waits until all that was sent has been done, when nothing else comes.
func (c *client) settle() {
	c.t.Helper()
	c.send(message{"type": "ping"})
	require.Equal(c.t, message{"type": "pong"}, c.next())
}

func (c *client) read(patience time.Duration) (message, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, body, err := c.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	var m message
	return m, json.Unmarshal(body, &m)
}

func (c *client) next() message {
	c.t.Helper()
	m, err := c.read(5 * time.Second)
	require.NoError(c.t, err)
	return m
}

// closed is the code and the reason with which the server closes the socket.
func (c *client) closed(patience time.Duration) (int, string) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if _, err := c.read(time.Until(deadline)); err != nil {
			var closed websocket.CloseError
			require.ErrorAs(c.t, err, &closed)
			return int(closed.Code), closed.Reason
		}
	}
}

// change is the next message, which tells a change to an operation.
func (c *client) change(id string) (kind, name string) {
	c.t.Helper()
	m := c.next()
	require.Equal(c.t, "next", m["type"], "%v", m)
	require.Equal(c.t, id, m["id"], "%v", m)
	return text(m, "payload", "data", "userChanged", "kind"), text(m, "payload", "data", "userChanged", "user", "name")
}

// changes waits until what is told is as wanted.
func (c *client) changes(id, wantKind, wantName string) {
	c.t.Helper()
	for {
		if kind, name := c.change(id); kind == wantKind && name == wantName {
			return
		}
	}
}

// quiet makes sure that nothing comes.
func (c *client) quiet() {
	c.t.Helper()
	time.Sleep(50 * time.Millisecond)
	c.settle()
}

// refused is the code of the error that ends or refuses an operation.
func (c *client) refused(id string) string {
	c.t.Helper()
	m := c.next()
	require.Equal(c.t, "error", m["type"], "%v", m)
	require.Equal(c.t, id, m["id"], "%v", m)
	list, _ := m["payload"].([]any)
	require.NotEmpty(c.t, list, "%v", m)
	assert.NotEmpty(c.t, text(list[0], "message"))
	return text(list[0], "extensions", "code")
}

// text is the text at the end of a path of fields.
func text(v any, path ...string) string {
	for _, step := range path {
		m, _ := v.(message)
		v = m[step]
	}
	s, _ := v.(string)
	return s
}
