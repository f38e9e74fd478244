package storetest

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"roster/internal/directory"
)

// EveryList asks a store for lists and counts of every kind there is: every
// order in both directions, walked both ways, from its end and from behind
// somebody who has a value and who has none, under filters of every kind alone
// and together, without words, with one and with two. The answers are the
// contract's matter; this is for whoever looks at how a store finds them.
func EveryList(t *testing.T, store directory.Store) {
	t.Helper()
	p := &test{T: t, Store: store, ctx: t.Context()}
	d := directory.New(store, nil, directory.Settings{Secrets: [][]byte{{1}}}, nobody{}, time.Now, rand.Reader)
	o := p.organization(1)
	for i := range o.Roles {
		o.Roles[i].Permissions = []directory.Permission{directory.ViewUsers}
	}
	o.Roles[1].Permissions = append(o.Roles[1].Permissions, directory.CSMSeat)
	// So many that a word of theirs is a common one.
	crowd(p, o, 300, mathrand.New(mathrand.NewPCG(9, 10)))
	by := directory.Actor{User: p.added(o), Organization: o}

	for _, filter := range everyFilter(o) {
		for _, search := range searches(filter) {
			filter.Search = search
			for i, order := range orders() {
				page := directory.PageRequest{First: new(2)}
				first, err := d.Users(p.ctx, by, filter, order, page)
				p.ok(err)
				if i == 0 {
					_, err := first.Total(p.ctx)
					p.ok(err)
				}
				last, err := d.Users(p.ctx, by, filter, order, directory.PageRequest{Last: new(2)})
				p.ok(err)
				// The last ones are those without a value, where somebody has none.
				for _, page := range []*directory.UserPage{first, last} {
					if len(page.Users) == 0 {
						continue
					}
					cursor := page.Cursor(0)
					_, err = d.Users(p.ctx, by, filter, order, directory.PageRequest{First: new(2), After: &cursor})
					p.ok(err)
					_, err = d.Users(p.ctx, by, filter, order, directory.PageRequest{Last: new(2), Before: &cursor})
					p.ok(err)
				}
			}
		}
	}
}

// everyFilter is each status, and none, with each other filter, with none, and
// with all of them.
func everyFilter(o *directory.Organization) (all []directory.UserFilter) {
	for _, status := range []*directory.Status{nil, new(directory.Active), new(directory.Pending), new(directory.Inactive)} {
		for _, f := range []directory.UserFilter{
			{},
			{RoleIDs: []string{o.Roles[0].ID}},
			{RoleIDs: []string{o.Roles[0].ID, o.Roles[2].ID}},
			{CSMSeat: new(true)},
			{CSMSeat: new(false)},
			{TwoFactor: new(true)},
			{TwoFactor: new(false)},
			{RoleIDs: []string{o.Roles[1].ID, o.Roles[2].ID}, CSMSeat: new(false), TwoFactor: new(true)},
		} {
			f.Status = status
			all = append(all, f)
		}
	}
	return all
}

// searches are what people search for under a filter. What is searched for
// beside the filters shows with a few of them.
func searches(f directory.UserFilter) []string {
	if f.CSMSeat != nil || f.TwoFactor != nil || len(f.RoleIDs) > 1 {
		return []string{""}
	}
	return []string{"", "com", "zoe", "ann com"}
}

// nobody is a relay that tells nobody.
type nobody struct{}

func (nobody) Deliver([]*directory.User)                   {}
func (nobody) DeliverOrganization(*directory.Organization) {}
