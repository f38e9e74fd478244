package graph

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/sample"
	"roster/internal/sqlite"
)

// nobody is a relay that tells nobody.
type nobody struct{}

func (nobody) Deliver([]*directory.User)                   {}
func (nobody) DeliverOrganization(*directory.Organization) {}

// town is an organization with sample people, and two servers for it: one that
// writes rows by itself, and one that leaves everything to gqlgen.
type town struct {
	store         *counted
	dir           *directory.Directory
	viewer        *account.Viewer
	quick, gqlgen *handler.Server
}

func newTown(tb testing.TB, people int) *town {
	tb.Helper()
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(tb.TempDir(), "roster.db"))
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, db.Close()) })
	store, vault := &counted{Store: sqlite.NewStore(db)}, sqlite.NewVault(db)
	secrets := [][]byte{bytes.Repeat([]byte("s"), 32)}
	dir := directory.New(store, vault, directory.Settings{InvitationTTL: time.Hour, Secrets: secrets}, nobody{}, time.Now, rand.Reader)
	accounts, err := account.New(dir, store, vault, account.Settings{PasswordMinLength: 15, Secrets: secrets}, time.Now, rand.Reader)
	require.NoError(tb, err)
	org, err := dir.CreateOrganization(ctx, "Acme", "acme", sample.Seats(people))
	require.NoError(tb, err)
	admin, err := dir.EnsureAdministrator(ctx, org, "admin@x.example", "hash", "")
	require.NoError(tb, err)
	require.NoError(tb, sample.Fill(ctx, store, org, people, "hash", time.Now(), func(int) {}))
	resolver := &Resolver{Directory: dir, Accounts: accounts, PasswordMinLength: 15}
	t := &town{
		store: store, dir: dir, viewer: &account.Viewer{User: admin, Organization: org},
		quick: newServer(resolver, true, post{}), gqlgen: newServer(resolver, true, post{}),
	}
	t.quick.Use(rows{})
	return t
}

// ask answers what a server answers to the administrator.
func (t *town) ask(server http.Handler, query string, variables map[string]any) string {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err) // of our own texts
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r = r.WithContext(WithRequest(r.Context(), t.dir, &Request{Viewer: t.viewer}))
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w.Body.String()
}

// selection draws a selection on a type, with aliases, fragments and
// directives; others are fields that rows leave to gqlgen.
func selection(t *rapid.T, on string, plain []string, depth int) string {
	var b strings.Builder
	for range rapid.IntRange(1, 6).Draw(t, "fields") {
		directive := rapid.SampledFrom([]string{"", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @include(if: false)"}).Draw(t, "directive")
		kind := rapid.IntRange(0, 9).Draw(t, "kind")
		switch {
		case kind == 0 && depth > 0:
			fmt.Fprintf(&b, "... on %s%s { %s } ", rapid.SampledFrom([]string{on, "Node"}).Draw(t, "condition"), directive, "id "+alias(t, "id"))
		case kind == 1 && depth > 0:
			fmt.Fprintf(&b, "...%s { %s } ", directive, selection(t, on, plain, depth-1))
		case kind == 2 && on == "User":
			fmt.Fprintf(&b, "%s%s { __typename %s } ", "role", directive, selection(t, "Role", slices.Sorted(mapKeys(roleColumns)), depth))
		case kind == 3 && on == "User":
			fmt.Fprintf(&b, "...whole%s ", directive)
		default:
			field := rapid.SampledFrom(plain).Draw(t, "field")
			fmt.Fprintf(&b, "%s%s ", alias(t, field), directive)
		}
	}
	return b.String()
}

// alias is a field, perhaps under another name.
func alias(t *rapid.T, field string) string {
	if rapid.Bool().Draw(t, "aliased") {
		return fmt.Sprintf("%s_%d: %s", strings.Trim(field, "_"), rapid.IntRange(0, 1).Draw(t, "alias"), field)
	}
	return field
}

func mapKeys[T any](m map[string]T) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// What rows write is what gqlgen writes, byte for byte.
func TestRowsAreWhatTheEngineWouldWrite(t *testing.T) {
	town := newTown(t, 300)
	fields := slices.Sorted(mapKeys(userColumns))
	// Left to gqlgen, with everything beside it.
	fields = append(fields, "invitation { expired delivery { state } }", "passwordReset { expiresAt }")
	rapid.Check(t, func(t *rapid.T) {
		query := fmt.Sprintf("query($yes: Boolean!) { users(first: %d, search: %q) { nodes { __typename %s } pageInfo { hasNextPage } } } fragment whole on User { id email title }",
			rapid.IntRange(0, 7).Draw(t, "first"), rapid.SampledFrom([]string{"", "a", "m"}).Draw(t, "search"), selection(t, "User", fields, 2))
		variables := map[string]any{"yes": rapid.Bool().Draw(t, "yes")}
		want, got := town.ask(town.gqlgen, query, variables), town.ask(town.quick, query, variables)
		if want != got {
			t.Fatalf("%s\nwant %s\n got %s", query, want, got)
		}
	})
}

// Buffers of answers are used again: no answer has anything of another, however
// many are written at once, with one page or more, shorter or longer than a buffer.
func TestAnswersDoNotMix(t *testing.T) {
	town := newTown(t, 300)
	var queries, want []string
	for _, first := range []int{1, 7, 50, 100} {
		for _, pages := range []int{1, 2, 9} {
			query := ""
			for i := range pages {
				query += fmt.Sprintf("page%d: users(first: %d, search: %q) { nodes { id name username email title createdAt updatedAt status } totalCount } ", i, first, string(rune('a'+i)))
			}
			queries = append(queries, "{ "+query+"}")
			want = append(want, town.ask(town.gqlgen, "{ "+query+"}", nil))
			require.NotContains(t, want[len(want)-1], `"errors"`)
		}
	}
	require.Greater(t, len(slices.MaxFunc(want, func(a, b string) int { return len(a) - len(b) })), largestAnswer)
	var group sync.WaitGroup
	for turn := range 8 {
		group.Go(func() {
			for i := range 10 * len(queries) {
				which := (turn + i*5) % len(queries)
				if got := town.ask(town.quick, queries[which], nil); got != want[which] {
					t.Errorf("%s\nwant %s\n got %s", queries[which], want[which], got)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestTextsOfRowsAreQuotedAsTheEngineDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		var want bytes.Buffer
		graphql.MarshalString(text).MarshalGQL(&want)
		if got := string(appendString(nil, text)); got != want.String() {
			t.Fatalf("%q: want %s, got %s", text, want.String(), got)
		}
	})
}

const consoleList = `query List($first: Int, $after: String) { users(status: ACTIVE, first: $first, after: $after) {
	nodes { id name username email title status csmSeat twoFactorEnabled lastLoginAt role { id name } }
	pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`

// The list of the console costs few allocations; each more is a millionth of a
// second for everybody.
func TestAListCostsFewAllocations(t *testing.T) {
	town := newTown(t, 300)
	require.NotContains(t, town.ask(town.quick, consoleList, nil), "errors")
	quick := testing.AllocsPerRun(20, func() { town.ask(town.quick, consoleList, nil) })
	slow := testing.AllocsPerRun(20, func() { town.ask(town.gqlgen, consoleList, nil) })
	t.Logf("%.0f allocations, %.0f by gqlgen alone", quick, slow)
	assert.Less(t, quick, slow/2)
}

func BenchmarkList(b *testing.B) {
	town := newTown(b, 10_000)
	for _, server := range []struct {
		name string
		http.Handler
	}{{"rows", town.quick}, {"gqlgen", town.gqlgen}} {
		b.Run(server.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				town.ask(server, consoleList, nil)
			}
		})
	}
}
