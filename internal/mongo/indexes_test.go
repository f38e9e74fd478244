//go:build services

package mongo

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"roster/internal/directory"
)

// TestIndexes asks the server how it finds what the store asks for.
func TestIndexes(t *testing.T) {
	var said recorder
	s := openStore(t, said.listen)
	var o *directory.Organization
	for range 20 {
		o = newOrganization(t, s, 10)
		fill(t, s, o)
	}
	now := time.Now()
	for _, test := range []struct {
		name  string
		ask   func() error
		wants []string // any of these
	}{
		{"members of a role", func() error {
			return second(s.Members(t.Context(), o.ID, o.Roles[0].ID, directory.Active, 50_000))
		}, []string{"org_1_role_1_status_1_twoFactor_1_sort.username_1__id_1"}},
		{"organizations that are due", func() error { return second(s.DueOrganizations(t.Context(), now, 10)) }, []string{"due_1"}},
		{"people who are due", func() error { return second(s.DueUsers(t.Context(), now, 10)) }, []string{"due_1"}},
		{"who has a link", func() error { return second(s.UserByLink(t.Context(), o.ID, "hash 7"+o.ID)) }, []string{"org_1_links_1"}},
		{"moves that were left pending", func() error { return s.completeMoves(t.Context()) }, []string{"pending.id_1"}},
		{"arrivals that were left", func() error { return s.completeArrivals(t.Context()) }, []string{"arriving.id_1"}},
		{"claims that are not settled", func() error { return second(s.UnsettledClaims(t.Context(), now, 10)) }, []string{"open.since_1"}},
	} {
		t.Run(test.name, func(t *testing.T) { said.wantsIndex(t, s, test.wants, test.ask) })
	}

	byID, byPerson, byAction := "org_1__id_1", "org_1_people_1__id_1", "org_1_action_1__id_1"
	some := []directory.Action{directory.UserInvited, directory.RoleCreated}
	for _, test := range []struct {
		name  string
		q     directory.EventQuery
		wants []string
	}{
		{"all", directory.EventQuery{}, []string{byID}},
		{"between two ids", directory.EventQuery{From: "evt_0100", Before: "evt_0200"}, []string{byID}},
		{"of a person", directory.EventQuery{UserID: "user_7"}, []string{byPerson}},
		{"of a person, between two ids", directory.EventQuery{UserID: "user_7", From: "evt_0100", Before: "evt_0200"}, []string{byPerson}},
		{"of an action", directory.EventQuery{Actions: some[:1]}, []string{byAction}},
		{"of some actions, after an id", directory.EventQuery{Actions: some, From: "evt_0100"}, []string{byAction}},
		{"of a person and some actions", directory.EventQuery{UserID: "user_7", Actions: some}, []string{byPerson, byAction}},
	} {
		t.Run("events "+test.name, func(t *testing.T) {
			said.wantsIndex(t, s, test.wants, func() error { return second(s.Events(t.Context(), o.ID, test.q, 101)) })
			said.wantsIndex(t, s, test.wants, func() error { return second(s.CountEvents(t.Context(), o.ID, test.q, 10_000)) })
		})
	}
}

// fill gives an organization people, events and something to be done.
func fill(t *testing.T, s *Store, o *directory.Organization) {
	t.Helper()
	var people []*directory.User
	for i := range 50 {
		u := newPerson(o)
		u.RoleID = o.Roles[i%len(o.Roles)].ID
		u.PasswordReset = &directory.Link{TokenHash: fmt.Sprint("hash ", i, o.ID)}
		people = append(people, u)
	}
	add(t, s, people...)
	actions := []directory.Action{directory.UserInvited, directory.UserUpdated, directory.UserDeleted, directory.SignedIn, directory.RoleCreated}
	var events []directory.Event
	for i := range 300 {
		events = append(events, directory.Event{
			ID: fmt.Sprintf("evt_%04d_%s", i, o.ID), OrganizationID: o.ID, Action: actions[i%len(actions)],
			ActorID: fmt.Sprint("user_", i%20), TargetID: fmt.Sprint("user_", i%3), At: time.Now(),
		})
	}
	if err := s.AppendEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// wantsIndex runs something that asks once, and has the server explain how it
// would find that: by one of these indexes and no other.
func (r *recorder) wantsIndex(t *testing.T, s *Store, want []string, ask func() error) {
	t.Helper()
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	asked := r.all[len(r.all)-1]
	r.mu.Unlock()
	elements, err := asked.Elements()
	if err != nil {
		t.Fatal(err)
	}
	var command bson.D
	for _, e := range elements {
		if !slices.Contains([]string{"lsid", "$db", "$clusterTime", "readConcern", "maxTimeMS"}, e.Key()) {
			command = append(command, bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	var plan bson.D
	explain := bson.D{{Key: "explain", Value: command}, {Key: "verbosity", Value: "queryPlanner"}}
	if err := s.database.RunCommand(t.Context(), explain).Decode(&plan); err != nil {
		t.Fatal(err)
	}
	used := indexesOf(plan, false)
	if len(used) == 0 || slices.ContainsFunc(used, func(name string) bool { return !slices.Contains(want, name) }) {
		t.Errorf("%s %s uses the indexes %q, want one of %q\n%v", asked.name, asked.collection, used, want, plan)
	}
}

// indexesOf are the indexes that a plan walks: MongoDB names them in the
// winning plan, the DocumentDB engine in the details of its own.
func indexesOf(plan any, chosen bool) (names []string) {
	switch part := plan.(type) {
	case bson.D:
		for _, e := range part {
			if name, ok := e.Value.(string); ok && chosen && e.Key == "indexName" {
				names = append(names, name)
			}
			names = append(names, indexesOf(e.Value, chosen || e.Key == "winningPlan" || e.Key == "IndexDetails")...)
		}
	case bson.A:
		for _, one := range part {
			names = append(names, indexesOf(one, chosen)...)
		}
	}
	return names
}
