package storetest

import (
	"slices"

	"roster/internal/directory"
)

var members = []promise{
	{"are the people of a role and a status, with and without a second factor", func(t *test) {
		o, other := t.organization(1), t.organization(1)
		people := func(role int, status directory.Status) func(*directory.User) {
			return func(u *directory.User) { u.RoleID, u.Status = o.Roles[role].ID, status }
		}
		a := t.added(o, people(0, directory.Active))
		b := t.added(o, people(0, directory.Active), func(u *directory.User) {
			u.Credentials.TwoFactor = &directory.TwoFactor{Secret: []byte("secret"), EnabledAt: now()}
		})
		pending := t.added(o, people(0, directory.Pending))
		viewer := t.added(o, people(2, directory.Active))
		t.added(other, people(0, directory.Active)) // a role of that id, elsewhere
		are := func(role string, status directory.Status, want ...*directory.User) {
			t.Helper()
			got, err := t.Members(t.ctx, o.ID, role, status, 100)
			t.ok(err)
			var ids []string
			for _, u := range want {
				ids = append(ids, u.ID)
			}
			t.same(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(ids)))
		}
		are(o.Roles[0].ID, directory.Active, a, b)
		are(o.Roles[0].ID, directory.Pending, pending)
		are(o.Roles[0].ID, directory.Inactive)
		are(o.Roles[1].ID, directory.Active)
		are(o.Roles[2].ID, directory.Active, viewer)
		are(newID("role_"), directory.Active)

		// As they are after a change.
		t.update(a, people(2, directory.Active))
		t.update(b, people(0, directory.Inactive))
		are(o.Roles[0].ID, directory.Active)
		are(o.Roles[0].ID, directory.Inactive, b)
		are(o.Roles[2].ID, directory.Active, a, viewer)
	}},
	{"are as many as the limit says, each once", func(t *test) {
		o := t.organization(1)
		var all []*directory.User
		for range 9 {
			all = append(all, person(o))
		}
		t.add(all...)
		for limit, want := range map[int]int{0: 0, 1: 1, 8: 8, 9: 9, 100: 9} {
			got, err := t.Members(t.ctx, o.ID, o.Roles[0].ID, directory.Active, limit)
			t.ok(err)
			t.same(len(slices.Compact(slices.Sorted(slices.Values(got)))), want)
			t.same(len(got), want)
		}
	}},
	{"of an unknown organization are none", func(t *test) {
		got, err := t.Members(t.ctx, newID("org_"), newID("role_"), directory.Active, 10)
		t.ok(err)
		t.same(got, []string{})
	}},
}
