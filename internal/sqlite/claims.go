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
	moving        = "moving"
)

// BeginClaims implements directory.ClaimStore.
func (s *Store) BeginClaims(ctx context.Context, organizationID string, batch directory.ClaimBatch) (answers []error, err error) {
	// Whatever they are begun for is written, and flushed, after them.
	err = s.db.writeLazily(ctx, func(t *tx) error {
		c := claims{tx: t}
		if err := c.open(organizationID); err != nil {
			return err
		}
		if batch.RolesVersion < c.fence {
			return directory.ErrStale
		}
		if err := c.look(batch.Changes); err != nil {
			return err
		}
		answers = make([]error, len(batch.Changes))
		refused := false
		for i, change := range batch.Changes {
			if answers[i] = c.refusal(change); answers[i] != nil {
				refused = true
				continue
			}
			c.begin(change)
		}
		if batch.Whole && refused {
			return nil
		}
		return c.mark(batch.Mark, batch.At)
	})
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// claims are an organization's claims within a transaction. What a batch makes
// of them is worked out here, between a statement that reads and one for each
// kind that writes: a batch may be of all who have a role.
type claims struct {
	*tx
	organization, fence int64
	limit, used         int
	// held are the claims of the users of the batch, and whether they are settled.
	held map[claim]bool
	// settled is how many administrators are, counted as far as it can matter.
	settled int
	// begun are the users whose claims of a kind are to be marked.
	begun map[string][]string
}

type claim struct{ kind, user string }

func (c *claims) open(organizationID string) error {
	err := c.row("SELECT number, roles_version, seat_limit, seats_used FROM organizations WHERE id = ?", organizationID).
		Scan(&c.organization, &c.fence, &c.limit, &c.used)
	if errors.Is(err, sql.ErrNoRows) {
		return directory.ErrNotFound
	}
	return err
}

// look reads what decides on the changes.
func (c *claims) look(changes []directory.ClaimChange) error {
	c.held, c.begun = map[claim]bool{}, map[string][]string{}
	users := make([]string, len(changes))
	leaving := 0
	for i, change := range changes {
		users[i] = change.UserID
		if change.Administrator == directory.Leaving {
			leaving++
		}
	}
	err := c.rows(`SELECT kind, user, mark IS NULL FROM claims
		WHERE organization = ? AND kind IN (?, ?) AND user IN (SELECT value FROM json_each(?))`,
		[]any{c.organization, seat, administrator, jsonOf(users)}, func(rows *sql.Rows) error {
			var one claim
			var settled bool
			err := rows.Scan(&one.kind, &one.user, &settled)
			c.held[one] = settled
			return err
		})
	if err != nil || leaving == 0 {
		return err
	}
	// No change takes more than one of them, so one more than there are changes
	// is as good as any number.
	return c.row("SELECT count(*) FROM (SELECT 1 FROM claims WHERE organization = ? AND kind = ? AND mark IS NULL LIMIT ?)",
		c.organization, administrator, len(changes)+1).Scan(&c.settled)
}

// refusal is why a change may not begin.
func (c *claims) refusal(change directory.ClaimChange) error {
	if _, has := c.held[claim{seat, change.UserID}]; change.Seat == directory.Joining && !has && c.used >= c.limit {
		return directory.ErrNoSeat
	}
	if settled, has := c.held[claim{administrator, change.UserID}]; change.Administrator == directory.Leaving && has {
		// Somebody else must be a settled administrator, also when this one is not
		// settled: the user may be the last administrator all the same.
		others := c.settled
		if settled {
			others--
		}
		if others == 0 {
			return directory.ErrLastAdministrator
		}
	}
	return nil
}

func (c *claims) begin(change directory.ClaimChange) {
	c.change(claim{seat, change.UserID}, change.Seat)
	c.change(claim{administrator, change.UserID}, change.Administrator)
	if change.Moving {
		c.begun[moving] = append(c.begun[moving], change.UserID)
	}
}

func (c *claims) change(one claim, to directory.Membership) {
	settled, has := c.held[one]
	if to == directory.Unchanged || to == directory.Leaving && !has {
		return
	}
	switch {
	case one.kind == seat && !has:
		c.used++
	case one.kind == administrator && settled:
		c.settled--
	}
	c.held[one] = false
	c.begun[one.kind] = append(c.begun[one.kind], one.user)
}

// mark writes what has begun.
func (c *claims) mark(mark string, at time.Time) error {
	for kind, users := range c.begun {
		if _, err := c.exec(`INSERT INTO claims (organization, kind, user, mark, begun)
			SELECT ?, ?, value, ?, ? FROM json_each(?) WHERE true
			ON CONFLICT DO UPDATE SET mark = excluded.mark, begun = excluded.begun`,
			c.organization, kind, mark, at.UnixMilli(), jsonOf(users)); err != nil {
			return err
		}
	}
	return c.use()
}

// use writes how many seats are taken.
func (c *claims) use() error {
	_, err := c.exec("UPDATE organizations SET seats_used = ?2 WHERE number = ?1 AND seats_used <> ?2", c.organization, c.used)
	return err
}

// SettleClaims implements directory.ClaimStore.
func (s *Store) SettleClaims(ctx context.Context, organizationID string, settlements []directory.Settlement) error {
	// Those who get the same are settled by one statement.
	type outcome struct {
		kind, mark string
		member     bool
	}
	outcomes := map[outcome][]string{}
	seen := map[[2]string]bool{}
	for _, one := range settlements {
		key := [2]string{one.UserID, one.Mark}
		if seen[key] {
			continue // the first takes the mark off
		}
		seen[key] = true
		for _, o := range []outcome{{seat, one.Mark, one.Seat}, {administrator, one.Mark, one.Administrator}, {moving, one.Mark, false}} {
			outcomes[o] = append(outcomes[o], one.UserID)
		}
	}
	const which = "WHERE organization = ? AND kind = ? AND mark = ? AND user IN (SELECT value FROM json_each(?))"
	// What a power failure leaves unsettled, the sweep settles again.
	return s.db.writeLazily(ctx, func(t *tx) error {
		c := claims{tx: t}
		if err := c.open(organizationID); err != nil {
			return err
		}
		for o, users := range outcomes {
			statement := "DELETE FROM claims " + which
			if o.member {
				statement = "UPDATE claims SET mark = NULL " + which
			}
			changed, err := c.exec(statement, c.organization, o.kind, o.mark, jsonOf(users))
			if err != nil {
				return err
			}
			if o.kind == seat && !o.member {
				c.used -= int(changed)
			}
		}
		return c.use()
	})
}

// FenceClaims implements directory.ClaimStore.
func (s *Store) FenceClaims(ctx context.Context, organizationID string, rolesVersion int64) (unsettled []string, err error) {
	err = s.db.write(ctx, func(t *tx) error {
		c := claims{tx: t}
		if err := c.open(organizationID); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE organizations SET roles_version = ?2 WHERE number = ?1 AND roles_version < ?2", c.organization, rolesVersion); err != nil {
			return err
		}
		return t.rows("SELECT DISTINCT mark FROM claims INDEXED BY claims_marks WHERE organization = ? AND mark IS NOT NULL",
			[]any{c.organization}, func(rows *sql.Rows) error {
				var mark string
				err := rows.Scan(&mark)
				unsettled = append(unsettled, mark)
				return err
			})
	})
	if err != nil {
		return nil, err
	}
	return unsettled, nil
}

// SetSeatLimit implements directory.ClaimStore.
func (s *Store) SetSeatLimit(ctx context.Context, organizationID string, limit int) error {
	return s.db.write(ctx, func(t *tx) error {
		c := claims{tx: t}
		if err := c.open(organizationID); err != nil {
			return err
		}
		if c.used > limit {
			return directory.ErrNoSeat
		}
		_, err := t.exec("UPDATE organizations SET seat_limit = ? WHERE number = ?", limit, c.organization)
		return err
	})
}

// UnsettledClaims implements directory.ClaimStore. The oldest come first, so
// that one that can't be settled does not keep the sweep from the others
// longer than it must.
func (s *Store) UnsettledClaims(ctx context.Context, before time.Time, limit int) (left []directory.UnsettledClaim, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		// A user's claims that were marked together are one here, so a few
		// more are read than are answered.
		seen := map[directory.UnsettledClaim]bool{}
		return t.rows(`SELECT o.id, c.user, c.mark
			FROM claims c INDEXED BY claims_unsettled CROSS JOIN organizations o ON o.number = c.organization
			WHERE c.mark IS NOT NULL AND c.begun < ? ORDER BY c.begun LIMIT ?`,
			[]any{before.UnixMilli(), 3 * max(limit, 0)}, func(rows *sql.Rows) error {
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
