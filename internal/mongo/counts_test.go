//go:build services

package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

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
	for at, name := range map[step]string{written: "written", counted: "counted", takenOff: "taken off"} {
		t.Run("counts are right again after a crash when people were "+name, func(t *testing.T) {
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

	t.Run("a move that is counted late, after the repair, is not counted twice", func(t *testing.T) {
		o := newOrganization(t, s, 1)
		slow := openDatabase(t, s.DatabaseName())
		slow.interrupt = func(after step) error {
			if after == written {
				repair(t, s)
			}
			return nil
		}
		u := newPerson(o)
		add(t, slow, u)
		u.Status = directory.Inactive
		edit(t, slow, u)
		wantCounted(t, s, o)
	})

	t.Run("a move that is new is not repaired", func(t *testing.T) {
		o := newOrganization(t, s, 1)
		dying := openDatabase(t, s.DatabaseName())
		dying.interrupt = crashAt(written)
		_, _ = dying.InsertUsers(t.Context(), []*directory.User{newPerson(o)})
		dying.grace = time.Minute
		repair(t, dying)
		if counts, err := s.Counts(t.Context(), o.ID); len(counts) != 0 || err != nil {
			t.Error(counts, err)
		}
		repair(t, s)
		wantCounted(t, s, o)
	})

	t.Run("what is counted is forgotten", func(t *testing.T) {
		o := newOrganization(t, s, 1)
		for range 20 {
			add(t, s, newPerson(o))
		}
		if n := len(noted(t, s, o)); n > 1 {
			t.Errorf("%d moves are noted, all but the last should be forgotten", n)
		}
		repair(t, s)
		if n := len(noted(t, s, o)); n != 0 {
			t.Errorf("%d moves are noted after the repair", n)
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
		push := bson.M{"$push": bson.M{"pending": move{ID: pending, To: "x"}}}
		if _, err := s.users.UpdateOne(t.Context(), bson.M{"_id": u.ID, "org": o.ID}, push); err != nil {
			t.Fatal(err)
		}
		other := openDatabase(t, s.DatabaseName())
		other.grace = 48 * time.Hour
		add(t, other, newPerson(o))
		repair(t, other)
		if left := noted(t, s, o); left[done.Hex()] || !left[pending.Hex()] {
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

func noted(t *testing.T, s *Store, o *directory.Organization) map[string]bool {
	t.Helper()
	var kept countsDocument
	if err := s.counts.FindOne(t.Context(), bson.M{"_id": o.ID}, options.FindOne()).Decode(&kept); err != nil {
		t.Fatal(err)
	}
	return maps.Clone(kept.Applied)
}
