package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// townPassword is everybody's in a town, until they change it.
const townPassword = "a walk along the river"

// town is an installation with people of every kind, who are made in batches
// when a test needs them.
type town struct {
	t     *testing.T
	p     *program
	store directory.Store
	// root is an administrator with a second factor, who prepares.
	root *client
	// roles are the ids of the roles by name.
	roles        map[string]string
	organization string

	mu    sync.Mutex
	named int
	spare map[string][]*person
}

// person is somebody in a town.
type person struct {
	*client
	id, email, password string
	// codes are recovery codes that were not used yet; nil without a second factor.
	codes []string
}

func newTown(t *testing.T, w way, env ...string) *town {
	t.Helper()
	// What people do many times here comes from many addresses.
	p := install(t, w, append([]string{"TRUSTED_PROXIES=127.0.0.0/8", "INVITATIONS_PER_HOUR=100000"}, env...)...)
	c := &town{t: t, p: p, store: w.open(t, p), root: p.admin(), spare: map[string][]*person{}}
	c.roles = c.root.roles()
	c.organization = text(c.root.do(`{ organization { id } }`, nil), "id")
	(&person{client: c.root}).enableTwoFactor(t)
	return c
}

// addRole makes a role with these permissions.
func (c *town) addRole(name string, permissions ...string) string {
	c.t.Helper()
	made := c.root.do(`mutation($in: CreateRoleInput!) { createRole(input: $in) { role { id } userErrors { code message } } }`,
		object{"in": object{"name": name, "permissions": append([]string{}, permissions...)}})
	require.Empty(c.t, refusals(made), "%v", made)
	c.roles[name] = text(made, "role", "id")
	return c.roles[name]
}

// anybody is somebody from an address of their own.
func (c *town) anybody() *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.named++
	somebody := c.p.anybody()
	somebody.ip = fmt.Sprintf("198.18.%d.%d", c.named/250, c.named%250+1)
	return somebody
}

func (c *town) addresses(n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	emails := make([]string, n)
	for i := range emails {
		c.named++
		emails[i] = fmt.Sprintf("p%d@town.example", c.named)
	}
	return emails
}

// batch is how many people are made at a time.
const batch = 8

// pending is somebody invited.
func (c *town) pending(role string) *person {
	c.t.Helper()
	return c.take("pending "+role, func() []*person { return c.invite(role, batch) })
}

// active is somebody who can sign in.
func (c *town) active(role string) *person {
	c.t.Helper()
	return c.take("active "+role, func() []*person { return c.accept(c.invite(role, batch)) })
}

// one is somebody who can sign in; nobody else is made beside them.
func (c *town) one(role string) *person {
	c.t.Helper()
	return c.accept(c.invite(role, 1))[0]
}

// inactive is somebody who could sign in, and was deleted.
func (c *town) inactive(role string) *person {
	c.t.Helper()
	who := c.active(role)
	c.root.do(deleteQuery, object{"id": who.id})
	return who
}

func (c *town) take(kind string, make func() []*person) *person {
	if len(c.spare[kind]) == 0 {
		c.spare[kind] = make()
	}
	who := c.spare[kind][0]
	c.spare[kind] = c.spare[kind][1:]
	return who
}

func (c *town) invite(role string, n int) []*person {
	c.t.Helper()
	emails := c.addresses(n)
	answer := c.root.do(inviteQuery, object{"in": object{"emails": emails, "roleId": c.roles[role]}})
	people := make([]*person, n)
	for i := range people {
		require.Equal(c.t, "INVITED", text(answer, "results", i, "outcome"), "%v", answer)
		people[i] = &person{client: c.anybody(), id: text(answer, "results", i, "user", "id"), email: emails[i], password: townPassword}
	}
	return people
}

func (c *town) accept(people []*person) []*person {
	c.t.Helper()
	var group sync.WaitGroup
	for _, who := range people {
		link := c.link(who.email, 1)
		group.Go(func() {
			r, err := who.persist(acceptQuery, object{"in": object{"token": link, "password": who.password}})
			assert.NoError(c.t, err)
			assert.Equal(c.t, "ACTIVE", text(r.Data, "acceptInvitation", "user", "status"), "%v", r)
		})
	}
	group.Wait()
	return people
}

// link is the token in the n-th mail to an address (from 1).
func (c *town) link(email string, n int) string {
	c.t.Helper()
	var files []string
	require.Eventually(c.t, func() (found bool) {
		// The recipient is in the names of the files, which sort by time.
		var err error
		files, err = filepath.Glob(filepath.Join(c.p.dir, "mail", "*-"+email+"-*.eml"))
		return err == nil && len(files) >= n
	}, 20*time.Second, 5*time.Millisecond, "mail %d to %s", n, email)
	content, err := os.ReadFile(files[n-1])
	require.NoError(c.t, err)
	match := linkPattern.FindStringSubmatch(string(content))
	require.NotNil(c.t, match, "a link in the mail to %s", email)
	return match[1]
}

// enter signs somebody in, from the address and device that they have.
func (who *person) enter(t *testing.T) *person {
	t.Helper()
	r, err := who.persist(loginQuery, object{"in": object{"username": who.email, "password": who.password, "issueToken": true}})
	require.NoError(t, err)
	payload, _ := r.Data["login"].(object)
	who.token = text(payload, "token")
	if challenge := text(payload, "twoFactorChallenge", "token"); challenge != "" {
		payload = who.do(verifyQuery, object{"in": object{"challenge": challenge, "code": who.code(t), "issueToken": true}})
		who.token = text(payload, "token")
	}
	require.NotEmpty(t, who.token, "%v", r)
	return who
}

// persist asks again while the server has too much to do.
func (c *client) persist(query string, variables object) (reply, error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		r, err := c.ask(query, variables)
		if err != nil || r.code() != "UNAVAILABLE" || time.Now().After(end) {
			return r, err
		}
	}
}

// code is a recovery code that was not used yet.
func (who *person) code(t *testing.T) string {
	t.Helper()
	require.NotEmpty(t, who.codes, "%s has used all recovery codes", who.email)
	code := who.codes[0]
	who.codes = who.codes[1:]
	return code
}

const (
	verifyQuery = `mutation($in: VerifyTwoFactorInput!) { verifyTwoFactor(input: $in) {
		token viewer { user { id } permissions } userErrors { code message field } } }`
	setUpQuery   = `mutation { startTwoFactorSetup { secret otpauthUri qrCode userErrors { code message } } }`
	confirmQuery = `mutation($c: String!) { confirmTwoFactorSetup(code: $c) { recoveryCodes userErrors { code message } } }`
)

// totpNow is what an authenticator app with this secret shows.
func totpNow(t *testing.T, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now())
	require.NoError(t, err)
	return code
}

// enableTwoFactor sets a second factor up for somebody signed in.
func (who *person) enableTwoFactor(t *testing.T) *person {
	t.Helper()
	secret := text(who.do(setUpQuery, nil), "secret")
	confirmed := who.do(confirmQuery, object{"c": totpNow(t, secret)})
	who.keepCodes(confirmed["recoveryCodes"])
	require.Len(t, who.codes, 10, "%v", confirmed)
	return who
}

func (who *person) keepCodes(answered any) {
	codes, _ := answered.([]any)
	who.codes = nil
	for _, code := range codes {
		who.codes = append(who.codes, text(code))
	}
}

// holdings is all that is stored: what a refused request leaves as it was.
type holdings struct {
	Organizations []*directory.Organization
	Seats         []directory.Seats
	Counts        []directory.Counts
	Users         map[string]*directory.User
	Events        []string
	Mails         []string
}

// stored reads everything, after what was on its way has been told.
func (c *town) stored(slugs ...string) holdings {
	c.t.Helper()
	var h holdings
	require.Eventually(c.t, func() bool {
		h = c.look(slugs)
		told := true
		for _, u := range h.Users {
			told = told && len(u.Outbox) == 0
		}
		for _, o := range h.Organizations {
			told = told && len(o.Outbox) == 0 && len(o.Retired) == 0
		}
		return told
	}, 30*time.Second, 20*time.Millisecond, "all is told")
	return h
}

func (c *town) look(slugs []string) holdings {
	c.t.Helper()
	ctx := context.Background()
	h := holdings{Users: map[string]*directory.User{}}
	for _, slug := range slugs {
		o, err := c.store.OrganizationBySlug(ctx, slug)
		require.NoError(c.t, err)
		seats, err := c.store.Seats(ctx, o.ID)
		require.NoError(c.t, err)
		counts, err := c.store.Counts(ctx, o.ID)
		require.NoError(c.t, err)
		users, err := c.store.ListUsers(ctx, o.ID, directory.ListQuery{Order: directory.Order{Field: directory.ByCreated}, Limit: 100_000})
		require.NoError(c.t, err)
		for _, u := range users {
			h.Users[u.ID] = u
		}
		for before := ""; ; {
			events, err := c.store.Events(ctx, o.ID, directory.EventQuery{Before: before}, 1000)
			require.NoError(c.t, err)
			for _, e := range events {
				h.Events = append(h.Events, e.ID+" "+string(e.Action)+" "+e.TargetID)
			}
			if len(events) < 1000 {
				break
			}
			before = events[len(events)-1].ID
		}
		// A change that is refused may have been announced.
		o.RolesVersion, o.Revision = 0, 0
		h.Organizations, h.Seats, h.Counts = append(h.Organizations, o), append(h.Seats, seats), append(h.Counts, counts)
	}
	mails, err := filepath.Glob(filepath.Join(c.p.dir, "mail", "*.eml"))
	require.NoError(c.t, err)
	h.Mails = mails
	return h
}

// changed says what is stored otherwise than before; empty when nothing is.
func (h holdings) changed(now holdings) string { return strings.TrimSpace(cmp.Diff(h, now)) }
