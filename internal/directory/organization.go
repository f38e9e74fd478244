package directory

import (
	"slices"
	"time"
)

// Organization is a company whose people use the product. Its people, roles,
// seats and audit events are its own; nothing of it can be seen from another.
//
// The document is small, because every request reads it: what grows with the
// number of people stands elsewhere.
type Organization struct {
	ID string
	// Name is what people call it.
	Name string
	// Slug names it before sign-in; unique in the installation.
	Slug      string
	CreatedAt time.Time
	UpdatedAt time.Time
	// Roles are at most 100.
	Roles []Role
	// Version moves when an editor changes something.
	Version int
	// Revision moves at every write; the store compares and sets it.
	Revision int64
}

// Role is the role with this id; false when the organization has none.
func (o *Organization) Role(id string) (Role, bool) {
	i := slices.IndexFunc(o.Roles, func(r Role) bool { return r.ID == id })
	if i < 0 {
		return Role{}, false
	}
	return o.Roles[i], true
}

// roleOf is the role of a user: the zero role, which grants nothing, if it is gone.
func (o *Organization) roleOf(u *User) Role {
	role, _ := o.Role(u.RoleID)
	return role
}

// TakesSeat tells whether u takes a CSM seat: the role has one, and the person
// is not gone. Somebody invited holds the seat that the invitation promised.
func (o *Organization) TakesSeat(u *User) bool {
	return u.Status != Inactive && o.roleOf(u).TakesSeat()
}

// Administers tells whether u counts as an administrator who can act.
func (o *Organization) Administers(u *User) bool {
	return u.Status == Active && o.roleOf(u).Administers()
}

// Seats says how many CSM seats are paid for and taken.
type Seats struct {
	Limit int
	Used  int
}

// Available is how many people can still be given one.
func (s Seats) Available() int { return max(s.Limit-s.Used, 0) }

// Group is the people who share what lists are filtered by. How many are in
// each group is kept, so that no total needs a scan.
type Group struct {
	Status    Status
	RoleID    string
	TwoFactor bool
}

// GroupOf is the group that u is counted in.
func GroupOf(u *User) Group {
	return Group{Status: u.Status, RoleID: u.RoleID, TwoFactor: u.TwoFactorEnabled()}
}

// Counts says how many people are in each group; empty groups may be absent.
type Counts map[Group]int

// Sum is the number of people in the groups that match.
func (c Counts) Sum(match func(Group) bool) int {
	n := 0
	for g, people := range c {
		if match(g) {
			n += people
		}
	}
	return n
}
