package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/vaulttest"
)

func TestVault(t *testing.T) {
	p := plans{}
	vaulttest.Run(t, func(t *testing.T) account.Vault {
		db := open(t, filepath.Join(t.TempDir(), "roster.db"))
		t.Cleanup(func() { p.look(t, db) })
		return NewVault(db)
	})
	t.Run("every statement goes by an index", func(t *testing.T) {
		db := open(t, filepath.Join(t.TempDir(), "roster.db"))
		if err := NewVault(db).Sweep(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		p.look(t, db)
		p.judge(t, nil, "FROM sessions", "FROM challenges", "FROM limits WHERE ends_at", "FROM requests")
	})
}

func TestVaultClosed(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "roster.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	vaulttest.Unreachable(t, NewVault(db), time.Second)
}

// TestVaultDurable opens the file again without closing it: what was answered is
// there for whoever comes after a SIGKILL.
func TestVaultDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	before := NewVault(open(t, path))
	now := time.Now()
	limit := directory.Limit{Uses: 1, Window: time.Hour}
	_, _, err := before.Reserve(t.Context(), "org_1", now, directory.Use{Key: "key", Limit: limit, N: 1})
	for _, err := range []error{
		err,
		before.PutSession(t.Context(), account.Session{ID: "sess_1", OrganizationID: "org_1", UserID: "user_1", TokenHash: "hash"}, now.Add(time.Hour)),
		before.PutChallenge(t.Context(), account.Challenge{OrganizationID: "org_1", TokenHash: "hash", ExpiresAt: now.Add(time.Hour)}),
		before.FinishRequest(t.Context(), "org_1", "key", "fingerprint", []byte("answer"), now.Add(time.Hour)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	after := NewVault(open(t, path))
	if s, err := after.Session(t.Context(), "org_1", "hash", now); err != nil || s.ID != "sess_1" {
		t.Errorf("the session is %v (%v)", s, err)
	}
	if _, err := after.Challenge(t.Context(), "org_1", "hash", now); err != nil {
		t.Errorf("the challenge is lost: %v", err)
	}
	if _, wait, err := after.Reserve(t.Context(), "org_1", now, directory.Use{Key: "key", Limit: limit, N: 1}); err != nil || wait == 0 {
		t.Errorf("the count is lost (%v)", err)
	}
	if r, err := after.BeginRequest(t.Context(), "org_1", "key", "fingerprint", now, now.Add(time.Minute)); err != nil || string(r.Answer) != "answer" {
		t.Errorf("the request stands %v (%v)", r, err)
	}
}

func TestSweep(t *testing.T) {
	v := NewVault(open(t, filepath.Join(t.TempDir(), "roster.db")))
	now := time.Now().Truncate(time.Millisecond)
	limit := directory.Limit{Uses: 1, Window: time.Minute}
	for name, ends := range map[string]time.Time{"ended": now, "live": now.Add(time.Millisecond)} {
		_, _, err := v.Reserve(t.Context(), "org_1", ends.Add(-limit.Window), directory.Use{Key: name, Limit: limit, N: 1})
		if err := errors.Join(err,
			v.PutSession(t.Context(), account.Session{ID: name, OrganizationID: "org_1", UserID: "user_1", TokenHash: name}, ends),
			v.PutChallenge(t.Context(), account.Challenge{OrganizationID: "org_1", TokenHash: name, ExpiresAt: ends}),
			v.FinishRequest(t.Context(), "org_1", name, "fingerprint", []byte("answer"), ends),
		); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Sweep(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"sessions", "challenges", "limits", "requests"} {
		t.Run("what has ended is removed, and what has not stays: "+table, func(t *testing.T) {
			var rows int
			if err := v.db.read(t.Context(), func(t *tx) error { return t.row("SELECT count(*) FROM " + table).Scan(&rows) }); err != nil {
				t.Fatal(err)
			}
			if rows != 1 {
				t.Errorf("%d rows", rows)
			}
		})
	}
	if _, err := v.Session(t.Context(), "org_1", "live", now); err != nil {
		t.Error(err)
	}
	if _, wait, err := v.Reserve(t.Context(), "org_1", now, directory.Use{Key: "live", Limit: limit, N: 1}); err != nil || wait != time.Millisecond {
		t.Errorf("wait %v (%v)", wait, err)
	}
	if r, err := v.BeginRequest(t.Context(), "org_1", "live", "fingerprint", now, now.Add(time.Minute)); err != nil || r.State != directory.StateDone {
		t.Errorf("the request stands %v (%v)", r, err)
	}
}
