package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"roster/internal/directory"
	"roster/internal/sample"
)

// The benchmarks read an organization of 100,000 made-up people, or of
// BENCHMARK_PEOPLE. It is made once and kept between runs in the temporary
// folder; BenchmarkFill measures making it.
//
//	go test -run - -bench . ./internal/sqlite

func people() int {
	if n, err := strconv.Atoi(os.Getenv("BENCHMARK_PEOPLE")); err == nil {
		return n
	}
	return 100_000
}

// fill makes an organization of n people in a new file.
func fill(b *testing.B, path string, n int) {
	b.Helper()
	db, err := Open(context.Background(), path)
	if err != nil {
		b.Fatal(err)
	}
	store := NewStore(db)
	d := directory.New(store, nil, directory.Settings{Secrets: [][]byte{{1}}}, nobody{}, time.Now, rand.Reader)
	org, err := d.CreateOrganization(context.Background(), "Acme", "acme", 50_000)
	if err != nil {
		b.Fatal(err)
	}
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"
	if err := store.Fill(context.Background(), func(store directory.Store) error {
		return sample.Fill(context.Background(), store, org, n, hash, time.Now(), func(int) {})
	}); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

// benchmarkFile is where the filled store of this schema is kept.
func benchmarkFile(b *testing.B) string {
	b.Helper()
	schema := crc32.NewIEEE()
	if err := fs.WalkDir(migrationFiles, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := migrationFiles.ReadFile(path)
		_, _ = schema.Write(text)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("roster-benchmark-%d-%d-%x.db", os.Getuid(), people(), schema.Sum32()))
}

// filled is the store of people() people.
func filled(b *testing.B) (*Store, *directory.Organization) {
	b.Helper()
	path := benchmarkFile(b)
	if _, err := os.Stat(path); err != nil {
		making := path + ".making"
		for _, old := range []string{making, making + "-wal", making + "-shm"} {
			_ = os.Remove(old)
		}
		fill(b, making, people())
		if err := os.Rename(making, path); err != nil {
			b.Fatal(err)
		}
	}
	store := NewStore(open(b, path))
	org, err := store.OrganizationBySlug(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	return store, org
}

func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		fill(b, filepath.Join(b.TempDir(), "roster.db"), people())
	}
	b.ReportMetric(float64(people())*float64(b.N)/b.Elapsed().Seconds(), "people/s")
}

func BenchmarkListUsers(b *testing.B) {
	store, org := filled(b)
	groups := func(match func(directory.Group) bool) []directory.Group {
		all := []directory.Group{}
		for _, status := range []directory.Status{directory.Active, directory.Pending, directory.Inactive} {
			for _, role := range org.Roles {
				for _, twoFactor := range []bool{false, true} {
					if g := (directory.Group{Status: status, RoleID: role.ID, TwoFactor: twoFactor}); match(g) {
						all = append(all, g)
					}
				}
			}
		}
		return all
	}
	var roles []string
	for _, role := range org.Roles {
		roles = append(roles, role.ID)
	}
	active := groups(func(g directory.Group) bool { return g.Status == directory.Active })
	some := groups(func(g directory.Group) bool { return g.Status != directory.Inactive && g.RoleID != roles[0] })
	middle, err := store.ListUsers(b.Context(), org.ID, directory.ListQuery{
		Order: directory.Order{Field: directory.ByName}, Words: []string{"mar"}, Limit: 1,
	})
	if err != nil {
		b.Fatal(err)
	}
	after := func(by directory.OrderField) *directory.Position {
		at := directory.PositionOf(middle[0], by)
		return &at
	}
	for _, c := range []struct {
		name string
		q    directory.ListQuery
	}{
		{"tab", directory.ListQuery{Groups: active}},
		{"tab, deep", directory.ListQuery{Groups: active, After: after(directory.ByName)}},
		{"tab, last page", directory.ListQuery{Groups: active, Backward: true}},
		{"tab, by last login", directory.ListQuery{Groups: active, Order: directory.Order{Field: directory.ByLastLogin, Descending: true}}},
		{"all", directory.ListQuery{}},
		{"all, deep", directory.ListQuery{After: after(directory.ByName)}},
		{"three roles of two statuses", directory.ListQuery{Groups: some}},
		{"tab, by role", directory.ListQuery{Groups: active, Order: directory.Order{Field: directory.ByRole}}},
		{"tab, rare word", directory.ListQuery{Groups: active, Words: []string{"zuckerb"}}},
		{"tab, first name at the end", directory.ListQuery{Groups: active, Words: []string{"zo"}}},
		{"tab, first name at the end, by created", directory.ListQuery{Groups: active, Words: []string{"zo"}, Order: directory.Order{Field: directory.ByCreated}}},
		{"tab, letter", directory.ListQuery{Groups: active, Words: []string{"z"}}},
		{"tab, common word", directory.ListQuery{Groups: active, Words: []string{"com"}}},
		{"tab, two common words", directory.ListQuery{Groups: active, Words: []string{"ma", "le"}}},
	} {
		if c.q.Order.Field == "" {
			c.q.Order.Field = directory.ByName
		}
		c.q.Limit, c.q.Roles = 51, roles
		b.Run(c.name, func(b *testing.B) {
			found := 0
			for b.Loop() {
				users, err := store.ListUsers(b.Context(), org.ID, c.q)
				if err != nil {
					b.Fatal(err)
				}
				found = len(users)
			}
			b.ReportMetric(float64(found), "people")
		})
		if len(c.q.Words) > 0 {
			b.Run(c.name+", counted", func(b *testing.B) {
				found := 0
				for b.Loop() {
					if found, err = store.CountMatches(b.Context(), org.ID, c.q); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(found), "people")
			})
		}
	}
}

func BenchmarkUser(b *testing.B) {
	store, org := filled(b)
	users, err := store.ListUsers(b.Context(), org.ID, directory.ListQuery{Order: directory.Order{Field: directory.ByCreated}, Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	u := users[0]
	b.Run("by id", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.User(b.Context(), org.ID, u.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by keys", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.UsersByKeys(b.Context(), org.ID, u.Keys()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sign-in", func(b *testing.B) {
		for b.Loop() {
			u.LastLoginAt = u.LastLoginAt.Add(time.Second)
			if err := store.UpdateUser(b.Context(), u); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.Counts(b.Context(), org.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// nobody is a relay that tells nobody.
type nobody struct{}

func (nobody) Deliver([]*directory.User)                   {}
func (nobody) DeliverOrganization(*directory.Organization) {}

// BenchmarkClaims begins and settles a change of a role that 20,000 people have.
func BenchmarkClaims(b *testing.B) {
	const many = 20_000
	store := NewStore(open(b, filepath.Join(b.TempDir(), "roster.db")))
	if err := store.InsertOrganization(b.Context(), &directory.Organization{ID: "org_1", SeatLimit: many}); err != nil {
		b.Fatal(err)
	}
	batch := directory.ClaimBatch{Mark: "mark", At: time.Now(), Whole: true, Changes: make([]directory.ClaimChange, many)}
	settlements := make([]directory.Settlement, many)
	for i := range many {
		id := directory.NewID("user_", time.Now(), rand.Reader)
		batch.Changes[i] = directory.ClaimChange{UserID: id, Seat: directory.Joining, Administrator: directory.Joining}
		settlements[i] = directory.Settlement{UserID: id, Mark: "mark"}
	}
	begin := func(b *testing.B, store *Store) {
		answers, err := store.BeginClaims(b.Context(), "org_1", batch)
		if err != nil || answers[0] != nil {
			b.Fatal(err, answers[0])
		}
	}
	settle := func(b *testing.B, store *Store) {
		if err := store.SettleClaims(b.Context(), "org_1", settlements); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("begin 20,000", func(b *testing.B) {
		for b.Loop() {
			begin(b, store)
			b.StopTimer()
			settle(b, store)
			b.StartTimer()
		}
	})
	b.Run("settle 20,000", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			begin(b, store)
			b.StartTimer()
			settle(b, store)
		}
	})
	b.Run("begin and settle one", func(b *testing.B) {
		one := batch
		one.Changes = batch.Changes[:1]
		for b.Loop() {
			if _, err := store.BeginClaims(b.Context(), "org_1", one); err != nil {
				b.Fatal(err)
			}
			if err := store.SettleClaims(b.Context(), "org_1", settlements[:1]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEvents reads pages of an audit log of 200,000 events, of which one
// person did half and one in a thousand is of a rare action.
func BenchmarkEvents(b *testing.B) {
	const many = 200_000
	store := NewStore(open(b, filepath.Join(b.TempDir(), "roster.db")))
	if err := store.InsertOrganization(b.Context(), &directory.Organization{ID: "org_1"}); err != nil {
		b.Fatal(err)
	}
	start := time.Now().Add(-many * time.Second)
	events := make([]directory.Event, many)
	for i := range events {
		at := start.Add(time.Duration(i) * time.Second)
		e := directory.Event{
			ID: directory.NewID("evt_", at, rand.Reader), OrganizationID: "org_1", At: at, Action: directory.SignedIn,
			ActorID: fmt.Sprint("user_", i%1000), TargetID: fmt.Sprint("user_", i%777),
		}
		if i%2 == 0 {
			e.ActorID, e.Action = "admin", directory.UserUpdated
		}
		if i%1000 == 0 {
			e.Action = directory.RoleUpdated
		}
		events[i] = e
	}
	for chunk := range slices.Chunk(events, 10_000) {
		if err := store.AppendEvents(b.Context(), chunk); err != nil {
			b.Fatal(err)
		}
	}
	rare := []directory.Action{directory.RoleUpdated, directory.RoleDeleted, directory.OrganizationUpdated}
	for _, c := range []struct {
		name string
		q    directory.EventQuery
	}{
		{"all", directory.EventQuery{}},
		{"all, deep", directory.EventQuery{Before: events[1000].ID}},
		{"a person", directory.EventQuery{UserID: "user_7"}},
		{"rare actions", directory.EventQuery{Actions: rare}},
		{"a common and rare actions", directory.EventQuery{Actions: append([]directory.Action{directory.SignedIn}, rare...)}},
		{"a busy person, rare actions", directory.EventQuery{UserID: "admin", Actions: rare}},
		{"a busy person, an action never done", directory.EventQuery{UserID: "admin", Actions: rare[1:]}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := store.Events(b.Context(), "org_1", c.q, 51); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+", counted", func(b *testing.B) {
			for b.Loop() {
				if _, err := store.CountEvents(b.Context(), "org_1", c.q, 10_000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
