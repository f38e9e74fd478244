package sample

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"roster/internal/directory"
)

const day = 24 * time.Hour

// batch is how many people are written at a time.
const batch = 10_000

// maxSeated keeps the seats of a very large organization within what one can hold.
const maxSeated = 40_000

// Seats is how many CSM seats n made-up people take at most.
func Seats(n int) int { return min(n/8+1, maxSeated) }

// Fill adds n made-up people to an organization: 5 % pending, 10 % inactive,
// the rest active, in the built-in roles. They share a password's hash, which
// may be one that nobody knows the password of. The same number makes the same
// people: names, roles and states always, and on the same day also the times,
// which are told from its beginning.
func Fill(ctx context.Context, store directory.Store, org *directory.Organization, n int, passwordHash string, now time.Time, progress func(done int)) error {
	now = now.UTC().Truncate(day)
	crowd := newPeople("example.com")
	random := crowd.random
	ids := seededReader(n)
	seats := Seats(n)
	for done := 0; done < n; {
		size := min(batch, n-done)
		users := make([]*directory.User, size)
		for i := range users {
			u := newUser(org, crowd.next(), ago(random, now, 900*day), ids)
			u.RoleID = roleNamed(org, roleFor(random, &seats)).ID
			switch share := random.IntN(100); {
			case share < 5:
				makePending(u, "", ago(random, now, 10*day), directory.Delivery{State: directory.Sent})
			case share < 15:
				makeActive(u, random, passwordHash, now)
				makeInactive(u, ago(random, now, now.Sub(u.UpdatedAt)))
			default:
				makeActive(u, random, passwordHash, now)
			}
			users[i] = u
		}
		// By id, which is how one of the indexes has them.
		slices.SortFunc(users, func(a, b *directory.User) int { return strings.Compare(a.ID, b.ID) })
		if err := insert(ctx, store, org, users, now); err != nil {
			return err
		}
		done += size
		progress(done)
	}
	return nil
}

func roleFor(random *rand.Rand, seats *int) string {
	switch share := random.IntN(100); {
	case share < 1:
		return "Administrator"
	case share < 6:
		return "User Manager"
	case share < 16 && *seats > 0:
		*seats--
		return "Customer Success Manager"
	}
	return "Viewer"
}

func newUser(org *directory.Organization, p person, created time.Time, ids io.Reader) *directory.User {
	created = created.UTC().Truncate(time.Millisecond)
	return &directory.User{
		ID: directory.NewID("user_", created, ids), OrganizationID: org.ID,
		Email: p.email, Username: p.email, Name: p.name, Title: p.title,
		CreatedAt: created, UpdatedAt: created, Version: 1,
	}
}

func makeActive(u *directory.User, random *rand.Rand, passwordHash string, now time.Time) {
	u.Status = directory.Active
	u.Credentials.PasswordHash, u.Credentials.PasswordChangedAt = passwordHash, u.CreatedAt
	u.Credentials.Version = 1
	if random.IntN(30) > 0 {
		u.LastLoginAt = ago(random, now, now.Sub(u.CreatedAt)).UTC()
	}
}

func makePending(u *directory.User, by string, invited time.Time, delivery directory.Delivery) {
	const lifetime = 7 * day
	invited = invited.UTC().Truncate(time.Millisecond)
	u.Status, u.CreatedAt, u.UpdatedAt = directory.Pending, invited, invited
	delivery.At, delivery.Attempts = invited, max(delivery.Attempts, 1)
	u.Invitation = &directory.Link{
		RequestedBy: by, RequestedAt: invited, Lifetime: lifetime, ExpiresAt: invited.Add(lifetime), Delivery: delivery,
	}
}

func makeInactive(u *directory.User, at time.Time) {
	at = at.UTC().Truncate(time.Millisecond)
	u.Status, u.DeactivatedAt, u.UpdatedAt = directory.Inactive, at, at
	u.Version++
	if u.LastLoginAt.After(at) {
		u.LastLoginAt = at
	}
}

// insert writes people with the claims that they need, settled at once: nobody
// else writes into an organization that is being filled.
func insert(ctx context.Context, store directory.Store, org *directory.Organization, users []*directory.User, now time.Time) error {
	const mark = "sample"
	var changes []directory.ClaimChange
	var settlements []directory.Settlement
	for _, u := range users {
		seat, administers := org.TakesSeat(u), org.Administers(u)
		if !seat && !administers {
			continue
		}
		change := directory.ClaimChange{UserID: u.ID}
		if seat {
			change.Seat = directory.Joining
		}
		if administers {
			change.Administrator = directory.Joining
		}
		changes = append(changes, change)
		settlements = append(settlements, directory.Settlement{UserID: u.ID, Mark: mark, Seat: seat, Administrator: administers})
	}
	if len(changes) > 0 {
		refused, err := store.BeginClaims(ctx, org.ID, directory.ClaimBatch{Changes: changes, Mark: mark, At: now, RolesVersion: org.RolesVersion})
		if err != nil {
			return fmt.Errorf("claim seats: %w", err)
		}
		for _, err := range refused {
			if err != nil {
				return fmt.Errorf("claim a seat: %w; raise SEAT_LIMIT", err)
			}
		}
	}
	answers, err := store.InsertUsers(ctx, users)
	if err != nil {
		return fmt.Errorf("add people: %w", err)
	}
	for i, err := range answers {
		if err != nil {
			return fmt.Errorf("add %s: %w", users[i].Email, err)
		}
	}
	if len(settlements) > 0 {
		if err := store.SettleClaims(ctx, org.ID, settlements); err != nil {
			return fmt.Errorf("settle seats: %w", err)
		}
	}
	return nil
}

// seededReader is a stream of bytes that is the same each time.
func seededReader(n int) io.Reader {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(n)) //nolint:gosec // not a secret, and n is not negative
	return rand.NewChaCha8(seed)
}
