//go:build services

package mongo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"roster/internal/directory"
)

var errCrash = errors.New("crash")

// crashAt ends the process, as far as counting goes, after a step.
func crashAt(at step) func(step) error {
	return func(after step) error {
		if after == at {
			return errCrash
		}
		return nil
	}
}

// inTheFuture makes Repair take every move for one that was left.
const inTheFuture = -10 * time.Second

// TestCrashes ends writes between their steps.
func TestCrashes(t *testing.T) {
	s := openStore(t)
	s.grace = inTheFuture
	for at, name := range map[step]string{announced: "announced", written: "written", counted: "counted", takenOff: "taken off"} {
		t.Run("counts are right again after a crash when somebody was "+name, func(t *testing.T) {
			o := newOrganization(t, s, 1)
			dying := openDatabase(t, s.DatabaseName())
			dying.interrupt = crashAt(at)
			stays, moves, leaves := newPerson(o), newPerson(o), newPerson(o)
			add(t, s, stays, moves, leaves)

			moves.RoleID = o.Roles[1].ID
			_ = dying.UpdateUser(t.Context(), moves)
			_, _ = dying.InsertUsers(t.Context(), []*directory.User{newPerson(o), newPerson(o), newPerson(o)})
			leaves.Status = directory.Inactive
			_ = dying.UpdateUser(t.Context(), leaves)
			// Life goes on before the repair: the same person moves on, and
			// something else of a person changes.
			moves.Title = "Director"
			edit(t, s, moves)
			leaves.Status = directory.Active
			edit(t, s, leaves)

			var all sync.WaitGroup
			for range 3 {
				all.Go(func() { repair(t, s) })
			}
			all.Wait()
			wantCounted(t, s, o)
			repair(t, s)
			wantCounted(t, s, o)
			if n, err := s.users.CountDocuments(t.Context(), bson.M{"org": o.ID, "pending.id": bson.M{"$exists": true}}); n != 0 || err != nil {
				t.Errorf("%d people have a move pending, %v", n, err)
			}
		})
	}

	t.Run("who is counted late, after the repair, is not counted twice", func(t *testing.T) {
		for _, at := range []step{announced, written} {
			o := newOrganization(t, s, 1)
			slow := openDatabase(t, s.DatabaseName())
			slow.interrupt = func(after step) error {
				if after == at {
					repair(t, s)
				}
				return nil
			}
			u := newPerson(o)
			add(t, slow, u)
			u.Status = directory.Inactive
			edit(t, slow, u)
			// Whoever arrives after the repair is found by the next.
			repair(t, s)
			wantCounted(t, s, o)
		}
	})

	t.Run("what is new is not repaired", func(t *testing.T) {
		o := newOrganization(t, s, 1)
		u := newPerson(o)
		add(t, s, u)
		before, err := s.Counts(t.Context(), o.ID)
		if err != nil {
			t.Fatal(err)
		}
		dying := openDatabase(t, s.DatabaseName())
		dying.interrupt = crashAt(written)
		_, _ = dying.InsertUsers(t.Context(), []*directory.User{newPerson(o)})
		u.Status = directory.Inactive
		_ = dying.UpdateUser(t.Context(), u)
		repair(t, openDatabase(t, s.DatabaseName()))
		after, err := s.Counts(t.Context(), o.ID)
		if diff := cmp.Diff(before, after); diff != "" || err != nil {
			t.Error(diff, err)
		}
		repair(t, s)
		wantCounted(t, s, o)
	})

	t.Run("what is counted is forgotten", func(t *testing.T) {
		o := newOrganization(t, s, 1)
		u := newPerson(o)
		add(t, s, u)
		for i := range 20 {
			u.RoleID = o.Roles[i%2].ID
			edit(t, s, u)
		}
		if kept := noted(t, s, o); len(kept.Applied) > 1 || len(kept.Arriving) > 0 {
			t.Errorf("noted are %v, all but the last should be forgotten", kept)
		}
		repair(t, s)
		if kept := noted(t, s, o); len(kept.Applied) != 0 {
			t.Errorf("%v are noted after the repair", kept)
		}
	})

	t.Run("an arrival that was left is forgotten when nobody can arrive any more", func(t *testing.T) {
		o := newOrganization(t, s, 1)
		u := newPerson(o)
		left := newArrival([]*directory.User{u, newPerson(o)})
		left.ID = bson.NewObjectIDFromTimestamp(time.Now().Add(-lateAfter - time.Minute))
		if err := s.announce(t.Context(), o.ID, left); err != nil {
			t.Fatal(err)
		}
		document := userDocument{ID: u.ID, OrganizationID: o.ID, Arrival: left.ID, Fields: fieldsOf(u)}
		if _, err := s.users.InsertOne(t.Context(), document); err != nil {
			t.Fatal(err)
		}
		repair(t, s)
		wantCounted(t, s, o)
		if kept := noted(t, s, o); len(kept.Arriving) != 0 {
			t.Errorf("noted are %v", kept)
		}
	})

	t.Run("what a crash left noted is forgotten after a day, unless it is pending", func(t *testing.T) {
		o := newOrganization(t, s, 1)
		u := newPerson(o)
		add(t, s, u)
		yesterday := time.Now().Add(-forgetAfter - time.Hour)
		done, pending := bson.NewObjectIDFromTimestamp(yesterday), bson.NewObjectIDFromTimestamp(yesterday)
		set := bson.M{"$set": bson.M{"applied." + done.Hex(): true, "applied." + pending.Hex(): true}}
		if _, err := s.counts.UpdateOne(t.Context(), bson.M{"_id": o.ID}, set); err != nil {
			t.Fatal(err)
		}
		push := bson.M{"$push": bson.M{"pending": move{ID: pending, From: "x", To: "y"}}}
		if _, err := s.users.UpdateOne(t.Context(), bson.M{"_id": u.ID, "org": o.ID}, push); err != nil {
			t.Fatal(err)
		}
		other := openDatabase(t, s.DatabaseName())
		other.grace = 48 * time.Hour
		u.RoleID = o.Roles[1].ID
		edit(t, other, u)
		repair(t, other)
		if left := noted(t, s, o).Applied; left[done.Hex()] || !left[pending.Hex()] {
			t.Errorf("noted are %v, want just %s of %s and %s", left, pending, done, pending)
		}
		repair(t, s)
		wantCounted(t, s, o)
	})

	t.Run("counts are right after many servers have died and repaired at once", func(t *testing.T) {
		o := newOrganization(t, s, 1)
		people := make([]*directory.User, 5)
		for i := range people {
			people[i] = newPerson(o)
		}
		add(t, s, people...)
		var all sync.WaitGroup
		for worker := range 6 {
			server := openDatabase(t, s.DatabaseName())
			server.grace = inTheFuture
			server.interrupt = func(step) error {
				if rand.IntN(3) == 0 {
					return errCrash
				}
				time.Sleep(rand.N(3 * time.Millisecond))
				return nil
			}
			all.Go(func() {
				for range 25 {
					switch {
					case worker < 2:
						// It may give up when others keep being quicker.
						_ = server.Repair(t.Context())
					case worker == 2:
						_, _ = server.InsertUsers(t.Context(), []*directory.User{newPerson(o)})
					default:
						u, err := server.User(t.Context(), o.ID, people[rand.IntN(len(people))].ID)
						if err != nil {
							t.Error(err)
							return
						}
						u.RoleID = o.Roles[rand.IntN(len(o.Roles))].ID
						_ = server.UpdateUser(t.Context(), u)
					}
				}
			})
		}
		all.Wait()
		repair(t, s)
		wantCounted(t, s, o)
	})
}

func add(t *testing.T, s *Store, people ...*directory.User) {
	t.Helper()
	answers, err := s.InsertUsers(t.Context(), people)
	if err := errors.Join(append(answers, err)...); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, s *Store, u *directory.User) {
	t.Helper()
	now, err := s.User(t.Context(), u.OrganizationID, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	u.Revision = now.Revision
	if err := s.UpdateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

func repair(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Repair(t.Context()); err != nil {
		t.Error(err)
	}
}

// wantCounted compares what is kept with what is there.
func wantCounted(t *testing.T, s *Store, o *directory.Organization) {
	t.Helper()
	cursor, err := s.users.Find(t.Context(), bson.M{"org": o.ID})
	if err != nil {
		t.Fatal(err)
	}
	var people []userDocument
	if err := cursor.All(context.Background(), &people); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for _, u := range people {
		want[fmt.Sprint(u.Fields.group())]++
	}
	counts, err := s.Counts(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for g, n := range counts {
		got[fmt.Sprint(g)] = n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-there +kept):\n%s", diff)
	}
}

func noted(t *testing.T, s *Store, o *directory.Organization) countsDocument {
	t.Helper()
	var kept countsDocument
	if err := s.counts.FindOne(t.Context(), bson.M{"_id": o.ID}).Decode(&kept); err != nil {
		t.Fatal(err)
	}
	return kept
}
