package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"roster/internal/directory"
)

// InsertOrganization implements directory.OrganizationStore.
func (s *Store) InsertOrganization(ctx context.Context, o *directory.Organization) error {
	const first = 1
	err := s.db.write(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO organizations (id, slug, revision, due, document, seat_limit) VALUES (?, ?, ?, ?, ?, ?)",
			o.ID, o.Slug, first, dueOf(o), encodeOrganization(o), o.SeatLimit)
		if violates(err) {
			return directory.ErrTaken
		}
		return err
	})
	if err == nil {
		o.Revision = first
	}
	return err
}

// UpdateOrganization implements directory.OrganizationStore.
func (s *Store) UpdateOrganization(ctx context.Context, o *directory.Organization) error {
	next := o.Revision + 1
	err := s.db.write(ctx, func(t *tx) error {
		changed, err := t.exec("UPDATE organizations SET revision = ?, due = ?, document = ? WHERE id = ? AND revision = ?",
			next, dueOf(o), encodeOrganization(o), o.ID, o.Revision)
		if err == nil && changed == 0 {
			err = directory.ErrStale
		}
		return err
	})
	if err == nil {
		o.Revision = next
	}
	return err
}

func dueOf(o *directory.Organization) sql.NullInt64 {
	at, due := o.DueAt()
	if !due {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: at.UnixMilli(), Valid: true}
}

const selectOrganizations = "SELECT id, slug, revision, document FROM organizations "

// Organization implements directory.OrganizationStore.
func (s *Store) Organization(ctx context.Context, id string) (*directory.Organization, error) {
	found, err := recall(ctx, s.db,
		func(m *memory) (*directory.Organization, bool) { return m.organizations.get(id) },
		func(t *tx) (*directory.Organization, error) {
			return one(t.organizations(selectOrganizations+"WHERE id = ?", id))
		},
		func(m *memory, o *directory.Organization) { m.organizations.put(id, o) })
	if err != nil {
		return nil, err
	}
	return found.Clone(), nil
}

// OrganizationBySlug implements directory.OrganizationStore.
func (s *Store) OrganizationBySlug(ctx context.Context, slug string) (*directory.Organization, error) {
	found, err := recall(ctx, s.db,
		func(m *memory) (*directory.Organization, bool) { return m.slugs.get(slug) },
		func(t *tx) (*directory.Organization, error) {
			if slug == "" {
				return one(t.organizations(selectOrganizations + "WHERE id > '' ORDER BY id LIMIT 1"))
			}
			return one(t.organizations(selectOrganizations+"WHERE slug = ?", slug))
		},
		func(m *memory, o *directory.Organization) { m.slugs.put(slug, o) })
	if err != nil {
		return nil, err
	}
	return found.Clone(), nil
}

// DueOrganizations implements directory.OrganizationStore.
func (s *Store) DueOrganizations(ctx context.Context, now time.Time, limit int) ([]*directory.Organization, error) {
	return s.organizations(ctx, selectOrganizations+"INDEXED BY organizations_due WHERE due <= ? ORDER BY due LIMIT ?",
		now.UnixMilli(), max(limit, 0))
}

func (s *Store) organizations(ctx context.Context, query string, args ...any) (found []*directory.Organization, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		found, err = t.organizations(query, args...)
		return err
	})
	return found, err
}

// organizations reads the organizations of a query.
func (t *tx) organizations(query string, args ...any) (found []*directory.Organization, err error) {
	err = t.rows(query, args, func(rows *sql.Rows) error {
		var id, slug string
		var revision int64
		var document sql.RawBytes
		if err := rows.Scan(&id, &slug, &revision, &document); err != nil {
			return err
		}
		o, err := decodeOrganization(id, slug, revision, document)
		found = append(found, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// organization is the number of an organization; ErrNotFound.
func (t *tx) organization(id string) (number int64, err error) {
	err = t.row("SELECT number FROM organizations WHERE id = ?", id).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("organization %q: %w", id, directory.ErrNotFound)
	}
	return number, err
}
