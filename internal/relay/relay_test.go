package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
	"roster/internal/mail"
	"roster/internal/notice"
	"roster/internal/relay"
	"roster/internal/sqlite"
)

// post is a mail server that hangs until it is let go on, and may refuse.
type post struct {
	mu      sync.Mutex
	hang    chan struct{}
	refusal error
	sent    []mail.Message
}

func (p *post) Send(ctx context.Context, m mail.Message) error {
	p.mu.Lock()
	hang := p.hang
	p.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refusal != nil {
		return p.refusal
	}
	p.sent = append(p.sent, m)
	return nil
}

func (p *post) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

// ears are those who listen.
type ears struct {
	mu    sync.Mutex
	heard []notice.Notice
}

func (e *ears) Publish(n notice.Notice) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, n)
}

// office is a relay at work for an organization.
type office struct {
	store *sqlite.Store
	dir   *directory.Directory
	org   *directory.Organization
	root  directory.Actor
	post  *post
	ears  *ears
	stop  func()
}

func newOffice(t *testing.T) *office {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "roster.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	o := &office{store: sqlite.NewStore(db), post: &post{}, ears: &ears{}}
	r := o.relay()
	o.dir = directory.New(o.store, sqlite.NewVault(db), directory.Settings{
		InvitationTTL: time.Hour, InvitationsPerHour: 1000, Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)},
	}, r, time.Now, rand.Reader)
	o.org, err = o.dir.CreateOrganization(t.Context(), "Acme", "acme", 5)
	require.NoError(t, err)
	admin, err := o.dir.EnsureAdministrator(t.Context(), o.org, "admin@x.example", "hash", "")
	require.NoError(t, err)
	o.root = directory.Actor{User: admin, Organization: o.org, AuthenticatedAt: time.Now()}
	o.stop = run(t, r)
	return o
}

// relay is one more server's.
func (o *office) relay() *relay.Relay {
	return relay.New(o.store, o.post, relay.Links{Base: "https://roster.example"}, o.ears, slog.New(slog.DiscardHandler), time.Now, rand.Reader)
}

// run has r at work until stop, or the test's end.
func run(t *testing.T, r *relay.Relay) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		r.Run(ctx)
		close(done)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// invite invites n people.
func (o *office) invite(t *testing.T, n int) {
	t.Helper()
	emails := make([]string, n)
	for i := range emails {
		emails[i] = fmt.Sprintf("person%d@x.example", i)
	}
	results, err := o.dir.InviteUsers(t.Context(), o.root, emails, o.org.Roles[3].ID, nil)
	require.NoError(t, err)
	for _, r := range results {
		require.Equal(t, directory.OutcomeInvited, r.Outcome)
	}
}

// events is how many audit events with this action are stored.
func (o *office) events(t *testing.T, action directory.Action) int {
	t.Helper()
	n, err := o.store.CountEvents(context.Background(), o.org.ID, directory.EventQuery{Actions: []directory.Action{action}}, 1000)
	require.NoError(t, err)
	return n
}

func (o *office) eventually(t *testing.T, true func() bool, what string) {
	t.Helper()
	require.Eventually(t, true, 20*time.Second, 10*time.Millisecond, what)
}

func TestAMailServerThatHangsHoldsUpNoAuditEvent(t *testing.T) {
	o := newOffice(t)
	o.post.hang = make(chan struct{})
	o.invite(t, 40)
	o.eventually(t, func() bool { return o.events(t, directory.UserInvited) == 40 }, "every event is stored")
	assert.Zero(t, o.post.count())
	name := "Acme & Co"
	_, err := o.dir.UpdateOrganization(t.Context(), o.root, directory.OrganizationChanges{Name: &name}, nil)
	require.NoError(t, err)
	o.eventually(t, func() bool { return o.events(t, directory.OrganizationUpdated) == 1 }, "the organization's too")
	close(o.post.hang)
	o.eventually(t, func() bool { return o.post.count() == 40 }, "every mail leaves when it goes on")
}

func TestAMailThatIsCutOffIsTriedAgainSoon(t *testing.T) {
	o := newOffice(t)
	o.post.hang = make(chan struct{})
	o.invite(t, 1)
	o.eventually(t, func() bool { return o.events(t, directory.UserInvited) == 1 }, "it is on its way")
	o.stop()
	due, err := o.store.DueUsers(t.Context(), time.Now().Add(10*time.Second), 10)
	require.NoError(t, err)
	require.Len(t, due, 1, "whoever comes next need not wait until a lease has ended")
	assert.Equal(t, directory.Queued, due[0].Invitation.Delivery.State)
}

func TestAMailThatIsRefusedSaysWhyAndIsTriedAgain(t *testing.T) {
	o := newOffice(t)
	o.post.refusal = errors.New("451 come back later")
	o.invite(t, 1)
	row := func() directory.Delivery {
		users, err := o.store.UsersByKeys(context.Background(), o.org.ID, []string{"person0@x.example"})
		require.NoError(t, err)
		return users[0].Invitation.Delivery
	}
	o.eventually(t, func() bool { return row().Attempts > 0 }, "it was tried")
	assert.Equal(t, directory.Queued, row().State)
	assert.Equal(t, mail.Reason(o.post.refusal), row().Reason)
	o.post.mu.Lock()
	o.post.refusal = nil
	o.post.mu.Unlock()
	o.eventually(t, func() bool { return row().State == directory.Sent }, "it is sent")
	assert.Equal(t, 1, o.post.count())
	assert.Empty(t, row().Reason)
}

func TestThoseWhoListenAreToldAtOnce(t *testing.T) {
	o := newOffice(t)
	o.post.hang = make(chan struct{})
	defer close(o.post.hang)
	o.invite(t, 2)
	name := "Acme & Co"
	_, err := o.dir.UpdateOrganization(t.Context(), o.root, directory.OrganizationChanges{Name: &name}, nil)
	require.NoError(t, err)
	o.ears.mu.Lock()
	defer o.ears.mu.Unlock()
	var kinds []notice.Kind
	for _, n := range o.ears.heard {
		if len(kinds) == 0 || n.Kind != kinds[len(kinds)-1] {
			kinds = append(kinds, n.Kind)
		}
	}
	assert.Subset(t, kinds, []notice.Kind{notice.Created, notice.Refetch})
}

func TestTheBacklogIsSeen(t *testing.T) {
	o := newOffice(t)
	o.post.refusal = errors.New("451 come back later")
	before := time.Now().Add(-time.Second)
	o.invite(t, 5)
	o.eventually(t, func() bool { return o.events(t, directory.UserInvited) == 5 }, "the events are told")
	// A server that begins looks at once.
	other := o.relay()
	run(t, other)
	o.eventually(t, func() bool { outboxes, _, _ := other.Backlog(); return outboxes == 5 }, "the mails are not")
	_, oldest, _ := other.Backlog()
	assert.WithinRange(t, oldest, before, time.Now())

	o.post.mu.Lock()
	o.post.refusal = nil
	o.post.mu.Unlock()
	o.eventually(t, func() bool { return o.post.count() == 5 }, "they leave")
	o.eventually(t, func() bool {
		due, err := o.store.DueUsers(t.Context(), time.Now().Add(time.Hour), 10)
		return err == nil && len(due) == 0
	}, "and that is written down")
	// It looks again every ten seconds.
	require.Eventually(t, func() bool {
		outboxes, oldest, queued := other.Backlog()
		return outboxes == 0 && oldest.IsZero() && queued == 0
	}, time.Minute, 50*time.Millisecond, "nothing is left")
}
