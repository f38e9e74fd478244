package sqlite

import (
	"path/filepath"
	"testing"

	"roster/internal/account"
	"roster/internal/vaulttest"
)

func TestVault(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) account.Vault {
		db, err := Open(t.Context(), filepath.Join(t.TempDir(), "roster.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return NewVault(db)
	})
}
