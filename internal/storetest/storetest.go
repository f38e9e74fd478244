// Package storetest is the contract of directory.Store as tests: each sentence
// of its comments is a promise, and every adapter keeps all of them.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"roster/internal/directory"
)

// Run holds a store to its contract. open gives the store for one promise; it
// may give the same every time, and with something in it: every promise is
// tested on organizations of its own, and leaves nothing due and no claim
// unsettled. Promises are tested one after another.
func Run(t *testing.T, open func(t *testing.T) directory.Store) {
	t.Helper()
	for _, suite := range []struct {
		name     string
		promises []promise
	}{
		{"organizations", organizations},
		{"changes of organizations", organizationChanges},
		{"users", users},
		{"lists", lists},
		{"counts", counts},
		{"members", members},
		{"outboxes", outboxes},
		{"claims", claims},
		{"batches of claims", batches},
		{"fences of claims", fences},
		{"claims, linearizable", linearizables},
		{"audit events", events},
		{"queries of audit events", eventQueries},
		{"the store", whole},
	} {
		t.Run(suite.name, func(t *testing.T) { run(t, open, suite.promises) })
	}
}

// Lists holds a store to what is promised of lists and counts alone.
func Lists(t *testing.T, open func(t *testing.T) directory.Store) {
	t.Helper()
	run(t, open, lists)
	run(t, open, counts)
}

func run(t *testing.T, open func(t *testing.T) directory.Store, promises []promise) {
	t.Helper()
	for _, p := range promises {
		t.Run(p.sentence, func(t *testing.T) {
			p.test(&test{T: t, Store: open(t), ctx: t.Context()})
		})
	}
}

// promise is a sentence that must be true of every store.
type promise struct {
	sentence string
	test     func(t *test)
}

// test is one promise being tested on a store.
type test struct {
	*testing.T
	directory.Store
	ctx context.Context //nolint:containedctx // lives as long as the test
}

// now is a time in the precision that stores keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func newID(prefix string) string { return directory.NewID(prefix, time.Now(), rand.Reader) }

// numbers make texts that no other test has.
var numbers atomic.Int64

func unique(text string) string { return fmt.Sprintf("%s-%d", text, numbers.Add(1)) }

// organization adds an organization with three roles.
func (t *test) organization(seats int) *directory.Organization {
	t.Helper()
	id := newID("org_")
	o := &directory.Organization{
		ID: id, Name: "Acme", Slug: strings.ReplaceAll(id, "_", "-"), CreatedAt: now(), UpdatedAt: now(), SeatLimit: seats, Version: 1,
	}
	for _, name := range []string{"Administrator", "Manager", "Viewer"} {
		o.Roles = append(o.Roles, directory.Role{ID: newID("role_"), Name: name})
	}
	t.ok(t.InsertOrganization(t.ctx, o))
	return o
}

// person is somebody active who is not in the store yet.
func person(o *directory.Organization, edits ...func(*directory.User)) *directory.User {
	name := unique("ann")
	u := &directory.User{
		ID: newID("user_"), OrganizationID: o.ID, Email: name + "@example.com", Username: name, Name: "Ann Lee", Title: "Clerk",
		RoleID: o.Roles[0].ID, Status: directory.Active, CreatedAt: now(), UpdatedAt: now(), Version: 1,
	}
	for _, edit := range edits {
		edit(u)
	}
	return u
}

// add puts people into the store, who must all find room.
func (t *test) add(people ...*directory.User) {
	t.Helper()
	answers, err := t.InsertUsers(t.ctx, people)
	t.ok(err)
	for _, answer := range answers {
		t.ok(answer)
	}
}

// added is a person who is in the store.
func (t *test) added(o *directory.Organization, edits ...func(*directory.User)) *directory.User {
	t.Helper()
	u := person(o, edits...)
	t.add(u)
	return u
}

// update changes somebody as they are in the store.
func (t *test) update(u *directory.User, edit func(*directory.User)) {
	t.Helper()
	edit(u)
	t.ok(t.UpdateUser(t.ctx, u))
}

func (t *test) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// fails wants this error; the others of the contract must not be in it.
func (t *test) fails(err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
	for _, other := range []error{
		directory.ErrNotFound, directory.ErrStale, directory.ErrTaken, directory.ErrNoSeat,
		directory.ErrLastAdministrator, directory.ErrUnavailable,
	} {
		if !errors.Is(want, other) && errors.Is(err, other) {
			t.Fatalf("got error %v, which is also %v, want %v alone", err, other, want)
		}
	}
}

// same wants two values to be equal; nil and empty slices are.
func (t *test) same(got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return // much quicker than what follows
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

// everyone wants exactly these people, in any order.
func (t *test) everyone(got []*directory.User, want ...*directory.User) {
	t.Helper()
	byID := func(a, b *directory.User) int { return strings.Compare(a.ID, b.ID) }
	t.same(slices.SortedFunc(slices.Values(got), byID), slices.SortedFunc(slices.Values(want), byID))
}

// atOnce runs do n times at once.
func atOnce(n int, do func(i int)) {
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	group.Wait()
}

// populate gives every field of what v points to a value of its own, and a test
// fails that adds a field of a kind it does not know: so a field that is added
// to a document is tested without anybody thinking of it.
func populate(t *test, v any) {
	t.Helper()
	n := 0
	var fill func(path string, v reflect.Value)
	fill = func(path string, v reflect.Value) {
		n++
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2031, 2, 3, 4, 5, 6, n*int(time.Millisecond), time.UTC)))
			return
		}
		switch v.Kind() {
		case reflect.String:
			v.SetString(fmt.Sprintf("%s %d é <\"\\' %%_", path, n))
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int, reflect.Int64:
			v.SetInt(int64(n) << 33)
		case reflect.Uint8:
			v.SetUint(uint64(n % 256))
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(path, v.Elem())
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 3, 3))
			for i := range v.Len() {
				fill(path, v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Type().Field(i).Name, v.Field(i))
			}
		default:
			t.Fatalf("populate does not know how to fill %s, a %s", path, v.Kind())
		}
	}
	fill("", reflect.ValueOf(v).Elem())
}

// populated is a person with a value in every field.
func populated(t *test, o *directory.Organization) *directory.User {
	t.Helper()
	u := &directory.User{}
	populate(t, u)
	u.ID, u.OrganizationID, u.Status = newID("user_"), o.ID, directory.Pending
	u.Email, u.Username = unique("Ann")+"@Example.com", unique("Ann")
	u.Invitation.TokenHash, u.PasswordReset.TokenHash = unique("hash"), unique("hash")
	// An entry is either an event or a mail.
	u.Outbox[0].Event, u.Outbox[1].Mail = nil, nil
	for i := range u.Outbox {
		u.Outbox[i].DueAt = u.Outbox[i].DueAt.AddDate(50, 0, 0) // of nobody's sweep
	}
	return u
}

// whole are the promises of all methods.
var whole = []promise{
	{"answers a ping", func(t *test) { t.ok(t.Ping(t.ctx)) }},
	{"answers that it is unavailable when it can't answer in time", func(t *test) {
		o := t.organization(1)
		u := t.added(o)
		late, cancel := context.WithDeadline(t.ctx, time.Now().Add(-time.Second))
		defer cancel()
		list := directory.ListQuery{Order: directory.Order{Field: directory.ByName}, Limit: 1}
		for name, call := range map[string]func() error{
			"InsertOrganization": func() error {
				return t.InsertOrganization(late, &directory.Organization{ID: newID("org_"), Slug: unique("slug")})
			},
			"UpdateOrganization": func() error { return t.UpdateOrganization(late, o.Clone()) },
			"Organization":       func() error { _, err := t.Organization(late, o.ID); return err },
			"OrganizationBySlug": func() error { _, err := t.OrganizationBySlug(late, o.Slug); return err },
			"DueOrganizations":   func() error { _, err := t.DueOrganizations(late, now(), 1); return err },
			"InsertUsers":        func() error { _, err := t.InsertUsers(late, []*directory.User{person(o)}); return err },
			"UpdateUser":         func() error { return t.UpdateUser(late, u.Clone()) },
			"User":               func() error { _, err := t.User(late, o.ID, u.ID); return err },
			"Users":              func() error { _, err := t.Users(late, o.ID, []string{u.ID}); return err },
			"UsersByKeys":        func() error { _, err := t.UsersByKeys(late, o.ID, u.Keys()); return err },
			"UserByLink":         func() error { _, err := t.UserByLink(late, o.ID, "hash"); return err },
			"ListUsers":          func() error { _, err := t.ListUsers(late, o.ID, list); return err },
			"CountMatches": func() error {
				list := list
				list.Words = []string{"ann"}
				_, err := t.CountMatches(late, o.ID, list)
				return err
			},
			"Members": func() error {
				_, err := t.Members(late, o.ID, u.RoleID, u.Status, 1)
				return err
			},
			"Counts":   func() error { _, err := t.Counts(late, o.ID); return err },
			"DueUsers": func() error { _, err := t.DueUsers(late, now(), 1); return err },
			"BeginClaims": func() error {
				_, err := t.BeginClaims(late, o.ID, batch("mark", seat(u.ID, joining)))
				return err
			},
			"SettleClaims": func() error {
				return t.SettleClaims(late, o.ID, []directory.Settlement{{UserID: u.ID, Mark: "mark"}})
			},
			"UnsettledClaims": func() error { _, err := t.UnsettledClaims(late, now(), 1); return err },
			"FenceClaims":     func() error { _, err := t.FenceClaims(late, o.ID, 5); return err },
			"SetSeatLimit":    func() error { return t.SetSeatLimit(late, o.ID, 5) },
			"Seats":           func() error { _, err := t.Seats(late, o.ID); return err },
			"AppendEvents": func() error {
				return t.AppendEvents(late, []directory.Event{{ID: newID("evt_"), OrganizationID: o.ID}})
			},
			"Events": func() error { _, err := t.Events(late, o.ID, directory.EventQuery{}, 1); return err },
			"CountEvents": func() error {
				_, err := t.CountEvents(late, o.ID, directory.EventQuery{}, 1)
				return err
			},
			"Ping": func() error { return t.Ping(late) },
		} {
			if err := call(); !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("%s answered %v, want %v", name, err, directory.ErrUnavailable)
			}
		}
		unchanged, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(unchanged, u)
	}},
}
