//go:build services

package mongo

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
	"roster/internal/storetest"
)

// TestContract holds the store to the contract, on a real server.
func TestContract(t *testing.T) {
	var said recorder
	store := openStore(t, said.listen)
	storetest.Run(t, func(*testing.T) directory.Store { return store })
	t.Run("every command goes by an index", func(t *testing.T) {
		storetest.EveryList(t, store)
		said.plansHold(t, store)
	})
}

// TestCommands looks at what is said to the server.
func TestCommands(t *testing.T) {
	var said recorder
	s := openStore(t, said.listen)
	o := newOrganization(t, s, 10)
	role, other := o.Roles[0].ID, o.Roles[1].ID
	var people []*directory.User
	for range directory.MaxPage + 1 {
		people = append(people, newPerson(o))
	}
	ann := people[0]

	t.Run("users are added in three commands, however many", func(t *testing.T) {
		said.wants(t, []string{"update counts", "insert users", "update counts"}, func() error {
			answers, err := s.InsertUsers(t.Context(), people)
			return errors.Join(append(answers, err)...)
		})
	})
	t.Run("a page takes one command", func(t *testing.T) {
		group := []directory.Group{{Status: directory.Active, RoleID: role}, {Status: directory.Active, RoleID: role, TwoFactor: true}}
		for _, by := range []directory.OrderField{directory.ByName, directory.ByEmail, directory.ByUsername, directory.ByRole, directory.ByLastLogin, directory.ByCreated} {
			for _, words := range [][]string{nil, {"ann"}} {
				said.wants(t, []string{"find users"}, func() error {
					found, err := s.ListUsers(t.Context(), o.ID, directory.ListQuery{
						Groups: group, Roles: []string{role, other}, Words: words,
						Order: directory.Order{Field: by}, Limit: directory.MaxPage + 1,
					})
					if len(found) != directory.MaxPage+1 {
						t.Errorf("found %d by %s", len(found), by)
					}
					return err
				})
			}
		}
	})
	t.Run("reading takes one command", func(t *testing.T) {
		var ids, keys []string
		for _, u := range people {
			ids, keys = append(ids, u.ID), append(keys, u.Keys()...)
		}
		for _, read := range []func() error{
			func() error { _, err := s.User(t.Context(), o.ID, ann.ID); return err },
			func() error { _, err := s.Users(t.Context(), o.ID, ids); return err },
			func() error { _, err := s.UsersByKeys(t.Context(), o.ID, keys); return err },
		} {
			said.wants(t, []string{"find users"}, read)
		}
	})
	t.Run("a change takes one command, and counting somebody elsewhere four more", func(t *testing.T) {
		ann.Title = "Director"
		said.wants(t, []string{"update users"}, func() error { return s.UpdateUser(t.Context(), ann) })
		ann.RoleID = other
		said.wants(t, []string{"update users", "find users", "update users", "findAndModify counts", "update users"},
			func() error { return s.UpdateUser(t.Context(), ann) })
	})
	t.Run("claims are begun in one command, and settled in two", func(t *testing.T) {
		joins := []directory.ClaimChange{
			{UserID: ann.ID, Seat: directory.Joining, Administrator: directory.Joining},
			{UserID: people[1].ID, Seat: directory.Joining, Administrator: directory.Joining},
		}
		leaves := []directory.ClaimChange{{UserID: ann.ID, Seat: directory.Leaving, Administrator: directory.Leaving}}
		begin := func(changes []directory.ClaimChange, mark string) {
			said.wants(t, []string{"update claims"}, func() error {
				answers, err := s.BeginClaims(t.Context(), o.ID, directory.ClaimBatch{Changes: changes, Mark: mark, At: time.Now()})
				return errors.Join(append(answers, err)...)
			})
		}
		settle := func(settlements ...directory.Settlement) {
			said.wants(t, []string{"find claims", "update claims"}, func() error {
				return s.SettleClaims(t.Context(), o.ID, settlements)
			})
		}
		begin(joins, "1")
		settle(directory.Settlement{UserID: ann.ID, Mark: "1", Seat: true, Administrator: true},
			directory.Settlement{UserID: people[1].ID, Mark: "1", Seat: true, Administrator: true})
		begin(leaves, "2")
		settle(directory.Settlement{UserID: ann.ID, Mark: "2"})
	})

	t.Run("the new limit of seats takes one command, and so does a fence", func(t *testing.T) {
		said.wants(t, []string{"update claims"}, func() error { return s.SetSeatLimit(t.Context(), o.ID, 20) })
		said.wants(t, []string{"findAndModify claims"}, func() error { return second(s.FenceClaims(t.Context(), o.ID, 0)) })
	})
	t.Run("the audit log takes one command", func(t *testing.T) {
		q := directory.EventQuery{UserID: ann.ID, Actions: []directory.Action{directory.UserInvited, directory.UserDeleted}, From: "evt_1", Before: "evt_2"}
		said.wants(t, []string{"find events"}, func() error { return second(s.Events(t.Context(), o.ID, q, 100)) })
		said.wants(t, []string{"aggregate events"}, func() error { return second(s.CountEvents(t.Context(), o.ID, q, 10_000)) })
	})

	// The rest of what the store says, for the tests that follow: every method,
	// and the ways that it has not gone above.
	for name, call := range methods {
		if err := call(t.Context(), s, o, ann.Clone()); err != nil && !errors.Is(err, directory.ErrNotFound) && !errors.Is(err, directory.ErrStale) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	again := directory.ClaimBatch{Changes: []directory.ClaimChange{{UserID: people[1].ID, Seat: directory.Joining}}, RolesVersion: 1}
	if _, err := s.BeginClaims(t.Context(), o.ID, again); err != nil {
		t.Fatal(err)
	}

	writes := map[string]bool{"insert": true, "update": true, "delete": true, "findAndModify": true, "createIndexes": true}
	reads := map[string]bool{"find": true, "aggregate": true}
	t.Run("every write is acknowledged by the majority, from the journal", func(t *testing.T) {
		for _, c := range said.all {
			if !writes[c.name] {
				continue
			}
			if w, j := c.Lookup("writeConcern", "w"), c.Lookup("writeConcern", "j"); w.String() != `"majority"` || j.String() != "true" {
				t.Errorf("%s %s has write concern %s", c.name, c.collection, c.Lookup("writeConcern"))
			}
		}
	})
	t.Run("every read sees what the majority has", func(t *testing.T) {
		for _, c := range said.all {
			if level := c.Lookup("readConcern", "level"); reads[c.name] && level.String() != `"majority"` {
				t.Errorf("%s %s has read concern %s", c.name, c.collection, level)
			}
		}
	})
	t.Run("every command names one organization, but for the sweeps and for sign-in", func(t *testing.T) {
		for _, c := range said.all {
			if !writes[c.name] && !reads[c.name] || c.name == "createIndexes" || c.collection == "organizations" {
				continue
			}
			for _, filter := range c.filters() {
				field := map[string]string{"users": "org", "events": "org", "claims": "_id", "counts": "_id"}[c.collection]
				_, swept := map[string]bool{"due": true, "pending.id": true, "arriving.id": true, "open.since": true}[first(filter)]
				if filter.Lookup(field).String() != `"`+o.ID+`"` && !swept {
					t.Errorf("%s %s by %s", c.name, c.collection, filter)
				}
			}
		}
	})
	t.Run("everything was said that the store can say", func(t *testing.T) {
		seen := map[string]bool{}
		for _, c := range said.all {
			seen[c.name+" "+c.collection] = true
		}
		for _, want := range []string{
			"createIndexes users", "createIndexes claims", "createIndexes counts", "createIndexes organizations", "createIndexes events",
			"insert organizations", "update organizations", "find organizations", "insert users", "update users", "find users", "aggregate users",
			"update claims", "findAndModify claims", "find claims", "aggregate claims", "update counts", "findAndModify counts", "find counts",
			"insert events", "find events", "aggregate events",
		} {
			if !seen[want] {
				t.Errorf("never said: %s", want)
			}
			delete(seen, want)
		}
		for what := range seen {
			if name, _, _ := strings.Cut(what, " "); name != "ping" && name != "endSessions" {
				t.Errorf("was said, and is not in the list: %s", what)
			}
		}
	})
}

// TestSizes: of a role that 20,000 people have, everything can change at once.
// MongoDB takes no document and no part of a command above 16 MB; the engine of
// the tests may.
func TestSizes(t *testing.T) {
	const many, largest = 20_000, 16 << 20
	var said recorder
	s := openStore(t, said.listen)
	o := newOrganization(t, s, many)
	joins, leaves := directory.ClaimBatch{Whole: true}, directory.ClaimBatch{Whole: true}
	joins.Mark, leaves.Mark = directory.NewID("", time.Now(), rand.Reader), directory.NewID("", time.Now(), rand.Reader)
	joins.Changes = append(joins.Changes, directory.ClaimChange{UserID: "user_1", Administrator: directory.Joining})
	var joined, left []directory.Settlement
	for range many {
		id := directory.NewID("user_", time.Now(), rand.Reader)
		joins.Changes = append(joins.Changes, directory.ClaimChange{UserID: id, Seat: directory.Joining, Administrator: directory.Joining})
		leaves.Changes = append(leaves.Changes, directory.ClaimChange{UserID: id, Seat: directory.Leaving, Administrator: directory.Leaving})
		joined = append(joined, directory.Settlement{UserID: id, Mark: joins.Mark, Seat: true, Administrator: true})
		left = append(left, directory.Settlement{UserID: id, Mark: leaves.Mark})
	}
	joined = append(joined, directory.Settlement{UserID: "user_1", Mark: joins.Mark, Administrator: true})
	begin := func(batch directory.ClaimBatch) func() error {
		return func() error {
			answers, err := s.BeginClaims(t.Context(), o.ID, batch)
			return errors.Join(append(answers, err)...)
		}
	}
	settle := func(settlements []directory.Settlement) func() error {
		return func() error { return s.SettleClaims(t.Context(), o.ID, settlements) }
	}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"begin", begin(joins)}, {"begin what is open", begin(joins)}, {"settle", settle(joined)},
		{"begin to leave", begin(leaves)}, {"settle as gone", settle(left)},
	} {
		if err := step.run(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		raw, err := s.claims.FindOne(t.Context(), bson.M{"_id": o.ID}).Raw()
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > largest {
			t.Errorf("%s: the document has %d bytes", step.name, len(raw))
		}
	}
	for _, c := range said.all {
		if len(c.Raw) > largest {
			t.Errorf("%s %s has %d bytes", c.name, c.collection, len(c.Raw))
		}
	}
	seats, err := s.Seats(t.Context(), o.ID)
	if diff := cmp.Diff(directory.Seats{Limit: many}, seats); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// methods calls each method of a store that says something to the server, about
// an organization and a person in it.
var methods = map[string]func(ctx context.Context, s *Store, o *directory.Organization, u *directory.User) error{
	"InsertOrganization": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		o = o.Clone()
		if err := s.InsertOrganization(ctx, o); !errors.Is(err, directory.ErrTaken) {
			return err
		}
		return nil
	},
	"UpdateOrganization": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return s.UpdateOrganization(ctx, o.Clone())
	},
	"Organization": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.Organization(ctx, o.ID))
	},
	"OrganizationBySlug": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.OrganizationBySlug(ctx, o.Slug))
	},
	"DueOrganizations": func(ctx context.Context, s *Store, _ *directory.Organization, _ *directory.User) error {
		return second(s.DueOrganizations(ctx, time.Now(), 10))
	},
	"InsertUsers": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.InsertUsers(ctx, []*directory.User{newPerson(o)}))
	},
	"UpdateUser": func(ctx context.Context, s *Store, _ *directory.Organization, u *directory.User) error {
		return s.UpdateUser(ctx, u)
	},
	"User": func(ctx context.Context, s *Store, o *directory.Organization, u *directory.User) error {
		return second(s.User(ctx, o.ID, u.ID))
	},
	"Users": func(ctx context.Context, s *Store, o *directory.Organization, u *directory.User) error {
		return second(s.Users(ctx, o.ID, []string{u.ID}))
	},
	"UsersByKeys": func(ctx context.Context, s *Store, o *directory.Organization, u *directory.User) error {
		return second(s.UsersByKeys(ctx, o.ID, u.Keys()))
	},
	"UserByLink": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.UserByLink(ctx, o.ID, "hash"))
	},
	"ListUsers": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.ListUsers(ctx, o.ID, directory.ListQuery{Order: directory.Order{Field: directory.ByName}, Limit: 10}))
	},
	"CountMatches": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.CountMatches(ctx, o.ID, directory.ListQuery{Words: []string{"ann"}}))
	},
	"Members": func(ctx context.Context, s *Store, o *directory.Organization, u *directory.User) error {
		return second(s.Members(ctx, o.ID, u.RoleID, u.Status, 10))
	},
	"Counts": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.Counts(ctx, o.ID))
	},
	"DueUsers": func(ctx context.Context, s *Store, _ *directory.Organization, _ *directory.User) error {
		return second(s.DueUsers(ctx, time.Now(), 10))
	},
	"Repair": func(ctx context.Context, s *Store, _ *directory.Organization, _ *directory.User) error {
		return s.Repair(ctx)
	},
	"BeginClaims": func(ctx context.Context, s *Store, o *directory.Organization, u *directory.User) error {
		begin := directory.ClaimBatch{Changes: []directory.ClaimChange{{UserID: u.ID, Moving: true}}, Mark: "mark", RolesVersion: 1}
		return second(s.BeginClaims(ctx, o.ID, begin))
	},
	"SettleClaims": func(ctx context.Context, s *Store, o *directory.Organization, u *directory.User) error {
		return s.SettleClaims(ctx, o.ID, []directory.Settlement{{UserID: u.ID, Mark: "mark"}})
	},
	"UnsettledClaims": func(ctx context.Context, s *Store, _ *directory.Organization, _ *directory.User) error {
		return second(s.UnsettledClaims(ctx, time.Now(), 10))
	},
	"FenceClaims": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.FenceClaims(ctx, o.ID, 1))
	},
	"SetSeatLimit": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return s.SetSeatLimit(ctx, o.ID, 20)
	},
	"Seats": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.Seats(ctx, o.ID))
	},
	"AppendEvents": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		event := directory.Event{ID: "evt_1", OrganizationID: o.ID}
		return s.AppendEvents(ctx, []directory.Event{event, event})
	},
	"Events": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.Events(ctx, o.ID, directory.EventQuery{}, 10))
	},
	"CountEvents": func(ctx context.Context, s *Store, o *directory.Organization, _ *directory.User) error {
		return second(s.CountEvents(ctx, o.ID, directory.EventQuery{}, 10))
	},
	"Ping": func(ctx context.Context, s *Store, _ *directory.Organization, _ *directory.User) error {
		return s.Ping(ctx)
	},
}

func TestMethodsAreAll(t *testing.T) {
	for method := range reflect.TypeFor[directory.Store]().Methods() {
		if methods[method.Name] == nil {
			t.Errorf("%s is not in the table, so nothing looks at its commands and its faults", method.Name)
		}
	}
}

// TestFaults: a store that can't be reached says so in time, and is as it was
// when it can be reached again.
func TestFaults(t *testing.T) {
	ways := map[string]func(t *testing.T) string{
		"nobody listens": func(*testing.T) string { return "127.0.0.1:1" },
		"the server is silent": func(t *testing.T) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return l.Addr().String()
		},
	}
	for name, address := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), "mongodb://"+address(t)+"/roster")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(context.Background())
			o := &directory.Organization{ID: "org_1", Roles: make([]directory.Role, 1)}
			var wait sync.WaitGroup
			for name, call := range methods {
				wait.Go(func() {
					began := time.Now()
					if err := call(t.Context(), s, o, newPerson(o)); !errors.Is(err, directory.ErrUnavailable) {
						t.Errorf("%s: %v", name, err)
					}
					longest := operationTimeout + time.Second
					if name == "Repair" { // nobody waits for it, and it asks twice
						longest *= 2
					}
					if took := time.Since(began); took > longest {
						t.Errorf("%s took %s", name, took)
					}
				})
			}
			wait.Wait()
		})
	}
	t.Run("is not ready before the indexes are there, and makes them before it writes", func(t *testing.T) {
		name := openStore(t).DatabaseName()
		s := openDatabase(t, name)
		if err := s.Ping(t.Context()); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("ping: %v", err)
		}
		newOrganization(t, s, 1)
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("connections that are cut are made again", func(t *testing.T) {
		var mu sync.Mutex
		var open []net.Conn
		s := openStore(t, func(o *options.ClientOptions) {
			o.SetDialer(dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := (&net.Dialer{}).DialContext(ctx, network, address)
				mu.Lock()
				defer mu.Unlock()
				open = append(open, c)
				return c, err
			}))
		})
		o := newOrganization(t, s, 1)
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		began := time.Now()
		for {
			_, err := s.Organization(t.Context(), o.ID)
			if err == nil {
				return
			}
			if !errors.Is(err, directory.ErrUnavailable) || time.Since(began) > 5*time.Second {
				t.Fatal(err)
			}
		}
	})
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// command is something said to the server.
type command struct {
	bson.Raw
	name, collection string
}

// filters are whom the command is about.
func (c command) filters() []bson.Raw {
	each := func(array, field string) (all []bson.Raw) {
		values, _ := c.Lookup(array).Array().Values()
		for _, v := range values {
			if field == "" {
				all = append(all, v.Document())
			} else {
				all = append(all, v.Document().Lookup(field).Document())
			}
		}
		return all
	}
	switch c.name {
	case "find":
		return []bson.Raw{c.Lookup("filter").Document()}
	case "findAndModify":
		return []bson.Raw{c.Lookup("query").Document()}
	case "aggregate":
		return []bson.Raw{each("pipeline", "")[0].Lookup("$match").Document()}
	case "update":
		return each("updates", "q")
	case "insert":
		return each("documents", "")
	}
	return nil
}

// recorder remembers what is said to the server.
type recorder struct {
	mu  sync.Mutex
	all []command
}

func (r *recorder) listen(o *options.ClientOptions) {
	o.SetMonitor(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		collection, _ := e.Command.Lookup(e.CommandName).StringValueOK()
		r.all = append(r.all, command{append(bson.Raw{}, e.Command...), e.CommandName, collection})
	}})
}

// wants runs something that says just this.
func (r *recorder) wants(t *testing.T, want []string, run func() error) {
	t.Helper()
	r.mu.Lock()
	before := len(r.all)
	r.mu.Unlock()
	if err := run(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []string
	for _, c := range r.all[before:] {
		got = append(got, c.name+" "+c.collection)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func first(filter bson.Raw) string {
	elements, err := filter.Elements()
	if err != nil || len(elements) == 0 {
		return ""
	}
	return elements[0].Key()
}

func second[T any](_ T, err error) error { return err }

func newOrganization(t *testing.T, s *Store, seats int) *directory.Organization {
	t.Helper()
	id := directory.NewID("org_", time.Now(), rand.Reader)
	o := &directory.Organization{ID: id, Name: "Acme", Slug: id, SeatLimit: seats}
	for range 3 {
		o.Roles = append(o.Roles, directory.Role{ID: directory.NewID("role_", time.Now(), rand.Reader)})
	}
	if err := s.InsertOrganization(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return o
}

func newPerson(o *directory.Organization) *directory.User {
	id := directory.NewID("user_", time.Now(), rand.Reader)
	return &directory.User{
		ID: id, OrganizationID: o.ID, Email: id + "@example.com", Username: id, Name: "Ann Lee",
		RoleID: o.Roles[0].ID, Status: directory.Active, LastLoginAt: time.Now(), Version: 1,
	}
}

// openStore opens a new database, which is dropped afterwards.
func openStore(t *testing.T, edits ...func(*options.ClientOptions)) *Store {
	t.Helper()
	s := openDatabase(t, "roster_test_"+bson.NewObjectID().Hex(), edits...)
	if err := s.EnsureIndexes(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.database.Drop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openDatabase opens a database, as another server would.
func openDatabase(t *testing.T, name string, edits ...func(*options.ClientOptions)) *Store {
	t.Helper()
	uri := os.Getenv("TEST_MONGODB_URI")
	if uri == "" {
		t.Fatal(`TEST_MONGODB_URI names no server to test against; run: eval "$(make -s services)"`)
	}
	o := options.Client().ApplyURI(uri)
	for _, edit := range edits {
		edit(o)
	}
	s, err := open(o, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}
