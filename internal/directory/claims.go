package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Two rules bind the people of an organization together: never more seats than
// the limit, and never without an active administrator. They are kept exact
// without transactions by two sets of user ids in one document, the claims, in
// three steps: begin, change the user, settle.
//
//   - Begin is atomic and refuses what would break a rule. It takes a seat
//     before the user has one, and takes an administrator off before the user
//     stops being one; so the seats are never fewer, and the settled
//     administrators never more, than the users say.
//   - Change is the compare-and-set on the user's document.
//   - Settle reads what the user has become and makes the claims say that,
//     unless somebody has begun again since (the mark tells).
//
// After a crash between the steps the claim stays unsettled, on the safe side
// of both rules, until the sweep settles it.

// SettleAfter is how old an unsettled claim is when the sweep takes it for left
// by a crash: longer than any request lives.
const SettleAfter = 30 * time.Second

// claimChange is what an edit from before to after does to claims; before is
// nil for somebody new.
func (o *Organization) claimChange(before, after *User) ClaimChange {
	moves := before == nil || before.Status != after.Status || before.RoleID != after.RoleID
	c := ClaimChange{
		UserID:        after.ID,
		Seat:          membership(before != nil && o.TakesSeat(before), o.TakesSeat(after)),
		Administrator: membership(before != nil && o.Administers(before), o.Administers(after)),
	}
	c.Moving = moves && c.Seat == Unchanged && c.Administrator == Unchanged
	return c
}

// membership is what happens to a place in a set that was taken or not, and is
// to be taken or not.
func membership(was, is bool) Membership {
	switch {
	case !was && is:
		return Joining
	case was && !is:
		return Leaving
	}
	return Unchanged
}

// noSeat says what to do when every seat is taken.
const noSeat = "Every CSM seat is taken. Free one, raise the seat limit, or choose a role without a seat."

// none tells whether the change touches no claim.
func (c ClaimChange) none() bool {
	return c.Seat == Unchanged && c.Administrator == Unchanged && !c.Moving
}

// beginClaims begins the changes that touch a claim, under one mark, and
// answers a refusal or nil for each change. ErrStale: the roles have changed
// since org was read.
func (d *Directory) beginClaims(ctx context.Context, org *Organization, changes []ClaimChange) (refused []error, mark string, err error) {
	refused = make([]error, len(changes))
	var begun []ClaimChange
	var places []int
	for i, c := range changes {
		if !c.none() {
			begun, places = append(begun, c), append(places, i)
		}
	}
	if len(begun) == 0 {
		return refused, "", nil
	}
	mark = d.newID("")
	answers, err := d.store.BeginClaims(ctx, org.ID, ClaimBatch{Changes: begun, Mark: mark, At: d.Now(), RolesVersion: org.RolesVersion})
	if err != nil {
		return nil, "", fmt.Errorf("begin claims: %w", err)
	}
	for i, answer := range answers {
		switch {
		case errors.Is(answer, ErrNoSeat):
			refused[places[i]] = Refuse(CodeNoSeatAvailable, noSeat, "roleId")
		case errors.Is(answer, ErrLastAdministrator):
			refused[places[i]] = lastAdministrator()
		default:
			refused[places[i]] = answer
		}
	}
	return refused, mark, nil
}

// settleClaims settles what was begun under mark for these users. A fault here
// changes no answer: the change is made or refused already, the claims are on
// the safe side, and the sweep settles them.
func (d *Directory) settleClaims(ctx context.Context, organizationID, mark string, userIDs []string) {
	// Also when the one who asked has hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := d.trySettleClaims(ctx, organizationID, mark, userIDs); err != nil {
		slog.WarnContext(ctx, "claims are left to the sweep", "organization", organizationID, "error", err)
	}
}

// giveUpClaims settles what was begun for a change that was not made. Another
// change of the same person may have begun before, whose mark this one has
// taken the place of, and still be on its way. So the document is first written
// as it is: that change then finds it stale, and begins anew.
func (d *Directory) giveUpClaims(ctx context.Context, organizationID, mark, userID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	err := again(ctx, func() error {
		u, err := d.store.User(ctx, organizationID, userID)
		if err != nil {
			return err
		}
		return d.store.UpdateUser(ctx, u)
	})
	if err == nil {
		err = d.trySettleClaims(ctx, organizationID, mark, []string{userID})
	}
	if err != nil {
		slog.WarnContext(ctx, "claims are left to the sweep", "organization", organizationID, "error", err)
	}
}

const settleTimeout = 5 * time.Second

func lastAdministrator() *Error {
	return Refuse(CodeLastAdministrator, "It would leave no active administrator. Make somebody else an administrator first.")
}

func (d *Directory) trySettleClaims(ctx context.Context, organizationID, mark string, userIDs []string) error {
	if mark == "" || len(userIDs) == 0 {
		return nil
	}
	org, err := d.store.Organization(ctx, organizationID)
	if err != nil {
		return fmt.Errorf("read organization: %w", err)
	}
	users, err := d.store.Users(ctx, organizationID, userIDs)
	if err != nil {
		return fmt.Errorf("read users: %w", err)
	}
	settlements := make([]Settlement, len(userIDs))
	for i, id := range userIDs {
		settlements[i] = Settlement{UserID: id, Mark: mark}
		if at := slices.IndexFunc(users, func(u *User) bool { return u.ID == id }); at >= 0 {
			settlements[i].Seat = org.TakesSeat(users[at])
			settlements[i].Administrator = org.Administers(users[at])
		}
	}
	return d.store.SettleClaims(ctx, organizationID, settlements)
}

// SettleLeftClaims settles the claims that a crash or a fault left unsettled,
// and answers how many.
func (d *Directory) SettleLeftClaims(ctx context.Context) (int, error) {
	left, err := d.store.UnsettledClaims(ctx, d.Now().Add(-SettleAfter), 1000)
	if err != nil {
		return 0, fmt.Errorf("find unsettled claims: %w", err)
	}
	type batch struct{ organizationID, mark string }
	users := map[batch][]string{}
	for _, claim := range left {
		b := batch{claim.OrganizationID, claim.Mark}
		users[b] = append(users[b], claim.UserID)
	}
	for b, ids := range users {
		if err := d.trySettleClaims(ctx, b.organizationID, b.mark, ids); err != nil {
			return 0, fmt.Errorf("settle claims: %w", err)
		}
	}
	return len(left), nil
}
