package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"roster/internal/directory"
)

// Store keeps the documents of the directory.
type Store struct{ db *DB }

var _ directory.Store = (*Store)(nil)

// NewStore is the store in db.
func NewStore(db *DB) *Store { return &Store{db} }

// Ping answers nil when the file can be read and written.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// InsertOrganization implements directory.OrganizationStore.
func (s *Store) InsertOrganization(ctx context.Context, o *directory.Organization, seatLimit int) error {
	return s.db.write(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO organizations (id, slug, document, seat_limit) VALUES (?, ?, ?, ?)",
			o.ID, o.Slug, encodeOrganization(o), seatLimit)
		if violates(err) {
			return directory.ErrTaken
		}
		return err
	})
}

// Organization implements directory.OrganizationStore.
func (s *Store) Organization(ctx context.Context, id string) (*directory.Organization, error) {
	return s.organization(ctx, "SELECT id, slug, document FROM organizations WHERE id = ?", id)
}

// OrganizationBySlug implements directory.OrganizationStore.
func (s *Store) OrganizationBySlug(ctx context.Context, slug string) (*directory.Organization, error) {
	if slug == "" {
		return s.organization(ctx, "SELECT id, slug, document FROM organizations WHERE id > '' ORDER BY id LIMIT 1")
	}
	return s.organization(ctx, "SELECT id, slug, document FROM organizations WHERE slug = ?", slug)
}

func (s *Store) organization(ctx context.Context, query string, args ...any) (o *directory.Organization, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		var id, slug string
		var document []byte
		err := t.row(query, args...).Scan(&id, &slug, &document)
		if errors.Is(err, sql.ErrNoRows) {
			return directory.ErrNotFound
		}
		if err != nil {
			return err
		}
		o, err = decodeOrganization(id, slug, document)
		return err
	})
	return o, err
}

// organization is the number of an organization; ErrNotFound.
func (t *tx) organization(id string) (number int64, err error) {
	err = t.row("SELECT number FROM organizations WHERE id = ?", id).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("organization %q: %w", id, directory.ErrNotFound)
	}
	return number, err
}

// AppendEvents implements directory.AuditStore.
func (s *Store) AppendEvents(ctx context.Context, events []directory.Event) error {
	if len(events) == 0 {
		return nil
	}
	return s.db.write(ctx, func(t *tx) error {
		for _, e := range events {
			organization, err := t.organization(e.OrganizationID)
			if err != nil {
				return err
			}
			if _, err := t.exec("INSERT INTO events (organization, id, document) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
				organization, e.ID, encode(documentOf(e))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Events implements directory.AuditStore.
func (s *Store) Events(ctx context.Context, organizationID, before string, limit int) (events []directory.Event, err error) {
	if before == "" {
		before = top
	}
	err = s.db.read(ctx, func(t *tx) error {
		return t.rows(`SELECT document FROM events
			WHERE organization = (SELECT number FROM organizations WHERE id = ?) AND id < ?
			ORDER BY id DESC LIMIT ?`,
			[]any{organizationID, before, max(limit, 0)}, func(rows *sql.Rows) error {
				var document sql.RawBytes
				if err := rows.Scan(&document); err != nil {
					return err
				}
				var d eventDocument
				if err := decode(document, &d); err != nil {
					return err
				}
				events = append(events, d.event())
				return nil
			})
	})
	return events, err
}

// top is above all texts: no UTF-8 has this byte.
const top = "\xff"

// jsonOf makes a list a parameter, to be taken apart with json_each; so a
// statement's text does not depend on how long the list is.
func jsonOf[T any](list []T) string {
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // of strings and numbers only
	}
	return string(text)
}
