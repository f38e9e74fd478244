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
	// Roles are at most 100, with those that are retired.
	Roles []Role
	// Retired are roles that were deleted and that people still carry in their
	// documents.
	Retired []RetiredRole
	// RolesVersion moves when claims are decided otherwise than before.
	RolesVersion int64
	// SeatLimit is how many CSM seats are paid for.
	SeatLimit int
	// InvitationLifetime is how long the link of an invitation works; zero for
	// what the installation has set.
	InvitationLifetime time.Duration
	// RequireTwoFactor keeps everybody without a second factor from everything
	// but setting one up.
	RequireTwoFactor bool
	// Transition is a change on its way that claims depend on; nil mostly.
	Transition *Transition
	// Outbox is what has happened to the organization and still has to be told:
	// events only.
	Outbox []Entry
	// Version moves when an editor changes something.
	Version int
	// Revision moves at every write; the store compares and sets it.
	Revision int64
}

// RetiredRole is a deleted role that counts as another one, until the
// documents of those who had it say so.
type RetiredRole struct {
	ID         string
	ReplacedBy string
}

// Transition is a change of roles or of the seat limit that has begun and is
// neither made nor dropped. See changeOrganization.
type Transition struct {
	// Mark is on the claims that the change has begun.
	Mark    string
	BegunAt time.Time
	// RoleIDs are the roles that mean something else to claims afterwards:
	// nobody comes to them or leaves them meanwhile.
	RoleIDs []string
}

// Role is the role with this id; false when the organization has none.
func (o *Organization) Role(id string) (Role, bool) {
	i := slices.IndexFunc(o.Roles, func(r Role) bool { return r.ID == id })
	if i < 0 {
		return Role{}, false
	}
	return o.Roles[i], true
}

// RoleOf is the role of a user: the one that replaces it, if it was deleted;
// the zero role, which grants nothing, if there is none.
func (o *Organization) RoleOf(u *User) Role { return o.meaning(u.RoleID) }

// meaning is the role that a role id in a user's document stands for.
func (o *Organization) meaning(roleID string) Role {
	role, _ := o.Role(o.current(roleID))
	return role
}

// current is the id of the role that this one was replaced by, or itself.
func (o *Organization) current(roleID string) string {
	// A replacement may be deleted in its turn. The list has no circle, since a
	// retired role is never a replacement again; the bound is against a bad document.
	for range len(o.Retired) {
		i := slices.IndexFunc(o.Retired, func(r RetiredRole) bool { return r.ID == roleID })
		if i < 0 {
			break
		}
		roleID = o.Retired[i].ReplacedBy
	}
	return roleID
}

// carried are the role ids that people may carry, those of the same meaning
// together: the roles in the order given, each before those that it replaces.
func (o *Organization) carried(roles []Role) []string {
	var ids []string
	for _, role := range roles {
		ids = append(ids, role.ID)
		for _, retired := range o.Retired {
			if o.current(retired.ID) == role.ID {
				ids = append(ids, retired.ID)
			}
		}
	}
	return ids
}

// DueAt is when something is to be done about the organization: an event to be
// told, a change that a crash left on its way, people to be moved from a
// retired role; false when nothing is.
func (o *Organization) DueAt() (at time.Time, due bool) {
	earlier := func(t time.Time) {
		if !due || t.Before(at) {
			at, due = t, true
		}
	}
	for _, entry := range o.Outbox {
		earlier(entry.DueAt)
	}
	if o.Transition != nil {
		earlier(o.Transition.BegunAt.Add(SettleAfter))
	}
	if len(o.Retired) > 0 {
		earlier(o.UpdatedAt)
	}
	return at, due
}

// Clone is a copy that can be edited without changing o.
func (o *Organization) Clone() *Organization {
	c := *o
	c.Roles = slices.Clone(o.Roles)
	for i := range c.Roles {
		c.Roles[i].Permissions = slices.Clone(o.Roles[i].Permissions)
	}
	c.Retired = slices.Clone(o.Retired)
	c.Transition = clonePointer(o.Transition)
	c.Outbox = slices.Clone(o.Outbox)
	return &c
}

// TakesSeat tells whether u takes a CSM seat: the role has one, and the person
// is not gone. Somebody invited holds the seat that the invitation promised.
func (o *Organization) TakesSeat(u *User) bool {
	return u.Status != Inactive && o.RoleOf(u).TakesSeat()
}

// Administers tells whether u counts as an administrator who can act.
func (o *Organization) Administers(u *User) bool {
	return u.Status == Active && o.RoleOf(u).Administers()
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

// People is how many people have a role, whatever their status.
func (o *Organization) People(counts Counts, roleID string) int {
	return counts.Sum(func(g Group) bool { return o.current(g.RoleID) == roleID })
}

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
