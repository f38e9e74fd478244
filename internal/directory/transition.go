package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// A change of a role or of the seat limit concerns the claims of many people,
// who are not in the organization's document. It is made in steps:
//
//   - Announce: the organization's document says which roles are about to
//     change (the transition). Whoever would come to one of them, or leave it,
//     waits.
//   - Fence: claims that were begun by whoever has not seen the announcement are
//     waited for; later ones are refused, and decided again.
//   - Begin: the people of the roles stand still now. Their claims begin, all of
//     them or none.
//   - Commit: the organization's document has the change and its audit event,
//     and no transition.
//   - Settle the claims.
//
// What ends between the steps is dropped: by the request, or after a crash by
// the sweep. No person's document is written.

// maxHolders is how many people can take a seat, or administer: their ids stand
// in one document.
const maxHolders = 50_000

// maxBegun is how many claims begin together: what tells the store so, and the
// document that they stand in, have 16 MB in MongoDB.
const maxBegun = 50_000

// How long a change waits for others.
const (
	// patience is how long somebody waits for a role that is being changed.
	patience = 8 * time.Second
	// fencePatience is how long a change of a role waits for changes of people.
	fencePatience = 3 * time.Second
	// glance is the time between two looks.
	glance = 20 * time.Millisecond
)

// organizationNews is what a change of an organization has to tell.
type organizationNews struct {
	action        Action
	targetID      string
	before, after []Detail
	// unless refuses the change by what is true when nobody can come to the
	// roles that change any more, or leave them.
	unless func(ctx context.Context) error
}

// changeOrganization is the one way in which an organization's document
// changes: it reads the document, has edit change it or refuse, keeps claims
// exact, writes by compare-and-set, and has the news told. edit is run again
// when somebody else was quicker. It answers the organization as it is
// afterwards; with a refusal, as it is now.
func (d *Directory) changeOrganization(ctx context.Context, by Actor, edit func(o *Organization) (*organizationNews, error)) (*Organization, error) {
	for try := range maxTries {
		before, err := d.awaitTransition(ctx, by.Organization.ID)
		if err != nil {
			return nil, err
		}
		after := before.Clone()
		news, err := edit(after)
		if err != nil || news == nil {
			return before, err
		}
		clock := d.now()
		after.UpdatedAt = precise(clock)
		event := Event{
			ID: NewID(prefixEvent, clock, d.random), OrganizationID: after.ID, Action: news.action,
			ActorID: by.id(), TargetID: news.targetID, At: after.UpdatedAt, Origin: by.Origin, Before: news.before, After: news.after,
		}
		after.Outbox = append(after.Outbox, Entry{ID: event.ID, Event: &event, DueAt: after.UpdatedAt.Add(handOver)})
		err = d.transit(ctx, before, after, news.unless)
		var refused *Error
		switch {
		case err == nil:
			d.relay.DeliverOrganization(after.Clone())
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
	return nil, Refuse(CodeUnavailable, "Too many changes of the organization at the same time. Try again.")
}

// awaitRoles answers the organization, as it was read last or as it is now, when
// no change of these roles is on its way.
func (d *Directory) awaitRoles(ctx context.Context, org *Organization, ids ...string) (*Organization, error) {
	return d.await(ctx, org.ID, org, func(t *Transition) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(t.RoleIDs, id) })
	})
}

// awaitTransition answers the organization as it is now, when no change is on its way.
func (d *Directory) awaitTransition(ctx context.Context, organizationID string) (*Organization, error) {
	return d.await(ctx, organizationID, nil, func(*Transition) bool { return true })
}

func (d *Directory) await(ctx context.Context, organizationID string, org *Organization, inTheWay func(*Transition) bool) (*Organization, error) {
	for end := time.Now().Add(patience); ; org = nil {
		if org == nil {
			var err error
			if org, err = d.store.Organization(ctx, organizationID); err != nil {
				return nil, fmt.Errorf("read organization: %w", err)
			}
		}
		if org.Transition == nil || !inTheWay(org.Transition) {
			return org, nil
		}
		if time.Now().After(end) {
			return nil, Refuse(CodeUnavailable, "A role or the organization is being changed. Try again in a moment.")
		}
		if err := wait(ctx, glance); err != nil {
			return nil, err
		}
	}
}

// wait does nothing for so long, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// transit makes one change of an organization final. ErrStale: it has changed
// since it was read.
func (d *Directory) transit(ctx context.Context, before, after *Organization, unless func(context.Context) error) error {
	changes := roleChanges(before, after)
	if len(changes) == 0 && before.SeatLimit == after.SeatLimit {
		return d.store.UpdateOrganization(ctx, after)
	}
	announced := before.Clone()
	announced.Transition = &Transition{Mark: d.newID(""), BegunAt: d.Now()}
	for _, c := range changes {
		announced.Transition.RoleIDs = append(announced.Transition.RoleIDs, c.roleID)
	}
	if len(changes) > 0 {
		announced.RolesVersion++
	}
	if err := d.store.UpdateOrganization(ctx, announced); err != nil {
		return err
	}
	// From here on the end is reached also when the one who asked has hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), SettleAfter/2)
	defer cancel()
	claims, err := d.beginTransition(ctx, announced, before, after, changes, unless)
	if err == nil {
		err = d.commit(ctx, announced, after)
	}
	if err != nil {
		d.endTransition(ctx, announced, claims.dropped)
		return err
	}
	if after.Transition != nil {
		d.endTransition(ctx, after, nil)
		after.Transition = nil
	}
	d.settleTransition(ctx, after.ID, claims.made)
	return nil
}

// claimsOfMembers are the claims that a transition has begun, settled one way
// or the other.
type claimsOfMembers struct{ made, dropped []Settlement }

// roleChange is what a change of the organization does to the claims of those
// who carry a role in their documents.
type roleChange struct {
	roleID  string
	was, is Role
}

// roleChanges are the roles that mean something else to claims afterwards, or
// are gone.
func roleChanges(before, after *Organization) []roleChange {
	var changes []roleChange
	for _, id := range before.carried(before.Roles) {
		was, is := before.meaning(id), after.meaning(id)
		_, kept := after.Role(was.ID)
		if !kept || was.TakesSeat() != is.TakesSeat() || was.Administers() != is.Administers() {
			changes = append(changes, roleChange{id, was, is})
		}
	}
	return changes
}

// beginTransition fences the claims and begins those that change.
func (d *Directory) beginTransition(ctx context.Context, announced, before, after *Organization, changes []roleChange, unless func(context.Context) error) (claims claimsOfMembers, err error) {
	if len(changes) > 0 {
		if err := d.fence(ctx, announced); err != nil {
			return claims, err
		}
		if unless != nil {
			if err := unless(ctx); err != nil {
				return claims, err
			}
		}
		if claims, err = d.beginMembers(ctx, announced, changes); err != nil {
			return claims, err
		}
	}
	// Fewer seats are taken away before it is said, more are given after.
	if after.SeatLimit < before.SeatLimit {
		err := d.store.SetSeatLimit(ctx, after.ID, after.SeatLimit)
		if errors.Is(err, ErrNoSeat) {
			return claims, d.seatsTaken(ctx, after)
		}
		if err != nil {
			return claims, fmt.Errorf("set seat limit: %w", err)
		}
	}
	return claims, nil
}

func (d *Directory) seatsTaken(ctx context.Context, o *Organization) error {
	seats, err := d.store.Seats(ctx, o.ID)
	if err != nil {
		return fmt.Errorf("read seats: %w", err)
	}
	return Refuse(CodeInvalid, fmt.Sprintf("%d CSM seats are taken, so the limit cannot be %d. Free %d first.", seats.Used, o.SeatLimit, max(seats.Used-o.SeatLimit, 1)), "seatLimit")
}

// fence waits until no claim is unsettled that was begun by somebody who has
// not seen the announcement.
func (d *Directory) fence(ctx context.Context, announced *Organization) error {
	var older []string
	for end := time.Now().Add(fencePatience); ; {
		unsettled, err := d.store.FenceClaims(ctx, announced.ID, announced.RolesVersion)
		if err != nil {
			return fmt.Errorf("fence claims: %w", err)
		}
		if older == nil {
			older = unsettled
		}
		older = slices.DeleteFunc(older, func(mark string) bool { return !slices.Contains(unsettled, mark) })
		if len(older) == 0 {
			return nil
		}
		if time.Now().After(end) {
			// Mostly what a crash has left, which the sweep settles.
			return Refuse(CodeUnavailable, "People are being changed at the moment. Try again in a minute.")
		}
		if err := wait(ctx, glance); err != nil {
			return err
		}
	}
}

// beginMembers begins the claims of all people of the roles that change.
func (d *Directory) beginMembers(ctx context.Context, announced *Organization, changes []roleChange) (claims claimsOfMembers, err error) {
	var batch ClaimBatch
	mark, needed := announced.Transition.Mark, 0
	for _, c := range changes {
		seat := membership(c.was.TakesSeat(), c.is.TakesSeat())
		administrator := membership(c.was.Administers(), c.is.Administers())
		if seat == Unchanged && administrator == Unchanged {
			continue
		}
		for _, status := range []Status{Active, Pending} {
			if status == Pending && seat == Unchanged {
				continue
			}
			ids, err := d.store.Members(ctx, announced.ID, c.roleID, status, maxHolders+1)
			if err != nil {
				return claims, fmt.Errorf("find members: %w", err)
			}
			if seat == Joining {
				needed += len(ids)
			}
			for _, id := range ids {
				change := ClaimChange{UserID: id, Seat: seat}
				dropped := Settlement{UserID: id, Mark: mark, Seat: c.was.TakesSeat()}
				made := Settlement{UserID: id, Mark: mark, Seat: c.is.TakesSeat()}
				if status == Active {
					change.Administrator = administrator
					dropped.Administrator, made.Administrator = c.was.Administers(), c.is.Administers()
				}
				batch.Changes = append(batch.Changes, change)
				claims.made, claims.dropped = append(claims.made, made), append(claims.dropped, dropped)
			}
		}
	}
	if len(batch.Changes) == 0 {
		return claims, nil
	}
	begun := 0
	for _, c := range batch.Changes {
		if c.Seat != Unchanged {
			begun++
		}
		if c.Administrator != Unchanged {
			begun++
		}
	}
	if begun > maxBegun {
		return claimsOfMembers{}, Refuse(CodeInvalid, fmt.Sprintf("%d people have this role: too many to change at once whether they take a seat and whether they administer. Change one after the other.", len(batch.Changes)), "permissions")
	}
	if len(batch.Changes) > maxHolders {
		return claimsOfMembers{}, Refuse(CodeInvalid, fmt.Sprintf("More than %d people have this role: too many to take a seat or to administer. Give some of them another role first.", maxHolders), "permissions")
	}
	batch.Mark, batch.At, batch.RolesVersion, batch.Whole = mark, d.Now(), announced.RolesVersion, true
	answers, err := d.store.BeginClaims(ctx, announced.ID, batch)
	if err != nil {
		return claims, fmt.Errorf("begin claims: %w", err)
	}
	for _, answer := range answers {
		switch {
		case errors.Is(answer, ErrNoSeat):
			return claimsOfMembers{}, d.seatsMissing(ctx, announced.ID, needed)
		case errors.Is(answer, ErrLastAdministrator):
			return claimsOfMembers{}, lastAdministrator()
		case answer != nil:
			return claimsOfMembers{}, answer
		}
	}
	return claims, nil
}

// seatsMissing says how many seats a role would need that are not free.
func (d *Directory) seatsMissing(ctx context.Context, organizationID string, needed int) error {
	seats, err := d.store.Seats(ctx, organizationID)
	if err != nil {
		return fmt.Errorf("read seats: %w", err)
	}
	return Refuse(CodeNoSeatAvailable, fmt.Sprintf(
		"The people with this role need %d CSM seats, and %d of %d are free: %d are missing. Raise the seat limit, or free some.",
		needed, seats.Available(), seats.Limit, max(needed-seats.Available(), 1)), "permissions")
}

// commit writes the change over its announcement. Only the outbox may have
// changed meanwhile: what was in it may have been told.
func (d *Directory) commit(ctx context.Context, announced, after *Organization) error {
	told := after.Outbox[len(after.Outbox)-1]
	after.RolesVersion, after.Revision = announced.RolesVersion, announced.Revision
	if after.SeatLimit > announced.SeatLimit {
		// The seats are given when this is said, with the end of the transition.
		after.Transition = announced.Transition
	}
	return again(ctx, func() error {
		err := d.store.UpdateOrganization(ctx, after)
		if !errors.Is(err, ErrStale) {
			return err
		}
		now, err := d.store.Organization(ctx, after.ID)
		if err != nil {
			return fmt.Errorf("read organization: %w", err)
		}
		if now.Transition == nil || now.Transition.Mark != announced.Transition.Mark {
			return Refuse(CodeUnavailable, "The change took too long. Try again.")
		}
		after.Revision, after.Outbox = now.Revision, append(slices.Clone(now.Outbox), told)
		return ErrStale
	})
}

// endTransition takes o's transition off, and settles the claims that it has
// begun. What can't be done now, and claims of which it is not known what they
// are to be, are left to the sweep.
func (d *Directory) endTransition(ctx context.Context, o *Organization, claims []Settlement) {
	found, err := d.takeTransitionOff(ctx, o.ID, o.Transition.Mark)
	if err != nil {
		slog.WarnContext(ctx, "a change of an organization is left to the sweep", "organization", o.ID, "error", err)
	}
	if found {
		d.settleTransition(ctx, o.ID, claims)
	}
}

// takeTransitionOff sets the seats to what the organization's document says,
// and takes the transition with this mark off; false when there is none.
func (d *Directory) takeTransitionOff(ctx context.Context, organizationID, mark string) (found bool, err error) {
	err = again(ctx, func() error {
		o, err := d.store.Organization(ctx, organizationID)
		if err != nil {
			return fmt.Errorf("read organization: %w", err)
		}
		if found = o.Transition != nil && o.Transition.Mark == mark; !found {
			return nil
		}
		if err := d.store.SetSeatLimit(ctx, o.ID, o.SeatLimit); err != nil {
			return fmt.Errorf("set seat limit: %w", err)
		}
		o.Transition = nil
		return d.store.UpdateOrganization(ctx, o)
	})
	return found && err == nil, err
}

// settleTransition settles the claims that a transition has begun. A fault is
// logged, and left to the sweep.
func (d *Directory) settleTransition(ctx context.Context, organizationID string, claims []Settlement) {
	if len(claims) == 0 {
		return
	}
	if err := d.store.SettleClaims(ctx, organizationID, claims); err != nil {
		slog.WarnContext(ctx, "claims are left to the sweep", "organization", organizationID, "error", err)
	}
}

// SweepOrganizations ends the changes of organizations that a crash left on
// their way, and moves people from retired roles to those that replace them.
func (d *Directory) SweepOrganizations(ctx context.Context) error {
	due, err := d.store.DueOrganizations(ctx, d.Now(), 100)
	if err != nil {
		return fmt.Errorf("find organizations: %w", err)
	}
	var failed error
	for _, o := range due {
		if o.Transition != nil && !d.Now().Before(o.Transition.BegunAt.Add(SettleAfter)) {
			_, err := d.takeTransitionOff(ctx, o.ID, o.Transition.Mark)
			failed = errors.Join(failed, err)
		}
		for _, retired := range o.Retired {
			failed = errors.Join(failed, d.moveFrom(ctx, o, retired.ID))
		}
	}
	return failed
}
