package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
)

// AppendEvents implements directory.AuditStore.
func (s *Store) AppendEvents(ctx context.Context, events []directory.Event) error {
	if len(events) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	return fault("append events", again(ctx, func() error {
		_, err := s.auditlog.InsertMany(ctx, mapped(events, documentOfEvent), options.InsertMany().SetOrdered(false))
		var some mongo.BulkWriteException
		if !errors.As(err, &some) || some.WriteConcernError != nil {
			return err
		}
		for _, one := range some.WriteErrors {
			if !one.HasErrorCode(11000) {
				return err
			}
		}
		return nil // those that were there already are left as they are
	}))
}

// Events implements directory.AuditStore. Ids sort by time.
func (s *Store) Events(ctx context.Context, organizationID string, q directory.EventQuery, limit int) ([]directory.Event, error) {
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	cursor, err := s.auditlog.Find(ctx, eventFilter(organizationID, q), options.Find().SetSort(sorted(-1, "_id")).
		SetLimit(int64(limit)).SetBatchSize(int32(min(limit, 1000))))
	if err != nil {
		return nil, fault("find events", err)
	}
	var found []eventDocument
	if err := cursor.All(ctx, &found); err != nil {
		return nil, fault("find events", err)
	}
	return mapped(found, eventDocument.event), nil
}

// CountEvents implements directory.AuditStore.
func (s *Store) CountEvents(ctx context.Context, organizationID string, q directory.EventQuery, limit int) (int, error) {
	if limit <= 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	n, err := s.auditlog.CountDocuments(ctx, eventFilter(organizationID, q), options.Count().SetLimit(int64(limit)))
	return int(n), fault("count events", err)
}

// eventFilter is walked in the index by person or by action, whichever is
// rarer, or else in that by id; each has the ids in order.
func eventFilter(organizationID string, q directory.EventQuery) bson.M {
	filter, ids := bson.M{"org": organizationID}, bson.M{}
	if q.UserID != "" {
		filter["people"] = q.UserID
	}
	if len(q.Actions) > 0 {
		filter["action"] = oneOf(q.Actions)
	}
	if q.From != "" {
		ids["$gte"] = q.From
	}
	if q.Before != "" {
		ids["$lt"] = q.Before
	}
	if len(ids) > 0 {
		filter["_id"] = ids
	}
	return filter
}
