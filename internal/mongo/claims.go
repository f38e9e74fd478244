package mongo

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
)

// claimsDocument is the claims of one organization, under its id. There may be
// 50,000 seats in it, so no more of it is read than a change needs.
type claimsDocument struct {
	Limit int `bson:"limit"`
	// Used is how many Seats there are.
	Used int `bson:"used"`
	// Seats are the users who have one, settled or not.
	Seats []string `bson:"seats"`
	// Administrators are the settled ones.
	Administrators []string `bson:"administrators"`
	// Open are the claims that are not settled.
	Open []openClaim `bson:"open"`
	// Revision moves at every write.
	Revision int64 `bson:"rev"`
}

func newClaims(limit int) claimsDocument {
	return claimsDocument{Limit: limit, Seats: []string{}, Administrators: []string{}, Open: []openClaim{}}
}

// openClaim is a claim that was begun and is not settled: a user has at most
// one of each kind.
type openClaim struct {
	UserID string    `bson:"user"`
	Kind   claimKind `bson:"kind"`
	Mark   string    `bson:"mark"`
	Since  time.Time `bson:"since"`
}

type claimKind string

const (
	seat          claimKind = "seat"
	administrator claimKind = "administrator"
)

// BeginClaims implements directory.ClaimStore. Most changes are what they seem
// to be, somebody new joins and somebody settled leaves, and are made by one
// conditional update, however many come at once. When its condition fails, the
// claims are read, and changed by compare-and-set; a refusal needs only the
// reading.
func (s *Store) BeginClaims(ctx context.Context, organizationID string, changes []directory.ClaimChange, mark string, now time.Time) ([]error, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	begun, err := s.beginAtOnce(ctx, organizationID, changes, mark, now)
	if err != nil {
		return nil, fault("begin claims", err)
	}
	if begun {
		return make([]error, len(changes)), nil
	}
	for try := range maxTries {
		claims, err := s.readClaims(ctx, organizationID, changes)
		if err != nil {
			return nil, err
		}
		answers, change := claims.begin(changes, mark, now)
		if change == nil {
			return answers, nil
		}
		matched, err := update(ctx, s.claims, bson.M{"_id": organizationID, "rev": claims.Revision}, change)
		if err != nil {
			return nil, fault("begin claims", err)
		}
		if matched {
			return answers, nil
		}
		if err := pause(ctx, try); err != nil {
			return nil, fault("begin claims", err)
		}
	}
	return nil, fault("begin claims", errors.New("others keep being quicker"))
}

// beginAtOnce begins all changes if everybody who joins is not there, everybody
// who leaves is there, and nobody has an open claim.
func (s *Store) beginAtOnce(ctx context.Context, organizationID string, changes []directory.ClaimChange, mark string, now time.Time) (begun bool, err error) {
	var users, taking, keeping, rising, falling []string
	var open []openClaim
	for _, c := range changes {
		if slices.Contains(users, c.UserID) {
			return false, nil
		}
		users = append(users, c.UserID)
		switch c.Seat {
		case directory.Joining:
			taking = append(taking, c.UserID)
		case directory.Leaving:
			keeping = append(keeping, c.UserID)
		}
		switch c.Administrator {
		case directory.Joining:
			rising = append(rising, c.UserID)
		case directory.Leaving:
			falling = append(falling, c.UserID)
		}
		if c.Seat != directory.Unchanged {
			open = append(open, openClaim{c.UserID, seat, mark, now})
		}
		if c.Administrator != directory.Unchanged {
			open = append(open, openClaim{c.UserID, administrator, mark, now})
		}
	}
	if len(open) == 0 {
		return true, nil
	}
	conditions := []bson.M{{"_id": organizationID, "open.user": bson.M{"$nin": users}}}
	change := bson.M{"$inc": bson.M{"rev": int64(1), "used": len(taking)}}
	push := bson.M{"open": bson.M{"$each": open}}
	change["$push"] = push
	if len(taking) > 0 {
		conditions = append(conditions,
			bson.M{"seats": bson.M{"$nin": taking}},
			bson.M{"$expr": bson.M{"$lte": bson.A{bson.M{"$add": bson.A{"$used", len(taking)}}, "$limit"}}})
		push["seats"] = bson.M{"$each": taking}
	}
	if len(keeping) > 0 {
		conditions = append(conditions, bson.M{"seats": bson.M{"$all": keeping}})
	}
	if len(rising) > 0 {
		conditions = append(conditions, bson.M{"administrators": bson.M{"$nin": rising}})
	}
	if len(falling) > 0 {
		// One more than they are.
		conditions = append(conditions,
			bson.M{"administrators": bson.M{"$all": falling}},
			bson.M{"$expr": bson.M{"$gt": bson.A{bson.M{"$size": "$administrators"}, len(falling)}}})
		change["$pullAll"] = bson.M{"administrators": falling}
	}
	return update(ctx, s.claims, bson.M{"_id": organizationID, "$and": conditions}, change)
}

// claims is what a change needs to know of the claims of its users.
type claims struct {
	Limit          int         `bson:"limit"`
	Used           int         `bson:"used"`
	Seats          []string    `bson:"seats"`
	Administrators []string    `bson:"administrators"`
	Open           []openClaim `bson:"open"`
	Revision       int64       `bson:"rev"`
	// Settled is how many settled administrators there are; of the sets,
	// only the users of the change are read.
	Settled int `bson:"settled"`
}

func (s *Store) readClaims(ctx context.Context, organizationID string, changes []directory.ClaimChange) (*claims, error) {
	users := mapped(changes, func(c directory.ClaimChange) string { return c.UserID })
	ofUsers := func(set string) bson.M {
		return bson.M{"$setIntersection": bson.A{set, bson.M{"$literal": users}}}
	}
	cursor, err := s.claims.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.M{"_id": organizationID}}},
		{{Key: "$project", Value: bson.M{
			"limit": 1, "used": 1, "open": 1, "rev": 1, "settled": bson.M{"$size": "$administrators"},
			"seats": ofUsers("$seats"), "administrators": ofUsers("$administrators"),
		}}},
	})
	if err != nil {
		return nil, fault("read claims", err)
	}
	var found []claims
	if err := cursor.All(ctx, &found); err != nil {
		return nil, fault("read claims", err)
	}
	if len(found) == 0 {
		return nil, directory.ErrNotFound
	}
	return &found[0], nil
}

// begin begins the changes one after the other, and answers for each, with the
// change of the document that this takes, if any.
func (c *claims) begin(changes []directory.ClaimChange, mark string, now time.Time) (answers []error, change bson.M) {
	answers = make([]error, len(changes))
	var taken, fallen []string
	begun := false
	for i, one := range changes {
		if answers[i] = c.refusal(one); answers[i] != nil {
			continue
		}
		if one.Seat == directory.Joining && !slices.Contains(c.Seats, one.UserID) {
			c.Seats, taken = append(c.Seats, one.UserID), append(taken, one.UserID)
			c.Used++
		}
		if one.Seat != directory.Unchanged && slices.Contains(c.Seats, one.UserID) {
			c.mark(openClaim{one.UserID, seat, mark, now})
			begun = true
		}
		if one.Administrator == directory.Joining || one.Administrator == directory.Leaving && c.administers(one.UserID) {
			if at := slices.Index(c.Administrators, one.UserID); at >= 0 {
				c.Administrators, fallen = slices.Delete(c.Administrators, at, at+1), append(fallen, one.UserID)
				c.Settled--
			}
			c.mark(openClaim{one.UserID, administrator, mark, now})
			begun = true
		}
	}
	if !begun {
		return answers, nil
	}
	change = bson.M{
		"$inc": bson.M{"rev": int64(1), "used": len(taken)},
		"$set": bson.M{"open": c.Open},
	}
	if len(taken) > 0 {
		change["$push"] = bson.M{"seats": bson.M{"$each": taken}}
	}
	if len(fallen) > 0 {
		change["$pullAll"] = bson.M{"administrators": fallen}
	}
	return answers, change
}

// refusal is why a change may not begin.
func (c *claims) refusal(change directory.ClaimChange) error {
	if change.Seat == directory.Joining && c.Used >= c.Limit && !slices.Contains(c.Seats, change.UserID) {
		return directory.ErrNoSeat
	}
	// Somebody else must be a settled administrator, also when this one is not
	// settled: the user may be the last administrator all the same.
	if change.Administrator == directory.Leaving && c.administers(change.UserID) {
		others := c.Settled
		if slices.Contains(c.Administrators, change.UserID) {
			others--
		}
		if others == 0 {
			return directory.ErrLastAdministrator
		}
	}
	return nil
}

// administers tells whether the user is an administrator, settled or not.
func (c *claims) administers(userID string) bool {
	return slices.Contains(c.Administrators, userID) || slices.ContainsFunc(c.Open, func(o openClaim) bool {
		return o.UserID == userID && o.Kind == administrator
	})
}

// mark opens a claim, in place of the one that was open.
func (c *claims) mark(claim openClaim) {
	c.Open = slices.DeleteFunc(c.Open, func(o openClaim) bool { return o.UserID == claim.UserID && o.Kind == claim.Kind })
	c.Open = append(c.Open, claim)
}

// SettleClaims implements directory.ClaimStore. An open claim with its mark
// changes only by being settled or begun anew, and is gone then; so it is
// enough to find the same claims open again when they are settled, whatever
// happens to others meanwhile.
func (s *Store) SettleClaims(ctx context.Context, organizationID string, settlements []directory.Settlement) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	byMark := map[string]map[string]directory.Settlement{}
	for _, one := range settlements {
		if byMark[one.Mark] == nil {
			byMark[one.Mark] = map[string]directory.Settlement{}
		}
		byMark[one.Mark][one.UserID] = one
	}
	for mark, byUser := range byMark {
		if err := s.settle(ctx, organizationID, mark, byUser); err != nil {
			return fault("settle claims", err)
		}
	}
	return nil
}

func (s *Store) settle(ctx context.Context, organizationID, mark string, byUser map[string]directory.Settlement) error {
	for try := range maxTries {
		var claims claimsDocument
		err := s.claims.FindOne(ctx, bson.M{"_id": organizationID}, options.FindOne().SetProjection(bson.M{"open": 1})).Decode(&claims)
		if errors.Is(err, mongo.ErrNoDocuments) {
			return directory.ErrNotFound
		}
		if err != nil {
			return err
		}
		conditions := []bson.M{{"_id": organizationID}}
		var users, freed, risen []string
		for _, open := range claims.Open {
			settlement, asked := byUser[open.UserID]
			if open.Mark != mark || !asked {
				continue
			}
			conditions = append(conditions, bson.M{"open": bson.M{"$elemMatch": bson.M{"user": open.UserID, "kind": open.Kind, "mark": mark}}})
			users = append(users, open.UserID)
			switch {
			case open.Kind == seat && !settlement.Seat:
				freed = append(freed, open.UserID)
			case open.Kind == administrator && settlement.Administrator:
				risen = append(risen, open.UserID)
			}
		}
		if len(users) == 0 {
			return nil
		}
		change := bson.M{
			"$inc":  bson.M{"rev": int64(1), "used": -len(freed)},
			"$pull": bson.M{"open": bson.M{"mark": mark, "user": bson.M{"$in": users}}},
		}
		if len(freed) > 0 {
			change["$pullAll"] = bson.M{"seats": freed}
		}
		if len(risen) > 0 {
			change["$push"] = bson.M{"administrators": bson.M{"$each": risen}}
		}
		matched, err := update(ctx, s.claims, bson.M{"_id": organizationID, "$and": conditions}, change)
		if matched || err != nil {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
	return errors.New("others keep being quicker")
}

// UnsettledClaims implements directory.ClaimStore, the oldest first, so that
// those that can't be settled don't keep the sweep from the others. It looks at
// all organizations.
func (s *Store) UnsettledClaims(ctx context.Context, before time.Time, limit int) ([]directory.UnsettledClaim, error) {
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	cursor, err := s.claims.Find(ctx, bson.M{"open.since": bson.M{"$lt": before}},
		options.Find().SetSort(sorted(1, "open.since")).SetProjection(bson.M{"open": 1}).SetLimit(int64(limit)))
	if err != nil {
		return nil, fault("find unsettled claims", err)
	}
	var found []struct {
		ID   string      `bson:"_id"`
		Open []openClaim `bson:"open"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, fault("find unsettled claims", err)
	}
	since := map[directory.UnsettledClaim]time.Time{}
	var left []directory.UnsettledClaim
	for _, organization := range found {
		for _, open := range organization.Open {
			one := directory.UnsettledClaim{OrganizationID: organization.ID, UserID: open.UserID, Mark: open.Mark}
			if _, known := since[one]; !known && open.Since.Before(before) {
				since[one] = open.Since
				left = append(left, one)
			}
		}
	}
	slices.SortStableFunc(left, func(a, b directory.UnsettledClaim) int { return since[a].Compare(since[b]) })
	return left[:min(len(left), limit)], nil
}

// Seats implements directory.ClaimStore.
func (s *Store) Seats(ctx context.Context, organizationID string) (directory.Seats, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	var claims claimsDocument
	err := s.claims.FindOne(ctx, bson.M{"_id": organizationID}, options.FindOne().SetProjection(bson.M{"limit": 1, "used": 1})).Decode(&claims)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return directory.Seats{}, directory.ErrNotFound
	}
	if err != nil {
		return directory.Seats{}, fault("read seats", err)
	}
	return directory.Seats{Limit: claims.Limit, Used: claims.Used}, nil
}
