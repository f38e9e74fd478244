package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"roster/internal/account"
	"roster/internal/directory"
)

// Vault keeps what expires, in the same file as the Store. Sessions are as
// durable as what the Store keeps. A count, a half-finished sign-in or the
// answer of a request that the last moment before a power failure has taken
// along is missed by nobody who relied on it: those are not flushed by
// themselves, but with the next write that is.
type Vault struct{ db *DB }

var _ account.Vault = (*Vault)(nil)

// NewVault is the vault in db.
func NewVault(db *DB) *Vault { return &Vault{db} }

// Ping answers nil when the file can be read and written.
func (v *Vault) Ping(ctx context.Context) error { return v.db.Ping(ctx) }

// Sweep removes what has ended by now. What has ended is never answered; this
// only keeps the file small.
func (v *Vault) Sweep(ctx context.Context, now time.Time) error {
	return v.db.writeLazily(ctx, func(t *tx) error {
		for _, remove := range []string{
			"DELETE FROM sessions WHERE ends_at <= ?",
			"DELETE FROM challenges WHERE expires_at <= ?",
			"DELETE FROM limits WHERE ends_at <= ?",
			"DELETE FROM requests WHERE ends_at <= ?",
		} {
			if _, err := t.exec(remove, now.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutSession implements account.Vault.
func (v *Vault) PutSession(ctx context.Context, s account.Session, ends time.Time) error {
	return v.db.write(ctx, func(t *tx) error {
		_, err := t.exec("INSERT OR REPLACE"+intoSessions, sessionValues(s, ends)...)
		return err
	})
}

// StartSession implements account.Vault. The user's document is flushed next,
// and with it all that was written before.
func (v *Vault) StartSession(ctx context.Context, s account.Session, ends time.Time, released account.Released) error {
	return v.db.writeLazily(ctx, func(t *tx) error {
		if err := t.add("INSERT"+intoSessions, sessionValues(s, ends)...); err != nil {
			return err
		}
		if released.Forget != "" {
			if err := t.forget(s.OrganizationID, released.Forget); err != nil {
				return err
			}
		}
		if released.Refund != "" {
			return t.refund(s.OrganizationID, released.Refund)
		}
		return nil
	})
}

const intoSessions = ` INTO sessions
	(organization, token_hash, id, user, created_at, last_used_at, expires_at, authenticated_at, ip, user_agent, ends_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func sessionValues(s account.Session, ends time.Time) []any {
	return []any{
		s.OrganizationID, s.TokenHash, s.ID, s.UserID, s.CreatedAt.UnixMilli(), s.LastUsedAt.UnixMilli(), s.ExpiresAt.UnixMilli(),
		s.AuthenticatedAt.UnixMilli(), s.Origin.IP, s.Origin.UserAgent, ends.UnixMilli(),
	}
}

const sessionColumns = "organization, token_hash, id, user, created_at, last_used_at, expires_at, authenticated_at, ip, user_agent"

// byUser names the index, for SQLite takes an organization to have few sessions
// and would read them all.
const byUser = "INDEXED BY sessions_by_user WHERE organization = ? AND user = ?"

// Session implements account.Vault.
func (v *Vault) Session(ctx context.Context, organizationID, tokenHash string, now time.Time) (account.Session, error) {
	key := sessionKey{organizationID, tokenHash}
	found, err := recall(ctx, v.db,
		func(m *memory) (session, bool) { return m.sessions.get(key) },
		func(t *tx) (s session, err error) {
			err = notFound(scanSession(t.row("SELECT "+sessionColumns+", ends_at FROM sessions WHERE organization = ? AND token_hash = ?",
				organizationID, tokenHash), &s.Session, &s.ends))
			return s, err
		},
		func(m *memory, s session) { m.sessions.put(key, s) })
	if err == nil && found.ends <= now.UnixMilli() {
		err = directory.ErrNotFound
	}
	if err != nil {
		return account.Session{}, err
	}
	return found.Session, nil
}

// Sessions implements account.Vault.
func (v *Vault) Sessions(ctx context.Context, organizationID, userID string, now time.Time) (all []account.Session, err error) {
	err = v.db.read(ctx, func(t *tx) error {
		return t.rows("SELECT "+sessionColumns+" FROM sessions "+byUser+" AND ends_at > ?",
			[]any{organizationID, userID, now.UnixMilli()}, func(rows *sql.Rows) error {
				var s account.Session
				if err := scanSession(rows, &s); err != nil {
					return err
				}
				all = append(all, s)
				return nil
			})
	})
	return all, err
}

// scanSession reads sessionColumns, and others behind them.
func scanSession(row interface{ Scan(...any) error }, s *account.Session, others ...any) error {
	var created, used, expires, authenticated int64
	err := row.Scan(append([]any{
		&s.OrganizationID, &s.TokenHash, &s.ID, &s.UserID, &created, &used, &expires, &authenticated,
		&s.Origin.IP, &s.Origin.UserAgent,
	}, others...)...)
	s.CreatedAt, s.LastUsedAt = time.UnixMilli(created).UTC(), time.UnixMilli(used).UTC()
	s.ExpiresAt, s.AuthenticatedAt = time.UnixMilli(expires).UTC(), time.UnixMilli(authenticated).UTC()
	return err
}

// TouchSession implements account.Vault.
func (v *Vault) TouchSession(ctx context.Context, s account.Session, lastUsed, ends time.Time) error {
	return v.change(ctx, "UPDATE sessions SET last_used_at = ?, ends_at = ? WHERE organization = ? AND token_hash = ? AND ends_at > ?",
		lastUsed.UnixMilli(), ends.UnixMilli(), s.OrganizationID, s.TokenHash, lastUsed.UnixMilli())
}

// EndSessions implements account.Vault.
func (v *Vault) EndSessions(ctx context.Context, organizationID, userID string, ids []string) error {
	return v.db.write(ctx, func(t *tx) error {
		for _, id := range ids {
			if _, err := t.exec("DELETE FROM sessions "+byUser+" AND id = ?", organizationID, userID, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutChallenge implements account.Vault.
func (v *Vault) PutChallenge(ctx context.Context, c account.Challenge) error {
	return v.change(ctx, `INSERT OR REPLACE INTO challenges (organization, token_hash, user, credentials_version, expires_at)
		VALUES (?, ?, ?, ?, ?)`, c.OrganizationID, c.TokenHash, c.UserID, c.CredentialsVersion, c.ExpiresAt.UnixMilli())
}

// Challenge implements account.Vault.
func (v *Vault) Challenge(ctx context.Context, organizationID, tokenHash string, now time.Time) (c account.Challenge, err error) {
	err = v.db.read(ctx, func(t *tx) error {
		var expires int64
		err := t.row(`SELECT organization, token_hash, user, credentials_version, expires_at FROM challenges
			WHERE organization = ? AND token_hash = ? AND expires_at > ?`, organizationID, tokenHash, now.UnixMilli()).
			Scan(&c.OrganizationID, &c.TokenHash, &c.UserID, &c.CredentialsVersion, &expires)
		c.ExpiresAt = time.UnixMilli(expires).UTC()
		return notFound(err)
	})
	return c, err
}

// EndChallenge implements account.Vault.
func (v *Vault) EndChallenge(ctx context.Context, organizationID, tokenHash string) error {
	return v.change(ctx, "DELETE FROM challenges WHERE organization = ? AND token_hash = ?", organizationID, tokenHash)
}

// Reserve implements directory.Limiter. There is one writer at a time, so what
// is read here is what is changed.
func (v *Vault) Reserve(ctx context.Context, organizationID string, now time.Time, uses ...directory.Use) (refused int, wait time.Duration, err error) {
	err = v.db.writeLazily(ctx, func(t *tx) error {
		counts := make([]count, len(uses))
		for i, use := range uses {
			if use.N < 1 {
				continue
			}
			c := &counts[i]
			if err := c.read(t, organizationID, use, now); err != nil {
				return err
			}
			if wait == 0 {
				refused, wait = i, use.Limit.Wait(c.uses, use.N, time.UnixMilli(c.first), time.UnixMilli(c.last), now)
			}
		}
		for i, use := range uses {
			c := counts[i]
			switch {
			case use.N < 1:
				continue
			case wait == 0:
				c.uses, c.last = c.uses+use.N, now.UnixMilli()
				if use.Limit.Delay > 0 {
					c.ends = now.Add(use.Limit.Window).UnixMilli()
				}
			case !c.setBack:
				continue
			}
			if _, err := t.exec("INSERT OR REPLACE INTO limits (organization, key, uses, first_at, last_at, ends_at) VALUES (?, ?, ?, ?, ?, ?)",
				organizationID, use.Key, c.uses, c.first, c.last, c.ends); err != nil {
				return err
			}
		}
		return nil
	})
	return refused, wait, err
}

// count is a row of limits.
type count struct {
	uses              int
	first, last, ends int64
	// setBack is whether the clock was ahead when this was counted, and has been
	// set back: it was now, at the latest.
	setBack bool
}

// read reads what is counted at now, as new when nothing is.
func (c *count) read(t *tx, organizationID string, use directory.Use, now time.Time) error {
	moment, latest := now.UnixMilli(), now.Add(use.Limit.Window).UnixMilli()
	err := t.row("SELECT uses, first_at, last_at, ends_at FROM limits WHERE organization = ? AND key = ? AND ends_at > ?",
		organizationID, use.Key, moment).Scan(&c.uses, &c.first, &c.last, &c.ends)
	if errors.Is(err, sql.ErrNoRows) {
		c.first, c.last, c.ends, err = moment, moment, latest, nil
	}
	c.setBack = c.ends > latest
	c.first, c.last, c.ends = min(c.first, moment), min(c.last, moment), min(c.ends, latest)
	return err
}

// Forget implements directory.Limiter.
func (v *Vault) Forget(ctx context.Context, organizationID, key string) error {
	return v.db.writeLazily(ctx, func(t *tx) error { return t.forget(organizationID, key) })
}

func (t *tx) forget(organizationID, key string) error {
	_, err := t.exec("DELETE FROM limits WHERE organization = ? AND key = ?", organizationID, key)
	return err
}

// Refund implements directory.Limiter.
func (v *Vault) Refund(ctx context.Context, organizationID, key string) error {
	return v.db.writeLazily(ctx, func(t *tx) error { return t.refund(organizationID, key) })
}

// refund takes a use back. The latest is made to be long ago, so that nothing
// waits for it.
func (t *tx) refund(organizationID, key string) error {
	gone, err := t.exec("DELETE FROM limits WHERE organization = ? AND key = ? AND uses <= 1", organizationID, key)
	if err != nil || gone > 0 {
		return err
	}
	_, err = t.exec("UPDATE limits SET uses = uses - 1, last_at = 0 WHERE organization = ? AND key = ?", organizationID, key)
	return err
}

// BeginRequest implements directory.Requests.
func (v *Vault) BeginRequest(ctx context.Context, organizationID, key, fingerprint string, now, lease time.Time) (r directory.Request, err error) {
	err = v.db.writeLazily(ctx, func(t *tx) error {
		var done bool
		err := t.row("SELECT fingerprint, answer, answer IS NOT NULL FROM requests WHERE organization = ? AND key = ? AND ends_at > ?",
			organizationID, key, now.UnixMilli()).Scan(&r.Fingerprint, &r.Answer, &done)
		if errors.Is(err, sql.ErrNoRows) {
			r = directory.Request{State: directory.StateBegun, Fingerprint: fingerprint}
			_, err = t.exec("INSERT OR REPLACE INTO requests (organization, key, fingerprint, ends_at) VALUES (?, ?, ?, ?)",
				organizationID, key, fingerprint, lease.UnixMilli())
			return err
		}
		r.State = directory.StateBusy
		if done {
			r.State = directory.StateDone
		}
		return err
	})
	if err != nil {
		return directory.Request{}, err
	}
	return r, nil
}

// FinishRequest implements directory.Requests.
func (v *Vault) FinishRequest(ctx context.Context, organizationID, key, fingerprint string, answer []byte, until time.Time) error {
	if answer == nil {
		answer = []byte{}
	}
	return v.change(ctx, "INSERT OR REPLACE INTO requests (organization, key, fingerprint, answer, ends_at) VALUES (?, ?, ?, ?, ?)",
		organizationID, key, fingerprint, answer, until.UnixMilli())
}

// AbandonRequest implements directory.Requests.
func (v *Vault) AbandonRequest(ctx context.Context, organizationID, key string) error {
	return v.change(ctx, "DELETE FROM requests WHERE organization = ? AND key = ? AND answer IS NULL", organizationID, key)
}

// change runs one statement.
func (v *Vault) change(ctx context.Context, statement string, args ...any) error {
	return v.db.writeLazily(ctx, func(t *tx) error {
		_, err := t.exec(statement, args...)
		return err
	})
}

// notFound is the contract's name for no row.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return directory.ErrNotFound
	}
	return err
}
