package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"roster/internal/directory"
	"roster/internal/sample"
)

// TestFill fills one store at once and another person by person: what is in
// their tables and indexes is the same.
func TestFill(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	org := &directory.Organization{ID: "org_1", SeatLimit: 1000, Roles: []directory.Role{
		{ID: "role_1", Name: "Administrator", Permissions: []directory.Permission{directory.ViewUsers, directory.ManageUsers, directory.ManageRoles, directory.ManageOrganization, directory.ViewAuditLog}},
		{ID: "role_2", Name: "Customer Success Manager", Permissions: []directory.Permission{directory.CSMSeat}}, {ID: "role_3", Name: "Viewer"},
	}}
	filled := func(t *testing.T, db *DB, fill func(*Store, func(directory.Store) error) error) []string {
		t.Helper()
		store, o := NewStore(db), *org
		if err := store.InsertOrganization(t.Context(), &o); err != nil {
			t.Fatal(err)
		}
		u := &directory.User{ID: "user_first", OrganizationID: "org_1", Email: "first@example.com", Username: "first", Name: "First Person", RoleID: "role_1", Status: directory.Active}
		if _, err := store.InsertUsers(t.Context(), []*directory.User{u}); err != nil {
			t.Fatal(err)
		}
		if err := fill(store, func(store directory.Store) error {
			return sample.Fill(t.Context(), store, &o, 300, "hash", now, func(int) {})
		}); err != nil {
			t.Fatal(err)
		}
		return contents(t, db)
	}
	one, two := open(t, filepath.Join(t.TempDir(), "roster.db")), open(t, filepath.Join(t.TempDir(), "roster.db"))
	schema := contents(t, one)
	want := filled(t, one, func(s *Store, do func(directory.Store) error) error { return do(s) })
	got := filled(t, two, func(s *Store, do func(directory.Store) error) error { return s.Fill(t.Context(), do) })
	if len(want) < len(schema)+300*4 {
		t.Fatalf("%d rows are few", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	t.Run("those who would not go together are refused, all of them, and the store is as before", func(t *testing.T) {
		store := NewStore(two)
		for name, taken := range map[string]*directory.User{
			"an address of somebody there": {ID: "user_x", OrganizationID: "org_1", Email: "first@example.com", Username: "x"},
			"a username among themselves":  {ID: "user_x", OrganizationID: "org_1", Email: "x@example.com", Username: "other"},
			"their own":                    {ID: "user_first", OrganizationID: "org_1", Email: "x@example.com", Username: "x"},
		} {
			err := store.Fill(t.Context(), func(store directory.Store) error {
				other := &directory.User{ID: "user_other", OrganizationID: "org_1", Email: "other@example.com", Username: "other"}
				answers, err := store.InsertUsers(t.Context(), []*directory.User{other, taken})
				return errors.Join(append(answers, err)...)
			})
			if !errors.Is(err, directory.ErrTaken) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if diff := cmp.Diff(got, contents(t, two)); diff != "" {
			t.Error(diff)
		}
	})
}

// contents are all rows of all tables that are about people, and the schema.
// Users stand under numbers that depend on the order in which they came.
func contents(t *testing.T, db *DB) (all []string) {
	t.Helper()
	err := db.read(t.Context(), func(t *tx) error {
		for _, query := range []string{
			"SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name",
			"SELECT id, hex(document) FROM users ORDER BY id",
			"SELECT id, revision || status || name || email || username || last_login || created || words FROM users ORDER BY id",
			"SELECT key, (SELECT id FROM users WHERE number = user) FROM keys ORDER BY key",
			"SELECT word, (SELECT id FROM users u WHERE number = user AND u.in_group = w.in_group) FROM words w ORDER BY word, 2",
			"SELECT status || role, people FROM groups ORDER BY 1",
			"SELECT kind || user, mark FROM claims ORDER BY 1",
		} {
			err := t.rows(query, nil, func(rows *sql.Rows) error {
				var a, b sql.NullString
				err := rows.Scan(&a, &b)
				all = append(all, fmt.Sprint(a, b))
				return err
			})
			if err != nil {
				return err
			}
		}
		var verdict string
		if err := t.row("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			return fmt.Errorf("integrity: %s %w", verdict, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
