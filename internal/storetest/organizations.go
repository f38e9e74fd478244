package storetest

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"roster/internal/directory"
)

var organizations = []promise{
	{"gives back every field of an organization", func(t *test) {
		o := &directory.Organization{}
		populate(t, o)
		o.ID, o.Slug = newID("org_"), unique("slug")
		t.ok(t.InsertOrganization(t.ctx, o, 3))
		byID, err := t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(byID, o)
		bySlug, err := t.OrganizationBySlug(t.ctx, o.Slug)
		t.ok(err)
		t.same(bySlug, o)
	}},
	{"gives back an organization with nothing in it", func(t *test) {
		o := &directory.Organization{ID: newID("org_"), Slug: unique("slug")}
		t.ok(t.InsertOrganization(t.ctx, o, 0))
		got, err := t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(got, o)
	}},
	{"a new organization has the seats it was given, all free, and nobody in it", func(t *test) {
		o := t.organization(7)
		seats, err := t.Seats(t.ctx, o.ID)
		t.ok(err)
		t.same(seats, directory.Seats{Limit: 7})
		counts, err := t.Counts(t.ctx, o.ID)
		t.ok(err)
		t.same(counts.Sum(func(directory.Group) bool { return true }), 0)
	}},
	{"an id or slug that an organization has is taken, and the organization stays as it is", func(t *test) {
		o := t.organization(1)
		sameID := &directory.Organization{ID: o.ID, Slug: unique("slug"), Name: "Other"}
		t.fails(t.InsertOrganization(t.ctx, sameID, 5), directory.ErrTaken)
		sameSlug := &directory.Organization{ID: newID("org_"), Slug: o.Slug, Name: "Other"}
		t.fails(t.InsertOrganization(t.ctx, sameSlug, 5), directory.ErrTaken)
		got, err := t.Organization(t.ctx, o.ID)
		t.ok(err)
		t.same(got, o)
		_, err = t.Organization(t.ctx, sameSlug.ID)
		t.fails(err, directory.ErrNotFound)
		_, err = t.OrganizationBySlug(t.ctx, sameID.Slug)
		t.fails(err, directory.ErrNotFound)
		seats, err := t.Seats(t.ctx, o.ID)
		t.ok(err)
		t.same(seats, directory.Seats{Limit: 1})
	}},
	{"of many organizations with one slug at once, one is added", func(t *test) {
		slug := unique("slug")
		var added, taken atomic.Int32
		atOnce(10, func(int) {
			switch err := t.InsertOrganization(t.ctx, &directory.Organization{ID: newID("org_"), Slug: slug}, 1); {
			case err == nil:
				added.Add(1)
			case errors.Is(err, directory.ErrTaken):
				taken.Add(1)
			default:
				t.Errorf("unexpected error: %v", err)
			}
		})
		t.same([]int32{added.Load(), taken.Load()}, []int32{1, 9})
	}},
	{"an unknown id or slug is not found", func(t *test) {
		o := t.organization(1)
		_, err := t.Organization(t.ctx, newID("org_"))
		t.fails(err, directory.ErrNotFound)
		_, err = t.Organization(t.ctx, o.Slug)
		t.fails(err, directory.ErrNotFound)
		_, err = t.OrganizationBySlug(t.ctx, unique("slug"))
		t.fails(err, directory.ErrNotFound)
		_, err = t.OrganizationBySlug(t.ctx, o.ID)
		t.fails(err, directory.ErrNotFound)
	}},
	{"the empty slug means the organization with the lowest id, whenever it was added", func(t *test) {
		// The store may have been used before, so a lower id is looked for.
		lower := func() string {
			first, err := t.OrganizationBySlug(t.ctx, "")
			if errors.Is(err, directory.ErrNotFound) {
				return directory.NewID("org_", time.UnixMilli(0), rand.Reader)
			}
			t.ok(err)
			for {
				if id := directory.NewID("org_", time.UnixMilli(0), rand.Reader); id < first.ID {
					return id
				}
			}
		}
		for range 2 {
			o := &directory.Organization{ID: lower(), Slug: unique("slug")}
			t.ok(t.InsertOrganization(t.ctx, o, 1))
			t.organization(1)
			got, err := t.OrganizationBySlug(t.ctx, "")
			t.ok(err)
			t.same(got, o)
		}
	}},
}
