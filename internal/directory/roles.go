package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// maxRoles is how many roles an organization has at most.
const maxRoles = 100

// RoleChanges are the fields of a role to change; nil leaves one as it is. An
// empty Description clears it. Permissions, when not nil, are all of them.
type RoleChanges struct {
	Name, Description *string
	Permissions       []Permission
}

// apply changes r, or says everything that is wrong with the changes.
func (c RoleChanges) apply(o *Organization, r *Role) error {
	var wrong Errors
	if c.Name != nil {
		name, refused := CleanText(*c.Name, "name")
		taken := func(other Role) bool { return other.ID != r.ID && Key(other.Name) == Key(name) }
		switch {
		case refused != nil:
			wrong = append(wrong, refused)
		case name == "":
			wrong = append(wrong, Refuse(CodeRequired, "Give the role a name.", "name"))
		case slices.ContainsFunc(o.Roles, taken):
			wrong = append(wrong, Refuse(CodeTaken, fmt.Sprintf("There is a role %s already. Choose another name.", name), "name"))
		}
		r.Name = name
	}
	if c.Description != nil {
		description, refused := CleanText(*c.Description, "description")
		if refused != nil {
			wrong = append(wrong, refused)
		}
		r.Description = description
	}
	if c.Permissions != nil {
		r.Permissions = []Permission{}
		for _, p := range allPermissions {
			if slices.Contains(c.Permissions, p) {
				r.Permissions = append(r.Permissions, p)
			}
		}
	}
	return wrong.OrNil()
}

// details are what an editor sees of a role, in the audit log's words.
func (r Role) details() []Detail {
	permissions := make([]string, len(r.Permissions))
	for i, p := range r.Permissions {
		permissions[i] = string(p)
	}
	return []Detail{{"name", r.Name}, {"description", r.Description}, {"permissions", strings.Join(permissions, " ")}}
}

// needRoles refuses the whole request unless the actor may change roles now.
func (d *Directory) needRoles(by Actor) error {
	if err := by.need(ManageRoles); err != nil {
		return err
	}
	return by.fresh(d.Now())
}

// CreateRole adds a role. It needs MANAGE_ROLES and a fresh proof of who the
// actor is. Refusals: REQUIRED, INVALID (also: 100 roles), TAKEN,
// ROLE_ESCALATION.
func (d *Directory) CreateRole(ctx context.Context, by Actor, changes RoleChanges) (*Role, error) {
	if err := d.needRoles(by); err != nil {
		return nil, err
	}
	role := Role{ID: d.newID(prefixRole), Version: 1}
	if changes.Name == nil {
		changes.Name = new(string)
	}
	_, err := d.changeOrganization(ctx, by, func(o *Organization) (*organizationNews, error) {
		if err := changes.apply(o, &role); err != nil {
			return nil, err
		}
		if err := first(by.mayGrant(role, "permissions")); err != nil {
			return nil, err
		}
		if len(o.Roles)+len(o.Retired) >= maxRoles {
			return nil, Refuse(CodeInvalid, fmt.Sprintf("There are %d roles, which is as many as there can be. Delete one first.", maxRoles), "name")
		}
		o.Roles = append(o.Roles, role)
		_, after := difference(Role{}.details(), role.details())
		return &organizationNews{action: RoleCreated, targetID: role.ID, after: after}, nil
	})
	if err != nil {
		return nil, err
	}
	return &role, nil
}

// editable finds the role that somebody is to change, and refuses what the
// actor may not touch or has not seen.
func editable(by Actor, o *Organization, id string, expectedVersion *int) (*Role, error) {
	i := slices.IndexFunc(o.Roles, func(r Role) bool { return r.ID == id })
	if i < 0 {
		return nil, Refuse(CodeNotFound, "There is no such role here. Reload the list.", "id")
	}
	role := &o.Roles[i]
	if err := first(by.mayGrant(*role, "id")); err != nil {
		return nil, err
	}
	if expectedVersion != nil && *expectedVersion != role.Version {
		return nil, Refuse(CodeConflict, "Somebody else has changed this role since you opened the page. Look at what is there now, then try again.", "expectedVersion")
	}
	return role, nil
}

// UpdateRole changes a role, for all who have it. When it gains CSM_SEAT, each
// of them takes a seat, or nothing is changed. It needs MANAGE_ROLES and a
// fresh proof. It answers the role as it is afterwards; with a refusal, as it
// is now, if there is one. Refusals: NOT_FOUND, CONFLICT, REQUIRED, INVALID,
// TAKEN, ROLE_ESCALATION, NO_SEAT_AVAILABLE, LAST_ADMINISTRATOR, SELF_ACTION
// (taking permissions from one's own role).
func (d *Directory) UpdateRole(ctx context.Context, by Actor, id string, changes RoleChanges, expectedVersion *int) (*Role, error) {
	if err := d.needRoles(by); err != nil {
		return nil, err
	}
	others, err := d.otherAdministrators(ctx, by)
	if err != nil {
		return nil, err
	}
	o, err := d.changeOrganization(ctx, by, func(o *Organization) (*organizationNews, error) {
		role, err := editable(by, o, id, expectedVersion)
		if err != nil {
			return nil, err
		}
		was := *role
		if err := changes.apply(o, role); err != nil {
			return nil, err
		}
		if err := first(by.mayGrant(*role, "permissions"), d.notOwnRole(by, was, *role, others)); err != nil {
			return nil, err
		}
		before, after := difference(was.details(), role.details())
		if len(after) == 0 {
			return nil, nil
		}
		role.Version++
		return &organizationNews{action: RoleUpdated, targetID: role.ID, before: before, after: after}, nil
	})
	if o == nil {
		return nil, err
	}
	if role, ok := o.Role(id); ok {
		return &role, err
	}
	return nil, err
}

// otherAdministrators is how many administrators have another role than the actor.
func (d *Directory) otherAdministrators(ctx context.Context, by Actor) (int, error) {
	counts, err := d.store.Counts(ctx, by.Organization.ID)
	if err != nil {
		return 0, fmt.Errorf("count users: %w", err)
	}
	own := by.Role().ID
	return counts.Sum(func(g Group) bool {
		role := by.Organization.meaning(g.RoleID)
		return g.Status == Active && role.ID != own && role.Administers()
	}), nil
}

// notOwnRole refuses to take permissions from the actor's own role: they would
// demote themselves. When nobody else administers, that is the reason.
func (d *Directory) notOwnRole(by Actor, was, is Role, otherAdministrators int) *Error {
	switch {
	case was.ID != by.Role().ID || is.Covers(was):
		return nil
	case was.Administers() && otherAdministrators == 0:
		return lastAdministrator()
	}
	return Refuse(CodeSelfAction, "This is your own role, and you would lose permissions. Ask another administrator.", "id")
}

// DeleteRole deletes a role that was not made with the organization. Those who
// have it have the replacement from then on; their documents follow. It needs
// MANAGE_ROLES and a fresh proof. It answers the replacement, if there is one.
// Refusals: NOT_FOUND, INVALID, ROLE_ESCALATION, ROLE_IN_USE,
// NO_SEAT_AVAILABLE, LAST_ADMINISTRATOR, SELF_ACTION.
func (d *Directory) DeleteRole(ctx context.Context, by Actor, id string, replacementID *string) (*Role, error) {
	if err := d.needRoles(by); err != nil {
		return nil, err
	}
	others, err := d.otherAdministrators(ctx, by)
	if err != nil {
		return nil, err
	}
	var replacement *Role
	o, err := d.changeOrganization(ctx, by, func(o *Organization) (*organizationNews, error) {
		role, err := editable(by, o, id, nil)
		if err != nil {
			return nil, err
		}
		was := *role
		if was.BuiltIn {
			return nil, Refuse(CodeInvalid, "This role was made with the organization and stays. You can change it.", "id")
		}
		is, gone := Role{}, Detail{Field: "replacement"}
		news := &organizationNews{action: RoleDeleted, targetID: id, before: was.details()}
		if replacementID == nil {
			news.unless = func(ctx context.Context) error { return d.notInUse(ctx, o.ID, id) }
		} else {
			other, ok := o.Role(*replacementID)
			if !ok || other.ID == id {
				return nil, Refuse(CodeNotFound, "There is no such role to replace it. Choose another.", "replacementRoleId")
			}
			if err := first(by.mayGrant(other, "replacementRoleId")); err != nil {
				return nil, err
			}
			replacement, is, gone.Value = &other, other, other.Name
			o.Retired = append(o.Retired, RetiredRole{ID: id, ReplacedBy: other.ID})
			news.after = []Detail{gone}
		}
		if err := first(d.notOwnRole(by, was, is, others)); err != nil {
			return nil, err
		}
		o.Roles = slices.DeleteFunc(o.Roles, func(r Role) bool { return r.ID == id })
		return news, nil
	})
	if err != nil {
		return nil, err
	}
	if replacement != nil {
		d.followReplacement(ctx, o, id)
	}
	return replacement, nil
}

// notInUse refuses to delete a role that somebody has.
func (d *Directory) notInUse(ctx context.Context, organizationID, roleID string) error {
	counts, err := d.store.Counts(ctx, organizationID)
	if err != nil {
		return fmt.Errorf("count users: %w", err)
	}
	if n := counts.Sum(func(g Group) bool { return g.RoleID == roleID }); n > 0 {
		return Refuse(CodeRoleInUse, fmt.Sprintf("%d people have this role, the inactive ones counted. Say which role they get instead.", n), "replacementRoleId")
	}
	return nil
}
