package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"roster/internal/directory"
	"roster/internal/storetest"
)

// open opens a file of the test's own.
func open(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestStore(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "roster.db"))
	storetest.Run(t, func(*testing.T) directory.Store { return NewStore(db) })
	t.Run("every statement that was run goes by an index", func(t *testing.T) { plansHold(t, db) })
}
