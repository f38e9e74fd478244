package directory

import (
	"slices"
	"strings"
)

// Permission is one thing that a role lets people do.
type Permission string

// The permissions, in the order in which they are listed.
const (
	ViewUsers          Permission = "VIEW_USERS"
	ManageUsers        Permission = "MANAGE_USERS"
	ManageRoles        Permission = "MANAGE_ROLES"
	ManageOrganization Permission = "MANAGE_ORGANIZATION"
	ViewAuditLog       Permission = "VIEW_AUDIT_LOG"
	// CSMSeat lets people be assigned and manage accounts. It is bought, not
	// granted: it costs a seat, and leaves the comparison of roles alone.
	CSMSeat Permission = "CSM_SEAT"
)

var allPermissions = []Permission{ViewUsers, ManageUsers, ManageRoles, ManageOrganization, ViewAuditLog, CSMSeat}

// administration is what an administrator has: every permission that is granted.
var administration = []Permission{ViewUsers, ManageUsers, ManageRoles, ManageOrganization, ViewAuditLog}

// Role is what an organization calls a set of permissions. Everybody has
// exactly one. The built-in roles of a new organization are Administrator,
// Customer Success Manager, User Manager and Viewer.
type Role struct {
	ID          string
	Name        string
	Description string
	Permissions []Permission
	// BuiltIn roles were made with the organization and cannot be deleted.
	BuiltIn bool
	// Version moves with every change.
	Version int
}

// Has tells whether people with the role may do p.
func (r Role) Has(p Permission) bool { return slices.Contains(r.Permissions, p) }

// TakesSeat tells whether everybody with the role takes a CSM seat.
func (r Role) TakesSeat() bool { return r.Has(CSMSeat) }

// Administers tells whether the role has every permission that is granted.
func (r Role) Administers() bool { return r.Covers(Role{Permissions: administration}) }

// Covers tells whether everything that other grants is granted by r as well.
func (r Role) Covers(other Role) bool {
	for _, p := range other.Permissions {
		if p != CSMSeat && !r.Has(p) {
			return false
		}
	}
	return true
}

// builtInRoles are the roles of a new organization.
func builtInRoles(newID func(prefix string) string) []Role {
	roles := []Role{
		{
			Name:        "Administrator",
			Description: "Manages people, roles and the organization, and reads the audit log.",
			Permissions: slices.Clone(administration),
		},
		{
			Name:        "Customer Success Manager",
			Description: "Is assigned accounts and manages them. Takes a CSM seat.",
			Permissions: []Permission{ViewUsers, CSMSeat},
		},
		{
			Name:        "User Manager",
			Description: "Invites and manages people whose roles grant no more than this one.",
			Permissions: []Permission{ViewUsers, ManageUsers},
		},
		{
			Name:        "Viewer",
			Description: "Sees who has access.",
			Permissions: []Permission{ViewUsers},
		},
	}
	for i := range roles {
		roles[i].ID = newID(prefixRole)
		roles[i].BuiltIn = true
		roles[i].Version = 1
	}
	return roles
}

// rolesByName are the roles in the order in which people read them.
func rolesByName(roles []Role) []Role {
	sorted := slices.Clone(roles)
	slices.SortFunc(sorted, func(a, b Role) int {
		if c := strings.Compare(Key(a.Name), Key(b.Name)); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return sorted
}
