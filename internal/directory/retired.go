package directory

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
)

// A role that is deleted with a replacement is retired: from the same write on
// it counts as the replacement for everything, while the documents of the
// people still name it. They follow one by one, so that a role of many is
// replaced as quickly as one of few; when nobody is left, it is forgotten.

// moveAtOnce is how many people are moved from a retired role before others
// have their turn.
const moveAtOnce = 500

// moveInRequest is how many people are moved before a mutation answers.
const moveInRequest = 50

// followReplacement moves the people of a role that was just deleted, when they
// are few; otherwise the sweep does.
func (d *Directory) followReplacement(ctx context.Context, o *Organization, retiredID string) {
	counts, err := d.store.Counts(ctx, o.ID)
	if err == nil && counts.Sum(func(g Group) bool { return g.RoleID == retiredID }) <= moveInRequest {
		err = d.moveFrom(ctx, o, retiredID)
	}
	if err != nil {
		slog.WarnContext(ctx, "people with a deleted role are left to the sweep", "organization", o.ID, "error", err)
	}
}

// moveFrom gives people with a retired role the one that replaces it in their
// documents too; when nobody is left, the retired role is forgotten. It is
// nobody's change: who has the role has had the other one since it was retired.
func (d *Directory) moveFrom(ctx context.Context, o *Organization, retiredID string) error {
	by := Actor{Organization: o}
	for _, status := range []Status{Active, Pending, Inactive} {
		ids, err := d.store.Members(ctx, o.ID, retiredID, status, moveAtOnce)
		if err != nil {
			return fmt.Errorf("find members: %w", err)
		}
		for _, id := range ids {
			_, err := d.Change(ctx, by, id, func(u *User) (*News, error) {
				if u.RoleID != retiredID {
					return nil, nil
				}
				u.RoleID = o.current(retiredID)
				return &News{}, nil
			})
			if err != nil && !HasCode(err, CodeNotFound) {
				return err
			}
		}
	}
	counts, err := d.store.Counts(ctx, o.ID)
	if err != nil {
		return fmt.Errorf("count users: %w", err)
	}
	if counts.Sum(func(g Group) bool { return g.RoleID == retiredID }) > 0 {
		return nil
	}
	return again(ctx, func() error {
		now, err := d.awaitTransition(ctx, o.ID)
		if err != nil {
			return err
		}
		// What it replaced is replaced by what replaces it.
		target := now.current(retiredID)
		now.Retired = slices.DeleteFunc(now.Retired, func(r RetiredRole) bool { return r.ID == retiredID })
		for i := range now.Retired {
			if now.Retired[i].ReplacedBy == retiredID {
				now.Retired[i].ReplacedBy = target
			}
		}
		return d.store.UpdateOrganization(ctx, now)
	})
}
