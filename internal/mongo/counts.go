package mongo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
)

// How many people are in each group is kept in one document per organization.
// The users are other documents, so a write that changes both takes several
// steps, each atomic, and a crash may come between any two of them.
//
// Somebody moves from one group to another:
//
//  1. the user is written, and in the same document the move, as pending;
//  2. the counts change, and note the move's id as applied, unless it is noted;
//  3. the move is taken off the user;
//  4. the counts forget the id. This waits for the next change of the counts.
//
// So a move that is pending is counted exactly when its id is noted, and one
// that is neither pending nor noted is done with.
//
// People arrive, many at once, and are written only once (see arrival):
//
//  1. the counts note who is to arrive, and in which groups;
//  2. the users are added, with the arrival's id;
//  3. the counts change, and forget the arrival.
//
// The write is answered when the counts have changed. What a crash left behind
// is completed by Repair. It compares and sets the revision of the counts, which
// every change of them moves, so that nothing can happen between its looking and
// its counting.

// countsDocument is the counts of one organization, under its id.
type countsDocument struct {
	OrganizationID string          `bson:"_id,omitempty"`
	People         changes         `bson:"n"`
	Applied        map[string]bool `bson:"applied"`
	Arriving       []arrival       `bson:"arriving"`
	Revision       int64           `bson:"rev"`
}

func newCounts() countsDocument {
	return countsDocument{People: changes{}, Applied: map[string]bool{}, Arriving: []arrival{}}
}

// move is somebody's way from one group to another.
type move struct {
	ID   bson.ObjectID `bson:"id"`
	From string        `bson:"from"`
	To   string        `bson:"to"`
}

// changes are how much the groups grow.
type changes map[string]int

func (c changes) add(m move) {
	c[m.To]++
	c[m.From]--
}

func (c changes) none() bool {
	for _, n := range c {
		if n != 0 {
			return false
		}
	}
	return true
}

// groupKey is a group as a field of the counts. Points and dollars mean
// something in the name of a field.
func groupKey(g directory.Group) string {
	return string(g.Status) + "/" + map[bool]string{true: "2", false: "1"}[g.TwoFactor] + "/" + fieldEscape.Replace(g.RoleID)
}

func groupOfKey(key string) directory.Group {
	status, rest, _ := strings.Cut(key, "/")
	factors, role, _ := strings.Cut(rest, "/")
	return directory.Group{Status: directory.Status(status), TwoFactor: factors == "2", RoleID: fieldUnescape.Replace(role)}
}

var (
	fieldEscape   = strings.NewReplacer("%", "%25", ".", "%2E", "$", "%24")
	fieldUnescape = strings.NewReplacer("%25", "%", "%2E", ".", "%24", "$")
)

// Counts implements directory.UserStore.
func (s *Store) Counts(ctx context.Context, organizationID string) (directory.Counts, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	var kept countsDocument
	err := s.counts.FindOne(ctx, bson.M{"_id": organizationID}, options.FindOne().SetProjection(bson.M{"n": 1})).Decode(&kept)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return nil, fault("read counts", err)
	}
	return kept.counts(), nil
}

func (d countsDocument) counts() directory.Counts {
	counts := directory.Counts{}
	for key, people := range d.People {
		if people > 0 { // less than none: who moved on has not been counted as arrived
			counts[groupOfKey(key)] = people
		}
	}
	return counts
}

// step is a step of a write, after which it may be cut off.
type step int

const (
	announced step = iota + 1
	written
	counted
	takenOff
)

// countMove does steps 2 and 3 of a move that was written. It does not stop
// when the one who asked hangs up.
func (s *Store) countMove(ctx context.Context, organizationID, userID string, m move) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTimeout)
	defer cancel()
	if err := s.interrupt(written); err != nil {
		return err
	}
	if err := s.apply(ctx, organizationID, m); err != nil {
		return fault("count", err)
	}
	if s.interrupt(counted) != nil {
		return nil
	}
	// From here on the counts are right; what fails is left to Repair.
	_, err := update(ctx, s.users, bson.M{"org": organizationID, "_id": userID}, takeOff(m.ID))
	if err == nil && s.interrupt(takenOff) == nil {
		s.told.add(organizationID, m.ID)
	}
	return nil
}

func takeOff(ids ...bson.ObjectID) bson.M {
	return bson.M{"$pull": bson.M{"pending": bson.M{"id": bson.M{"$in": ids}}}}
}

// apply counts a move, unless that was done.
func (s *Store) apply(ctx context.Context, organizationID string, m move) error {
	applied := "applied." + m.ID.Hex()
	filter := bson.M{"_id": organizationID, applied: bson.M{"$exists": false}}
	change := changes{}
	change.add(m)
	update := change.update()
	update["$set"] = bson.M{applied: true}
	if done := s.told.take(organizationID); len(done) > 0 {
		update["$unset"] = appliedFields(done)
	}
	var after countsDocument
	err := again(ctx, func() error {
		return s.counts.FindOneAndUpdate(ctx, filter, update, options.FindOneAndUpdate().
			SetProjection(bson.M{"applied": 1}).SetReturnDocument(options.After)).Decode(&after)
	})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil // Repair was quicker
	}
	s.left.add(organizationID, after.olderThan(forgetAfter)...)
	return err
}

// update is the change of the counts; every one moves the revision.
func (c changes) update() bson.M {
	increments := bson.M{"rev": int64(1)}
	for key, n := range c {
		if n != 0 {
			increments["n."+key] = n
		}
	}
	return bson.M{"$inc": increments}
}

func appliedFields(ids []bson.ObjectID) bson.M {
	fields := bson.M{}
	for _, id := range ids {
		fields["applied."+id.Hex()] = ""
	}
	return fields
}

// forgetAfter is how long an id is remembered whose move may still be on its way.
const forgetAfter = 24 * time.Hour

// olderThan are the moves noted as applied that began so long ago.
func (d countsDocument) olderThan(age time.Duration) []bson.ObjectID {
	var old []bson.ObjectID
	for hex := range d.Applied {
		if id, err := bson.ObjectIDFromHex(hex); err == nil && time.Since(id.Timestamp()) > age {
			old = append(old, id)
		}
	}
	return old
}

// Repair implements directory.UserStore. Any number of servers may do it at
// once.
func (s *Store) Repair(ctx context.Context) error {
	return errors.Join(s.completeMoves(ctx), s.completeArrivals(ctx), s.forget(ctx))
}

// horizon divides what may be under way from what was left by a crash. (An
// ObjectID begins with the time.)
func (s *Store) horizon() (id bson.ObjectID) {
	binary.BigEndian.PutUint32(id[:], uint32(time.Now().Add(-s.grace).Unix())) //nolint:gosec // that is how an ObjectID begins, until 2106
	return id
}

func before(id, horizon bson.ObjectID) bool { return bytes.Compare(id[:], horizon[:]) < 0 }

// completeMoves takes the moves that were left pending through steps 2 and 3.
// It looks at all organizations, since there is nobody else to ask. The ids
// that it notes stay for a day: should the one who seemed to be dead come to
// step 2 after all, it finds its move counted.
func (s *Store) completeMoves(ctx context.Context) error {
	horizon := s.horizon()
	for {
		left, err := s.pending(ctx, bson.M{"pending.id": present("$lt", horizon)}, 1000)
		if err != nil || len(left) == 0 {
			return err
		}
		byOrganization := map[string][]bson.ObjectID{}
		for _, u := range left {
			for _, m := range u.Pending {
				if before(m.ID, horizon) {
					byOrganization[u.OrganizationID] = append(byOrganization[u.OrganizationID], m.ID)
				}
			}
		}
		for organizationID, ids := range byOrganization {
			if err := s.completeMovesIn(ctx, organizationID, ids); err != nil {
				return fault("repair counts", err)
			}
		}
	}
}

// pending are users with moves, as far as filter lets them through.
func (s *Store) pending(ctx context.Context, filter bson.M, limit int64) ([]userDocument, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	cursor, err := s.users.Find(ctx, filter, options.Find().SetProjection(bson.M{"org": 1, "pending": 1}).SetLimit(limit))
	if err != nil {
		return nil, fault("find moves", err)
	}
	var users []userDocument
	return users, fault("find moves", cursor.All(ctx, &users))
}

func (s *Store) completeMovesIn(ctx context.Context, organizationID string, ids []bson.ObjectID) error {
	ctx, cancel := context.WithTimeout(ctx, 4*operationTimeout)
	defer cancel()
	having := bson.M{"org": organizationID, "pending.id": bson.M{"$in": ids}}
	// First the counts are read, then the moves: one that is pending after
	// that, and was not noted before, is not counted if the counts are the same.
	err := s.compareAndSet(ctx, bson.M{"_id": organizationID}, bson.M{"rev": 1, "applied": 1}, func(kept countsDocument) (bson.M, error) {
		users, err := s.pending(ctx, having, 0)
		if err != nil {
			return nil, err
		}
		uncounted, noted := changes{}, bson.M{}
		for _, u := range users {
			for _, m := range u.Pending {
				if slices.Contains(ids, m.ID) && !kept.Applied[m.ID.Hex()] {
					uncounted.add(m)
					noted["applied."+m.ID.Hex()] = true
				}
			}
		}
		if len(noted) == 0 {
			return nil, nil
		}
		change := uncounted.update()
		change["$set"] = noted
		return change, nil
	})
	if err != nil {
		return err
	}
	return again(ctx, func() error {
		_, err := s.users.UpdateMany(ctx, having, takeOff(ids...))
		return err
	})
}

// forget does step 4 for what waits for it, and for what a crash has left
// noted: it is forgotten when nobody has it pending.
func (s *Store) forget(ctx context.Context) error {
	for organizationID, ids := range s.left.takeAll() {
		users, err := s.pending(ctx, bson.M{"org": organizationID, "pending.id": bson.M{"$in": ids}}, 0)
		if err != nil {
			return err
		}
		for _, u := range users {
			for _, m := range u.Pending {
				ids = slices.DeleteFunc(ids, func(id bson.ObjectID) bool { return id == m.ID })
			}
		}
		s.told.add(organizationID, ids...)
	}
	for organizationID, ids := range s.told.takeAll() {
		if err := s.forgetIn(ctx, organizationID, ids); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) forgetIn(ctx context.Context, organizationID string, ids []bson.ObjectID) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	change := changes{}.update()
	change["$unset"] = appliedFields(ids)
	_, err := update(ctx, s.counts, bson.M{"_id": organizationID}, change)
	return fault("forget moves", err)
}

// moves are ids of moves, of each organization.
type moves struct {
	mu  sync.Mutex
	ids map[string][]bson.ObjectID
}

// enough is how many are worth remembering of an organization.
const enough = 1000

func (m *moves) add(organizationID string, ids ...bson.ObjectID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids == nil {
		m.ids = map[string][]bson.ObjectID{}
	}
	if len(ids) > 0 && len(m.ids[organizationID]) < enough {
		m.ids[organizationID] = append(m.ids[organizationID], ids...)
	}
}

func (m *moves) take(organizationID string) []bson.ObjectID {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := m.ids[organizationID]
	delete(m.ids, organizationID)
	return ids
}

func (m *moves) takeAll() map[string][]bson.ObjectID {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.ids
	m.ids = nil
	return all
}
