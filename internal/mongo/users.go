package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
)

// insertAtOnce is how many users are added by one command: few enough for a
// busy server to add them in time.
const insertAtOnce = 250

// InsertUsers implements directory.UserStore. ErrNotFound: there is no such
// organization.
func (s *Store) InsertUsers(ctx context.Context, users []*directory.User) ([]error, error) {
	answers := make([]error, len(users))
	for start := 0; start < len(users); start += insertAtOnce {
		end := min(start+insertAtOnce, len(users))
		if err := s.insertUsers(ctx, users[start:end], answers[start:end]); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// insertUsers adds users in three commands, however many they are: the counts
// learn who is to arrive, they arrive, and are counted.
func (s *Store) insertUsers(ctx context.Context, users []*directory.User, answers []error) error {
	limited, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if err := s.ready(limited); err != nil {
		return err
	}
	organizationID, arriving := users[0].OrganizationID, newArrival(users)
	if err := s.announce(limited, organizationID, arriving); err != nil {
		return fault("announce users", err)
	}
	if err := s.interrupt(announced); err != nil {
		return err
	}
	documents := make([]*userDocument, len(users))
	for i, u := range users {
		u.Revision = 1
		documents[i] = &userDocument{ID: u.ID, OrganizationID: organizationID, Arrival: arriving.ID, Fields: fieldsOf(u)}
	}
	if err := s.insertDocuments(limited, documents, answers); err != nil {
		return fault("insert users", err)
	}
	if err := s.interrupt(written); err != nil {
		return err
	}
	change := changes{}
	for i, u := range users {
		if answers[i] == nil {
			change[groupKey(directory.GroupOf(u))]++
		}
	}
	return s.countArrival(ctx, organizationID, arriving, change)
}

// insertDocuments adds those that it can, and answers ErrTaken for the others.
func (s *Store) insertDocuments(ctx context.Context, documents []*userDocument, answers []error) error {
	places := make([]int, len(documents)) // of those that are not answered
	for i := range places {
		places[i] = i
	}
	for try := 0; ; try++ {
		batch := mapped(places, func(place int) *userDocument { return documents[place] })
		_, err := s.users.InsertMany(ctx, batch, options.InsertMany().SetOrdered(false))
		var some mongo.BulkWriteException
		if err == nil || !errors.As(err, &some) || some.WriteConcernError != nil {
			return err
		}
		var turnedAway []int
		for _, one := range some.WriteErrors {
			switch {
			case one.HasErrorCode(11000):
				answers[places[one.Index]] = directory.ErrTaken
			case one.HasErrorCode(conflict), one.HasErrorCode(deadlock):
				turnedAway = append(turnedAway, places[one.Index])
			default:
				return err
			}
		}
		if len(turnedAway) == 0 {
			return nil
		}
		if try == maxTries {
			return err
		}
		places = turnedAway
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// UpdateUser implements directory.UserStore. Mostly nobody moves to another
// group, and one command does all. Otherwise the move is written down in the
// same document, and counted before this answers.
func (s *Store) UpdateUser(ctx context.Context, u *directory.User) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		return err
	}
	fields := fieldsOf(u)
	fields.Revision++
	matched, err := s.updateUser(ctx, bson.M{
		"_id": u.ID, "org": u.OrganizationID, "rev": u.Revision,
		"status": fields.Status, "role": fields.RoleID, "twoFactor": fields.TwoFactor,
	}, fields.change())
	if err != nil {
		return err
	}
	if matched {
		u.Revision = fields.Revision
		return nil
	}

	// Whoever has this revision is still in the group that is read here.
	revision := bson.M{"_id": u.ID, "org": u.OrganizationID, "rev": u.Revision}
	var before userDocument
	err = s.users.FindOne(ctx, revision, options.FindOne().SetProjection(bson.M{"status": 1, "role": 1, "twoFactor": 1})).Decode(&before)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return directory.ErrStale
	}
	if err != nil {
		return fault("read user", err)
	}
	moved := move{ID: bson.NewObjectID(), From: groupKey(before.Fields.group()), To: groupKey(fields.group())}
	change := fields.change()
	change["$push"] = bson.M{"pending": moved}
	matched, err = s.updateUser(ctx, revision, change)
	if err != nil {
		return err
	}
	if !matched {
		return directory.ErrStale
	}
	u.Revision = fields.Revision
	return s.countMove(ctx, u.OrganizationID, u.ID, moved)
}

func (s *Store) updateUser(ctx context.Context, filter, change bson.M) (matched bool, err error) {
	matched, err = update(ctx, s.users, filter, change)
	if mongo.IsDuplicateKeyError(err) {
		return false, directory.ErrTaken
	}
	return matched, fault("update user", err)
}

// User implements directory.UserStore.
func (s *Store) User(ctx context.Context, organizationID, id string) (*directory.User, error) {
	return s.findUser(ctx, bson.M{"org": organizationID, "_id": id})
}

// UserByLink implements directory.UserStore.
func (s *Store) UserByLink(ctx context.Context, organizationID, tokenHash string) (*directory.User, error) {
	return s.findUser(ctx, bson.M{"org": organizationID, "links": tokenHash})
}

// Users implements directory.UserStore.
func (s *Store) Users(ctx context.Context, organizationID string, ids []string) ([]*directory.User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return s.findUsers(ctx, bson.M{"org": organizationID, "_id": bson.M{"$in": ids}}, nil, len(ids))
}

// UsersByKeys implements directory.UserStore.
func (s *Store) UsersByKeys(ctx context.Context, organizationID string, keys []string) ([]*directory.User, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return s.findUsers(ctx, bson.M{"org": organizationID, "keys": bson.M{"$in": keys}}, nil, len(keys))
}

// Members implements directory.UserStore. The index has all that is asked for.
func (s *Store) Members(ctx context.Context, organizationID, roleID string, status directory.Status, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	cursor, err := s.users.Find(ctx, bson.M{"org": organizationID, "role": roleID, "status": status}, options.Find().
		SetProjection(bson.M{"_id": 1}).SetLimit(int64(limit)).SetBatchSize(int32(min(limit, 10_000))))
	if err != nil {
		return nil, fault("find members", err)
	}
	var found []struct {
		ID string `bson:"_id"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, fault("find members", err)
	}
	ids := make([]string, len(found))
	for i, one := range found {
		ids[i] = one.ID
	}
	return ids, nil
}

// DueUsers implements directory.UserStore. It is a sweep, so it asks for no
// organization.
func (s *Store) DueUsers(ctx context.Context, now time.Time, limit int) ([]*directory.User, error) {
	if limit <= 0 {
		return nil, nil
	}
	return s.findUsers(ctx, bson.M{"due": present("$lte", now)}, sorted(1, "due"), limit)
}

func (s *Store) findUser(ctx context.Context, filter bson.M) (*directory.User, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	var found userDocument
	err := s.users.FindOne(ctx, filter).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, directory.ErrNotFound
	}
	if err != nil {
		return nil, fault("find user", err)
	}
	return found.user(), nil
}

// findUsers finds up to limit users, in one round trip unless they are very many.
func (s *Store) findUsers(ctx context.Context, filter bson.M, order bson.D, limit int) ([]*directory.User, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	o := options.Find().SetLimit(int64(limit)).SetBatchSize(int32(min(limit, 1000))) //nolint:gosec // it is at most 1,000
	if order != nil {
		o.SetSort(order)
	}
	cursor, err := s.users.Find(ctx, filter, o)
	if err != nil {
		return nil, fault("find users", err)
	}
	defer cursor.Close(ctx) //nolint:errcheck // what was read is read
	var users []*directory.User
	for cursor.Next(ctx) {
		var found userDocument
		if err := cursor.Decode(&found); err != nil {
			return nil, fmt.Errorf("mongodb: read a user: %w", err)
		}
		users = append(users, found.user())
	}
	return users, fault("find users", cursor.Err())
}
