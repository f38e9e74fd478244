package mongo

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"roster/internal/directory"
)

// What needs no server.

func TestDatabaseName(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://localhost":                                    "roster",
		"mongodb://localhost/":                                   "roster",
		"mongodb://localhost/?replicaSet=rs0":                    "roster",
		"mongodb://localhost/acme":                               "acme",
		"mongodb://a:1,b:2,c/acme?authSource=admin&a=/b":         "acme",
		"mongodb://user:p%2Fw@%2Ftmp%2Fmongodb-27017.sock/ac%65": "ace",
		"mongodb+srv://cluster.example.net/acme":                 "acme",
	} {
		if got := databaseName(uri); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
}

func TestOpenRefusesWhatIsNoURI(t *testing.T) {
	for _, uri := range []string{"", "localhost:27017", "postgres://localhost/roster", "mongodb://localhost:what"} {
		if _, err := Open(t.Context(), uri); err == nil {
			t.Errorf("%q was opened", uri)
		}
	}
}

func TestGroupKey(t *testing.T) {
	for _, g := range []directory.Group{
		{}, {Status: directory.Active, RoleID: "role_1", TwoFactor: true}, {Status: directory.Pending, RoleID: "a.b/$c%2Ed"},
	} {
		if got := groupOfKey(groupKey(g)); got != g {
			t.Errorf("%v came back as %v", g, got)
		}
	}
}

func TestGroupFilter(t *testing.T) {
	all := []string{"r1", "r2", "r3"}
	groups := func(statuses []directory.Status, roles []string, factors ...bool) []directory.Group {
		made := []directory.Group{}
		for _, status := range statuses {
			for _, role := range roles {
				for _, twoFactor := range factors {
					made = append(made, directory.Group{Status: status, RoleID: role, TwoFactor: twoFactor})
				}
			}
		}
		return made
	}
	active, here := []directory.Status{directory.Active}, []directory.Status{directory.Active, directory.Pending}
	in := func(values ...any) bson.M { return bson.M{"$in": bson.A(values)} }
	for _, test := range []struct {
		name   string
		groups []directory.Group
		want   bson.M
	}{
		{"nobody", []directory.Group{}, bson.M{}},
		{"everybody", nil, bson.M{"status": in("ACTIVE", "INACTIVE", "PENDING"), "twoFactor": in(false, true)}},
		{"a tab", groups(active, all, false, true), bson.M{"status": "ACTIVE", "twoFactor": in(false, true)}},
		{"a role on a tab", groups(active, all[:1], false, true), bson.M{"status": "ACTIVE", "twoFactor": in(false, true), "role": "r1"}},
		{"without a second factor", groups(here, all, false), bson.M{"status": in("ACTIVE", "PENDING"), "twoFactor": false}},
		{"some roles", groups(here, all[1:], true), bson.M{"status": in("ACTIVE", "PENDING"), "twoFactor": true, "role": in("r2", "r3")}},
		{
			"who takes no seat", append(groups(active, all[:1], true), groups([]directory.Status{directory.Inactive}, all, true)...),
			bson.M{"status": in("ACTIVE", "INACTIVE"), "twoFactor": true, "$or": bson.A{
				bson.M{"status": "ACTIVE", "twoFactor": true, "role": "r1"}, bson.M{"status": "INACTIVE", "twoFactor": true},
			}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, somebody := groupFilter(test.groups, all)
			if somebody != (len(test.want) > 0) {
				t.Fatalf("somebody is %t", somebody)
			}
			if diff := cmp.Diff(asJSON(t, test.want), asJSON(t, got)); diff != "" {
				t.Errorf("filter (-want +got):\n%s", diff)
			}
		})
	}
}

// asJSON is a document whose fields have no order.
func asJSON(t *testing.T, document bson.M) (plain any) {
	t.Helper()
	raw, err := bson.MarshalExtJSON(document, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestFault(t *testing.T) {
	for _, test := range []struct {
		name    string
		err     error
		passing bool
	}{
		{"a broken connection", mongo.CommandError{Code: 0, Labels: []string{"NetworkError"}}, true},
		{"a pool whose connections broke", mongo.CommandError{Code: 0, Message: "connection pool was cleared"}, true},
		{"a primary that stepped down", mongo.CommandError{Code: 189}, true},
		{"a majority that did not acknowledge", mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64}}, true},
		{"whatever the driver does not get through", errors.New("server selection error"), true},
		{"a command that the server does not take", mongo.CommandError{Code: 2}, false},
		{"wrong credentials", mongo.CommandError{Code: 18}, false},
	} {
		if got := errors.Is(fault("try", test.err), directory.ErrUnavailable); got != test.passing {
			t.Errorf("%s is passing: %t", test.name, got)
		}
	}
	if err := fault("try", nil); err != nil {
		t.Error(err)
	}
}
