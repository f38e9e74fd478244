// Package directory holds the rules of who has access to a product:
// organizations, roles, people, invitations and seats. It is the one place
// where these rules stand; it knows no protocol and no database, and defines
// the Store that it needs.
package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// Settings are what an installation decides about its organizations.
type Settings struct {
	// InvitationTTL and PasswordResetTTL are how long the links in mails work.
	InvitationTTL    time.Duration
	PasswordResetTTL time.Duration
	// InvitationsPerHour is how many invitations an organization sends an hour.
	InvitationsPerHour int
	// Secrets sign cursors; the first is used, all are accepted.
	Secrets [][]byte
}

// Directory is the people of organizations and who may change them.
type Directory struct {
	store    Store
	limiter  Limiter
	requests Requests
	settings Settings
	cursors  cursors
	relay    Relay
	now      func() time.Time
	random   io.Reader
}

// Relay is handed whose outbox has something new, after it is written. It must
// not block, and must not change what it is handed.
type Relay interface {
	Deliver(users []*User)
	DeliverOrganization(o *Organization)
}

// Memory is what the directory needs of a vault.
type Memory interface {
	Limiter
	Requests
}

// New makes a Directory. random must be safe for concurrent use.
func New(store Store, memory Memory, settings Settings, relay Relay, now func() time.Time, random io.Reader) *Directory {
	return &Directory{
		store: store, limiter: memory, requests: memory, settings: settings,
		cursors: newCursors(settings.Secrets), relay: relay, now: now, random: random,
	}
}

// Now is the time in the precision that stores keep: milliseconds, UTC.
func (d *Directory) Now() time.Time { return precise(d.now()) }

func precise(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func (d *Directory) newID(prefix string) string { return NewID(prefix, d.now(), d.random) }

// News is what an edit has to tell beside the change itself.
type News struct {
	// Action is empty for housekeeping, of which the audit log is not told.
	Action Action
	// Mails are sent to the user who was changed.
	Mails []MailKind
	// Details are told in the audit event beside what an editor sees change.
	Details []Detail
	// TargetID is what it was done to, when that is not the user.
	TargetID string
}

// Edit changes u, or refuses with an *Error or Errors. It must be a pure
// function of u, because it runs again when somebody else was quicker. Nil
// news: nothing is to change, and nobody is told.
type Edit func(u *User) (*News, error)

// maxTries is how often an edit runs when others keep being quicker.
const maxTries = 40

// Change is the one way in which a user's document changes: it reads the
// document, edits it, keeps the claims of seats and administrators exact,
// writes by compare-and-set, and has the news told. It answers the user as
// they are afterwards; with a refusal, as they are now.
//
// Errors: a refusal from edit, or of a claim, or CodeTaken; CodeNotFound when
// there is no such user.
func (d *Directory) Change(ctx context.Context, by Actor, userID string, edit Edit) (*User, error) {
	before, err := d.find(ctx, by.Organization.ID, userID)
	if err != nil {
		return nil, err
	}
	return d.ChangeFrom(ctx, by, before, edit)
}

// ChangeFrom is Change of somebody who has been read just now: they are read
// again only when somebody else was quicker.
func (d *Directory) ChangeFrom(ctx context.Context, by Actor, before *User, edit Edit) (*User, error) {
	for try := range maxTries {
		if try > 0 {
			// Perhaps it was a role that changed.
			org, err := d.store.Organization(ctx, by.Organization.ID)
			if err != nil {
				return nil, fmt.Errorf("read organization: %w", err)
			}
			by.Organization = org
			if before, err = d.find(ctx, org.ID, before.ID); err != nil {
				return nil, err
			}
		}
		after := before.Clone()
		news, err := edit(after)
		if err != nil || news == nil {
			return before, err
		}
		d.tell(by, before, after, *news)
		err = d.write(ctx, by.Organization, before, after)
		var refused *Error
		switch {
		case err == nil:
			d.relay.Deliver([]*User{after.Clone()})
			return after, nil
		case errors.As(err, &refused):
			return before, err
		case !errors.Is(err, ErrStale):
			return nil, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
	return nil, Refuse(CodeUnavailable, "Too many changes of this person at the same time. Try again.")
}

// find reads a user; an unknown id and one of another organization are the same.
func (d *Directory) find(ctx context.Context, organizationID, userID string) (*User, error) {
	if _, ok := IDBytes(prefixUser, userID); !ok {
		return nil, noSuchUser()
	}
	u, err := d.store.User(ctx, organizationID, userID)
	if errors.Is(err, ErrNotFound) {
		return nil, noSuchUser()
	}
	if err != nil {
		return nil, fmt.Errorf("read user: %w", err)
	}
	return u, nil
}

func noSuchUser() *Error {
	return Refuse(CodeNotFound, "There is no such person here. Reload the list.", "id")
}

func noSuchRole(field string) *Error {
	return Refuse(CodeNotFound, "There is no such role here. Choose another.", field)
}

// write makes one change of a user final, with the claims it needs.
func (d *Directory) write(ctx context.Context, org *Organization, before, after *User) error {
	if before.RoleID != after.RoleID || before.Status != after.Status {
		var err error
		if org, err = d.awaitRoles(ctx, org, before.RoleID, after.RoleID); err != nil {
			return err
		}
		if _, ok := org.Role(after.RoleID); !ok && before.RoleID != after.RoleID {
			return noSuchRole("roleId")
		}
	}
	refused, mark, err := d.beginClaims(ctx, org, []ClaimChange{org.claimChange(before, after)})
	if err != nil {
		return err
	}
	if refused[0] != nil {
		return refused[0]
	}
	err = d.store.UpdateUser(ctx, after)
	switch {
	case err == nil:
		d.settleClaims(ctx, org.ID, mark, []string{after.ID})
	case mark != "" && (errors.Is(err, ErrStale) || errors.Is(err, ErrTaken)):
		d.giveUpClaims(ctx, org.ID, mark, after.ID)
	}
	// After any other fault the write may still be made, so nobody can tell yet
	// what the claims are to be: they are left to the sweep.
	if errors.Is(err, ErrTaken) {
		return Refuse(CodeTaken, "Somebody else here has this username or address. Choose another.", "username")
	}
	return err
}

// tell puts the news of a change into the outbox, and moves what moves with it.
func (d *Directory) tell(by Actor, before, after *User, news News) {
	clock := d.now()
	now := precise(clock)
	was, is := visible(by.Organization, before), visible(by.Organization, after)
	changedBefore, changedAfter := difference(was, is)
	if len(changedAfter) > 0 {
		after.Version++
		after.UpdatedAt = now
	}
	if news.Action != "" {
		event := Event{
			// The id tells the same time as At: the audit log is searched by it.
			ID: NewID(prefixEvent, clock, d.random), OrganizationID: by.Organization.ID, Action: news.Action,
			ActorID: by.id(), TargetID: cmp.Or(news.TargetID, after.ID), At: now, Origin: by.Origin,
			Before: changedBefore, After: append(changedAfter, news.Details...),
		}
		after.Outbox = append(after.Outbox, Entry{ID: event.ID, Event: &event, DueAt: now.Add(handOver)})
	}
	d.mail(by, after, now, news.Mails...)
}

// handOver is how long the process that wrote an entry has to tell it, before
// a sweep takes it for left by a crash.
const handOver = 3 * time.Second

// mail puts mails to u into the outbox. A link that one carries starts its way.
func (d *Directory) mail(by Actor, u *User, now time.Time, kinds ...MailKind) {
	for _, kind := range kinds {
		u.Outbox = append(u.Outbox, Entry{
			ID: d.newID(prefixEvent), DueAt: now.Add(handOver),
			Mail: &Mail{Kind: kind, ActorID: by.id(), Origin: by.Origin, OccurredAt: now},
		})
	}
}

// visible are the values that editors see and change, in the audit log's words.
func visible(org *Organization, u *User) []Detail {
	if u == nil {
		u = &User{}
	}
	twoFactor := ""
	if u.TwoFactorEnabled() {
		twoFactor = "on"
	}
	return []Detail{
		{"email", u.Email},
		{"username", u.Username},
		{"name", u.Name},
		{"title", u.Title},
		{"role", org.RoleOf(u).Name},
		{"roleId", org.current(u.RoleID)},
		{"status", string(u.Status)},
		{"twoFactor", twoFactor},
	}
}

// difference keeps what differs; was and is have the same fields in order.
func difference(was, is []Detail) (before, after []Detail) {
	for i := range was {
		if was[i] != is[i] {
			before, after = append(before, was[i]), append(after, is[i])
		}
	}
	return before, after
}

// again writes until nobody else was quicker.
func again(ctx context.Context, write func() error) error {
	for try := range maxTries {
		err := write()
		if !errors.Is(err, ErrStale) {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
	return ErrStale
}

// pause waits a little, and by chance, before another try.
func pause(ctx context.Context, try int) error {
	longest := min(time.Millisecond<<min(try, 6), 50*time.Millisecond)
	timer := time.NewTimer(rand.N(longest) + time.Millisecond) //nolint:gosec // spreads retries; nothing secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
