package mongo

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
)

// Every order has an index: organization, status, second factor, the order's
// field, id. Which statuses and second factors a list has is always said, as
// equalities, so MongoDB merges at most six walks along the index, each from
// where the page begins. (By role it is one role after the other, with an
// index that has the role in front.) A filter by role is checked on the way; for
// a rare one MongoDB prefers the index by role, and for a rare word the index
// of words, and sorts the few that it finds.

// order is an order of the list. Those who have no value have the empty one of
// its type, which nobody else has: they are a segment of their own.
type order struct {
	field string
	// times tells that the values are times, and not texts.
	times bool
	// missing is the empty value, if somebody may have it.
	missing any
}

var orders = map[directory.OrderField]order{
	directory.ByName:      {field: "sort.name", missing: ""},
	directory.ByEmail:     {field: "sort.email"},
	directory.ByUsername:  {field: "sort.username"},
	directory.ByRole:      {field: "sort.username"},
	directory.ByLastLogin: {field: "lastLoginAt", times: true, missing: time.Time{}},
	directory.ByCreated:   {field: "createdAt", times: true},
}

// ListUsers implements directory.UserStore. One query mostly fills the page, and
// brings the counts; another is asked where the page goes on in the next segment.
func (s *Store) ListUsers(ctx context.Context, organizationID string, q directory.ListQuery) ([]*directory.User, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	filter, somebody := listFilter(organizationID, q)
	if !somebody {
		return nil, nil
	}
	segments, err := segmentsOf(q)
	if err != nil {
		return nil, err
	}
	var users []*directory.User
	for i, part := range segments {
		if len(users) >= q.Limit {
			break
		}
		find := s.findUsers
		if i == 0 && q.Counts != nil {
			find = func(ctx context.Context, filter bson.M, order bson.D, limit int) ([]*directory.User, error) {
				return s.findUsersCounted(ctx, organizationID, filter, order, limit, q.Counts)
			}
		}
		found, err := find(ctx, narrowed(filter, part.where), part.order, q.Limit-len(users))
		if err != nil {
			return nil, err
		}
		users = append(users, found...)
	}
	return users, nil
}

// findUsersCounted is findUsers, with the organization's counts behind the users.
func (s *Store) findUsersCounted(ctx context.Context, organizationID string, filter bson.M, order bson.D, limit int, counts *directory.Counts) ([]*directory.User, error) {
	cursor, err := s.users.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: filter}},
		{{Key: "$sort", Value: order}},
		{{Key: "$limit", Value: limit}},
		{{Key: "$unionWith", Value: bson.M{"coll": s.counts.Name(), "pipeline": mongo.Pipeline{
			{{Key: "$match", Value: bson.M{"_id": organizationID}}},
			{{Key: "$project", Value: bson.M{"n": 1}}},
		}}}},
	}, options.Aggregate().SetBatchSize(int32(min(limit+1, 1000)))) //nolint:gosec // it is at most 1,000
	if err != nil {
		return nil, fault("find users and counts", err)
	}
	defer cursor.Close(ctx) //nolint:errcheck // what was read is read
	var users []*directory.User
	for cursor.Next(ctx) {
		if cursor.Current.Lookup("_id").StringValue() == organizationID {
			var kept countsDocument
			if err := cursor.Decode(&kept); err != nil {
				return nil, fmt.Errorf("mongodb: read counts: %w", err)
			}
			*counts = kept.counts()
			continue
		}
		var found userDocument
		if err := cursor.Decode(&found); err != nil {
			return nil, fmt.Errorf("mongodb: read a user: %w", err)
		}
		users = append(users, found.user())
	}
	return users, fault("find users and counts", cursor.Err())
}

// CountMatches implements directory.UserStore.
func (s *Store) CountMatches(ctx context.Context, organizationID string, q directory.ListQuery) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	filter, somebody := listFilter(organizationID, q)
	if !somebody {
		return 0, nil
	}
	cursor, err := s.users.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: filter}},
		{{Key: "$count", Value: "n"}},
	})
	if err != nil {
		return 0, fault("count users", err)
	}
	var counted []struct {
		N int `bson:"n"`
	}
	if err := cursor.All(ctx, &counted); err != nil || len(counted) == 0 {
		return 0, fault("count users", err)
	}
	return counted[0].N, nil
}

// segment is a part of a list in which everybody is ordered by fields that
// nobody lacks, from where the page begins.
type segment struct {
	where []bson.M
	order bson.D
}

// segmentsOf are the segments of the list in the order in which it is walked,
// as far as they lie behind the start.
func segmentsOf(q directory.ListQuery) ([]segment, error) {
	order, known := orders[q.Order.Field]
	if !known {
		return nil, fmt.Errorf("mongodb: no order %q", q.Order.Field)
	}
	start := q.After
	if q.Backward {
		start = q.Before
	}
	walk := 1
	if q.Order.Descending != q.Backward {
		walk = -1
	}
	if q.Order.Field == directory.ByRole {
		return roleSegments(q, start, walk), nil
	}
	whole := segment{order: sorted(walk, order.field, "_id")}
	if order.missing == nil {
		whole.where = order.behind(start, walk)
		return []segment{whole}, nil
	}

	present := segment{where: []bson.M{{order.field: bson.M{"$gt": order.missing}}}, order: whole.order}
	missing := segment{where: []bson.M{{order.field: order.missing}}, order: sorted(walk, "_id")}
	segments, at := []segment{present, missing}, 0
	if start != nil && start.Missing {
		at = 1
		segments[at].where = append(segments[at].where, bson.M{"_id": beyond(walk, start.ID)})
	} else {
		segments[at].where = append(segments[at].where, order.behind(start, walk)...)
	}
	switch {
	case start == nil && q.Backward:
		slices.Reverse(segments)
	case q.Backward:
		segments = segments[:at+1]
		slices.Reverse(segments)
	default:
		segments = segments[at:]
	}
	return segments, nil
}

// roleSegments are one for each role of the list, and one for those whose role
// is not named because it was made or deleted meanwhile: they come last.
func roleSegments(q directory.ListQuery, start *directory.Position, walk int) []segment {
	order := orders[directory.ByRole]
	rank := func(role string) int {
		if i := slices.Index(q.Roles, role); i >= 0 {
			return i
		}
		return len(q.Roles)
	}
	listed := make([]bool, len(q.Roles)+1)
	for i := range listed {
		listed[i] = q.Groups == nil
	}
	for _, g := range q.Groups {
		listed[rank(g.RoleID)] = true
	}
	var segments []segment
	for at := range listed {
		if walk < 0 {
			at = len(q.Roles) - at
		}
		from := start
		switch {
		case !listed[at], start != nil && (at-rank(start.RoleID))*walk < 0:
			continue
		case start != nil && at != rank(start.RoleID):
			from = nil
		}
		if at < len(q.Roles) {
			where := append(order.behind(from, walk), bson.M{"role": q.Roles[at]})
			segments = append(segments, segment{where, sorted(walk, order.field, "_id")})
			continue
		}
		where := []bson.M{{"role": bson.M{"$nin": append([]string{}, q.Roles...)}}}
		if from != nil {
			where = append(where, bson.M{"$or": []bson.M{
				{"role": beyond(walk, from.RoleID)},
				{"role": from.RoleID, "$and": order.behind(from, walk)},
			}})
		}
		segments = append(segments, segment{where, sorted(walk, "role", order.field, "_id")})
	}
	return segments
}

// behind is what lies behind a position. As a plain range, every version of
// MongoDB begins its walk there; only who has the same value is passed in vain.
func (o order) behind(start *directory.Position, walk int) []bson.M {
	if start == nil {
		return nil
	}
	value, from := any(start.Text), "$gte"
	if o.times {
		value = start.Time
	}
	if walk < 0 {
		from = "$lte"
	}
	return []bson.M{
		{o.field: bson.M{from: value}},
		{"$or": []bson.M{{o.field: beyond(walk, value)}, {"_id": beyond(walk, start.ID)}}},
	}
}

func beyond(walk int, value any) bson.M {
	if walk < 0 {
		return bson.M{"$lt": value}
	}
	return bson.M{"$gt": value}
}

// narrowed is a filter with further conditions.
func narrowed(filter bson.M, where []bson.M) bson.M {
	if len(where) == 0 {
		return filter
	}
	words, _ := filter["$and"].([]bson.M)
	filter = maps.Clone(filter)
	filter["$and"] = slices.Concat(words, where)
	return filter
}

// listFilter is who is in a list; nobody, when somebody is false.
func listFilter(organizationID string, q directory.ListQuery) (filter bson.M, somebody bool) {
	filter, somebody = groupFilter(q.Groups, q.Roles)
	if !somebody {
		return nil, false
	}
	filter["org"] = organizationID
	var words []bson.M
	for _, word := range q.Words {
		// Nobody has such a word, and a pattern can't either.
		if !utf8.ValidString(word) || strings.ContainsRune(word, 0) {
			return nil, false
		}
		// An anchored pattern of literal letters is a range of the index.
		words = append(words, bson.M{"words": bson.Regex{Pattern: "^" + regexp.QuoteMeta(word)}})
	}
	if len(words) > 0 {
		filter["$and"] = words
	}
	return filter, true
}

// groupFilter says which groups people may be in: the statuses and second
// factors always, the rest as shortly as it goes. all are the roles that
// there are, when that is known.
func groupFilter(groups []directory.Group, all []string) (filter bson.M, somebody bool) {
	// A side is a status and a second factor; taken are the roles of each side.
	type side struct {
		status    directory.Status
		twoFactor bool
	}
	var sides []side
	taken := map[side][]string{}
	for _, g := range groups {
		at := side{g.Status, g.TwoFactor}
		if taken[at] == nil {
			sides = append(sides, at)
		}
		if !slices.Contains(taken[at], g.RoleID) {
			taken[at] = append(taken[at], g.RoleID)
		}
	}
	if groups == nil {
		for _, status := range []directory.Status{directory.Active, directory.Inactive, directory.Pending} {
			sides = append(sides, side{status, false}, side{status, true})
		}
	}
	if len(sides) == 0 {
		return nil, false
	}

	var statuses []directory.Status
	var factors []bool
	rolesOf := func(at side) (roles []string, every bool) {
		roles = taken[at]
		slices.Sort(roles)
		return roles, groups == nil || len(all) > 0 && len(roles) >= len(all) &&
			!slices.ContainsFunc(all, func(id string) bool { return !slices.Contains(roles, id) })
	}
	same := true // the sides take the same roles
	firstRoles, every := rolesOf(sides[0])
	for _, at := range sides {
		if !slices.Contains(statuses, at.status) {
			statuses = append(statuses, at.status)
		}
		if !slices.Contains(factors, at.twoFactor) {
			factors = append(factors, at.twoFactor)
		}
		roles, all := rolesOf(at)
		same = same && every == all && (every || slices.Equal(roles, firstRoles))
	}
	filter = bson.M{"status": oneOf(statuses), "twoFactor": oneOf(factors)}
	if same && len(sides) == len(statuses)*len(factors) {
		if !every {
			filter["role"] = oneOf(firstRoles)
		}
		return filter, true
	}
	var alternatives []bson.M
	for _, at := range sides {
		one := bson.M{"status": at.status, "twoFactor": at.twoFactor}
		if roles, every := rolesOf(at); !every {
			one["role"] = oneOf(roles)
		}
		alternatives = append(alternatives, one)
	}
	filter["$or"] = alternatives
	return filter, true
}

func oneOf[T any](values []T) any {
	if len(values) == 1 {
		return values[0]
	}
	return bson.M{"$in": values}
}
