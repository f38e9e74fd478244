package account_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/sqlite"
)

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// house is an installation in a SQLite file, with one organization.
type house struct {
	store    *sqlite.Store
	vault    *sqlite.Vault
	dir      *directory.Directory
	accounts *account.Accounts
	clock    *clock
	org      *directory.Organization
	root     *directory.User
	// hash is password's.
	hash string
	n    int
}

const (
	password      = "plum orbit canyon fiddle"
	otherPassword = "tundra velvet hammock spoon"
	resetTTL      = 24 * time.Hour
	invitationTTL = 7 * 24 * time.Hour
)

func newHouse(t *testing.T) *house {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "roster.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	h := &house{
		store: sqlite.NewStore(db), vault: sqlite.NewVault(db),
		clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
	}
	secret := bytes.Repeat([]byte("s"), 32)
	h.dir = directory.New(h.store, h.vault, directory.Settings{
		InvitationTTL: invitationTTL, PasswordResetTTL: resetTTL, InvitationsPerHour: 1000, Secrets: [][]byte{secret},
	}, nobody{}, h.clock.Now, rand.Reader)
	h.accounts = h.withSecrets(t, secret)
	h.hash, err = h.accounts.HashPassword(t.Context(), password)
	require.NoError(t, err)
	h.org, err = h.dir.CreateOrganization(t.Context(), "Acme", "acme", 100)
	require.NoError(t, err)
	h.root, err = h.dir.EnsureAdministrator(t.Context(), h.org, "root@x.example", h.hash, "")
	require.NoError(t, err)
	return h
}

// withSecrets is the accounts of a server with these keys.
func (h *house) withSecrets(t *testing.T, secrets ...[]byte) *account.Accounts {
	t.Helper()
	accounts, err := account.New(h.dir, h.store, h.vault, account.Settings{PasswordMinLength: 15, Secrets: secrets}, h.clock.Now, rand.Reader)
	require.NoError(t, err)
	return accounts
}

func (h *house) read(t *testing.T, u *directory.User) *directory.User {
	t.Helper()
	u, err := h.store.User(t.Context(), h.org.ID, u.ID)
	require.NoError(t, err)
	return u
}

func (h *house) admin(t *testing.T) directory.Actor {
	t.Helper()
	return directory.Actor{User: h.read(t, h.root), Organization: h.org}
}

// change edits somebody as the relay would.
func (h *house) change(t *testing.T, u *directory.User, edit func(*directory.User)) *directory.User {
	t.Helper()
	u, err := h.dir.Change(t.Context(), directory.Actor{Organization: h.org}, u.ID, func(u *directory.User) (*directory.News, error) {
		edit(u)
		return &directory.News{Action: "TEST"}, nil
	})
	require.NoError(t, err)
	return u
}

// invited is somebody new, with the token that the relay would have mailed.
func (h *house) invited(t *testing.T) (u *directory.User, token string) {
	t.Helper()
	h.n++
	results, err := h.dir.InviteUsers(t.Context(), h.admin(t), []string{fmt.Sprintf("Person P%d <p%d@x.example>", h.n, h.n)}, h.org.Roles[3].ID, nil)
	require.NoError(t, err)
	require.Equal(t, directory.OutcomeInvited, results[0].Outcome)
	token, hash := account.NewToken(h.org.ID, rand.Reader)
	return h.change(t, results[0].User, func(u *directory.User) { mailed(u.Invitation, hash, h.dir.Now()) }), token
}

// mailed is what the relay does to a link when it makes the mail.
func mailed(link *directory.Link, hash string, now time.Time) {
	link.TokenHash, link.ExpiresAt = hash, now.Add(link.Lifetime)
}

// member is somebody with the password.
func (h *house) member(t *testing.T) *directory.User {
	t.Helper()
	u, _ := h.invited(t)
	return h.change(t, u, func(u *directory.User) {
		u.Status, u.Invitation, u.Credentials.PasswordHash = directory.Active, nil, h.hash
	})
}

// resetToken asks for a reset of somebody's password and reads the mail.
func (h *house) resetToken(t *testing.T, u *directory.User) string {
	t.Helper()
	_, err := h.dir.ResetPassword(t.Context(), h.admin(t), u.ID, nil)
	require.NoError(t, err)
	token, hash := account.NewToken(h.org.ID, rand.Reader)
	h.change(t, u, func(u *directory.User) { mailed(u.PasswordReset, hash, h.dir.Now()) })
	return token
}

// origins are of different networks, so that their limit is out of the way.
func (h *house) origin() directory.Origin {
	h.n++
	return directory.Origin{IP: fmt.Sprintf("192.0.2.%d", h.n), UserAgent: "test"}
}

func (h *house) login(t *testing.T, username, password string) (*account.SignIn, error) {
	t.Helper()
	return h.accounts.Login(t.Context(), h.origin(), account.Credentials{Username: username, Password: password})
}

// signIn signs somebody in who has no second factor.
func (h *house) signIn(t *testing.T, u *directory.User) (*account.Viewer, string) {
	t.Helper()
	in, err := h.login(t, u.Username, password)
	require.NoError(t, err)
	require.NotNil(t, in.Viewer)
	return in.Viewer, in.Token
}

// viewer is who has a session token; nil for nobody.
func (h *house) viewer(t *testing.T, token string) *account.Viewer {
	t.Helper()
	v, err := h.accounts.Authenticate(t.Context(), token)
	require.NoError(t, err)
	return v
}

// device is an authenticator app.
type device struct{ secret string }

func (d device) code(t *testing.T, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCodeCustom(d.secret, at, totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	require.NoError(t, err)
	return code
}

// withDevice sets the second factor up for somebody, and lets its first code go by.
func (h *house) withDevice(t *testing.T, u *directory.User) (*account.Viewer, string, device, []string) {
	t.Helper()
	v, token := h.signIn(t, u)
	setup, err := h.accounts.StartTwoFactorSetup(t.Context(), v, h.origin())
	require.NoError(t, err)
	d := device{setup.Secret}
	codes, err := h.accounts.ConfirmTwoFactorSetup(t.Context(), v, h.origin(), d.code(t, h.clock.Now()))
	require.NoError(t, err)
	h.clock.advance(2 * time.Minute)
	return h.viewer(t, token), token, d, codes
}

// challenge signs somebody in with the password, and answers what asks for the code.
func (h *house) challenge(t *testing.T, u *directory.User) string {
	t.Helper()
	in, err := h.login(t, u.Username, password)
	require.NoError(t, err)
	require.Nil(t, in.Viewer)
	require.NotNil(t, in.Challenge)
	return in.Token
}

func (h *house) verify(t *testing.T, token, code string) (*account.SignIn, error) {
	t.Helper()
	return h.accounts.VerifyTwoFactor(t.Context(), h.origin(), token, code)
}

func refused(t *testing.T, code directory.Code, err error) {
	t.Helper()
	if !directory.HasCode(err, code) {
		assert.Fail(t, "not refused as it should be", "%v instead of %s", err, code)
	}
}

// nobody is a relay that tells nobody.
type nobody struct{}

func (nobody) Deliver([]*directory.User)                   {}
func (nobody) DeliverOrganization(*directory.Organization) {}
