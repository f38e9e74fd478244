//go:build services

package mongo

import (
	"context"
	"fmt"
	"crypto/rand"
	"testing"
	"time"

	"roster/internal/directory"
	"roster/internal/sample"
)

func TestMeasure(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	o := &directory.Organization{ID: directory.NewID("org_", time.Now(), rand.Reader), Slug: "x", Name: "X"}
	for _, n := range []string{"Administrator", "Customer Success Manager", "User Manager", "Viewer"} {
		r := directory.Role{ID: directory.NewID("role_", time.Now(), rand.Reader), Name: n}
		if n == "Administrator" {
			r.Permissions = []directory.Permission{directory.ViewUsers, directory.ManageUsers, directory.ManageRoles, directory.ManageOrganization, directory.ViewAuditLog}
		}
		if n == "Customer Success Manager" {
			r.Permissions = []directory.Permission{directory.ViewUsers, directory.CSMSeat}
		}
		o.Roles = append(o.Roles, r)
	}
	if err := s.InsertOrganization(ctx, o, 50000); err != nil {
		t.Fatal(err)
	}
	t0 := time.Now()
	const n = 100000
	if err := sample.Fill(ctx, s, o, n, "x", time.Now(), func(done int) {
		if done%20000 == 0 {
			fmt.Println(done, time.Since(t0))
		}
	}); err != nil {
		t.Fatal(err)
	}
	fmt.Println("fill", time.Since(t0))
	roles := []string{o.Roles[0].ID, o.Roles[1].ID, o.Roles[2].ID, o.Roles[3].ID}
	groups := func(st directory.Status) (g []directory.Group) {
		for _, r := range roles {
			g = append(g, directory.Group{Status: st, RoleID: r}, directory.Group{Status: st, RoleID: r, TwoFactor: true})
		}
		return
	}
	for _, q := range []directory.ListQuery{
		{Order: directory.Order{Field: directory.ByName}, Groups: groups(directory.Active)},
		{Order: directory.Order{Field: directory.ByName}},
		{Order: directory.Order{Field: directory.ByEmail}, Groups: groups(directory.Active)},
		{Order: directory.Order{Field: directory.ByLastLogin, Descending: true}, Groups: groups(directory.Active)},
		{Order: directory.Order{Field: directory.ByRole}, Groups: groups(directory.Active)},
		{Order: directory.Order{Field: directory.ByName}, Words: []string{"ann"}},
		{Order: directory.Order{Field: directory.ByName}, Words: []string{"an", "le"}},
	} {
		q.Limit, q.Roles = 51, roles
		for range 3 {
			t0 = time.Now()
			us, err := s.ListUsers(ctx, o.ID, q)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println(q.Order, q.Words, len(q.Groups), len(us), time.Since(t0))
		}
	}
	us, _ := s.ListUsers(ctx, o.ID, directory.ListQuery{Order: directory.Order{Field: directory.ByName}, Limit: 50})
	t0 = time.Now()
	for _, u := range us {
		if _, err := s.User(ctx, o.ID, u.ID); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("User", time.Since(t0)/50)
	t0 = time.Now()
	for _, u := range us {
		if x, err := s.UsersByKeys(ctx, o.ID, u.Keys()); err != nil || len(x) != 1 {
			t.Fatal(err)
		}
	}
	fmt.Println("UsersByKeys", time.Since(t0)/50)
	t0 = time.Now()
	for _, u := range us {
		u.Title = "Boss"
		if err := s.UpdateUser(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("UpdateUser", time.Since(t0)/50)
	t0 = time.Now()
	for _, u := range us {
		u.Status = directory.Inactive
		if err := s.UpdateUser(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("UpdateUser moved", time.Since(t0)/50)
	t0 = time.Now()
	fmt.Println(s.Counts(ctx, o.ID))
	fmt.Println("Counts", time.Since(t0))
	t0 = time.Now()
	fmt.Println(s.CountMatches(ctx, o.ID, directory.ListQuery{Words: []string{"an"}}))
	fmt.Println("CountMatches", time.Since(t0))
}

func TestMax(t *testing.T) {
	var said recorder
	s := openStore(t, said.listen)
	o := newOrganization(t, s, 1)
	add(t, s, newPerson(o))
	s.ListUsers(t.Context(), o.ID, directory.ListQuery{Order: directory.Order{Field: directory.ByName}, Limit: 5})
	s.User(t.Context(), o.ID, "x")
	s.Repair(t.Context())
	for _, c := range said.all {
		fmt.Println(c.name, c.collection, c.Lookup("maxTimeMS"), c.Lookup("limit"), c.Lookup("batchSize"))
	}
}
