package sqlite

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/storetest"
)

// searched is a store whose organizations have an index as soon as they have
// people, and which waits until it is made.
type searched struct {
	*Store
	t *testing.T
}

// search has small organizations indexed, with all beginnings that more than
// common people have.
func search(t *testing.T, path string, common int) searched {
	t.Helper()
	db := open(t, path)
	db.memory.indexes.limits = limits{from: 1, common: common, atMost: 1_000_000, leaf: 4}
	return searched{NewStore(db), t}
}

func (s searched) ListUsers(ctx context.Context, organizationID string, q directory.ListQuery) ([]*directory.User, error) {
	s.await(organizationID)
	return s.Store.ListUsers(ctx, organizationID, q)
}

func (s searched) CountMatches(ctx context.Context, organizationID string, q directory.ListQuery) (int, error) {
	s.await(organizationID)
	return s.Store.CountMatches(ctx, organizationID, q)
}

// await waits until what would be read goes by an index; nobody else may write
// meanwhile.
func (s searched) await(organizationID string) {
	s.t.Helper()
	q := directory.ListQuery{Words: []string{"a"}, Limit: 1}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		by := false
		err := s.list(context.Background(), organizationID, q, func(l *list) error {
			by = l.index != nil
			return nil
		})
		counts, err2 := s.Counts(context.Background(), organizationID)
		if err != nil || err2 != nil || by || len(counts) == 0 {
			return
		}
	}
	s.t.Error("the index was not made")
}

// Lists that go by an index are those that the contract promises, whether it
// knows all words, some or none.
func TestIndexedLists(t *testing.T) {
	for _, common := range []int{0, 5, 1000} {
		t.Run(fmt.Sprintf("common from %d", common), func(t *testing.T) {
			store := search(t, filepath.Join(t.TempDir(), "roster.db"), common)
			storetest.Lists(t, func(t *testing.T) directory.Store { return searched{store.Store, t} })
		})
	}
}

// Without an index, words that many have are looked for among those who have
// the others.
func TestListsWithoutIndex(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "roster.db"))
	db.memory.indexes.limits = limits{from: math.MaxInt, common: 3}
	storetest.Lists(t, func(*testing.T) directory.Store { return NewStore(db) })
}

// Those who are found are read and sorted where a walk to them would be long.
func TestFarAway(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "roster.db"))
	db.memory.indexes.limits = limits{from: math.MaxInt, common: 100}
	store, o := NewStore(db), &directory.Organization{ID: "org_1", Slug: "one"}
	require.NoError(t, store.InsertOrganization(t.Context(), o))
	var users []*directory.User
	for i := range 3_000 {
		u := newUser(o, fmt.Sprintf("user%04d", i), "Ann")
		u.CreatedAt = time.UnixMilli(int64(i)).UTC()
		if i >= 2_950 {
			u.Name = "Zoe"
		}
		users = append(users, u)
	}
	add(t, store, users...)
	for _, order := range []directory.OrderField{directory.ByName, directory.ByEmail, directory.ByRole, directory.ByCreated} {
		for _, down := range []bool{false, true} {
			q := directory.ListQuery{Words: []string{"zoe"}, Order: directory.Order{Field: order, Descending: down}, Roles: []string{"role"}, Limit: 2}
			want := []string{"user2950", "user2951", "user2952", "user2953"}
			if down {
				want = []string{"user2999", "user2998", "user2997", "user2996"}
			}
			var got []string
			for range 2 {
				page, err := store.ListUsers(t.Context(), o.ID, q)
				require.NoError(t, err)
				for _, u := range page {
					got = append(got, u.ID)
				}
				at := directory.PositionOf(page[len(page)-1], order)
				q.After = &at
			}
			assert.Equal(t, want, got, "%s, descending %v", order, down)
		}
	}
}

// By role, whoever has the words is found alike with an index and without, in
// roles of a few people, of many and of most, on all tabs and on one.
func TestSearchesByRole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	indexed := search(t, path, 20)
	plainly := open(t, path)
	plainly.memory.indexes.limits = limits{from: math.MaxInt, common: 100}
	without, o := NewStore(plainly), &directory.Organization{ID: "org_1", Slug: "one"}
	require.NoError(t, indexed.InsertOrganization(t.Context(), o))
	roles := []string{"few", "some", "many", "most"}
	var users []*directory.User
	groups := map[directory.Status][]directory.Group{}
	for i := range 3_000 {
		u := newUser(o, fmt.Sprintf("user%04d", i), []string{"Ann", "Ann Zoe", "Zoe", "Kim"}[i%4])
		switch {
		case i%300 == 0:
			u.RoleID = "few"
		case i%40 == 1:
			u.RoleID = "some"
		case i%5 == 2:
			u.RoleID = "many"
		default:
			u.RoleID = "most"
		}
		u.Status = statuses[i/7%3]
		if group := directory.GroupOf(u); !slices.Contains(groups[u.Status], group) {
			groups[u.Status] = append(groups[u.Status], group)
		}
		users = append(users, u)
	}
	add(t, indexed.Store, users...)
	indexed.await(o.ID)
	all := func(store directory.Store, q directory.ListQuery) (ids []string) {
		for {
			page, err := store.ListUsers(t.Context(), o.ID, q)
			require.NoError(t, err)
			for _, u := range page {
				ids = append(ids, u.ID)
			}
			if len(page) < q.Limit {
				return ids
			}
			at := directory.PositionOf(page[len(page)-1], q.Order.Field)
			if q.After = &at; q.Backward {
				q.After, q.Before = nil, &at
			}
		}
	}
	for _, words := range [][]string{{"ann"}, {"zoe"}, {"ann", "zoe"}, {"user00"}, {"kim", "user00"}} {
		for _, status := range append([]directory.Status{""}, statuses...) {
			for turn := range 4 {
				q := directory.ListQuery{
					Words: words, Groups: groups[status], Roles: roles, Limit: 40, Backward: turn%2 == 1,
					Order: directory.Order{Field: directory.ByRole, Descending: turn >= 2},
				}
				want := all(without, q)
				require.NotEmpty(t, want)
				assert.Equal(t, want, all(indexed.Store, q), "%v %s, descending %v, backward %v", words, status, q.Order.Descending, q.Backward)
			}
		}
	}
}

// seen is what a process sees of an organization.
type seen struct {
	Name     string
	Counts   directory.Counts
	Revision int64
	Session  bool
	Found    []string
	Matches  int
}

func look(t *testing.T, s *Store, o *directory.Organization, userID, word string) (all seen) {
	t.Helper()
	ctx, q := t.Context(), directory.ListQuery{Words: []string{word}, Order: directory.Order{Field: directory.ByName}, Limit: 10}
	org, err := s.Organization(ctx, o.ID)
	require.NoError(t, err)
	all.Name = org.Name
	all.Counts, err = s.Counts(ctx, o.ID)
	require.NoError(t, err)
	u, err := s.User(ctx, o.ID, userID)
	require.NoError(t, err)
	all.Revision = u.Revision
	_, err = NewVault(s.db).Session(ctx, o.ID, "hash", time.Now())
	all.Session = err == nil
	users, err := s.ListUsers(ctx, o.ID, q)
	require.NoError(t, err)
	for _, u := range users {
		all.Found = append(all.Found, fmt.Sprint(u.ID, u.Revision))
	}
	all.Matches, err = s.CountMatches(ctx, o.ID, q)
	require.NoError(t, err)
	return all
}

func newUser(o *directory.Organization, id, name string) *directory.User {
	return &directory.User{
		ID: id, OrganizationID: o.ID, Email: id + "@example.com", Username: id, Name: name,
		RoleID: "role", Status: directory.Active, CreatedAt: time.UnixMilli(1).UTC(), UpdatedAt: time.UnixMilli(1).UTC(),
	}
}

func add(t *testing.T, s *Store, users ...*directory.User) {
	t.Helper()
	answers, err := s.InsertUsers(t.Context(), users)
	require.NoError(t, err)
	for _, answer := range answers {
		require.NoError(t, answer)
	}
}

// What is kept in memory never hides what another process has written: each of
// two, which both have looked before, sees at once what the other does.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.db")
	one, other := search(t, path, 0), search(t, path, 0)
	o := &directory.Organization{ID: "org_1", Slug: "one", Name: "One"}
	require.NoError(t, one.InsertOrganization(t.Context(), o))
	ann := newUser(o, "ann", "Ann")
	add(t, one.Store, ann, newUser(o, "bob", "Bob"))

	same := func() {
		t.Helper()
		assert.Equal(t, look(t, one.Store, o, "ann", "ann"), look(t, other.Store, o, "ann", "ann"))
	}
	one.await(o.ID)
	other.await(o.ID)
	same()
	for i, write := range []func(*Store) error{
		func(s *Store) error { o.Name += "!"; return s.UpdateOrganization(t.Context(), o) },
		func(s *Store) error { ann.Name += " Annabel"; return s.UpdateUser(t.Context(), ann) },
		func(s *Store) error { ann.Status = directory.Inactive; return s.UpdateUser(t.Context(), ann) },
		func(s *Store) error {
			return NewVault(s.db).PutSession(t.Context(), account.Session{OrganizationID: o.ID, TokenHash: "hash", ID: "s", UserID: "ann"}, time.Now().Add(time.Hour))
		},
		func(s *Store) error { return NewVault(s.db).EndSessions(t.Context(), o.ID, "ann", []string{"s"}) },
		func(s *Store) error { ann.Name = "Zoe"; return s.UpdateUser(t.Context(), ann) },
	} {
		before := look(t, one.Store, o, "ann", "ann")
		require.NoError(t, write([]*Store{one.Store, other.Store}[i%2]))
		assert.NotEqual(t, before, look(t, one.Store, o, "ann", "ann"), "write %d", i)
		same()
		require.NoError(t, write([]*Store{other.Store, one.Store}[i%2]))
		same()
		one.await(o.ID)
		other.await(o.ID)
		same()
	}
	add(t, other.Store, newUser(o, "annika", "Annika"))
	same()
	add(t, one.Store, newUser(o, "anna", "Anna"))
	same()
}

// Whoever asks after a write was answered sees it, while everybody else writes
// and reads too; and nobody sees a page that was at no moment.
func TestReadYourWrites(t *testing.T) {
	store := search(t, filepath.Join(t.TempDir(), "roster.db"), 2)
	o := &directory.Organization{ID: "org_1", Slug: "one"}
	require.NoError(t, store.InsertOrganization(t.Context(), o))
	const people, rounds = 8, 40
	users := make([]*directory.User, people)
	for i := range users {
		users[i] = newUser(o, fmt.Sprintf("user%d", i), "Common")
	}
	add(t, store.Store, users...)
	store.await(o.ID)
	list := func(word string, groups []directory.Group) []*directory.User {
		q := directory.ListQuery{Words: []string{word}, Groups: groups, Order: directory.Order{Field: directory.ByName}, Limit: 100}
		found, err := store.Store.ListUsers(t.Context(), o.ID, q)
		assert.NoError(t, err)
		return found
	}
	var group sync.WaitGroup
	for i, u := range users {
		group.Go(func() {
			for round := range rounds {
				before := fmt.Sprintf("name%dx%dx", i, round-1)
				u.Name = fmt.Sprintf("name%dx%dx Common", i, round)
				u.Status = []directory.Status{directory.Active, directory.Inactive}[round%2]
				if !assert.NoError(t, store.UpdateUser(t.Context(), u)) {
					return
				}
				found := list(fmt.Sprintf("name%dx%dx", i, round), nil)
				if assert.Len(t, found, 1) {
					assert.Equal(t, u.Revision, found[0].Revision)
				}
				assert.Empty(t, list(before, nil))
				again, err := store.User(t.Context(), o.ID, u.ID)
				assert.NoError(t, err)
				assert.Equal(t, u.Revision, again.Revision)
				assert.Len(t, list("common", nil), people)
				active := []directory.Group{{Status: directory.Active, RoleID: "role"}}
				for _, one := range list("common", active) {
					assert.Equal(t, directory.Active, one.Status)
				}
				counts, err := store.Counts(t.Context(), o.ID)
				assert.NoError(t, err)
				assert.Equal(t, people, counts.Sum(func(directory.Group) bool { return true }))
			}
		})
	}
	group.Wait()
}

// A commit that is not made changes nothing in memory.
func TestGivenUpWrites(t *testing.T) {
	store := search(t, filepath.Join(t.TempDir(), "roster.db"), 0)
	o := &directory.Organization{ID: "org_1", Slug: "one"}
	require.NoError(t, store.InsertOrganization(t.Context(), o))
	add(t, store.Store, newUser(o, "ann", "Ann"), newUser(o, "bob", "Bob"))
	store.await(o.ID)
	before := look(t, store.Store, o, "ann", "ann")
	taken, err := store.User(t.Context(), o.ID, "ann")
	require.NoError(t, err)
	taken.Username, taken.Name, taken.Status = "bob", "Cyd", directory.Inactive
	require.ErrorIs(t, store.UpdateUser(t.Context(), taken), directory.ErrTaken)
	answers, err := store.InsertUsers(t.Context(), []*directory.User{newUser(o, "ann2", "Ann"), newUser(o, "bob", "Ann")})
	require.NoError(t, err)
	assert.Equal(t, []error{nil, directory.ErrTaken}, answers)
	after := look(t, store.Store, o, "ann", "ann")
	assert.Equal(t, before.Revision, after.Revision)
	assert.Equal(t, 2, after.Matches)
	assert.Len(t, after.Found, 2)
	assert.Equal(t, 3, after.Counts.Sum(func(directory.Group) bool { return true }))
	assert.True(t, slices.Contains(after.Found, before.Found[0]))
}

// Of those who share a transaction, one who gives up has no part in what is
// remembered of it.
func TestGivenUpWritesAmongOthers(t *testing.T) {
	store := search(t, filepath.Join(t.TempDir(), "roster.db"), 0)
	o := &directory.Organization{ID: "org_1", Slug: "one"}
	require.NoError(t, store.InsertOrganization(t.Context(), o))
	ann := newUser(o, "ann", "Ann")
	add(t, store.Store, ann, newUser(o, "bob", "Bob"))
	store.await(o.ID)

	<-store.db.writer.free
	held := store.db.writer.take()
	waiting := func(n int) {
		require.Eventually(t, func() bool {
			store.db.line.mu.Lock()
			defer store.db.line.mu.Unlock()
			return len(store.db.line.waiting) == n
		}, time.Minute, time.Millisecond)
	}
	var group sync.WaitGroup
	group.Go(func() {
		assert.ErrorIs(t, store.db.write(t.Context(), func(tx *tx) error {
			for number := range int64(2) {
				tx.changes = append(tx.changes, change{organization: 1, number: number + 1, is: &listed{words: []string{"bob"}}})
			}
			return directory.ErrTaken
		}), directory.ErrTaken)
	})
	waiting(1)
	group.Go(func() {
		ann.Name = "Dan"
		assert.NoError(t, store.UpdateUser(t.Context(), ann))
	})
	waiting(2)
	store.db.writer.give(held)
	group.Wait()

	store.await(o.ID)
	for word, want := range map[string]int{"dan": 1, "bob": 1} {
		assert.Equal(t, want, look(t, store.Store, o, "ann", word).Matches, word)
	}
}
