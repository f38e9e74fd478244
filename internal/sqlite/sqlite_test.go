package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"roster/internal/directory"
	"roster/internal/storetest"
)

// open opens a file until the test ends.
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
	t.Run("every statement goes by an index", func(t *testing.T) {
		storetest.EveryList(t, NewStore(db))
		p := plans{}
		p.look(t, db)
		p.judge(t, storeExcuses,
			"INDEXED BY users_status_name ", "INDEXED BY users_group_last_login ", "FROM (SELECT user FROM words",
			"INDEXED BY users_due", "INDEXED BY claims_unsettled", "invitation_hash = ?2", "UPDATE words", "DELETE FROM keys",
			"INDEXED BY organizations_due", "INDEXED BY users_group_created ON", "INDEXED BY claims_marks", "INSERT INTO claims",
			"DELETE FROM claims", "INDEXED BY events_action", "FROM event_people")
	})
}

func TestOpen(t *testing.T) {
	t.Run("a closed file is whole, alone and there when opened again", func(t *testing.T) {
		folder := t.TempDir()
		path := filepath.Join(folder, "ro%20st?er.db")
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		insert(t, NewStore(db), "org_1")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != 1 || files[0].Name() != "ro%20st?er.db" {
			t.Errorf("the folder has %v (%v)", files, err)
		}
		has(t, NewStore(open(t, path)), "org_1")
	})
	t.Run("nobody else may read the file or those beside it", func(t *testing.T) {
		folder := t.TempDir()
		insert(t, NewStore(open(t, filepath.Join(folder, "roster.db"))), "org_1")
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != 3 {
			t.Fatalf("the folder has %v (%v)", files, err)
		}
		for _, file := range files {
			if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v (%v)", file.Name(), info.Mode(), err)
			}
		}
	})
	t.Run("commits are flushed, and readers can't write", func(t *testing.T) {
		db := open(t, filepath.Join(t.TempDir(), "roster.db"))
		for _, c := range []struct {
			run     func(context.Context, func(*tx) error) error
			setting string
			want    string
		}{
			{db.write, "journal_mode", "wal"},
			{db.write, "synchronous", "2"}, // FULL
			{db.write, "query_only", "0"},
			{db.read, "query_only", "1"},
		} {
			err := c.run(t.Context(), func(t *tx) error {
				var got string
				if err := t.row("PRAGMA " + c.setting).Scan(&got); err != nil {
					return err
				}
				if got != c.want {
					return fmt.Errorf("%s is %s, want %s", c.setting, got, c.want)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("a file of a newer program is refused, and left as it is", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "roster.db")
		db := open(t, path)
		if err := db.write(t.Context(), func(t *tx) error { return t.script("PRAGMA user_version = 99") }); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what is no database is refused", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "roster.db")
		if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path); err == nil {
			t.Error("it was opened")
		}
		if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "nowhere", "roster.db")); err == nil {
			t.Error("a file in no folder was opened")
		}
	})
	t.Run("two programs may make and write one file at once", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "roster.db")
		var group sync.WaitGroup
		for program := range 2 {
			group.Go(func() {
				db, err := Open(context.Background(), path)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 20 {
					insert(t, NewStore(db), fmt.Sprintf("org_%d_%d", program, i))
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		store := NewStore(open(t, path))
		for i := range 20 {
			has(t, store, fmt.Sprintf("org_0_%d", i))
			has(t, store, fmt.Sprintf("org_1_%d", i))
		}
	})
}

func TestTransactions(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "roster.db"))
	store := NewStore(db)
	t.Run("who can't wait leaves the queue, and what goes on is not harmed", func(t *testing.T) {
		held, release := make(chan struct{}), make(chan struct{})
		done := make(chan error)
		go func() {
			done <- db.write(context.Background(), func(*tx) error {
				close(held)
				<-release
				return nil
			})
		}()
		<-held
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		err := store.InsertOrganization(ctx, &directory.Organization{ID: "org_late", Slug: "late"})
		if !errors.Is(err, directory.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		// Readers don't wait for writers.
		if _, err := store.Organization(t.Context(), "org_late"); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		insert(t, store, "org_after")
	})
	t.Run("those who wait at the same time write in one transaction, and one who fails undoes nothing of the others", func(t *testing.T) {
		add := func(id string) func(*tx) error {
			return func(t *tx) error {
				_, err := t.exec("INSERT INTO organizations (id, slug, document, seat_limit) VALUES (?1, ?1, x'7b7d', 1)", id)
				return err
			}
		}
		held, release := make(chan struct{}), make(chan struct{})
		first := make(chan error)
		go func() {
			first <- db.write(context.Background(), func(*tx) error {
				close(held)
				<-release
				return nil
			})
		}()
		<-held
		var transactions []*tx
		answers, panics := map[string]error{}, map[string]bool{}
		var mu sync.Mutex
		var group sync.WaitGroup
		queue := func(id string, do func(*tx) error) {
			before := db.line.length()
			group.Go(func() {
				defer func() {
					mu.Lock()
					panics[id] = recover() != nil
					mu.Unlock()
				}()
				err := db.write(context.Background(), func(t *tx) error {
					transactions = append(transactions, t)
					return errors.Join(add(id)(t), do(t))
				})
				mu.Lock()
				answers[id] = err
				mu.Unlock()
			})
			for db.line.length() == before {
				time.Sleep(time.Millisecond)
			}
		}
		fails, nothing := errors.New("no"), func(*tx) error { return nil }
		queue("org_one", nothing)
		queue("org_refused", func(*tx) error { return fails })
		queue("org_disco", func(*tx) error { panic("at the disco") })
		queue("org_broken", func(t *tx) error { _, err := t.exec("INSERT INTO nowhere VALUES (1)"); return err })
		queue("org_two", func(t *tx) error {
			var n int
			err := t.row("SELECT count(*) FROM organizations WHERE id IN ('org_one', 'org_refused', 'org_disco', 'org_broken')").Scan(&n)
			if err == nil && n != 1 {
				err = fmt.Errorf("%d of those before are there", n)
			}
			return err
		})
		close(release)
		if err := <-first; err != nil {
			t.Error(err)
		}
		group.Wait()
		for i, at := range transactions {
			if at != transactions[0] {
				t.Errorf("job %d has a transaction of its own", i)
			}
		}
		if answers["org_one"] != nil || answers["org_two"] != nil || !errors.Is(answers["org_refused"], fails) || answers["org_broken"] == nil || !panics["org_disco"] {
			t.Errorf("got %v, panics %v", answers, panics)
		}
		has(t, store, "org_one")
		has(t, store, "org_two")
		for _, id := range []string{"org_refused", "org_disco", "org_broken"} {
			if _, err := store.Organization(t.Context(), id); !errors.Is(err, directory.ErrNotFound) {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
	t.Run("when their transaction fails, none of them was made", func(t *testing.T) {
		held, release := make(chan struct{}), make(chan struct{})
		go func() {
			_ = db.write(context.Background(), func(*tx) error {
				close(held)
				<-release
				return nil
			})
		}()
		<-held
		errs := make(chan error, 3)
		for i := range 3 {
			before := db.line.length()
			go func() {
				errs <- db.write(context.Background(), func(t *tx) error {
					if i == 1 {
						// As SQLite does by itself when the disk is full.
						return t.script("ROLLBACK")
					}
					_, err := t.exec("INSERT INTO organizations (id, slug, document, seat_limit) VALUES (?1, ?1, x'7b7d', 1)", fmt.Sprint("org_lost", i))
					return err
				})
			}()
			for db.line.length() == before {
				time.Sleep(time.Millisecond)
			}
		}
		close(release)
		for range 3 {
			if err := <-errs; err == nil {
				t.Error("it was said to be written")
			}
		}
		for i := range 3 {
			if _, err := store.Organization(t.Context(), fmt.Sprint("org_lost", i)); !errors.Is(err, directory.ErrNotFound) {
				t.Errorf("%d: %v", i, err)
			}
		}
		insert(t, store, "org_found")
	})
	t.Run("what need not be flushed is not, and what comes after it is", func(t *testing.T) {
		level := func(run func(context.Context, func(*tx) error) error) (level string) {
			if err := run(t.Context(), func(t *tx) error { return t.row("PRAGMA synchronous").Scan(&level) }); err != nil {
				t.Error(err)
			}
			return level
		}
		for range 2 {
			if got := level(db.writeLazily); got != "1" {
				t.Errorf("synchronous is %s, want NORMAL", got)
			}
			if got := level(db.write); got != "2" {
				t.Errorf("synchronous is %s, want FULL", got)
			}
		}
	})
	t.Run("a panic undoes, and frees the connection", func(t *testing.T) {
		func() {
			defer func() { _ = recover() }()
			_ = db.write(t.Context(), func(t *tx) error {
				if _, err := t.exec("INSERT INTO organizations (id, slug, document, seat_limit) VALUES ('org_panic', 'panic', x'', 1)"); err != nil {
					return err
				}
				panic("at the disco")
			})
		}()
		insert(t, store, "org_panic")
	})
	t.Run("a closed store is unavailable", func(t *testing.T) {
		closed, err := Open(t.Context(), filepath.Join(t.TempDir(), "roster.db"))
		if err != nil {
			t.Fatal(err)
		}
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		if err := NewStore(closed).Ping(t.Context()); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

// length is how many wait.
func (l *line) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// insert adds an organization.
func insert(t *testing.T, store *Store, id string) {
	t.Helper()
	if err := store.InsertOrganization(context.Background(), &directory.Organization{ID: id, Slug: id}); err != nil {
		t.Error(err)
	}
}

func has(t *testing.T, store *Store, id string) {
	t.Helper()
	if _, err := store.Organization(context.Background(), id); err != nil {
		t.Errorf("%s: %v", id, err)
	}
}

// TestCopiedWhileOpen takes a copy of the file and its WAL, as a power failure
// or a backup of the disk would leave them: what was answered is in it.
func TestCopiedWhileOpen(t *testing.T) {
	folder, other := t.TempDir(), t.TempDir()
	store := NewStore(open(t, filepath.Join(folder, "roster.db")))
	for i := range 10 {
		insert(t, store, fmt.Sprintf("org_%d", i))
	}
	for _, name := range []string{"roster.db", "roster.db-wal"} { // not -shm, which is memory
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied := NewStore(open(t, filepath.Join(other, "roster.db")))
	for i := range 10 {
		has(t, copied, fmt.Sprintf("org_%d", i))
	}
}

// TestKilled kills a process in the midst of writing, again and again: all that
// it has said to be written is there, and the indexes agree with the documents.
func TestKilled(t *testing.T) {
	const variable = "SQLITE_TEST_WRITE"
	if path := os.Getenv(variable); path != "" {
		db, err := Open(context.Background(), path)
		if err != nil {
			panic(err)
		}
		store := NewStore(db)
		for i := 0; ; i++ {
			id := fmt.Sprintf("user_%d_%d", os.Getpid(), i)
			u := &directory.User{ID: id, OrganizationID: "org_1", Email: id + "@example.com", Username: id, Name: "Ann Lee", Status: directory.Active}
			if _, err := store.InsertUsers(context.Background(), []*directory.User{u}); err != nil {
				panic(err)
			}
			if i%2 == 1 {
				u.Status, u.Name = directory.Inactive, "Ben Lee"
				if err := store.UpdateUser(context.Background(), u); err != nil {
					panic(err)
				}
			}
			fmt.Printf("\nwritten %s %s\n", id, u.Status)
		}
	}

	path := filepath.Join(t.TempDir(), "roster.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	insert(t, NewStore(db), "org_1")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	written := map[string]directory.Status{}
	for range 5 {
		writer := exec.Command(os.Args[0], "-test.run", "^TestKilled$") //nolint:gosec // this program
		writer.Env = append(os.Environ(), variable+"="+path)
		output, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(output)
		most := len(written) + 1 + rand.IntN(40)
		for lines.Scan() {
			var id string
			var status directory.Status
			if n, _ := fmt.Sscanf(lines.Text(), "written %s %s", &id, &status); n == 2 {
				written[id] = status
			}
			if len(written) == most {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				if err := writer.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				most = -1
			}
		}
		_ = writer.Wait()
	}

	store := NewStore(open(t, path))
	ids := make([]string, 0, len(written))
	for id := range written {
		ids = append(ids, id)
	}
	users, err := store.Users(t.Context(), "org_1", ids)
	if err != nil || len(users) != len(written) {
		t.Fatalf("%d of %d users that were written are there (%v)", len(users), len(written), err)
	}
	for _, u := range users {
		if u.Status != written[u.ID] {
			t.Errorf("%s is %s, was written as %s", u.ID, u.Status, written[u.ID])
		}
	}
	counts, err := store.Counts(t.Context(), "org_1")
	if err != nil {
		t.Fatal(err)
	}
	for group, people := range counts {
		q := directory.ListQuery{Groups: []directory.Group{group}, Order: directory.Order{Field: directory.ByName}, Limit: 10_000}
		listed, err := store.ListUsers(t.Context(), "org_1", q)
		if err != nil || len(listed) != people {
			t.Errorf("%d people of %+v are listed, %d counted (%v)", len(listed), group, people, err)
		}
	}
	err = store.db.read(t.Context(), func(t *tx) error {
		var verdict string
		if err := t.row("PRAGMA integrity_check").Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return errors.New(verdict)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
