package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
)

// InsertOrganization implements directory.OrganizationStore. The claims and
// counts come first, so that no organization is ever without them. When then
// the slug is taken, they stay behind: nobody asks for them, as ids are never
// used again.
func (s *Store) InsertOrganization(ctx context.Context, o *directory.Organization) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := create(ctx, s.claims, o.ID, newClaims(o.SeatLimit)); err != nil {
		return fault("create claims", err)
	}
	if err := create(ctx, s.counts, o.ID, newCounts()); err != nil {
		return fault("create counts", err)
	}
	o.Revision = 1
	err := again(ctx, func() error {
		_, err := s.organizations.InsertOne(ctx, organizationDocument{ID: o.ID, Slug: o.Slug, Fields: fieldsOfOrganization(o)})
		return err
	})
	if mongo.IsDuplicateKeyError(err) {
		return directory.ErrTaken
	}
	return fault("insert organization", err)
}

// UpdateOrganization implements directory.OrganizationStore.
func (s *Store) UpdateOrganization(ctx context.Context, o *directory.Organization) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	fields := fieldsOfOrganization(o)
	fields.Revision++
	matched, err := update(ctx, s.organizations, bson.M{"_id": o.ID, "rev": o.Revision}, fields.change())
	if err != nil {
		return fault("update organization", err)
	}
	if !matched {
		return directory.ErrStale
	}
	o.Revision = fields.Revision
	return nil
}

// Organization implements directory.OrganizationStore.
func (s *Store) Organization(ctx context.Context, id string) (*directory.Organization, error) {
	return s.findOrganization(ctx, bson.M{"_id": id})
}

// OrganizationBySlug implements directory.OrganizationStore. It can't begin
// with the organization's id, which it is to find.
func (s *Store) OrganizationBySlug(ctx context.Context, slug string) (*directory.Organization, error) {
	if slug == "" {
		return s.findOrganization(ctx, bson.M{})
	}
	return s.findOrganization(ctx, bson.M{"slug": slug})
}

// findOrganization finds the one with the lowest id.
func (s *Store) findOrganization(ctx context.Context, filter bson.M) (*directory.Organization, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	var found organizationDocument
	err := s.organizations.FindOne(ctx, filter, options.FindOne().SetSort(sorted(1, "_id"))).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, directory.ErrNotFound
	}
	if err != nil {
		return nil, fault("find organization", err)
	}
	return found.organization(), nil
}

// DueOrganizations implements directory.OrganizationStore. It is a sweep.
func (s *Store) DueOrganizations(ctx context.Context, now time.Time, limit int) ([]*directory.Organization, error) {
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	cursor, err := s.organizations.Find(ctx, bson.M{"due": present("$lte", now)},
		options.Find().SetSort(sorted(1, "due")).SetLimit(int64(limit)))
	if err != nil {
		return nil, fault("find due organizations", err)
	}
	var found []organizationDocument
	if err := cursor.All(ctx, &found); err != nil {
		return nil, fault("find due organizations", err)
	}
	return mapped(found, organizationDocument.organization), nil
}
