package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"roster/internal/directory"
)

var users = []promise{
	{"gives back every field of a user, when added and when changed", func(t *test) {
		o := t.organization(1)
		u := populated(t, o)
		t.add(u)
		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(got, u)

		changed := populated(t, o)
		changed.ID, changed.Revision = u.ID, u.Revision
		t.ok(t.UpdateUser(t.ctx, changed))
		got, err = t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(got, changed)
	}},
	{"gives back a user with hardly anything set, when added and when cleared", func(t *test) {
		o := t.organization(1)
		bare := &directory.User{ID: newID("user_"), OrganizationID: o.ID, Email: unique("a") + "@example.com"}
		t.add(bare)
		got, err := t.User(t.ctx, o.ID, bare.ID)
		t.ok(err)
		t.same(got, bare)

		o = t.organization(1)
		full := populated(t, o)
		t.add(full)
		cleared := &directory.User{ID: full.ID, OrganizationID: o.ID, Revision: full.Revision, Username: unique("b")}
		t.ok(t.UpdateUser(t.ctx, cleared))
		got, err = t.User(t.ctx, o.ID, full.ID)
		t.ok(err)
		t.same(got, cleared)
	}},
	{"a link, second factor or entry that is there but empty is given back as that", func(t *test) {
		o := t.organization(1)
		u := t.added(o, func(u *directory.User) {
			u.Invitation, u.PasswordReset, u.Credentials.TwoFactor = &directory.Link{}, &directory.Link{}, &directory.TwoFactor{}
			due := now().AddDate(50, 0, 0)
			u.Outbox = []directory.Entry{{Event: &directory.Event{}, DueAt: due}, {Mail: &directory.Mail{}, DueAt: due}}
		})
		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(got, u)
	}},
	{"times before 1970, at 1970, and the last millisecond of a second are given back", func(t *test) {
		o := t.organization(1)
		u := t.added(o, func(u *directory.User) {
			u.CreatedAt = time.Date(1969, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)
			u.UpdatedAt = time.UnixMilli(0).UTC()
			u.LastLoginAt = time.Date(2026, 6, 30, 23, 59, 59, int(999*time.Millisecond), time.UTC)
		})
		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(got, u)
	}},
	{"what a caller does to a user afterwards does not reach the store", func(t *test) {
		o := t.organization(1)
		u := populated(t, o)
		t.add(u)
		want := u.Clone()
		u.Name, u.Sessions[0].ID, u.Outbox[0].ID, u.Credentials.TwoFactor.Secret[0] = "Other", "other", "other", 99
		want.Credentials.TwoFactor.Secret = nil
		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		secret := got.Credentials.TwoFactor.Secret[0]
		got.Credentials.TwoFactor.Secret = nil
		t.same(got, want)
		if secret == 99 {
			t.Fatal("the store gave back what was changed outside of it")
		}
	}},
	{"an added user has Revision 1, whatever it was", func(t *test) {
		o := t.organization(1)
		u := t.added(o, func(u *directory.User) { u.Revision = 17 })
		t.same(u.Revision, int64(1))
		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(got.Revision, int64(1))
	}},
	{"adding nobody is nothing", func(t *test) {
		answers, err := t.InsertUsers(t.ctx, nil)
		t.ok(err)
		t.same(len(answers), 0)
	}},
	{"a taken id, address or username keeps no other out, and the answers stand in order", func(t *test) {
		o := t.organization(1)
		there := t.added(o)
		first, last := person(o), person(o)
		sameID := person(o, func(u *directory.User) { u.ID = there.ID })
		sameEmail := person(o, func(u *directory.User) { u.Email = there.Email })
		sameUsername := person(o, func(u *directory.User) { u.Username = there.Username })
		answers, err := t.InsertUsers(t.ctx, []*directory.User{sameID, first, sameEmail, sameUsername, last})
		t.ok(err)
		t.same(len(answers), 5)
		for i, answer := range answers {
			if i == 1 || i == 4 {
				t.ok(answer)
				continue
			}
			t.fails(answer, directory.ErrTaken)
		}
		got, err := t.Users(t.ctx, o.ID, []string{there.ID, first.ID, sameEmail.ID, sameUsername.ID, last.ID})
		t.ok(err)
		t.everyone(got, there, first, last)
	}},
	{"of those added together who want one name or id, one is added", func(t *test) {
		o := t.organization(1)
		for _, same := range []func(u, first *directory.User){
			func(u, first *directory.User) { u.ID = first.ID },
			func(u, first *directory.User) { u.Email = first.Email },
			func(u, first *directory.User) { u.Username = first.Email },
		} {
			first, other := person(o), person(o)
			second := person(o, func(u *directory.User) { same(u, first) })
			answers, err := t.InsertUsers(t.ctx, []*directory.User{first, other, second})
			t.ok(err)
			t.ok(answers[1])
			added, refused := first, answers[2]
			if answers[0] != nil {
				added, refused = second, answers[0]
			}
			t.fails(refused, directory.ErrTaken)
			got, err := t.Users(t.ctx, o.ID, []string{first.ID, second.ID, other.ID})
			t.ok(err)
			t.everyone(got, added, other)
		}
	}},
	{"who was not added has taken no name, is in no count, in no list and in no search", func(t *test) {
		o := t.organization(1)
		there := t.added(o)
		refused := person(o, func(u *directory.User) { u.Username, u.Name = there.Email, "Zacharias" })
		answers, err := t.InsertUsers(t.ctx, []*directory.User{refused})
		t.ok(err)
		t.fails(answers[0], directory.ErrTaken)
		got, err := t.UsersByKeys(t.ctx, o.ID, refused.Keys())
		t.ok(err)
		t.everyone(got, there)
		t.counted(o, there)
		t.listed(o, directory.ListQuery{}, there)
		t.listed(o, directory.ListQuery{Words: []string{"zach"}})
		t.added(o, func(u *directory.User) { u.Email = refused.Email })
	}},
	{"names are taken whatever their case and form", func(t *test) {
		o := t.organization(1)
		name := unique("straße.ﬁ")
		there := t.added(o, func(u *directory.User) {
			u.Email, u.Username = strings.ToUpper(unique("josé"))+"@EXAMPLE.com", name
		})
		for _, taken := range []func(*directory.User){
			func(u *directory.User) { u.Email = strings.ToLower(there.Email) },
			func(u *directory.User) { u.Email = strings.Replace(strings.ToLower(there.Email), "é", "e\u0301", 1) },
			func(u *directory.User) { u.Username = strings.Replace(strings.ToUpper(name), "ß", "ss", 1) },
			func(u *directory.User) { u.Username = strings.Replace(name, "ﬁ", "FI", 1) },
			// One space of names: nobody's username is somebody else's address.
			func(u *directory.User) { u.Username = there.Email },
			func(u *directory.User) { u.Email = name },
		} {
			answers, err := t.InsertUsers(t.ctx, []*directory.User{person(o, taken)})
			t.ok(err)
			t.fails(answers[0], directory.ErrTaken)
			u := t.added(o)
			before := u.Clone()
			taken(u)
			t.fails(t.UpdateUser(t.ctx, u), directory.ErrTaken)
			got, err := t.User(t.ctx, o.ID, u.ID)
			t.ok(err)
			t.same(got, before)
		}
		got, err := t.User(t.ctx, o.ID, there.ID)
		t.ok(err)
		t.same(got, there)
	}},
	{"one's username may be one's own address", func(t *test) {
		o := t.organization(1)
		u := t.added(o, func(u *directory.User) { u.Username = strings.ToUpper(u.Email) })
		t.update(u, func(u *directory.User) { u.Username = unique("b") })
		t.update(u, func(u *directory.User) { u.Username = u.Email })
		t.update(u, func(u *directory.User) { u.Email, u.Username = u.Username, unique("c") })
		// The two swapped.
		t.update(u, func(u *directory.User) { u.Email, u.Username = u.Username, u.Email })
	}},
	{"a name that was given up can be had by another, and the new one is taken", func(t *test) {
		o := t.organization(1)
		u := t.added(o)
		was := u.Clone()
		t.update(u, func(u *directory.User) { u.Email, u.Username = unique("new")+"@example.com", unique("new") })
		other := t.added(o, func(o *directory.User) { o.Email, o.Username = was.Email, was.Username })
		got, err := t.UsersByKeys(t.ctx, o.ID, was.Keys())
		t.ok(err)
		t.everyone(got, other)
		answers, err := t.InsertUsers(t.ctx, []*directory.User{person(o, func(n *directory.User) { n.Email = u.Email })})
		t.ok(err)
		t.fails(answers[0], directory.ErrTaken)
		u.Username = was.Username
		t.fails(t.UpdateUser(t.ctx, u), directory.ErrTaken)
	}},
	{"a name refused in a change is not taken by it", func(t *test) {
		o := t.organization(1)
		other, u := t.added(o), t.added(o)
		free := unique("free")
		u.Username, u.Email = free, other.Email
		t.fails(t.UpdateUser(t.ctx, u), directory.ErrTaken)
		t.added(o, func(u *directory.User) { u.Username = free })
	}},
	{"of many who want one name at once, one gets it", func(t *test) {
		o := t.organization(1)
		name := unique("wanted")
		people := make([]*directory.User, 10)
		for i := range people {
			people[i] = t.added(o)
		}
		var won, taken atomic.Int32
		atOnce(20, func(i int) {
			var err error
			if i < 10 {
				u := people[i]
				u.Username = name
				err = t.UpdateUser(t.ctx, u)
			} else {
				var answers []error
				answers, err = t.InsertUsers(t.ctx, []*directory.User{person(o, func(u *directory.User) { u.Username = name }), person(o)})
				if err == nil {
					err = answers[0]
					if answers[1] != nil {
						t.Errorf("the other was not added: %v", answers[1])
					}
				}
			}
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, directory.ErrTaken):
				taken.Add(1)
			default:
				t.Errorf("unexpected error: %v", err)
			}
		})
		t.same([]int32{won.Load(), taken.Load()}, []int32{1, 19})
		got, err := t.UsersByKeys(t.ctx, o.ID, []string{name})
		t.ok(err)
		t.same(len(got), 1)
		t.same(got[0].Username, name)
	}},
	{"a change moves the revision on, here and in the store", func(t *test) {
		o := t.organization(1)
		u := t.added(o)
		for range 3 {
			before := u.Revision
			t.update(u, func(u *directory.User) { u.Title = unique("title") })
			if u.Revision <= before {
				t.Fatalf("revision went from %d to %d", before, u.Revision)
			}
			got, err := t.User(t.ctx, o.ID, u.ID)
			t.ok(err)
			t.same(got, u)
		}
	}},
	{"a change of what has changed since, of an unknown id, or from another organization is stale and writes nothing", func(t *test) {
		o, other := t.organization(1), t.organization(1)
		u := t.added(o)
		stale := u.Clone()
		t.update(u, func(u *directory.User) { u.Name = "Ben" })
		stale.Name, stale.Username = "Carla", unique("carla")
		t.fails(t.UpdateUser(t.ctx, stale), directory.ErrStale)
		future := u.Clone()
		future.Revision++
		t.fails(t.UpdateUser(t.ctx, future), directory.ErrStale)
		unknown := person(o)
		unknown.Revision = 1
		t.fails(t.UpdateUser(t.ctx, unknown), directory.ErrStale)
		foreign := u.Clone()
		foreign.OrganizationID = other.ID
		t.fails(t.UpdateUser(t.ctx, foreign), directory.ErrStale)

		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(got, u)
		_, err = t.User(t.ctx, o.ID, unknown.ID)
		t.fails(err, directory.ErrNotFound)
		_, err = t.User(t.ctx, other.ID, u.ID)
		t.fails(err, directory.ErrNotFound)
		t.added(o, func(u *directory.User) { u.Username = stale.Username })
		t.counted(other)
	}},
	{"of many changes of one revision at once, exactly one is made", func(t *test) {
		o := t.organization(1)
		u := t.added(o)
		var winner atomic.Pointer[directory.User]
		var stale atomic.Int32
		atOnce(20, func(i int) {
			mine := u.Clone()
			mine.Title = fmt.Sprintf("title %d", i)
			switch err := t.UpdateUser(t.ctx, mine); {
			case err == nil:
				if !winner.CompareAndSwap(nil, mine) {
					t.Error("two changes of one revision were made")
				}
			case errors.Is(err, directory.ErrStale):
				stale.Add(1)
			default:
				t.Errorf("unexpected error: %v", err)
			}
		})
		t.same(stale.Load(), int32(19))
		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(got, winner.Load())
	}},
	{"changes that are tried again after being stale are all made", func(t *test) {
		o := t.organization(1)
		u := t.added(o)
		atOnce(8, func(int) {
			for {
				mine, err := t.User(t.ctx, o.ID, u.ID)
				if err != nil {
					t.Errorf("unexpected error: %v", err)
					return
				}
				mine.Version++
				if err = t.UpdateUser(t.ctx, mine); err == nil {
					return
				}
				if !errors.Is(err, directory.ErrStale) {
					t.Errorf("unexpected error: %v", err)
					return
				}
			}
		})
		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.same(got.Version, u.Version+8)
	}},
	{"an unknown id, and one of another organization, are not found", func(t *test) {
		o, other := t.organization(1), t.organization(1)
		u, theirs := t.added(o), t.added(other)
		_, err := t.User(t.ctx, o.ID, newID("user_"))
		t.fails(err, directory.ErrNotFound)
		_, err = t.User(t.ctx, o.ID, "")
		t.fails(err, directory.ErrNotFound)
		_, err = t.User(t.ctx, o.ID, theirs.ID)
		t.fails(err, directory.ErrNotFound)
		_, err = t.User(t.ctx, newID("org_"), u.ID)
		t.fails(err, directory.ErrNotFound)
		got, err := t.Users(t.ctx, o.ID, []string{newID("user_"), u.ID, theirs.ID, u.ID})
		t.ok(err)
		t.everyone(got, u)
		got, err = t.Users(t.ctx, o.ID, nil)
		t.ok(err)
		t.everyone(got)
	}},
	{"finds by keys each once, also who has two of them, and nobody of another organization", func(t *test) {
		o, other := t.organization(1), t.organization(1)
		a, b := t.added(o), t.added(o)
		t.added(o)
		t.added(other, func(u *directory.User) { u.Email, u.Username = a.Email, a.Username })
		got, err := t.UsersByKeys(t.ctx, o.ID, append(a.Keys(), directory.EmailKey(strings.ToUpper(b.Email)), "nobody@example.com"))
		t.ok(err)
		t.everyone(got, a, b)
		got, err = t.UsersByKeys(t.ctx, o.ID, []string{"nobody@example.com", ""})
		t.ok(err)
		t.everyone(got)
		got, err = t.UsersByKeys(t.ctx, o.ID, nil)
		t.ok(err)
		t.everyone(got)
	}},
	{"finds somebody by the hash of an invitation and of a reset, alive or not", func(t *test) {
		o, other := t.organization(1), t.organization(1)
		invited, reset := unique("hash"), unique("hash")
		u := t.added(o, func(u *directory.User) {
			u.Invitation = &directory.Link{TokenHash: invited, ExpiresAt: now().Add(-time.Hour)}
			u.PasswordReset = &directory.Link{TokenHash: reset, ExpiresAt: now().Add(time.Hour)}
		})
		for _, hash := range []string{invited, reset} {
			got, err := t.UserByLink(t.ctx, o.ID, hash)
			t.ok(err)
			t.same(got, u)
			_, err = t.UserByLink(t.ctx, other.ID, hash)
			t.fails(err, directory.ErrNotFound)
		}
		_, err := t.UserByLink(t.ctx, o.ID, unique("hash"))
		t.fails(err, directory.ErrNotFound)
	}},
	{"a link that was replaced or taken away finds nobody; the new one does", func(t *test) {
		o := t.organization(1)
		first, second, third := unique("hash"), unique("hash"), unique("hash")
		u := t.added(o)
		t.update(u, func(u *directory.User) { u.Invitation = &directory.Link{TokenHash: first} })
		t.update(u, func(u *directory.User) { u.Invitation = &directory.Link{TokenHash: second} })
		_, err := t.UserByLink(t.ctx, o.ID, first)
		t.fails(err, directory.ErrNotFound)
		got, err := t.UserByLink(t.ctx, o.ID, second)
		t.ok(err)
		t.same(got, u)
		t.update(u, func(u *directory.User) { u.Invitation, u.PasswordReset = nil, &directory.Link{TokenHash: third} })
		_, err = t.UserByLink(t.ctx, o.ID, second)
		t.fails(err, directory.ErrNotFound)
		got, err = t.UserByLink(t.ctx, o.ID, third)
		t.ok(err)
		t.same(got, u)
		t.update(u, func(u *directory.User) { u.PasswordReset = nil })
		_, err = t.UserByLink(t.ctx, o.ID, third)
		t.fails(err, directory.ErrNotFound)
	}},
	{"a link whose mail was not made yet is found by no hash, also not by the empty one", func(t *test) {
		o := t.organization(1)
		t.added(o)
		t.added(o, func(u *directory.User) { u.Invitation, u.PasswordReset = &directory.Link{}, &directory.Link{} })
		_, err := t.UserByLink(t.ctx, o.ID, "")
		t.fails(err, directory.ErrNotFound)
	}},
	{"two organizations may have the same addresses and never see each other's people", func(t *test) {
		one, two := t.organization(1), t.organization(1)
		a := t.added(one, func(u *directory.User) { u.Name = "Ann One" })
		b := t.added(two, func(u *directory.User) { u.Email, u.Username, u.Name = a.Email, a.Username, "Ann Two" })
		for _, c := range []struct {
			o *directory.Organization
			u *directory.User
		}{{one, a}, {two, b}} {
			got, err := t.UsersByKeys(t.ctx, c.o.ID, a.Keys())
			t.ok(err)
			t.everyone(got, c.u)
			t.counted(c.o, c.u)
			t.listed(c.o, directory.ListQuery{}, c.u)
			t.listed(c.o, directory.ListQuery{Words: []string{"ann"}}, c.u)
		}
	}},
}

// counts are the promises of Counts.
var counts = []promise{
	{"are right after each answered write", func(t *test) {
		o := t.organization(1)
		t.counted(o)
		a, b := t.added(o), person(o, func(u *directory.User) { u.Status, u.RoleID = directory.Pending, o.Roles[1].ID })
		t.counted(o, a)
		taken := person(o, func(u *directory.User) { u.Email = a.Email })
		_, err := t.InsertUsers(t.ctx, []*directory.User{b, taken})
		t.ok(err)
		t.counted(o, a, b)
		t.update(b, func(u *directory.User) { u.Status = directory.Active })
		t.counted(o, a, b)
		t.update(b, func(u *directory.User) { u.RoleID = o.Roles[2].ID })
		t.counted(o, a, b)
		t.update(b, func(u *directory.User) { u.Credentials.TwoFactor = &directory.TwoFactor{LastStep: 1} })
		t.counted(o, a, b)
		t.update(b, func(u *directory.User) { u.Name = "No move" })
		t.counted(o, a, b)
		t.update(b, func(u *directory.User) {
			u.Status, u.RoleID, u.Credentials.TwoFactor = directory.Inactive, o.Roles[0].ID, nil
		})
		t.counted(o, a, b)
		stale := b.Clone()
		stale.Revision--
		stale.Status = directory.Active
		t.fails(t.UpdateUser(t.ctx, stale), directory.ErrStale)
		t.counted(o, a, b)
		taken = b.Clone()
		taken.Status, taken.Email = directory.Active, a.Email
		t.fails(t.UpdateUser(t.ctx, taken), directory.ErrTaken)
		t.counted(o, a, b)
		t.ok(t.Repair(t.ctx))
		t.counted(o, a, b)
	}},
	{"are right when many wrote at once", func(t *test) {
		o := t.organization(1)
		people := make([]*directory.User, 12)
		for i := range people {
			people[i] = person(o)
		}
		t.add(people[:6]...)
		statuses := []directory.Status{directory.Active, directory.Pending, directory.Inactive}
		atOnce(len(people), func(i int) {
			u := people[i]
			if i >= 6 {
				if answers, err := t.InsertUsers(t.ctx, []*directory.User{u}); err != nil || answers[0] != nil {
					t.Errorf("unexpected error: %v, %v", err, answers)
				}
			}
			for step := range 5 {
				u.Status, u.RoleID = statuses[(i+step)%3], o.Roles[(i*step)%3].ID
				u.Credentials.TwoFactor = nil
				if step%2 == 0 {
					u.Credentials.TwoFactor = &directory.TwoFactor{LastStep: 1}
				}
				if err := t.UpdateUser(t.ctx, u); err != nil {
					t.Errorf("unexpected error: %v", err)
				}
			}
		})
		t.counted(o, people...)
		t.ok(t.Repair(t.ctx))
		t.counted(o, people...)
	}},
	{"of one person whom many move at once are right", func(t *test) {
		o := t.organization(1)
		u := t.added(o)
		statuses := []directory.Status{directory.Active, directory.Pending, directory.Inactive}
		atOnce(9, func(i int) {
			for try := 0; try < 5; try++ {
				mine, err := t.User(t.ctx, o.ID, u.ID)
				if err != nil {
					t.Errorf("unexpected error: %v", err)
					return
				}
				mine.Status = statuses[(i+try)%3]
				if err := t.UpdateUser(t.ctx, mine); err != nil && !errors.Is(err, directory.ErrStale) {
					t.Errorf("unexpected error: %v", err)
				}
			}
		})
		got, err := t.User(t.ctx, o.ID, u.ID)
		t.ok(err)
		t.counted(o, got)
	}},
}

// counted wants the counts of exactly these people.
func (t *test) counted(o *directory.Organization, people ...*directory.User) {
	t.Helper()
	got, err := t.Counts(t.ctx, o.ID)
	t.ok(err)
	for g, n := range got {
		if n == 0 {
			delete(got, g) // empty groups may be absent
		}
	}
	want := directory.Counts{}
	for _, u := range people {
		want[directory.GroupOf(u)]++
	}
	t.same(got, want)
}

// outboxes are the promises of DueUsers.
var outboxes = []promise{
	{"finds who has an entry due, of any organization, the longest due first, up to the limit", func(t *test) {
		// Long ago, so that what other tests have left is not due.
		at := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
		one, two := t.organization(1), t.organization(1)
		due := func(o *directory.Organization, minutes ...int) *directory.User {
			return t.added(o, func(u *directory.User) {
				for _, m := range minutes {
					u.Outbox = append(u.Outbox, directory.Entry{
						ID: newID("evt_"), DueAt: at.Add(time.Duration(m) * time.Minute), Mail: &directory.Mail{Kind: directory.MailInvitation},
					})
				}
			})
		}
		third := due(one, 30)
		first := due(two, 10)
		second := due(one, 50, 20, 70)
		later := due(two, 31)
		due(one)
		find := func(minute, limit int, want ...*directory.User) {
			t.Helper()
			got, err := t.DueUsers(t.ctx, at.Add(time.Duration(minute)*time.Minute), limit)
			t.ok(err)
			t.same(got, want)
		}
		find(9, 10)
		find(10, 10, first)
		find(30, 10, first, second, third)
		find(30, 2, first, second)
		find(30, 0)
		find(1000, 10, first, second, third, later)

		// Its first entry put off, and another's outbox emptied.
		t.update(first, func(u *directory.User) { u.Outbox[0].DueAt, u.Outbox[0].Attempts = at.Add(25*time.Minute), 1 })
		t.update(second, func(u *directory.User) { u.Outbox = u.Outbox[2:] })
		t.update(third, func(u *directory.User) { u.Outbox = nil })
		find(30, 10, first)
		find(1000, 10, first, later, second)
		for _, u := range []*directory.User{first, second, later} {
			t.update(u, func(u *directory.User) { u.Outbox = nil })
		}
		find(1000, 10)
	}},
}
