// Package relay tells what has happened: it takes the entries out of users'
// outboxes, stores audit events and sends mails. Entries come to it right after
// they are written, and by a sweep for what a crash or a fault has left.
package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/mail"
	"roster/internal/notice"
)

// How entries are told.
const (
	// workers are many, since a store that flushes for several writers at a time
	// takes hardly longer for them than for one.
	workers = 32
	// mailsAtOnce is how many mails are on their way at a time: fewer than workers,
	// so that a mail server that hangs holds up no audit event.
	mailsAtOnce = 8
	// letterWait is how long a worker waits for others to send theirs; then it
	// goes on without the mails, which have a queue of their own.
	letterWait  = 100 * time.Millisecond
	queueLength = 4096
	sweepEvery  = 2 * time.Second
	sweepBatch  = 200
	// lease is how long one server has to send a mail before another may try.
	lease = time.Minute
	// patience is how long a mail is tried for.
	patience = 5 * 24 * time.Hour
	// drain is how long stopping waits for what is being told.
	drain = 3 * time.Second
)

// Relay delivers outboxes.
type Relay struct {
	store     directory.Store
	transport mail.Transport
	links     Links
	publisher Publisher
	log       *slog.Logger
	now       func() time.Time
	random    io.Reader
	queue     chan *directory.User
	// slots are for the mails on their way, and late is who waits for one.
	slots chan struct{}
	late  chan *directory.User
	// organizations change seldom, and are told one at a time: two workers at the
	// same outbox would only be in each other's way.
	organizations chan *directory.Organization
	organization  sync.Mutex
	backlog       atomic.Pointer[backlog]
}

// Links makes the address of a page from the token that opens it.
type Links struct {
	// Base is PUBLIC_URL, without a slash at its end.
	Base string
}

// Invitation is the page that completes a set-up.
func (l Links) Invitation(token string) string { return l.Base + "/accept-invitation#token=" + token }

// PasswordReset is the page that sets a new password.
func (l Links) PasswordReset(token string) string { return l.Base + "/reset-password#token=" + token }

// New makes a Relay; it tells nothing before Run.
func New(store directory.Store, transport mail.Transport, links Links, publisher Publisher, log *slog.Logger, now func() time.Time, random io.Reader) *Relay {
	return &Relay{
		store: store, transport: transport, links: links, publisher: publisher, log: log, now: now, random: random,
		slots: make(chan struct{}, mailsAtOnce),
		queue: make(chan *directory.User, queueLength), late: make(chan *directory.User, queueLength),
		organizations: make(chan *directory.Organization, 64),
	}
}

// Deliver takes users whose outbox has something new. Those who listen are told
// at once, in the order of the changes. It never blocks: what does not fit is
// found by the sweep.
func (r *Relay) Deliver(users []*directory.User) {
	for _, u := range users {
		r.notify(u)
	}
	for _, u := range users {
		select {
		case r.queue <- u:
		default:
			return
		}
	}
}

// Run delivers until ctx ends, and then what has been handed over already, as
// far as it gets in a few seconds.
func (r *Relay) Run(ctx context.Context) {
	// Telling goes on for a moment after ctx has ended.
	telling, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() { r.work(ctx, telling) })
	}
	for range mailsAtOnce {
		group.Go(func() { r.send(ctx, telling) })
	}
	group.Go(func() { r.tellOrganizations(ctx, telling) })
	group.Go(func() { r.sweep(ctx) })
	group.Go(func() { r.watch(ctx) })
	<-ctx.Done()
	timer := time.AfterFunc(drain, stop)
	defer timer.Stop()
	group.Wait()
}

func (r *Relay) work(ctx, telling context.Context) {
	for {
		u, ok := next(ctx, r.queue)
		if !ok {
			return
		}
		r.tellNow(telling, u)
	}
}

// send tells those whose mails had to wait for others.
func (r *Relay) send(ctx, telling context.Context) {
	for {
		u, ok := next(ctx, r.late)
		if !ok {
			return
		}
		select {
		case r.slots <- struct{}{}:
			r.tell(telling, u, true, true)
			<-r.slots
		case <-telling.Done():
			return
		}
	}
}

// next waits for what comes next; false when ctx has ended and nothing is left.
func next[T any](ctx context.Context, queue chan T) (one T, ok bool) {
	select {
	case one = <-queue:
		return one, true
	default:
	}
	select {
	case one = <-queue:
		return one, true
	case <-ctx.Done():
		return one, false
	}
}

// sweep finds what is due and was left.
func (r *Relay) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		r.sweepOrganizations(ctx)
		users, err := r.store.DueUsers(ctx, r.time(), sweepBatch)
		if err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "the outboxes cannot be read; trying again", "error", err)
		}
		var group sync.WaitGroup
		slots := make(chan struct{}, workers)
		for _, u := range users {
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				// Whoever made the change may have ended before telling those who listen.
				r.notify(u)
				leave, mails := r.enter(u)
				defer leave()
				r.tell(ctx, u, false, mails)
			})
		}
		group.Wait()
		if len(users) == sweepBatch {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (r *Relay) time() time.Time { return r.now().UTC().Truncate(time.Millisecond) }

// tellNow tells what was handed over just now.
func (r *Relay) tellNow(ctx context.Context, u *directory.User) {
	leave, mails := r.enter(u)
	defer leave()
	u = r.tell(ctx, u, true, mails)
	if !mails && u != nil {
		select {
		case r.late <- u:
		default: // The sweep finds it.
		}
	}
}

// tell tells what is in the outbox of u: what is due, and with fresh also what
// was handed over just now. Without mails, these are left where they are. It
// answers the user as they are then; nil when that is not known.
func (r *Relay) tell(ctx context.Context, u *directory.User, fresh, mails bool) *directory.User {
	log := r.log.With("organization", u.OrganizationID, "user", u.ID)
	u, letters, err := r.take(ctx, u, fresh, mails)
	if err != nil {
		if ctx.Err() == nil {
			log.WarnContext(ctx, "an outbox waits for the next sweep", "error", err)
		}
		return nil
	}
	for _, letter := range letters {
		outcome := r.post(ctx, letter)
		if outcome.err != nil {
			log.WarnContext(ctx, "a mail was not sent", "kind", letter.entry.Mail.Kind, "attempts", letter.entry.Attempts, "error", outcome.err)
		}
		if err := r.settle(ctx, letter, outcome); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "a mail may be sent again", "kind", letter.entry.Mail.Kind, "error", err)
		}
	}
	return u
}

// enter takes a slot for the mails of u, if there are any; false when others
// send theirs, and these have to wait.
func (r *Relay) enter(u *directory.User) (leave func(), ok bool) {
	if !slices.ContainsFunc(u.Outbox, func(e directory.Entry) bool { return e.Mail != nil }) {
		return func() {}, true
	}
	timer := time.NewTimer(letterWait)
	defer timer.Stop()
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }, true
	case <-timer.C:
		return func() {}, false
	}
}

// letter is a mail about to be sent, leased to this server.
type letter struct {
	user  *directory.User
	entry directory.Entry
	// token is what the mail's link carries; empty when it has none.
	token string
}

// takeTries bounds how often this server tries when others keep being quicker.
const takeTries = 10

// take stores the audit events of an outbox, and leases its mails to this
// server, in one compare-and-set: of several servers, one gets each mail. The
// token of a link is made here, and its hash stored before the mail is sent.
// Without mails, these are left where they are. It answers the user as they are
// then.
func (r *Relay) take(ctx context.Context, u *directory.User, fresh, mails bool) (*directory.User, []letter, error) {
	for range takeTries {
		now := r.time()
		due := func(e directory.Entry) bool {
			return (e.Event != nil || mails) && (!e.DueAt.After(now) || fresh && e.Attempts == 0)
		}
		var events []directory.Event
		for _, e := range u.Outbox {
			if e.Event != nil && due(e) {
				events = append(events, *e.Event)
			}
		}
		if len(events) > 0 {
			if err := r.store.AppendEvents(ctx, events); err != nil {
				return nil, nil, fmt.Errorf("store audit events: %w", err)
			}
		}
		after := u.Clone()
		var letters []letter
		kept := after.Outbox[:0]
		for _, e := range after.Outbox {
			switch {
			case !due(e):
				kept = append(kept, e)
			case e.Mail != nil && wanted(after, e):
				e.Attempts++
				e.DueAt = now.Add(lease)
				l := letter{entry: e}
				if link := e.Mail.Kind.Link(after); link != nil {
					l.token, link.TokenHash = account.NewToken(u.OrganizationID, r.random)
					link.ExpiresAt = now.Add(link.Lifetime)
				}
				letters = append(letters, l)
				kept = append(kept, e)
			}
		}
		if len(events) == 0 && len(letters) == 0 && len(kept) == len(u.Outbox) {
			return u, nil, nil
		}
		after.Outbox = kept
		err := r.store.UpdateUser(ctx, after)
		if err == nil {
			for i := range letters {
				letters[i].user = after
			}
			return after, letters, nil
		}
		if !errors.Is(err, directory.ErrStale) {
			return nil, nil, fmt.Errorf("take outbox: %w", err)
		}
		if u, err = r.store.User(ctx, u.OrganizationID, u.ID); err != nil {
			return nil, nil, fmt.Errorf("read outbox: %w", err)
		}
	}
	return nil, nil, directory.ErrStale
}

// wanted tells whether a mail is still worth sending: one whose link has died is not.
func wanted(u *directory.User, e directory.Entry) bool {
	return !e.Mail.Kind.CarriesLink() || e.Mail.Kind.Link(u) != nil
}

// outcome is what became of sending.
type outcome struct {
	err   error
	final bool
}

func (r *Relay) post(ctx context.Context, l letter) outcome {
	message, err := r.compose(ctx, l)
	if err != nil {
		// What can't be read now may be readable later; what can't be composed
		// from what was read never will.
		return outcome{err: err, final: !errors.Is(err, directory.ErrUnavailable) && ctx.Err() == nil}
	}
	err = r.transport.Send(ctx, message)
	return outcome{err: err, final: err != nil && mail.IsPermanent(err)}
}

// compose writes a mail to the address that the store has.
func (r *Relay) compose(ctx context.Context, l letter) (mail.Message, error) {
	u, m := l.user, l.entry.Mail
	org, err := r.store.Organization(ctx, u.OrganizationID)
	if err != nil {
		return mail.Message{}, fmt.Errorf("read organization: %w", err)
	}
	content := mail.Content{
		Organization: org.Name, RecipientName: u.Name, RecipientEmail: u.Email,
		OccurredAt: m.OccurredAt, IP: m.Origin.IP, UserAgent: m.Origin.UserAgent, Link: r.links.Base,
	}
	content.RoleName = org.RoleOf(u).Name
	if m.ActorID != "" && m.ActorID != u.ID {
		actor, err := r.store.User(ctx, u.OrganizationID, m.ActorID)
		if err != nil && !errors.Is(err, directory.ErrNotFound) {
			return mail.Message{}, fmt.Errorf("read actor: %w", err)
		}
		if err == nil {
			content.ActorName = actor.DisplayName()
		}
	}
	if link := m.Kind.Link(u); link != nil {
		content.ExpiresAt, content.ValidFor = link.ExpiresAt, link.Lifetime
		content.Link = r.links.Invitation(l.token)
		if m.Kind == directory.MailPasswordReset {
			content.Link = r.links.PasswordReset(l.token)
		}
	}
	if u.Credentials.TwoFactor != nil {
		content.RecoveryCodesLeft = len(u.Credentials.TwoFactor.RecoveryHashes)
	}
	message, err := mail.Compose(mail.Kind(m.Kind), content)
	// A try with a new token is a new mail: folded into an earlier one, it would
	// show the dead link.
	message.ID = fmt.Sprintf("%s-%d", l.entry.ID, l.entry.Attempts)
	return message, err
}

// settleTimeout is how long writing down what became of a mail may take, also
// when the relay is told to stop: nobody else would know for a minute.
const settleTimeout = 2 * time.Second

// settle writes down what became of a mail: told, to be tried again, or given up.
func (r *Relay) settle(ctx context.Context, l letter, o outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	u := l.user
	for range takeTries {
		now := r.time()
		after := u.Clone()
		at := slices.IndexFunc(after.Outbox, func(e directory.Entry) bool { return e.ID == l.entry.ID })
		if at < 0 {
			// A newer mail has taken its place, or somebody else has told it.
			return nil
		}
		delivery := directory.Delivery{State: directory.Sent, At: now, Attempts: l.entry.Attempts}
		switch {
		case o.err == nil:
			after.Outbox = slices.Delete(after.Outbox, at, at+1)
		case o.final || now.Sub(l.entry.Mail.OccurredAt) > patience:
			after.Outbox = slices.Delete(after.Outbox, at, at+1)
			delivery.State, delivery.Reason = directory.Failed, mail.Reason(o.err)
		default:
			after.Outbox[at].DueAt = now.Add(backoff(l.entry.Attempts))
			delivery.State, delivery.Reason = directory.Queued, mail.Reason(o.err)
		}
		link := l.entry.Mail.Kind.Link(after)
		if link != nil {
			link.Delivery = delivery
		}
		err := r.store.UpdateUser(ctx, after)
		if err == nil {
			if link != nil {
				// What became of the mail is shown.
				r.publisher.Publish(notice.Notice{OrganizationID: u.OrganizationID, UserID: u.ID, Kind: notice.Updated})
			}
			return nil
		}
		if !errors.Is(err, directory.ErrStale) {
			return fmt.Errorf("settle mail: %w", err)
		}
		if u, err = r.store.User(ctx, u.OrganizationID, u.ID); err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
	}
	return directory.ErrStale
}

// backoff grows from a second to half a minute, and to five minutes when a
// mail server has been away for an hour.
func backoff(attempts int) time.Duration {
	if attempts > 120 {
		return 5 * time.Minute
	}
	return min(time.Second<<min(attempts, 10), 30*time.Second)
}
