package sample

import (
	"context"
	"fmt"
	"time"

	"roster/internal/directory"
)

// The organization of the demonstration.
const (
	DemoName  = "Acme"
	demoTotal = 60
)

// Demo adds the people of a believable organization of 60, of whom the
// administrator is there already: people on all tabs, invitations in every
// state, and some who have not signed in for months. Those whom it answers
// have the password of passwordHash; the rest have none that anybody knows.
func Demo(ctx context.Context, store directory.Store, org *directory.Organization, adminID, passwordHash, nobodys string, now time.Time) ([]*directory.User, error) {
	crowd := newPeople("acme.example")
	random := crowd.random
	ids := seededReader(demoTotal)
	var users, entered []*directory.User
	add := func(role string, made func(u *directory.User)) *directory.User {
		u := newUser(org, crowd.next(), ago(random, now.Add(-30*day), 700*day), ids)
		u.RoleID = roleNamed(org, role).ID
		made(u)
		users = append(users, u)
		return u
	}
	active := func(hash string) func(*directory.User) {
		return func(u *directory.User) { makeActive(u, random, hash, now) }
	}
	for _, role := range []string{"User Manager", "Customer Success Manager", "Viewer"} {
		entered = append(entered, add(role, active(passwordHash)))
	}
	for range 2 {
		add("Administrator", active(nobodys))
	}
	for range 3 {
		add("User Manager", active(nobodys))
	}
	for range 13 {
		add("Customer Success Manager", active(nobodys))
	}
	for len(users) < demoTotal-1-8-7 {
		add("Viewer", active(nobodys))
	}
	for i, delivery := range []directory.Delivery{
		{State: directory.Sent},
		{State: directory.Sent},
		{State: directory.Sent},
		{State: directory.Sent},
		{State: directory.Sent},
		{State: directory.Failed, Attempts: 1, Reason: "550 5.1.1 The mailbox does not exist."},
		{State: directory.Sent},
		{State: directory.Sent},
	} {
		invited := now.Add(-time.Duration(i*i*6+1) * time.Hour)
		role := "Viewer"
		if i < 3 {
			role = "Customer Success Manager"
		}
		add(role, func(u *directory.User) {
			makePending(u, adminID, invited, delivery)
			if i%2 == 0 {
				u.Name, u.Title = "", ""
			}
		})
	}
	for len(users) < demoTotal-1 {
		add("Viewer", func(u *directory.User) {
			makeActive(u, random, nobodys, now)
			makeInactive(u, ago(random, now, 200*day))
		})
	}
	if err := insert(ctx, store, org, users, now); err != nil {
		return nil, fmt.Errorf("make the demonstration: %w", err)
	}
	return entered, nil
}
