// Package mongo keeps the documents of the directory in MongoDB.
//
// It works the same on a standalone server, a replica set and a sharded
// cluster, because it uses no transactions: what must change together stands
// in one document. The organization's id is the shard key of every collection
// that grows with the number of people (users: {org: 1}, since a unique index
// must begin with the whole shard key; events: {org: 1, _id: 1}; claims and
// counts: {_id: 1}, which is the organization's id), and every query, update
// and unique index begins with it. The exceptions are the sweeps, which look at
// all organizations through small indexes of their own, and the collection of
// organizations: it is small, and stays unsharded, so that slugs are unique.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"roster/internal/directory"
)

const (
	// operationTimeout is how long one call of the Store may take.
	operationTimeout = 5 * time.Second
	// selectionTimeout is how long a call waits for a server that can answer.
	selectionTimeout = 3 * time.Second
	// indexTimeout is how long making the indexes of a full database may take.
	indexTimeout = 10 * time.Minute
	// maxConnections are to each server, unless the URI says otherwise (maxPoolSize).
	maxConnections = 100
	// defaultDatabase is used when the URI names none.
	defaultDatabase = "roster"
)

// Store keeps the documents of the directory.
type Store struct {
	client                                         *mongo.Client
	database                                       *mongo.Database
	organizations, users, claims, counts, auditlog *mongo.Collection

	// indexed tells that the indexes are there; making lets one make them at a time.
	indexed atomic.Bool
	making  chan struct{}

	// told are the moves between groups that are counted and taken off their
	// users, and left are those that somebody else seems to have forgotten: both
	// can be forgotten by the counts. Losing them costs only a little space.
	told, left moves

	// grace is how old a move or an arrival is when Repair takes it for left by
	// a crash.
	grace time.Duration
	// interrupt is for tests, which end a write between two of its steps.
	interrupt func(after step) error
}

var _ directory.Store = (*Store)(nil)

// Open makes a Store of the database that the URI's path names. It fails only
// for a URI that can't be used (of a mongodb+srv URI the DNS record must be
// found): a server that is down is connected to when it is there. Before
// anything is written, EnsureIndexes must have succeeded once. What watches the
// commands is set by set.
func Open(_ context.Context, uri string, set ...func(*options.ClientOptions)) (*Store, error) {
	o := options.Client().ApplyURI(uri)
	for _, one := range set {
		one(o)
	}
	return open(o, databaseName(uri))
}

// databaseName is what the path of the URI says. (It has no other use for a
// slash: user, password and socket are percent-encoded.)
func databaseName(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, path, _ := strings.Cut(rest, "/")
	if name, err := url.PathUnescape(path); err == nil && name != "" {
		return name
	}
	return defaultDatabase
}

func open(o *options.ClientOptions, database string) (*Store, error) {
	// These are promises of the Store, so the URI can't take them back.
	journaled := true
	o.SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journaled}).
		SetReadConcern(readconcern.Majority()).
		SetReadPreference(readpref.Primary()).
		SetRetryWrites(true).
		SetTimeout(operationTimeout).
		SetServerSelectionTimeout(selectionTimeout).
		SetConnectTimeout(selectionTimeout)
	if o.AppName == nil {
		o.SetAppName("roster")
	}
	if o.MaxPoolSize == nil || *o.MaxPoolSize == 0 {
		o.SetMaxPoolSize(maxConnections)
	}
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, err
	}
	db := client.Database(database)
	return &Store{
		client: client, database: db,
		organizations: db.Collection("organizations"), users: db.Collection("users"),
		claims: db.Collection("claims"), counts: db.Collection("counts"), auditlog: db.Collection("events"),
		making: make(chan struct{}, 1), grace: 30 * time.Second,
		interrupt: func(step) error { return nil },
	}, nil
}

// DatabaseName is the name of the database.
func (s *Store) DatabaseName() string { return s.database.Name() }

// Close ends the connections.
func (s *Store) Close(ctx context.Context) error { return s.client.Disconnect(ctx) }

// Ping implements directory.Store: there is a server that takes writes, and
// what makes addresses and usernames unique is there.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if !s.indexed.Load() {
		return fmt.Errorf("mongodb: %w: the indexes are not made yet", directory.ErrUnavailable)
	}
	return fault("ping", s.client.Ping(ctx, readpref.Primary()))
}

// EnsureIndexes makes the indexes that are not there. It may be called again
// until it succeeds, by any number of servers.
func (s *Store) EnsureIndexes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	return s.ready(ctx)
}

// ready makes the indexes, unless they are known to be there. What relies on a
// unique index asks before it writes, since the server may be up before
// somebody has succeeded in making them.
func (s *Store) ready(ctx context.Context) error {
	if s.indexed.Load() {
		return nil
	}
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return fault("wait for indexes", ctx.Err())
	}
	if s.indexed.Load() {
		return nil
	}
	for _, one := range []struct {
		of      *mongo.Collection
		indexes []mongo.IndexModel
	}{
		// The second is for the sweep.
		{s.organizations, []mongo.IndexModel{unique("slug"), partial("due", "due")}},
		{s.users, userIndexes()},
		// For the sweeps: unsettled claims, and people who were not counted.
		{s.claims, []mongo.IndexModel{partial("open.since", "open.since")}},
		{s.counts, []mongo.IndexModel{partial("arriving.id", "arriving.id")}},
		{s.auditlog, []mongo.IndexModel{index("org", "_id"), index("org", "people", "_id"), index("org", "action", "_id")}},
	} {
		if _, err := one.of.Indexes().CreateMany(ctx, one.indexes); err != nil {
			return fault("make indexes of "+one.of.Name(), err)
		}
	}
	s.indexed.Store(true)
	return nil
}

func userIndexes() []mongo.IndexModel {
	indexes := []mongo.IndexModel{
		// Of a multikey index, all entries of all users are unique.
		unique("org", "keys"),
		index("org", "words"),
		partial("links", "org", "links"),
		// For the sweeps: who has something to be told, or to be counted.
		partial("due", "due"),
		partial("pending.id", "pending.id"),
		// By role; also for whoever looks for the few people of a rare role.
		index("org", "role", "status", "twoFactor", orders[directory.ByUsername].field, "_id"),
	}
	for _, by := range []directory.OrderField{directory.ByName, directory.ByEmail, directory.ByUsername, directory.ByLastLogin, directory.ByCreated} {
		indexes = append(indexes, index("org", "status", "twoFactor", orders[by].field, "_id"))
	}
	return indexes
}

func index(fields ...string) mongo.IndexModel {
	return mongo.IndexModel{Keys: sorted(1, fields...), Options: options.Index()}
}

func unique(fields ...string) mongo.IndexModel {
	i := index(fields...)
	i.Options.SetUnique(true)
	return i
}

// partial is an index of the documents that have a field at all: few. See present.
func partial(having string, fields ...string) mongo.IndexModel {
	i := index(fields...)
	i.Options.SetPartialFilterExpression(bson.M{having: bson.M{"$exists": true}})
	return i
}

// present is a range of a field that has a partial index. MongoDB knows that a
// field in a range is there; the DocumentDB engine has to be told, or it goes
// through all documents.
func present(operator string, value any) bson.M { return bson.M{"$exists": true, operator: value} }

// sorted is an order by fields, all in one direction.
func sorted(direction int, fields ...string) bson.D {
	order := make(bson.D, len(fields))
	for i, field := range fields {
		order[i] = bson.E{Key: field, Value: direction}
	}
	return order
}

// fault is an error of the driver in the words of the Store: one that may be
// gone on another try wraps directory.ErrUnavailable. What the server answers
// to a command that it understood is not of that kind, with the exceptions below.
func fault(what string, err error) error {
	if err == nil || errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrUnavailable) {
		return err
	}
	var answer mongo.ServerError
	if errors.As(err, &answer) && answered(err) && !mongo.IsTimeout(err) && !mongo.IsNetworkError(err) && !answer.HasErrorLabel("RetryableWriteError") {
		passing := false
		for _, code := range passingCodes {
			passing = passing || answer.HasErrorCode(code)
		}
		if !passing {
			return fmt.Errorf("mongodb: %s: %w", what, err)
		}
	}
	return fmt.Errorf("mongodb: %s: %w: %w", what, directory.ErrUnavailable, err)
}

// answered tells whether a server has answered a command at all: the driver
// puts its own trouble, such as a pool whose connections broke, into the same
// type, without a code.
func answered(err error) bool {
	var command mongo.CommandError
	return !errors.As(err, &command) || command.Code != 0
}

// passingCodes are what a server answers that can't do its part right now.
var passingCodes = []int{
	6, 7, 89, 9001, // a shard can't be reached
	24, 50, 202, 262, // it took too long
	64, 100, // the majority did not acknowledge in time, or is not there
	91, 189, 10107, 10058, 11600, 11602, 13435, 13436, // stopping, or no longer the primary
	133, 134, // no member for this read, or none that knows the majority's state
	conflict, deadlock,
}

// Two writers met, and this one was turned away with nothing written. MongoDB
// tries again by itself (its code is for the rest); the DocumentDB engine, on
// PostgreSQL, answers a deadlock.
const (
	conflict = 112
	deadlock = 16908292
)

func met(err error) bool {
	var answer mongo.ServerError
	return errors.As(err, &answer) && (answer.HasErrorCode(conflict) || answer.HasErrorCode(deadlock))
}

// maxTries is how often something is tried when others keep being quicker.
const maxTries = 40

// again does one atomic write, and again when it met another writer.
func again(ctx context.Context, write func() error) error {
	for try := 0; ; try++ {
		err := write()
		if !met(err) || try == maxTries {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// update changes at most one document, and tells whether there was one.
func update(ctx context.Context, in *mongo.Collection, filter bson.M, change any) (matched bool, err error) {
	err = again(ctx, func() error {
		result, err := in.UpdateOne(ctx, filter, change)
		matched = err == nil && result.MatchedCount == 1
		return err
	})
	return matched, err
}

// create makes the document that an organization has once, if it is not there.
func create(ctx context.Context, in *mongo.Collection, organizationID string, fields any) error {
	err := again(ctx, func() error {
		_, err := in.UpdateOne(ctx, bson.M{"_id": organizationID}, bson.M{"$setOnInsert": fields}, options.UpdateOne().SetUpsert(true))
		return err
	})
	if mongo.IsDuplicateKeyError(err) {
		return nil // somebody else was quicker
	}
	return err
}

// pause waits a little, and by chance, before another try.
func pause(ctx context.Context, try int) error {
	longest := min(time.Millisecond<<min(try, 6), 50*time.Millisecond)
	timer := time.NewTimer(rand.N(longest) + time.Millisecond) //nolint:gosec // spreads retries; nothing secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
