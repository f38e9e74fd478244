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
// 50,000 seats in it, and tens of thousands of open claims while a role changes,
// so no more of it is read than a change needs.
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
	// Fence is the version of the roles that claims are begun under, or a later one.
	Fence int64 `bson:"fence"`
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
	moving        claimKind = "moving"
)

// batchTimeout is how long the claims of so many users may take: 20,000 are
// megabytes, which a busy server needs more time for than for one.
func batchTimeout(users int) time.Duration {
	return operationTimeout + time.Duration(users)*time.Millisecond/2
}

// BeginClaims implements directory.ClaimStore. Most changes are what they seem
// to be, somebody new joins and somebody settled leaves, and are made by one
// conditional update, however many come at once. When its condition fails, the
// claims are read, and changed by compare-and-set; a refusal needs only the
// reading.
func (s *Store) BeginClaims(ctx context.Context, organizationID string, batch directory.ClaimBatch) ([]error, error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout(len(batch.Changes)))
	defer cancel()
	begun, err := s.beginAtOnce(ctx, organizationID, batch)
	if err != nil {
		return nil, fault("begin claims", err)
	}
	if begun {
		return make([]error, len(batch.Changes)), nil
	}
	for try := range maxTries {
		claims, err := s.readClaims(ctx, organizationID, batch.Changes)
		if err != nil {
			return nil, err
		}
		if batch.RolesVersion < claims.Fence {
			return nil, directory.ErrStale
		}
		answers, change := claims.begin(batch)
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
func (s *Store) beginAtOnce(ctx context.Context, organizationID string, batch directory.ClaimBatch) (begun bool, err error) {
	var users, taking, keeping, rising, falling []string
	var open []openClaim
	opening := func(userID string, kind claimKind) {
		open = append(open, openClaim{userID, kind, batch.Mark, batch.At})
	}
	seen := map[string]bool{}
	for _, c := range batch.Changes {
		if seen[c.UserID] {
			return false, nil
		}
		seen[c.UserID] = true
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
			opening(c.UserID, seat)
		}
		if c.Administrator != directory.Unchanged {
			opening(c.UserID, administrator)
		}
		if c.Moving {
			opening(c.UserID, moving)
		}
	}
	if len(open) == 0 {
		return false, nil
	}
	conditions := []bson.M{{
		"_id": organizationID, "fence": bson.M{"$lte": batch.RolesVersion}, "open.user": bson.M{"$nin": users},
	}}
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
		conditions = append(conditions, containing("seats", keeping))
	}
	if len(rising) > 0 {
		conditions = append(conditions, bson.M{"administrators": bson.M{"$nin": rising}})
	}
	if len(falling) > 0 {
		// One more than they are.
		conditions = append(conditions,
			containing("administrators", falling),
			bson.M{"$expr": bson.M{"$gt": bson.A{bson.M{"$size": "$administrators"}, len(falling)}}})
		change["$pull"] = bson.M{"administrators": bson.M{"$in": falling}}
	}
	return update(ctx, s.claims, bson.M{"_id": organizationID, "$and": conditions}, change)
}

// few is how many values are looked for one by one in a set of the claims: of
// more, the server makes a set of its own first.
const few = 20

// containing is that all the values are in a set of the claims.
func containing[T any](set string, values []T) bson.M {
	if len(values) <= few {
		return bson.M{set: bson.M{"$all": values}}
	}
	return bson.M{"$expr": bson.M{"$setIsSubset": bson.A{bson.M{"$literal": values}, "$" + set}}}
}

// claims is what a change needs to know of the claims of its users: of the sets
// only these are read.
type claims struct {
	claimsDocument
	// settled is how many settled administrators there are.
	settled int

	seats, administrators map[string]bool
	// open is where each open claim is.
	open map[claimKey]int
}

type claimKey struct {
	userID string
	kind   claimKind
}

func (s *Store) readClaims(ctx context.Context, organizationID string, changes []directory.ClaimChange) (*claims, error) {
	users := make([]string, len(changes))
	for i, c := range changes {
		users[i] = c.UserID
	}
	ofUsers := func(set string) bson.M {
		return bson.M{"$setIntersection": bson.A{set, bson.M{"$literal": users}}}
	}
	cursor, err := s.claims.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.M{"_id": organizationID}}},
		{{Key: "$project", Value: bson.M{
			"limit": 1, "used": 1, "open": 1, "fence": 1, "rev": 1, "settled": bson.M{"$size": "$administrators"},
			"seats": ofUsers("$seats"), "administrators": ofUsers("$administrators"),
		}}},
	})
	if err != nil {
		return nil, fault("read claims", err)
	}
	var found []struct {
		Document claimsDocument `bson:",inline"`
		Settled  int            `bson:"settled"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, fault("read claims", err)
	}
	if len(found) == 0 {
		return nil, directory.ErrNotFound
	}
	c := &claims{
		claimsDocument: found[0].Document, settled: found[0].Settled,
		seats: map[string]bool{}, administrators: map[string]bool{}, open: map[claimKey]int{},
	}
	for _, userID := range c.Seats {
		c.seats[userID] = true
	}
	for _, userID := range c.Administrators {
		c.administrators[userID] = true
	}
	for i, o := range c.Open {
		c.open[claimKey{o.UserID, o.Kind}] = i
	}
	return c, nil
}

// begin begins the changes one after the other, and answers for each, with the
// change of the document that this takes, if any.
func (c *claims) begin(batch directory.ClaimBatch) (answers []error, change bson.M) {
	answers = make([]error, len(batch.Changes))
	var taken, fallen []string
	begun, refused := false, false
	opening := func(userID string, kind claimKind) {
		c.reopen(openClaim{userID, kind, batch.Mark, batch.At})
		begun = true
	}
	for i, one := range batch.Changes {
		if answers[i] = c.refusal(one); answers[i] != nil {
			refused = true
			continue
		}
		if one.Seat == directory.Joining && !c.seats[one.UserID] {
			c.seats[one.UserID], taken = true, append(taken, one.UserID)
			c.Used++
		}
		if one.Seat != directory.Unchanged && c.seats[one.UserID] {
			opening(one.UserID, seat)
		}
		if one.Administrator == directory.Joining || one.Administrator == directory.Leaving && c.administers(one.UserID) {
			if c.administrators[one.UserID] {
				delete(c.administrators, one.UserID)
				fallen = append(fallen, one.UserID)
				c.settled--
			}
			opening(one.UserID, administrator)
		}
		if one.Moving {
			opening(one.UserID, moving)
		}
	}
	if !begun || refused && batch.Whole {
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
		change["$pull"] = bson.M{"administrators": bson.M{"$in": fallen}}
	}
	return answers, change
}

// refusal is why a change may not begin.
func (c *claims) refusal(change directory.ClaimChange) error {
	if change.Seat == directory.Joining && c.Used >= c.Limit && !c.seats[change.UserID] {
		return directory.ErrNoSeat
	}
	// Somebody else must be a settled administrator, also when this one is not
	// settled: the user may be the last administrator all the same.
	if change.Administrator == directory.Leaving && c.administers(change.UserID) {
		others := c.settled
		if c.administrators[change.UserID] {
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
	_, open := c.open[claimKey{userID, administrator}]
	return open || c.administrators[userID]
}

// reopen opens a claim, in place of the one that was open.
func (c *claims) reopen(claim openClaim) {
	key := claimKey{claim.UserID, claim.Kind}
	at, open := c.open[key]
	if open {
		c.Open[at] = claim
		return
	}
	c.open[key] = len(c.Open)
	c.Open = append(c.Open, claim)
}

// settledAtOnce is how many users' claims are settled by one command, which may
// have 16 MB, and has 250 bytes for each claim.
const settledAtOnce = 20_000

// SettleClaims implements directory.ClaimStore. An open claim with its mark
// changes only by being settled or begun anew, and is gone then; so it is
// enough to find the same claims open again when they are settled, whatever
// happens to others meanwhile.
func (s *Store) SettleClaims(ctx context.Context, organizationID string, settlements []directory.Settlement) error {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout(len(settlements)))
	defer cancel()
	for some := range slices.Chunk(settlements, settledAtOnce) {
		byMark := map[string]map[string]directory.Settlement{}
		for _, one := range some {
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
		var settled []openClaim
		var freed, risen []string
		for _, open := range claims.Open {
			settlement, asked := byUser[open.UserID]
			if open.Mark != mark || !asked {
				continue
			}
			settled = append(settled, open)
			switch {
			case open.Kind == seat && !settlement.Seat:
				freed = append(freed, open.UserID)
			case open.Kind == administrator && settlement.Administrator:
				risen = append(risen, open.UserID)
			}
		}
		if len(settled) == 0 {
			return nil
		}
		// As sets, so that the time grows with their size, and not, as that of
		// $pull does, with its square.
		without := func(set string, values any) bson.M {
			return bson.M{"$setDifference": bson.A{set, bson.M{"$literal": values}}}
		}
		change := bson.M{"rev": bson.M{"$add": bson.A{"$rev", int64(1)}}, "open": without("$open", settled)}
		if len(freed) > 0 {
			change["seats"] = without("$seats", freed)
			change["used"] = bson.M{"$subtract": bson.A{"$used", len(freed)}}
		}
		if len(risen) > 0 {
			change["administrators"] = bson.M{"$concatArrays": bson.A{"$administrators", bson.M{"$literal": risen}}}
		}
		matched, err := update(ctx, s.claims, bson.M{"_id": organizationID, "$and": []bson.M{containing("open", settled)}},
			mongo.Pipeline{{{Key: "$set", Value: change}}})
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
	cursor, err := s.claims.Find(ctx, bson.M{"open.since": present("$lt", before)},
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

// FenceClaims implements directory.ClaimStore. What is answered was open in the
// very step that set the fence.
func (s *Store) FenceClaims(ctx context.Context, organizationID string, rolesVersion int64) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	var fenced claimsDocument
	err := again(ctx, func() error {
		return s.claims.FindOneAndUpdate(ctx, bson.M{"_id": organizationID},
			bson.M{"$max": bson.M{"fence": rolesVersion}, "$inc": bson.M{"rev": int64(1)}},
			options.FindOneAndUpdate().SetProjection(bson.M{"open.mark": 1}).SetReturnDocument(options.After)).Decode(&fenced)
	})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, directory.ErrNotFound
	}
	if err != nil {
		return nil, fault("fence claims", err)
	}
	var marks []string
	seen := map[string]bool{}
	for _, open := range fenced.Open {
		if !seen[open.Mark] {
			seen[open.Mark] = true
			marks = append(marks, open.Mark)
		}
	}
	return marks, nil
}

// SetSeatLimit implements directory.ClaimStore.
func (s *Store) SetSeatLimit(ctx context.Context, organizationID string, limit int) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	matched, err := update(ctx, s.claims, bson.M{"_id": organizationID, "used": bson.M{"$lte": limit}},
		bson.M{"$set": bson.M{"limit": limit}, "$inc": bson.M{"rev": int64(1)}})
	if err != nil {
		return fault("set seat limit", err)
	}
	if matched {
		return nil
	}
	if _, err := s.Seats(ctx, organizationID); err != nil {
		return err
	}
	return directory.ErrNoSeat
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
