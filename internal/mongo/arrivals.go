package mongo

import (
	"context"
	"errors"
	"maps"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
)

// arrival is people who are added together, noted in the counts before that.
// (Why, is told with the counts.)
type arrival struct {
	ID bson.ObjectID `bson:"id"`
	// People are who is to arrive in each group.
	People map[string][]string `bson:"people"`
	// Counted is what Repair has counted of them; nil when nobody has.
	Counted changes `bson:"counted,omitempty"`
}

func newArrival(users []*directory.User) arrival {
	a := arrival{ID: bson.NewObjectID(), People: map[string][]string{}}
	for _, u := range users {
		key := groupKey(directory.GroupOf(u))
		a.People[key] = append(a.People[key], u.ID)
	}
	return a
}

// announce does step 1 of an arrival.
func (s *Store) announce(ctx context.Context, organizationID string, a arrival) error {
	change := changes{}.update()
	change["$push"] = bson.M{"arriving": a}
	matched, err := update(ctx, s.counts, bson.M{"_id": organizationID}, change)
	if err == nil && !matched {
		return directory.ErrNotFound
	}
	return err
}

// countArrival does step 3, unless Repair is at it. It does not stop when the
// one who asked hangs up.
func (s *Store) countArrival(ctx context.Context, organizationID string, a arrival, arrived changes) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTimeout)
	defer cancel()
	untouched := bson.M{"$elemMatch": bson.M{"id": a.ID, "counted": bson.M{"$exists": false}}}
	change := arrived.update()
	change["$pull"] = bson.M{"arriving": bson.M{"id": a.ID}}
	_, err := update(ctx, s.counts, bson.M{"_id": organizationID, "arriving": untouched}, change)
	return fault("count", err)
}

// lateAfter is how long somebody may still arrive whose server seems to be
// dead: what it said last may be held up by the network.
const lateAfter = time.Hour

// completeArrivals counts those who have arrived without being counted. It
// looks at all organizations.
func (s *Store) completeArrivals(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	horizon := s.horizon()
	cursor, err := s.counts.Find(limited, bson.M{"arriving.id": present("$lt", horizon)}, options.Find().SetProjection(bson.M{"arriving.id": 1}))
	if err != nil {
		return fault("find arrivals", err)
	}
	var left []countsDocument
	if err := cursor.All(limited, &left); err != nil {
		return fault("find arrivals", err)
	}
	for _, organization := range left {
		for _, a := range organization.Arriving {
			if !before(a.ID, horizon) {
				continue
			}
			if err := s.completeArrival(ctx, organization.OrganizationID, a.ID); err != nil {
				return fault("count arrivals", err)
			}
		}
	}
	return nil
}

// completeArrival counts whoever has arrived and was not counted, and forgets
// the arrival when nobody can come any more.
func (s *Store) completeArrival(ctx context.Context, organizationID string, id bson.ObjectID) error {
	ctx, cancel := context.WithTimeout(ctx, 4*operationTimeout)
	defer cancel()
	counts := bson.M{"_id": organizationID, "arriving.id": id}
	only := bson.M{"rev": 1, "arriving": bson.M{"$elemMatch": bson.M{"id": id}}}
	return s.compareAndSet(ctx, counts, only, func(kept countsDocument) (bson.M, error) {
		a := kept.Arriving[0]
		arrived, err := s.arrived(ctx, organizationID, a)
		if err != nil {
			return nil, err
		}
		uncounted := changes{}
		for key, n := range arrived {
			uncounted[key] = n - a.Counted[key]
		}
		change := uncounted.update()
		if time.Since(id.Timestamp()) > lateAfter {
			change["$pull"] = bson.M{"arriving": bson.M{"id": id}}
			return change, nil
		}
		if a.Counted != nil && uncounted.none() {
			return nil, nil
		}
		change["$set"] = bson.M{"arriving.$.counted": arrived}
		return change, nil
	})
}

// arrived are those of an arrival who are there.
func (s *Store) arrived(ctx context.Context, organizationID string, a arrival) (changes, error) {
	arrived := changes{}
	for key, ids := range a.People {
		n, err := s.users.CountDocuments(ctx, bson.M{"org": organizationID, "_id": bson.M{"$in": ids}, "arrival": a.ID})
		if err != nil {
			return nil, err
		}
		arrived[key] = int(n)
	}
	return arrived, nil
}

// compareAndSet makes the change of the counts that follows from what it read
// only of them, unless something has happened to them meanwhile. Nil is no
// change; when there are no such counts, nothing follows.
func (s *Store) compareAndSet(ctx context.Context, counts, only bson.M, follow func(kept countsDocument) (bson.M, error)) error {
	for try := range maxTries {
		var kept countsDocument
		err := s.counts.FindOne(ctx, counts, options.FindOne().SetProjection(only)).Decode(&kept)
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		if err != nil {
			return err
		}
		change, err := follow(kept)
		if change == nil || err != nil {
			return err
		}
		asRead := maps.Clone(counts)
		asRead["rev"] = kept.Revision
		matched, err := update(ctx, s.counts, asRead, change)
		if matched || err != nil {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
	return errors.New("others keep being quicker")
}
