package directory_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"roster/internal/directory"
)

// modelPerson is what the model knows of one person.
type modelPerson struct {
	id, email, username, role string
	status                    directory.Status
	password, twoFactor       bool
	version, events           int
	// link opens the invitation until expires; empty: no mail was sent yet.
	link    string
	expires time.Time
}

// model is one organization as the rules say it is, in the simplest words.
type model struct {
	w      *world
	limit  int
	people []*modelPerson
	dead   []string
	links  int
}

const nothing directory.Code = ""

func (m *model) manages(role string) bool { return role == m.w.adminRole || role == m.w.manager }

// covers: an administrator's role grants all, a user manager's all but that.
func (m *model) covers(mine, other string) bool {
	switch mine {
	case m.w.adminRole:
		return true
	case m.w.manager:
		return other != m.w.adminRole
	}
	return other == m.w.csm || other == m.w.viewer
}

func (m *model) seats() (used int) {
	for _, p := range m.people {
		if p.role == m.w.csm && p.status != directory.Inactive {
			used++
		}
	}
	return used
}

func (m *model) administrators() (n int) {
	for _, p := range m.people {
		if p.role == m.w.adminRole && p.status == directory.Active {
			n++
		}
	}
	return n
}

// named is who has a name, as a username or an address.
func (m *model) named(name string) *modelPerson {
	for _, p := range m.people {
		if strings.EqualFold(p.email, name) || strings.EqualFold(p.username, name) {
			return p
		}
	}
	return nil
}

// kill makes the invitation's link dead.
func (m *model) kill(p *modelPerson) {
	if p.link != "" {
		m.dead = append(m.dead, p.link)
	}
	p.link = ""
}

func (m *model) renew(p *modelPerson) {
	m.kill(p)
	p.events++
	p.expires = m.w.dir.Now().Add(invitationTTL)
}

// claims are the refusals of what would break a rule of seats or administrators.
func (m *model) claims(p *modelPerson, status directory.Status, role string) (codes []directory.Code) {
	takes := func(status directory.Status, role string) bool {
		return role == m.w.csm && status != directory.Inactive
	}
	leads := func(status directory.Status, role string) bool {
		return role == m.w.adminRole && status == directory.Active
	}
	if takes(status, role) && !takes(p.status, p.role) && m.seats() >= m.limit {
		codes = append(codes, directory.CodeNoSeatAvailable)
	}
	if leads(p.status, p.role) && !leads(status, role) && m.administrators() == 1 {
		codes = append(codes, directory.CodeLastAdministrator)
	}
	return codes
}

// run makes random requests of one organization and compares it with the model.
func (m *model) run(t *rapid.T) {
	w := m.w
	ctx := w.t.Context()
	pick := func(t *rapid.T, label string, from []*modelPerson) *modelPerson {
		if len(from) == 0 {
			t.Skip("nobody " + label)
		}
		return from[rapid.IntRange(0, len(from)-1).Draw(t, label)]
	}
	with := func(status directory.Status) (found []*modelPerson) {
		for _, p := range m.people {
			if p.status == status {
				found = append(found, p)
			}
		}
		return found
	}
	// The administrators act most: else most is refused.
	actor := func(t *rapid.T) (*modelPerson, directory.Actor) {
		all := with(directory.Active)
		var first []*modelPerson
		for _, p := range all {
			if p.role == w.adminRole {
				first = append(first, p)
			}
		}
		p := pick(t, "actor", append(slices.Repeat(first, 3), all...))
		return p, directory.Actor{User: w.read(p.id), Organization: w.org}
	}
	role := func(t *rapid.T) string {
		return rapid.SampledFrom([]string{w.csm, w.csm, w.adminRole, w.manager, w.viewer}).Draw(t, "role")
	}
	version := func(t *rapid.T, p *modelPerson) (*int, bool) {
		switch rapid.IntRange(0, 5).Draw(t, "version") {
		case 0:
			return number(p.version - 1), false
		case 1, 2:
			return &p.version, true
		}
		return nil, true
	}
	answer := func(t *rapid.T, err error, want ...directory.Code) {
		t.Helper()
		if want[0] == nothing {
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		if !slices.ContainsFunc(want, func(code directory.Code) bool { return directory.HasCode(err, code) }) {
			t.Fatalf("%v instead of %v", err, want)
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"": func(t *rapid.T) { m.compare(t) },
		"invite": func(t *rapid.T) {
			by, who := actor(t)
			email := rapid.SampledFrom([]string{"a", "b", "c", "d", "E", "F"}).Draw(t, "name") + "@x.example"
			roleID := role(t)
			results, err := w.dir.InviteUsers(ctx, who, []string{email}, roleID)
			switch {
			case !m.manages(by.role):
				answer(t, err, directory.CodeForbidden)
				return
			case !m.covers(by.role, roleID):
				answer(t, err, directory.CodeRoleEscalation)
				return
			}
			answer(t, err, nothing)
			var want directory.InviteOutcome
			switch p := m.named(email); {
			case p == nil && roleID == w.csm && m.seats() >= m.limit:
				want = directory.OutcomeNoSeat
			case p == nil:
				want = directory.OutcomeInvited
				m.people = append(m.people, &modelPerson{
					id: results[0].User.ID, email: email, username: email, role: roleID, status: directory.Pending,
					version: 1, events: 1, expires: w.dir.Now().Add(invitationTTL),
				})
			case !strings.EqualFold(p.email, email):
				want = directory.OutcomeTaken
			case p.status == directory.Active:
				want = directory.OutcomeAlreadyActive
			case p.status == directory.Inactive:
				want = directory.OutcomeInactive
			case !m.covers(by.role, p.role):
				want = directory.OutcomeEscalation
			default:
				want = directory.OutcomeRenewed
				m.renew(p)
			}
			if results[0].Outcome != want {
				t.Fatalf("%s is %s instead of %s", email, results[0].Outcome, want)
			}
		},
		"mail is sent": func(t *rapid.T) {
			p := pick(t, "target", with(directory.Pending))
			m.kill(p)
			m.links++
			p.link, p.expires = fmt.Sprint("link ", m.links), w.dir.Now().Add(invitationTTL)
			p.events++
			_, err := w.dir.Change(ctx, directory.Actor{Organization: w.org}, p.id, func(u *directory.User) (*directory.News, error) {
				u.Invitation.TokenHash, u.Invitation.ExpiresAt = p.link, p.expires
				return &directory.News{Action: "TEST"}, nil
			})
			answer(t, err, nothing)
		},
		"accept": func(t *rapid.T) {
			p := pick(t, "target", with(directory.Pending))
			m.kill(p)
			p.status, p.password = directory.Active, true
			p.version, p.events = p.version+1, p.events+1
			_, err := w.dir.Change(ctx, directory.Actor{Organization: w.org}, p.id, func(u *directory.User) (*directory.News, error) {
				complete(u)
				return &directory.News{Action: directory.InvitationAccepted}, nil
			})
			answer(t, err, nothing)
		},
		"update role": func(t *rapid.T) {
			by, who := actor(t)
			p, roleID := pick(t, "target", m.people), role(t)
			expected, seen := version(t, p)
			claims := m.claims(p, p.status, roleID)
			_, err := w.dir.UpdateUser(ctx, who, p.id, directory.Changes{RoleID: &roleID}, expected)
			switch {
			case !m.manages(by.role):
				answer(t, err, directory.CodeForbidden)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case !seen:
				answer(t, err, directory.CodeConflict)
			case roleID == p.role:
				answer(t, err, nothing)
			case by == p:
				answer(t, err, directory.CodeSelfAction)
			case !m.covers(by.role, roleID):
				answer(t, err, directory.CodeRoleEscalation)
			case len(claims) > 0:
				answer(t, err, claims...)
			default:
				answer(t, err, nothing)
				p.role = roleID
				p.version, p.events = p.version+1, p.events+1
			}
		},
		"update username": func(t *rapid.T) {
			by, who := actor(t)
			p := pick(t, "target", m.people)
			name := rapid.SampledFrom([]string{"a@x.example", "B@x.example", "nick", "NICK", "nock", "e@X.example"}).Draw(t, "username")
			_, err := w.dir.UpdateUser(ctx, who, p.id, directory.Changes{Username: &name}, nil)
			taken := slices.ContainsFunc(m.people, func(o *modelPerson) bool {
				return o != p && (strings.EqualFold(o.email, name) || strings.EqualFold(o.username, name))
			})
			switch {
			case !m.manages(by.role):
				answer(t, err, directory.CodeForbidden)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case name == p.username:
				answer(t, err, nothing)
			case taken:
				answer(t, err, directory.CodeTaken)
			default:
				answer(t, err, nothing)
				p.username = name
				p.version, p.events = p.version+1, p.events+1
			}
		},
		"delete": func(t *rapid.T) {
			by, who := actor(t)
			p := pick(t, "target", m.people)
			expected, seen := version(t, p)
			claims := m.claims(p, directory.Inactive, p.role)
			_, err := w.dir.DeleteUser(ctx, who, p.id, expected)
			switch {
			case !m.manages(by.role):
				answer(t, err, directory.CodeForbidden)
			case by == p:
				answer(t, err, directory.CodeSelfAction)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case p.status == directory.Inactive:
				answer(t, err, nothing)
			case !seen:
				answer(t, err, directory.CodeConflict)
			case len(claims) > 0:
				answer(t, err, claims...)
			default:
				answer(t, err, nothing)
				m.kill(p)
				p.status = directory.Inactive
				p.version, p.events = p.version+1, p.events+1
			}
		},
		"reactivate": func(t *rapid.T) {
			by, who := actor(t)
			p := pick(t, "target", m.people)
			expected, seen := version(t, p)
			claims := m.claims(p, directory.Pending, p.role)
			_, err := w.dir.ReactivateUser(ctx, who, p.id, expected)
			switch {
			case !m.manages(by.role):
				answer(t, err, directory.CodeForbidden)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case p.status != directory.Inactive:
				answer(t, err, nothing)
			case !seen:
				answer(t, err, directory.CodeConflict)
			case slices.Contains(claims, directory.CodeNoSeatAvailable):
				answer(t, err, directory.CodeNoSeatAvailable)
			default:
				answer(t, err, nothing)
				p.status = directory.Pending
				if p.password {
					p.status = directory.Active
				}
				p.expires = w.dir.Now().Add(invitationTTL)
				p.version, p.events = p.version+1, p.events+1
			}
		},
		"resend": func(t *rapid.T) {
			by, who := actor(t)
			p := pick(t, "target", m.people)
			_, err := w.dir.ResendInvitation(ctx, who, p.id)
			switch {
			case !m.manages(by.role):
				answer(t, err, directory.CodeForbidden)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case p.status != directory.Pending:
				answer(t, err, directory.CodeNotPending)
			default:
				answer(t, err, nothing)
				m.renew(p)
			}
		},
		"reset password": func(t *rapid.T) {
			by, who := actor(t)
			p := pick(t, "target", m.people)
			_, err := w.dir.ResetPassword(ctx, who, p.id)
			switch {
			case !m.manages(by.role):
				answer(t, err, directory.CodeForbidden)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case p.status == directory.Inactive:
				answer(t, err, directory.CodeInvalid)
			case p.status == directory.Pending:
				answer(t, err, nothing)
				m.renew(p)
			default:
				answer(t, err, nothing)
				p.events++
			}
		},
		"enable two-factor": func(t *rapid.T) {
			p := pick(t, "target", with(directory.Active))
			p.events++
			if !p.twoFactor {
				p.version++
			}
			p.twoFactor = true
			_, err := w.dir.Change(ctx, directory.Actor{Organization: w.org}, p.id, func(u *directory.User) (*directory.News, error) {
				enableTwoFactor(u)
				return &directory.News{Action: directory.TwoFactorEnabled}, nil
			})
			answer(t, err, nothing)
		},
		"disable two-factor": func(t *rapid.T) {
			by, who := actor(t)
			p := pick(t, "target", m.people)
			expected, seen := version(t, p)
			_, err := w.dir.DisableTwoFactor(ctx, who, p.id, expected)
			switch {
			case !m.manages(by.role):
				answer(t, err, directory.CodeForbidden)
			case by == p:
				answer(t, err, directory.CodeSelfAction)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case !seen:
				answer(t, err, directory.CodeConflict)
			case !p.twoFactor:
				answer(t, err, directory.CodeTwoFactorNotEnabled)
			default:
				answer(t, err, nothing)
				p.twoFactor = false
				p.version, p.events = p.version+1, p.events+1
			}
		},
		"time passes": func(t *rapid.T) {
			w.clock.advance(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour)
		},
	})
}

// compare holds what the store says against the model.
func (m *model) compare(t *rapid.T) {
	w := m.w
	// Limits have tests of their own.
	w.clock.advance(time.Hour)
	all := w.everybody()
	if len(all) != len(m.people) {
		t.Fatalf("%d people instead of %d", len(all), len(m.people))
	}
	counts := directory.Counts{}
	for _, p := range m.people {
		u := all[p.id]
		events := 0
		for _, entry := range u.Outbox {
			if entry.Event != nil {
				events++
			}
		}
		got := modelPerson{
			id: u.ID, email: u.Email, username: u.Username, role: u.RoleID, status: u.Status, password: u.Credentials.PasswordHash != "",
			twoFactor: u.TwoFactorEnabled(), version: u.Version, events: events, link: p.link, expires: p.expires,
		}
		if got != *p {
			t.Fatalf("%+v instead of %+v", got, *p)
		}
		if (u.Invitation != nil) != (u.Status == directory.Pending) {
			t.Fatalf("%s has an invitation: %v", u.Status, u.Invitation)
		}
		counts[directory.Group{Status: p.status, RoleID: p.role, TwoFactor: p.twoFactor}]++
		if p.link != "" {
			_, err := w.dir.InvitationFor(w.t.Context(), w.org.ID, p.link)
			if alive := w.dir.Now().Before(p.expires); alive != (err == nil) || !alive && !directory.HasCode(err, directory.CodeLinkInvalid) {
				t.Fatalf("the link of %s until %s, at %s: %v", p.email, p.expires, w.dir.Now(), err)
			}
		}
	}
	for _, link := range m.dead {
		if _, err := w.dir.InvitationFor(w.t.Context(), w.org.ID, link); !directory.HasCode(err, directory.CodeLinkInvalid) {
			t.Fatalf("%s came back to life: %v", link, err)
		}
	}
	if seats := w.seats(); seats.Used != m.seats() || seats.Used > m.limit {
		t.Fatalf("%d seats are taken instead of %d", seats.Used, m.seats())
	}
	if m.administrators() < 1 {
		t.Fatalf("nobody administers")
	}
	kept, err := w.store.Counts(w.t.Context(), w.org.ID)
	if err != nil {
		t.Fatalf("counts: %v", err)
	}
	maps.DeleteFunc(kept, func(_ directory.Group, n int) bool { return n == 0 })
	if !maps.Equal(kept, counts) {
		t.Fatalf("the counts are %v instead of %v", kept, counts)
	}
}

func TestRulesHoldInAnyOrder(t *testing.T) {
	h := newHouse(t)
	end, runs, passed := time.Now().Add(4*time.Second), 0, 0
	rapid.Check(t, func(r *rapid.T) {
		// That is enough for one run of the tests, unless rapid looks into a failure.
		if runs > 0 && runs == passed && time.Now().After(end) {
			return
		}
		runs++
		w := h.world(t, 3)
		m := &model{w: w, limit: 3}
		root := w.read(w.admin.ID)
		m.people = []*modelPerson{{
			id: root.ID, email: root.Email, username: root.Username, role: w.adminRole, status: directory.Active,
			password: true, version: root.Version, events: 1,
		}}
		m.run(r)
		passed++
	})
	t.Logf("%d sequences", runs)
}
