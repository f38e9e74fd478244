package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// An index that has followed the commits is what would be made of the file.
func TestIndexFollows(t *testing.T) {
	store := search(t, filepath.Join(t.TempDir(), "roster.db"), 3)
	o := &directory.Organization{ID: "org_1", Slug: "one"}
	other := &directory.Organization{ID: "org_2", Slug: "two"}
	require.NoError(t, store.InsertOrganization(t.Context(), o))
	require.NoError(t, store.InsertOrganization(t.Context(), other))
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"Mich", "Michael", "Michelle", "Ann", "Änne", "Zoe", "Zoe Ann", "Michael Zoe", "", "Mi"}
	people := 0
	person := func(o *directory.Organization) *directory.User {
		people++
		u := newUser(o, fmt.Sprintf("user%d", people), "")
		alter(random, u, names)
		return u
	}
	// Numbers of two organizations, mixed.
	var users []*directory.User
	for range 60 {
		users = append(users, person(o))
		add(t, store.Store, users[len(users)-1], person(o))
		add(t, store.Store, person(other))
	}
	store.await(o.ID)
	store.await(other.ID)
	first := store.db.memory.indexes.made
	require.Len(t, first, 2)
	followed := first[1]
	for round := range 300 {
		if random.IntN(4) == 0 {
			batch := []*directory.User{person(o), person(o), person(o)}
			add(t, store.Store, batch...)
			users = append(users, batch...)
			add(t, store.Store, person(other))
		} else {
			u := users[random.IntN(len(users))]
			alter(random, u, names)
			require.NoError(t, store.UpdateUser(t.Context(), u))
		}
		if round%10 > 0 {
			continue
		}
		require.Same(t, followed, store.db.memory.indexes.made[1], "the index has followed")
		anew := newIndex(1, followed.limits)
		require.NoError(t, store.db.read(t.Context(), anew.make))
		require.Equal(t, anew.version, followed.version)
		assert.Equal(t, anew.numbering, followed.numbering)
		for i := range anew.rankings {
			for part := range 2 {
				walk := func(x *index) []uint32 {
					return slices.Collect(x.rankings[i].from(x.rankings[i].first(part, false), false))
				}
				assert.Equal(t, walk(anew), walk(followed), "%s, part %d", ranked[i].name, part)
			}
			assert.Equal(t, anew.rankings[i].without.members(), followed.rankings[i].without.members())
		}
		for group, place := range anew.places {
			assert.Equal(t, anew.groups[place].members.members(), followed.groups[followed.places[group]].members.members(), "group %d", group)
		}
		sameParted(t, anew.everybody, followed.everybody, "everybody")
		known := 0
		for beginning := range followed.words.sets {
			if set := anew.words.of(beginning); set != nil {
				sameParted(t, set, followed.words.of(beginning), beginning)
				known++
			}
		}
		for beginning := range followed.words.same {
			if set := anew.words.of(beginning); set != nil {
				sameParted(t, set, followed.words.of(beginning), beginning)
			}
		}
		assert.Greater(t, known, 10, "beginnings that both know")
	}
}

func alter(random *rand.Rand, u *directory.User, names []string) {
	switch random.IntN(4) {
	case 0:
		u.Name = names[random.IntN(len(names))]
	case 1:
		u.Status = []directory.Status{directory.Active, directory.Pending, directory.Inactive}[random.IntN(3)]
		u.RoleID = []string{"role", "other", "third"}[random.IntN(3)]
	case 2:
		u.LastLoginAt = time.UnixMilli(random.Int64N(50)).UTC()
	default:
		u.Title = names[random.IntN(len(names))]
		u.Email = fmt.Sprintf("%c%s@example.com", 'a'+rune(random.IntN(26)), u.ID)
	}
}

func sameParted(t *testing.T, want, got *parted, what string) {
	t.Helper()
	of := func(p *parted) (all [][]uint32) {
		for _, set := range p {
			all = append(all, set.members())
		}
		return all
	}
	assert.Equal(t, of(want), of(got), what)
}

// A beginning whose people are those of a longer one is kept once, until
// somebody has only the shorter.
func TestBeginningsThatSayTheSame(t *testing.T) {
	b := newBeginnings(1)
	r := reader{beginnings: b, part: func(set *memberSet) *parted { return &parted{set.clone(), setOf(nil), setOf(nil)} }}
	for _, word := range []string{"michael", "michel"} {
		for member := range uint32(3) {
			if word == "michael" || member == 0 {
				r.read(word, member)
			}
		}
	}
	r.end(0)
	require.Len(t, b.sets, 1)
	assert.Equal(t, "michael", b.same["m"])
	b.add("michelle", 1, 7)
	assert.Equal(t, []uint32{7}, b.of("mich")[1].members())
	assert.Equal(t, []uint32{0, 1, 2}, b.of("mich")[0].members())
	assert.Zero(t, b.of("micha")[1].size())
	b.add("michael", 1, 8)
	assert.Equal(t, []uint32{8}, b.of("micha")[1].members())
	assert.Equal(t, []uint32{7, 8}, b.of("m")[1].members())
	b.remove([]string{"michelle"}, 1, 7)
	assert.Equal(t, []uint32{8}, b.of("mich")[1].members())
	assert.Nil(t, b.of("x"))
}

// An index that begins to be made while somebody writes, who did not know of it
// when they looked where people have moved to, has what they write.
func TestIndexBegunDuringACommit(t *testing.T) {
	store := search(t, filepath.Join(t.TempDir(), "roster.db"), 0)
	o := &directory.Organization{ID: "org_1", Slug: "one"}
	require.NoError(t, store.InsertOrganization(t.Context(), o))
	ann := newUser(o, "ann", "Ann")
	add(t, store.Store, ann)
	all, begun := &store.db.memory.indexes, false
	store.db.Observe(func(_ context.Context, statement string) {
		if statement == "COMMIT" && !begun {
			begun = true
			all.of(store.db, 1, 1)
		}
	})
	ann.Name = "Zoe"
	require.NoError(t, store.UpdateUser(t.Context(), ann))
	require.Eventually(t, func() bool {
		all.mu.Lock()
		defer all.mu.Unlock()
		return len(all.making) == 0
	}, time.Minute, time.Millisecond)
	require.NotNil(t, all.made[1], "the index was made")
	assert.Equal(t, 1, look(t, store.Store, o, "ann", "zoe").Matches)
}

// An index that cannot follow a commit is used by nobody any more, also not by
// who has found it before.
func TestIndexThatCannotFollow(t *testing.T) {
	store := search(t, filepath.Join(t.TempDir(), "roster.db"), 0)
	o := &directory.Organization{ID: "org_1", Slug: "one"}
	require.NoError(t, store.InsertOrganization(t.Context(), o))
	add(t, store.Store, newUser(o, "ann", "Ann"))
	store.await(o.ID)
	all := &store.db.memory.indexes
	found := all.made[1]
	require.NotZero(t, found.version)
	nowhere := map[int64][]move{1: {{number: 1, next: 99}}}
	all.follow(commit{version: found.version + 1, moves: nowhere})
	assert.Zero(t, found.version)
	assert.Empty(t, all.made)
	assert.Equal(t, 1, look(t, store.Store, o, "ann", "ann").Matches)
}
