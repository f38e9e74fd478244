package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"roster/internal/directory"
)

// The kinds of claims.
const (
	seat          = "seat"
	administrator = "administrator"
)

// BeginClaims implements directory.ClaimStore.
func (s *Store) BeginClaims(ctx context.Context, organizationID string, changes []directory.ClaimChange, mark string, now time.Time) (answers []error, err error) {
	err = s.db.write(ctx, func(t *tx) error {
		c := claims{tx: t}
		if err := c.open(organizationID); err != nil {
			return err
		}
		answers = make([]error, len(changes))
		for i, change := range changes {
			answers[i] = c.refusal(change)
			if answers[i] == nil {
				c.begin(change, mark, now)
			}
		}
		return c.close()
	})
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// SettleClaims implements directory.ClaimStore.
func (s *Store) SettleClaims(ctx context.Context, organizationID string, settlements []directory.Settlement) error {
	return s.db.write(ctx, func(t *tx) error {
		c := claims{tx: t}
		if err := c.open(organizationID); err != nil {
			return err
		}
		for _, one := range settlements {
			c.settle(seat, one.UserID, one.Mark, one.Seat)
			c.settle(administrator, one.UserID, one.Mark, one.Administrator)
		}
		return c.close()
	})
}

// claims are an organization's claims within a transaction. The first error is
// kept, and makes what follows do nothing, until close answers it.
type claims struct {
	*tx
	organization int64
	limit, used  int
	err          error
}

func (c *claims) open(organizationID string) error {
	err := c.row("SELECT number, seat_limit, seats_used FROM organizations WHERE id = ?", organizationID).
		Scan(&c.organization, &c.limit, &c.used)
	if errors.Is(err, sql.ErrNoRows) {
		return directory.ErrNotFound
	}
	return err
}

func (c *claims) close() error {
	c.exec("UPDATE organizations SET seats_used = ?2 WHERE number = ?1 AND seats_used <> ?2", c.organization, c.used)
	return c.err
}

func (c *claims) exec(query string, args ...any) (changed int64) {
	if c.err == nil {
		changed, c.err = c.tx.exec(query, args...)
	}
	return changed
}

func (c *claims) is(query string, args ...any) (yes bool) {
	if c.err == nil {
		c.err = c.row(query, args...).Scan(&yes)
	}
	return yes
}

// has tells whether the user is in a set, settled or not.
func (c *claims) has(kind, userID string) bool {
	return c.is("SELECT EXISTS (SELECT 1 FROM claims WHERE organization = ? AND kind = ? AND user = ?)", c.organization, kind, userID)
}

// refusal is why a change may not begin.
func (c *claims) refusal(change directory.ClaimChange) error {
	if change.Seat == directory.Joining && c.used >= c.limit && !c.has(seat, change.UserID) {
		return directory.ErrNoSeat
	}
	// Somebody else must be a settled administrator, also when this one is not
	// settled: the user may be the last administrator all the same.
	if change.Administrator == directory.Leaving && c.has(administrator, change.UserID) && !c.is(
		"SELECT EXISTS (SELECT 1 FROM claims WHERE organization = ? AND kind = ? AND user <> ? AND mark IS NULL)",
		c.organization, administrator, change.UserID) {
		return directory.ErrLastAdministrator
	}
	return nil
}

func (c *claims) begin(change directory.ClaimChange, mark string, now time.Time) {
	if change.Seat == directory.Joining && !c.has(seat, change.UserID) {
		c.used++
	}
	c.mark(seat, change.UserID, change.Seat, mark, now)
	c.mark(administrator, change.UserID, change.Administrator, mark, now)
}

func (c *claims) mark(kind, userID string, change directory.Membership, mark string, now time.Time) {
	switch change {
	case directory.Joining:
		c.exec(`INSERT INTO claims (organization, kind, user, mark, begun) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET mark = excluded.mark, begun = excluded.begun`,
			c.organization, kind, userID, mark, now.UnixMilli())
	case directory.Leaving:
		c.exec("UPDATE claims SET mark = ?, begun = ? WHERE organization = ? AND kind = ? AND user = ?",
			mark, now.UnixMilli(), c.organization, kind, userID)
	case directory.Unchanged:
	}
}

func (c *claims) settle(kind, userID, mark string, member bool) {
	if member {
		c.exec("UPDATE claims SET mark = NULL WHERE organization = ? AND kind = ? AND user = ? AND mark = ?",
			c.organization, kind, userID, mark)
		return
	}
	gone := c.exec("DELETE FROM claims WHERE organization = ? AND kind = ? AND user = ? AND mark = ?",
		c.organization, kind, userID, mark)
	if kind == seat {
		c.used -= int(gone)
	}
}

// UnsettledClaims implements directory.ClaimStore. The oldest come first, so
// that one that can't be settled does not keep the sweep from the others
// longer than it must.
func (s *Store) UnsettledClaims(ctx context.Context, before time.Time, limit int) (left []directory.UnsettledClaim, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		// A user's two claims that were marked together are one here, so a
		// few more are read than are answered.
		seen := map[directory.UnsettledClaim]bool{}
		return t.rows(`SELECT o.id, c.user, c.mark
			FROM claims c INDEXED BY claims_unsettled CROSS JOIN organizations o ON o.number = c.organization
			WHERE c.mark IS NOT NULL AND c.begun < ? ORDER BY c.begun LIMIT ?`,
			[]any{before.UnixMilli(), 2 * max(limit, 0)}, func(rows *sql.Rows) error {
				var one directory.UnsettledClaim
				if err := rows.Scan(&one.OrganizationID, &one.UserID, &one.Mark); err != nil {
					return err
				}
				if !seen[one] && len(left) < limit {
					seen[one] = true
					left = append(left, one)
				}
				return nil
			})
	})
	return left, err
}

// Seats implements directory.ClaimStore.
func (s *Store) Seats(ctx context.Context, organizationID string) (seats directory.Seats, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		err := t.row("SELECT seat_limit, seats_used FROM organizations WHERE id = ?", organizationID).Scan(&seats.Limit, &seats.Used)
		if errors.Is(err, sql.ErrNoRows) {
			return directory.ErrNotFound
		}
		return err
	})
	return seats, err
}
