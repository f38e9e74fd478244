package httpd

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"roster/graph"
	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/sample"
	"roster/internal/sqlite"
)

type nobody struct{}

func (nobody) Deliver([]*directory.User)                   {}
func (nobody) DeliverOrganization(*directory.Organization) {}

// answer takes what is answered, as net/http would.
type answer struct {
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(int)             {}
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// house is the whole of a server but its listener, with made-up people: 10,000,
// or BENCHMARK_PEOPLE.
func house(b *testing.B) (ask func(variables map[string]any) []byte) {
	b.Helper()
	ctx, people := context.Background(), 10_000
	if n, err := strconv.Atoi(os.Getenv("BENCHMARK_PEOPLE")); err == nil {
		people = n
	}
	db, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "roster.db"))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	store, vault := sqlite.NewStore(db), sqlite.NewVault(db)
	secrets := [][]byte{bytes.Repeat([]byte("s"), 32)}
	d := directory.New(store, vault, directory.Settings{InvitationTTL: time.Hour, Secrets: secrets}, nobody{}, time.Now, rand.Reader)
	accounts, err := account.New(d, store, vault, account.Settings{PasswordMinLength: 15, Secrets: secrets}, time.Now, rand.Reader)
	require.NoError(b, err)
	org, err := d.CreateOrganization(ctx, "Acme", "acme", sample.Seats(people))
	require.NoError(b, err)
	const password = "four small words together"
	hash, err := accounts.HashPassword(ctx, password)
	require.NoError(b, err)
	_, err = d.EnsureAdministrator(ctx, org, "admin@x.example", hash, "")
	require.NoError(b, err)
	require.NoError(b, store.Fill(ctx, func(store directory.Store) error {
		return sample.Fill(ctx, store, org, people, hash, time.Now(), func(int) {})
	}))
	signIn, err := accounts.Login(ctx, directory.Origin{IP: "192.0.2.1"}, account.Credentials{Username: "admin@x.example", Password: password})
	require.NoError(b, err)

	api := graph.NewHandler(&graph.Resolver{Directory: d, Accounts: accounts, PasswordMinLength: 15}, graph.NewSockets(d, accounts, nil, slog.Default()), false)
	public, err := url.Parse("http://localhost:8080")
	require.NoError(b, err)
	handler, err := New(Options{PublicURL: public, Moment: db.Moment}, d, accounts, api, func(context.Context) error { return nil }, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(b, err)
	return func(variables map[string]any) []byte {
		body, err := json.Marshal(map[string]any{"query": consoleList, "variables": variables})
		if err != nil {
			panic(err) // of our own texts
		}
		r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+signIn.Token)
		w := &answer{header: http.Header{}}
		handler.ServeHTTP(w, r)
		return w.body.Bytes()
	}
}

const consoleList = `query People($status: UserStatus, $search: String, $orderBy: UserOrder, $first: Int, $after: String, $last: Int) {
	users(status: $status, search: $search, orderBy: $orderBy, first: $first, after: $after, last: $last) {
	nodes { id name username email title status csmSeat twoFactorEnabled lastLoginAt role { id name } }
	pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`

// The list of the console, from the request to the answer with all checks on.
// Each time another page is asked for.
//
//	go test -run - -bench . ./internal/httpd
func BenchmarkConsoleList(b *testing.B) {
	ask := house(b)
	for _, c := range []struct {
		name      string
		variables []map[string]any
	}{
		{"tab", variants("ACTIVE", "", "NAME", "EMAIL", "LAST_LOGIN_AT", "CREATED_AT")},
		{"everybody", variants("", "", "NAME", "EMAIL", "LAST_LOGIN_AT", "CREATED_AT")},
		{"by role", variants("ACTIVE", "", "ROLE")},
		{"a letter", variants("ACTIVE", "m", "NAME", "LAST_LOGIN_AT")},
		{"a common word", variants("ACTIVE", "com", "NAME", "LAST_LOGIN_AT")},
		{"a title", variants("ACTIVE", "director", "NAME", "LAST_LOGIN_AT")},
		{"a rare word", variants("ACTIVE", "ramos", "NAME", "LAST_LOGIN_AT")},
		{"two letters", variants("ACTIVE", "m s", "NAME", "LAST_LOGIN_AT")},
	} {
		b.Run(c.name, func(b *testing.B) {
			for _, v := range c.variables {
				if got := ask(v); bytes.Contains(got, []byte(`"errors"`)) {
					b.Fatal(string(got))
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ask(c.variables[i%len(c.variables)])
				i++
			}
		})
	}
}

// variants are first and last pages in these orders, in both directions.
func variants(status, search string, orders ...string) (all []map[string]any) {
	for _, order := range orders {
		for _, direction := range []string{"ASC", "DESC"} {
			for _, size := range []string{"first", "last"} {
				v := map[string]any{"orderBy": map[string]any{"field": order, "direction": direction}, size: 50}
				if status != "" {
					v["status"] = status
				}
				if search != "" {
					v["search"] = search
				}
				all = append(all, v)
			}
		}
	}
	return all
}
