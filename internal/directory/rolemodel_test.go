package directory_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"roster/internal/directory"
)

// modelRole is what the model knows of one role.
type modelRole struct {
	id, name    string
	permissions []directory.Permission
	builtIn     bool
	version     int
}

func (r *modelRole) has(p directory.Permission) bool { return slices.Contains(r.permissions, p) }

func (r *modelRole) covers(permissions []directory.Permission) bool {
	for _, p := range permissions {
		if p != directory.CSMSeat && !r.has(p) {
			return false
		}
	}
	return true
}

func (r *modelRole) administers() bool { return r.covers(everything) }

// everything is what an administrator's role grants.
var everything = []directory.Permission{
	directory.ViewUsers, directory.ManageUsers, directory.ManageRoles, directory.ManageOrganization, directory.ViewAuditLog,
}

// newModel is the model of a new organization without people.
func newModel(w *world, limit int) *model {
	m := &model{w: w, limit: limit, version: w.org.Version, answered: map[string]modelRequest{}}
	m.events = len(w.org.Outbox)
	for _, r := range w.org.Roles {
		m.roles = append(m.roles, &modelRole{r.ID, r.Name, r.Permissions, r.BuiltIn, r.Version})
	}
	return m
}

// leave has no sweep look at the organization any more.
func (m *model) leave() {
	m.w.reread()
	m.w.org.Outbox, m.w.org.Retired = nil, nil
	if err := m.w.store.UpdateOrganization(m.w.t.Context(), m.w.org); err != nil {
		m.w.t.Fatal(err)
	}
}

// unmoving is a store in which nobody can be found who has a retired role.
type unmoving struct{ directory.Store }

func (s unmoving) Members(ctx context.Context, organizationID, roleID string, status directory.Status, limit int) ([]string, error) {
	if limit < 1000 {
		return nil, errors.New("not now")
	}
	return s.Store.Members(ctx, organizationID, roleID, status, limit)
}

// change is what happens to the people of a role.
type change struct {
	role   string
	was    []directory.Permission
	become []directory.Permission
}

// transition are the refusals of a role that means something else to its people.
func (m *model) transition(c change) (codes []directory.Code) {
	was, is := &modelRole{permissions: c.was}, &modelRole{permissions: c.become}
	needed, leaving := 0, 0
	for _, p := range m.people {
		if p.role != c.role || p.status == directory.Inactive {
			continue
		}
		if !was.has(directory.CSMSeat) && is.has(directory.CSMSeat) {
			needed++
		}
		if p.status == directory.Active && was.administers() && !is.administers() {
			leaving++
		}
	}
	if needed > m.limit-m.seats() {
		codes = append(codes, directory.CodeNoSeatAvailable)
	}
	if leaving > 0 && leaving == m.administrators() {
		codes = append(codes, directory.CodeLastAdministrator)
	}
	return codes
}

// ownRole are the refusals of taking permissions from one's own role.
func (m *model) ownRole(by *modelPerson, role *modelRole, become []directory.Permission) (codes []directory.Code) {
	if by.role != role.id || (&modelRole{permissions: become}).covers(role.permissions) {
		return nil
	}
	others := m.administrators()
	for _, p := range m.people {
		if p.role == role.id && m.administers(p.status, p.role) {
			others--
		}
	}
	if role.administers() && others == 0 {
		return []directory.Code{directory.CodeLastAdministrator}
	}
	return []directory.Code{directory.CodeSelfAction}
}

// taken tells whether another role has a name.
func (m *model) taken(name, but string) bool {
	return slices.ContainsFunc(m.roles, func(r *modelRole) bool { return r.id != but && strings.EqualFold(r.name, name) })
}

// refuse holds a refusal against those that there must be; false when there must be none.
func refuse(t *rapid.T, err error, codes []directory.Code) bool {
	t.Helper()
	if len(codes) > 0 {
		answer(t, err, codes...)
	}
	return len(codes) > 0
}

// editRole asks for a change of a role, and holds the answer against the rules.
func (m *model) editRole(t *rapid.T, role *modelRole, name string, permissions []directory.Permission) {
	by, who := m.actor(t)
	expected, seen := seenVersion(t, role.version)
	renamed, changed := name != role.name, !slices.Equal(inOrder(permissions), inOrder(role.permissions))
	own, claims := m.ownRole(by, role, permissions), m.transition(change{role.id, role.permissions, permissions})
	_, err := m.w.dir.UpdateRole(m.w.t.Context(), who, role.id, directory.RoleChanges{Name: &name, Permissions: permissions}, expected)
	switch {
	case !m.may(by, directory.ManageRoles):
		answer(t, err, directory.CodeForbidden)
	case !m.covers(by.role, role.id):
		answer(t, err, directory.CodeRoleEscalation)
	case !seen:
		answer(t, err, directory.CodeConflict)
	case m.taken(name, role.id):
		answer(t, err, directory.CodeTaken)
	case !m.role(by.role).covers(permissions):
		answer(t, err, directory.CodeRoleEscalation)
	case refuse(t, err, own):
	case !renamed && !changed:
		answer(t, err, nothing)
	case refuse(t, err, claims):
	default:
		answer(t, err, nothing)
		role.name, role.permissions = name, permissions
		role.version++
		m.events++
	}
}

// inOrder are permissions in one order, whatever they were given in.
func inOrder(permissions []directory.Permission) []directory.Permission {
	return slices.Sorted(slices.Values(permissions))
}

// actionsOfTheOrganization are those that change roles and settings.
func (m *model) actionsOfTheOrganization() map[string]func(*rapid.T) {
	w := m.w
	ctx := w.t.Context()
	someName := func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"Helper", "HELPER", "Lead", "Viewer", "Guest"}).Draw(t, "name of role")
	}
	some := func(t *rapid.T) []directory.Permission {
		sets := [][]directory.Permission{
			{}, {directory.ViewUsers}, {directory.ViewUsers, directory.ManageUsers}, {directory.ViewUsers, directory.ManageRoles}, everything,
		}
		chosen := slices.Clone(rapid.SampledFrom(sets).Draw(t, "permissions"))
		if rapid.Bool().Draw(t, "seat") {
			chosen = append(chosen, directory.CSMSeat)
		}
		return chosen
	}
	return map[string]func(*rapid.T){
		"create role": func(t *rapid.T) {
			by, who := m.actor(t)
			name, permissions := someName(t), some(t)
			created, err := w.dir.CreateRole(ctx, who, directory.RoleChanges{Name: &name, Permissions: permissions})
			switch {
			case !m.may(by, directory.ManageRoles):
				answer(t, err, directory.CodeForbidden)
			case m.taken(name, ""):
				answer(t, err, directory.CodeTaken)
			case !m.role(by.role).covers(permissions):
				answer(t, err, directory.CodeRoleEscalation)
			default:
				answer(t, err, nothing)
				m.roles = append(m.roles, &modelRole{created.ID, name, permissions, false, 1})
				m.events++
			}
		},
		"edit role": func(t *rapid.T) {
			role := pick(t, "role to edit", m.roles)
			if rapid.IntRange(0, 3).Draw(t, "rename") == 0 {
				m.editRole(t, role, someName(t), role.permissions)
				return
			}
			m.editRole(t, role, role.name, some(t))
		},
		"a seat for a role, or none": func(t *rapid.T) {
			role := m.role(pick(t, "somebody", m.people).role)
			permissions := slices.DeleteFunc(slices.Clone(role.permissions), func(p directory.Permission) bool { return p == directory.CSMSeat })
			if len(permissions) == len(role.permissions) {
				permissions = append(permissions, directory.CSMSeat)
			}
			m.editRole(t, role, role.name, permissions)
		},
		"delete role": func(t *rapid.T) {
			by, who := m.actor(t)
			role := pick(t, "role to delete", append(slices.Clone(m.roles[4:]), m.roles...))
			var replacement *modelRole
			var replacementID *string
			if rapid.IntRange(0, 3).Draw(t, "replaced") > 0 {
				replacement = pick(t, "replacement", m.roles)
				replacementID = &replacement.id
			}
			become := []directory.Permission{}
			if replacement != nil {
				become = replacement.permissions
			}
			inUse := slices.ContainsFunc(m.people, func(p *modelPerson) bool { return p.role == role.id })
			own, claims := m.ownRole(by, role, become), m.transition(change{role.id, role.permissions, become})
			d := w.dir
			unmoved := rapid.Bool().Draw(t, "moved later")
			if unmoved {
				d = directory.New(unmoving{w.store}, w.vault, w.settings, w.delivered, w.clock.Now, rand.Reader)
			}
			_, err := d.DeleteRole(ctx, who, role.id, replacementID)
			switch {
			case !m.may(by, directory.ManageRoles):
				answer(t, err, directory.CodeForbidden)
			case !m.covers(by.role, role.id):
				answer(t, err, directory.CodeRoleEscalation)
			case role.builtIn:
				answer(t, err, directory.CodeInvalid)
			case replacement == role:
				answer(t, err, directory.CodeNotFound)
			case replacement != nil && !m.covers(by.role, replacement.id):
				answer(t, err, directory.CodeRoleEscalation)
			case refuse(t, err, own):
			case replacement == nil && inUse:
				answer(t, err, directory.CodeRoleInUse)
			case replacement != nil && refuse(t, err, claims):
			default:
				answer(t, err, nothing)
				for _, p := range m.people {
					if p.role == role.id {
						p.role = replacement.id
					}
				}
				m.roles = slices.DeleteFunc(m.roles, func(r *modelRole) bool { return r == role })
				m.gone = append(m.gone, role.id)
				m.unmoved = m.unmoved || unmoved && replacement != nil
				m.events++
			}
		},
		"sweep": func(t *rapid.T) {
			if err := w.dir.SweepOrganizations(ctx); err != nil {
				t.Fatalf("sweep: %v", err)
			}
			m.unmoved = false
		},
		"settings": func(t *rapid.T) {
			by, who := m.actor(t)
			expected, seen := seenVersion(t, m.version)
			limit, lifetime, required := m.limit, m.lifetime, m.required
			var changes directory.OrganizationChanges
			switch rapid.IntRange(0, 7).Draw(t, "setting") {
			case 0:
				required = !required
				changes.RequireTwoFactor = &required
			case 1:
				lifetime = rapid.SampledFrom([]time.Duration{0, 2 * time.Hour, 100 * time.Hour}).Draw(t, "lifetime")
				changes.InvitationLifetime = &lifetime
			default:
				limit = rapid.IntRange(0, 6).Draw(t, "limit")
				changes.SeatLimit = &limit
			}
			_, err := w.dir.UpdateOrganization(ctx, who, changes, expected)
			switch {
			case !m.may(by, directory.ManageOrganization):
				answer(t, err, directory.CodeForbidden)
			case !seen:
				answer(t, err, directory.CodeConflict)
			case limit == m.limit && lifetime == m.lifetime && required == m.required:
				answer(t, err, nothing)
			case limit < m.seats():
				answer(t, err, directory.CodeInvalid)
			default:
				answer(t, err, nothing)
				m.limit, m.lifetime, m.required = limit, lifetime, required
				m.version++
				m.events++
			}
		},
	}
}

// compareOrganization holds the organization's document against the model.
func (m *model) compareOrganization(t *rapid.T) {
	o := m.w.org
	switch {
	case o.SeatLimit != m.limit || o.InvitationLifetime != m.lifetime || o.RequireTwoFactor != m.required || o.Version != m.version:
		t.Fatalf("the organization is %+v", o)
	case o.Transition != nil:
		t.Fatalf("a change is still on its way")
	case len(o.Retired) > 0 && !m.unmoved:
		t.Fatalf("%v is still there", o.Retired)
	case len(o.Outbox) != m.events:
		t.Fatalf("%d events instead of %d", len(o.Outbox), m.events)
	}
}

// compareRoles holds the roles, and how many have each, against the model.
func (m *model) compareRoles(t *rapid.T, counts directory.Counts) {
	o := m.w.org
	if len(o.Roles) != len(m.roles) {
		t.Fatalf("%d roles instead of %d", len(o.Roles), len(m.roles))
	}
	for i, role := range m.roles {
		got := o.Roles[i]
		if got.ID != role.id || got.Name != role.name || got.BuiltIn != role.builtIn || got.Version != role.version ||
			!slices.Equal(inOrder(got.Permissions), inOrder(role.permissions)) {
			t.Fatalf("%+v instead of %+v", got, *role)
		}
		people := 0
		for _, p := range m.people {
			if p.role == role.id {
				people++
			}
		}
		if counted := o.People(counts, role.id); counted != people {
			t.Fatalf("%d people have the role %s instead of %d", counted, role.name, people)
		}
	}
}
