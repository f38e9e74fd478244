package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"

	"roster/graph"
	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/httpd"
	"roster/internal/notice"
	"roster/internal/sqlite"
)

// What each operation of the console, of GraphiQL's examples and of the docs
// costs its stores: SQL statements embedded; commands of MongoDB and round trips
// to Redis on the services way. It stands in testdata/costs-*.txt, so that a
// change of it is seen and reviewed: of a question, what it costs a store that
// has nothing in memory, and what it costs again. It is the same for 1, 10 and 100 people
// on a page, addresses, roles, sessions and events.
//
//	go test -run TestCosts -update .
//	go test -run TestCosts -tags services -update .

var update = flag.Bool("update", false, "write testdata/costs-*.txt anew")

// costWay is one of the two ways to run, with everything that is said to its
// stores counted.
type costWay struct {
	name string
	// unit says what is counted.
	unit string
	// forget has the store forget what it keeps in memory; nil when it keeps nothing.
	open func(t *testing.T) watchedStores
	// grows are the operations that may cost more with the size, and why.
	grows map[string]string
}

var costWays = []costWay{{
	name: "embedded", unit: "Transactions and SQL statements", open: openCounted,
	grows: map[string]string{
		"InviteUsers": "everybody new is written, with their keys and words",
		"Invite":      "everybody new is written, with their keys and words",
		"FindPeople":  "a list of several statuses is merged; where one has more than its share, it is read on once or twice",
		"People":      "as FindPeople",
	},
}}

// said is what one request has said to its stores.
type said struct {
	mu  sync.Mutex
	all []string
}

type saidKey struct{}

// note notes what is said for a request whose costs are counted. Nothing else
// is: not what the relay does afterwards.
func note(ctx context.Context, text string) {
	if s, ok := ctx.Value(saidKey{}).(*said); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, text)
	}
}

// noteOnce notes what is to be counted once.
func noteOnce(ctx context.Context, text string) {
	if s, ok := ctx.Value(saidKey{}).(*said); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !slices.Contains(s.all, text) {
			s.all = append(s.all, text)
		}
	}
}

// String is what was said, with how often.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := map[string]int{}
	for _, text := range s.all {
		times[text]++
	}
	var parts []string
	for _, text := range slices.Sorted(maps.Keys(times)) {
		part := text
		if times[text] > 1 {
			part = fmt.Sprintf("%s ×%d", text, times[text])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// sqlTable finds the table that a statement is about.
var sqlTable = regexp.MustCompile(`\b(?:FROM|INTO) (\w+)`)

// watchedStores are stores whose work is noted.
type watchedStores struct {
	directory.Store
	vault account.Vault
	// forget has nothing in memory count any more.
	forget func()
	// moment is httpd.Options.Moment.
	moment func(context.Context) context.Context
}

func openCounted(t *testing.T) watchedStores {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roster.db")
	db, err := sqlite.Open(context.Background(), path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	// When another program has written, nothing in memory counts.
	other, err := sqlite.Open(context.Background(), path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, other.Close()) })
	forget := func() {
		s := account.Session{ID: "sess_other", OrganizationID: "org_other", TokenHash: "other"}
		require.NoError(t, sqlite.NewVault(other).PutSession(t.Context(), s, time.Now().Add(time.Hour)))
	}
	db.Observe(func(ctx context.Context, statement string) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(statement), " ")
		switch verb {
		case "COMMIT", "ROLLBACK":
		case "BEGIN":
			if statement == "BEGIN" {
				// See below.
				noteOnce(ctx, "begin")
				return
			}
			note(ctx, strings.ToLower(statement))
		case "UPDATE":
			table, _, _ := strings.Cut(rest, " ")
			note(ctx, "update "+table)
		default:
			what := strings.ToLower(verb) + " " + sqlTable.FindStringSubmatch(statement)[1]
			if what == "select groups" || what == "select changes" {
				// They are kept in memory: whether the second field of a request that asks
				// at the same time finds them there is chance. And a moment ends.
				noteOnce(ctx, what)
				return
			}
			note(ctx, what)
		}
	})
	return watchedStores{sqlite.NewStore(db), sqlite.NewVault(db), forget, db.Moment}
}

func TestCosts(t *testing.T) {
	documents := documented(t)
	for _, w := range costWays {
		t.Run(w.name, func(t *testing.T) {
			costs := map[string]string{}
			for _, size := range []int{1, 10, 100} {
				house := newCostHouse(t, w, size)
				for _, d := range documents {
					if d.operation.Operation == ast.Subscription {
						continue // an event is told to many at once: graph/moment.go says what they share
					}
					prepare, ok := preparations[d.operation.Name]
					if !assert.True(t, ok, "say in preparations what %s needs", d.name) {
						continue
					}
					cost := house.cost(d, prepare(house))
					switch {
					case size == 1:
						costs[d.name] = cost
					case cost != costs[d.name] && w.grows[d.operation.Name] != "":
						costs[fmt.Sprint(d.name, ", ", size)] = cost
					default:
						assert.Equal(t, costs[d.name], cost, "%s costs something else at size %d than at size 1", d.name, size)
					}
				}
			}
			compareCosts(t, w, costs)
		})
	}
}

// compareCosts holds the costs against the file.
func compareCosts(t *testing.T, w costWay, costs map[string]string) {
	t.Helper()
	text := "# " + w.unit + " of each operation, as costs_test.go has counted them and written them here.\n"
	for _, name := range slices.Sorted(maps.Keys(costs)) {
		text += fmt.Sprintf("%-32s %s\n", name, costs[name])
	}
	path := filepath.Join("testdata", "costs-"+w.name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) //nolint:gosec // as the files beside it
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")),
		"if that is meant: go test -run TestCosts -update . (and with -tags services)")
}

// document is an operation that is written somewhere, with its fragments.
type document struct {
	name      string
	operation *ast.OperationDefinition
	text      string
}

// documented are all operations of the console, GraphiQL's examples and the docs.
func documented(t *testing.T) (all []document) {
	t.Helper()
	read := func(pattern string) (texts []string) {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			texts = append(texts, string(text))
		}
		return texts
	}
	add := func(from, text string) {
		parsed, err := parser.ParseQuery(&ast.Source{Input: text})
		require.NoError(t, err, text)
		for i, op := range parsed.Operations {
			if op.Name == "" {
				op.Name = strings.SplitN(op.SelectionSet[0].(*ast.Field).Name, "(", 2)[0]
			}
			one := &ast.QueryDocument{Operations: parsed.Operations[i : i+1], Fragments: fragmentsOf(parsed, op.SelectionSet, nil)}
			var b strings.Builder
			formatter.NewFormatter(&b, formatter.WithIndent(" ")).FormatQueryDocument(one)
			all = append(all, document{from + " " + op.Name, op, b.String()})
		}
	}
	// The list that the benchmarks ask for.
	add("benchmark", `query List($first: Int) { users(status: ACTIVE, first: $first) { totalCount pageInfo { hasNextPage endCursor } nodes {
		id name username email title status csmSeat twoFactorEnabled lastLoginAt role { id name } } } }`)
	add("console", strings.Join(read("web/src/*/*.graphql"), "\n"))
	examples := regexp.MustCompile("(?s)query: `(.*?)`").FindAllStringSubmatch(read("web/src/graphiql/examples.ts")[0], -1)
	require.NotEmpty(t, examples)
	for _, match := range examples {
		add("example", match[1])
	}
	pages := strings.Join(append(read("README.md"), read("docs/*.md")...), "\n")
	written := regexp.MustCompile(`ask '([^']+)'|ask "((?:\\\\\\"|[^"])*)"|"query":\s*"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(pages, -1)
	require.GreaterOrEqual(t, len(written), 5)
	for _, match := range written {
		text := strings.NewReplacer(`\\\"`, `"`, `\"`, `"`).Replace(match[1] + match[2] + match[3])
		// What the shell puts in.
		text = regexp.MustCompile(`"\$\{?([a-z]+)[^"]*"`).ReplaceAllString(text, `"$$$1"`)
		add("docs", text)
	}
	return all
}

// fragmentsOf are the fragments that a selection needs.
func fragmentsOf(d *ast.QueryDocument, selection ast.SelectionSet, found ast.FragmentDefinitionList) ast.FragmentDefinitionList {
	for _, s := range selection {
		switch s := s.(type) {
		case *ast.Field:
			found = fragmentsOf(d, s.SelectionSet, found)
		case *ast.InlineFragment:
			found = fragmentsOf(d, s.SelectionSet, found)
		case *ast.FragmentSpread:
			if f := d.Fragments.ForName(s.Name); f != nil && !slices.Contains(found, f) {
				found = fragmentsOf(d, f.SelectionSet, append(found, f))
			}
		}
	}
	return found
}

// costHouse is an installation in this process, of which everything that can be
// on a page is there size times and a few times more. Its clock stands still,
// and its relay tells nothing, so that a request does the same each time.
type costHouse struct {
	t        *testing.T
	size     int
	now      time.Time
	store    directory.Store
	vault    account.Vault
	forget   func()
	accounts *account.Accounts
	handler  http.Handler
	org      *directory.Organization
	random   *sameEachTime
	password string
	// hash is the hash of password.
	hash  string
	admin *costPerson
}

// sameEachTime is randomness that is none: people stand in the same order each time.
type sameEachTime struct {
	mu   sync.Mutex
	from *mathrand.ChaCha8
}

func (r *sameEachTime) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(p)
}

// costPerson is somebody with a session.
type costPerson struct {
	*directory.User
	token string
}

// quiet is a relay that tells nobody.
type quiet struct{}

func (quiet) Deliver([]*directory.User)                   {}
func (quiet) DeliverOrganization(*directory.Organization) {}

func newCostHouse(t *testing.T, w costWay, size int) *costHouse {
	t.Helper()
	h := &costHouse{
		t: t, size: size, now: time.Now().UTC().Truncate(time.Millisecond), password: "four small words together",
		random: &sameEachTime{from: mathrand.NewChaCha8([32]byte{})},
	}
	stores := w.open(t)
	h.store, h.vault, h.forget = stores.Store, stores.vault, stores.forget
	clock := func() time.Time { return h.now }
	secrets := [][]byte{bytes.Repeat([]byte("s"), 32)}
	d := directory.New(h.store, h.vault, directory.Settings{
		InvitationTTL: time.Hour, PasswordResetTTL: time.Hour, InvitationsPerHour: 100_000, Secrets: secrets,
	}, quiet{}, clock, h.random)
	var err error
	h.accounts, err = account.New(d, h.store, h.vault, account.Settings{PasswordMinLength: 15, Secrets: secrets}, clock, h.random)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	sockets := graph.NewSockets(d, h.accounts, notice.NewHub(nil), log)
	api := graph.NewHandler(&graph.Resolver{Directory: d, Accounts: h.accounts, PasswordMinLength: 15}, sockets, false)
	h.handler, err = httpd.New(httpd.Options{PublicURL: &url.URL{Scheme: "http", Host: "localhost:8080"}, Moment: stores.moment}, d, h.accounts, api,
		func(context.Context) error { return nil }, log)
	require.NoError(t, err)
	h.hash, err = h.accounts.HashPassword(t.Context(), h.password)
	require.NoError(t, err)

	h.org, err = d.CreateOrganization(t.Context(), "Acme", "acme", 1000)
	require.NoError(t, err)
	admin, err := d.EnsureAdministrator(t.Context(), h.org, "admin@localhost", h.hash, "")
	require.NoError(t, err)
	h.admin = h.session(admin)
	for i := range min(size, 90) {
		h.org.Roles = append(h.org.Roles, directory.Role{
			ID: h.id("role_"), Name: fmt.Sprintf("Role %d", i), Permissions: []directory.Permission{directory.ViewUsers}, Version: 1,
		})
	}
	require.NoError(t, h.store.UpdateOrganization(t.Context(), h.org))
	h.populate(size + 2)
	return h
}

// populate adds so many of everything: people of each status, each invited by
// and reset by somebody else, and events with an actor and a target of their own.
func (h *costHouse) populate(n int) {
	h.t.Helper()
	actors := h.add(n, func(u *directory.User) {})
	i := 0
	next := func() string { i++; return actors[i%n].ID }
	link := func() *directory.Link {
		return &directory.Link{RequestedBy: next(), RequestedAt: h.now, Lifetime: time.Hour, ExpiresAt: h.now.Add(time.Hour), TokenHash: h.id("")}
	}
	h.add(n, func(u *directory.User) { u.Status, u.Invitation = directory.Pending, link() })
	h.add(n, func(u *directory.User) { u.PasswordReset = link() })
	h.add(n, func(u *directory.User) { u.Status, u.DeactivatedAt = directory.Inactive, h.now })
	var events []directory.Event
	for j := range n {
		target := actors[(j+1)%n].ID
		if j%3 == 1 {
			target = h.org.Roles[j%len(h.org.Roles)].ID
		}
		events = append(events, directory.Event{
			ID: h.id("evt_"), OrganizationID: h.org.ID, Action: directory.UserUpdated, ActorID: actors[j].ID, TargetID: target, At: h.now,
		})
	}
	require.NoError(h.t, h.store.AppendEvents(h.t.Context(), events))
}

func (h *costHouse) id(prefix string) string { return directory.NewID(prefix, h.now, h.random) }

// add adds n viewers who are active, but for what edit makes of them.
func (h *costHouse) add(n int, edit func(u *directory.User)) []*directory.User {
	h.t.Helper()
	people := make([]*directory.User, n)
	for i := range people {
		name := h.id("")
		people[i] = &directory.User{
			ID: h.id("user_"), OrganizationID: h.org.ID, Email: name + "@example.com", Username: name, Name: "Ann Lee", Title: "Clerk",
			RoleID: h.org.Roles[3].ID, Status: directory.Active, CreatedAt: h.now, UpdatedAt: h.now, Version: 1,
		}
		people[i].Credentials.PasswordHash, people[i].Credentials.Version = h.hash, 1
		edit(people[i])
	}
	answers, err := h.store.InsertUsers(h.t.Context(), people)
	require.NoError(h.t, err)
	for _, refused := range answers {
		require.NoError(h.t, refused)
	}
	return people
}

// one is somebody new.
func (h *costHouse) one(edit func(u *directory.User)) *directory.User {
	return h.add(1, func(u *directory.User) {
		u.Name = "Zoe Zhu" // who comes after all others, and is not searched for
		edit(u)
	})[0]
}

// made is somebody as they are added.
func made(*directory.User) {}

// session signs somebody in, on one more device.
func (h *costHouse) session(u *directory.User) *costPerson {
	h.t.Helper()
	token, hash := account.NewToken(u.OrganizationID, h.random)
	s := account.Session{
		ID: h.id("sess_"), OrganizationID: u.OrganizationID, UserID: u.ID, TokenHash: hash,
		CreatedAt: h.now, LastUsedAt: h.now, ExpiresAt: h.now.Add(24 * time.Hour), AuthenticatedAt: h.now,
	}
	u, err := h.store.User(h.t.Context(), u.OrganizationID, u.ID)
	require.NoError(h.t, err)
	u.Sessions = append(u.Sessions, directory.SessionRef{ID: s.ID, ExpiresAt: s.ExpiresAt})
	require.NoError(h.t, h.store.UpdateUser(h.t.Context(), u))
	require.NoError(h.t, h.vault.PutSession(h.t.Context(), s, s.EndsAt()))
	return &costPerson{u, token}
}

// linked is somebody with a link, and its token.
func (h *costHouse) linked(edit func(u *directory.User, l *directory.Link)) string {
	token, hash := account.NewToken(h.org.ID, h.random)
	h.one(func(u *directory.User) {
		edit(u, &directory.Link{RequestedBy: h.admin.ID, RequestedAt: h.now, Lifetime: time.Hour, ExpiresAt: h.now.Add(time.Hour), TokenHash: hash})
	})
	return token
}

// setUpCode begins to set up a second factor, and answers a code that confirms it.
func (h *costHouse) setUpCode(who *costPerson) string {
	h.t.Helper()
	started := h.ask(h.t.Context(), who, `mutation { startTwoFactorSetup { secret userErrors { code } } }`, nil)
	code, err := totp.GenerateCode(text(started, "startTwoFactorSetup", "secret"), h.now)
	require.NoError(h.t, err)
	return code
}

// twoFactor is somebody signed in who has a second factor, and a recovery code.
func (h *costHouse) twoFactor() (who *costPerson, code string) {
	h.t.Helper()
	who = h.session(h.one(made))
	confirmed := h.ask(h.t.Context(), who, confirmQuery, object{"c": h.setUpCode(who)})
	code, _ = dig(confirmed, "confirmTwoFactorSetup", "recoveryCodes", 0).(string)
	require.NotEmpty(h.t, code)
	return who, code
}

// ask sends an operation, which must be answered without errors and refusals.
func (h *costHouse) ask(ctx context.Context, who *costPerson, query string, variables object) object {
	h.t.Helper()
	body, err := json.Marshal(object{"query": query, "variables": variables})
	require.NoError(h.t, err)
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	if who != nil {
		request.Header.Set("Authorization", "Bearer "+who.token)
	}
	recorder := httptest.NewRecorder()
	h.handler.ServeHTTP(recorder, request)
	var r reply
	require.NoError(h.t, json.Unmarshal(recorder.Body.Bytes(), &r), recorder.Body.String())
	require.Empty(h.t, r.Errors, query)
	for _, payload := range r.Data {
		if o, ok := payload.(object); ok {
			require.Empty(h.t, refusals(o), query)
		}
	}
	return r.Data
}

// cost asks, and answers what that has cost.
func (h *costHouse) cost(d document, p prepared) string {
	h.t.Helper()
	// Pages are of the size, where it asks for pages at all.
	query := pageSize.ReplaceAllString(d.text, fmt.Sprintf("first: %d", h.size))
	variables := maps.Clone(p.variables)
	if d.operation.VariableDefinitions.ForName("first") != nil {
		variables = object{"first": h.size}
		maps.Copy(variables, p.variables)
	}
	for name, value := range p.shell {
		query = strings.ReplaceAll(query, `"$`+name+`"`, fmt.Sprintf("%q", value))
	}
	ask := func() string {
		var s said
		h.ask(context.WithValue(context.Background(), saidKey{}, &s), p.by, query, variables)
		return s.String()
	}
	// What a server does once, for example to load a script into Redis, is no cost
	// of a request.
	if p.by != nil {
		h.ask(context.Background(), p.by, `{ viewer { user { id } } }`, nil)
	}
	if d.operation.Operation != ast.Query {
		return ask()
	}
	ask()
	again := ask()
	if h.forget == nil {
		return again
	}
	h.forget()
	if first := ask(); first != again {
		return first + "; again: " + again
	}
	return again
}

var pageSize = regexp.MustCompile(`\bfirst: [1-9]\d*`)

// A list asks MongoDB and Redis at most once more than signing in does.
func TestListCostsOneTripMore(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(filepath.Join("testdata", "costs-services.txt"))
	require.NoError(t, err)
	trips := func(operation, server string) (n int) {
		line := regexp.MustCompile(`(?m)^` + operation + ` +(.*)$`).FindSubmatch(file)
		require.NotNil(t, line, operation)
		for what := range strings.SplitSeq(string(line[1]), ", ") {
			_, times, many := strings.Cut(what, " ×")
			switch count, err := strconv.Atoi(times); {
			case !strings.HasPrefix(what, server+" "):
			case many:
				require.NoError(t, err)
				n += count
			default:
				n++
			}
		}
		return n
	}
	for _, server := range []string{"mongodb", "redis"} {
		signedIn := trips("console Viewer", server)
		assert.Positive(t, signedIn)
		assert.LessOrEqual(t, trips("benchmark List", server), signedIn+1)
	}
}
