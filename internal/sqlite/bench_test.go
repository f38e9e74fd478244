package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
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
	d := directory.New(store, nil, directory.Settings{Secrets: [][]byte{{1}}}, func([]*directory.User) {}, time.Now, rand.Reader)
	org, err := d.CreateOrganization(context.Background(), "Acme", "acme", 50_000)
	if err != nil {
		b.Fatal(err)
	}
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"
	if err := sample.Fill(context.Background(), store, org, n, hash, time.Now(), func(int) {}); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

// filled is the store of people() people.
func filled(b *testing.B) (*Store, *directory.Organization) {
	b.Helper()
	path := filepath.Join(os.TempDir(), fmt.Sprintf("roster-benchmark-%d-%d.db", os.Getuid(), people()))
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
