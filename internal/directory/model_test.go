package directory_test

import (
	"flag"
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
	version, events, sessions int
	// reset tells whether a link to reset the password is on its way.
	reset bool
	// link opens the invitation until expires; empty: no mail was sent yet.
	link    string
	expires time.Time
	// invited and resetting are the requests with an idempotency key that the
	// links were asked for with; renewed tells whether the first invitation was.
	invited, resetting asking
	renewed            bool
}

// asking is a request that a link was asked for with.
type asking struct {
	request string
	at      time.Time
}

// model is one organization as the rules say it is, in the simplest words.
type model struct {
	w      *world
	people []*modelPerson
	roles  []*modelRole
	// gone are ids of deleted roles.
	gone []string
	// unmoved tells that people may still carry a deleted role in their documents.
	unmoved  bool
	limit    int
	lifetime time.Duration
	required bool
	// version and events are the organization's.
	version, events int
	dead            []string
	links           int
	// answered are the requests with an idempotency key.
	answered map[string]modelRequest
	// again repeats the latest of them.
	again func(t *rapid.T)
}

const nothing directory.Code = ""

func (m *model) role(id string) *modelRole {
	for _, r := range m.roles {
		if r.id == id {
			return r
		}
	}
	return &modelRole{}
}

// may tells whether somebody has a permission, and may use it.
func (m *model) may(p *modelPerson, permission directory.Permission) bool {
	return m.role(p.role).has(permission) && (p.twoFactor || !m.required)
}

func (m *model) manages(p *modelPerson) bool { return m.may(p, directory.ManageUsers) }

// covers: a role grants all that another one does, but for the seat.
func (m *model) covers(mine, other string) bool {
	return m.role(mine).covers(m.role(other).permissions)
}

func (m *model) takesSeat(status directory.Status, role string) bool {
	return status != directory.Inactive && m.role(role).has(directory.CSMSeat)
}

func (m *model) administers(status directory.Status, role string) bool {
	return status == directory.Active && m.role(role).administers()
}

func (m *model) seats() (used int) {
	for _, p := range m.people {
		if m.takesSeat(p.status, p.role) {
			used++
		}
	}
	return used
}

func (m *model) administrators() (n int) {
	for _, p := range m.people {
		if m.administers(p.status, p.role) {
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
	p.link, p.invited, p.renewed = "", asking{}, false
}

func (m *model) renew(p *modelPerson, request string) {
	m.kill(p)
	p.invited, p.renewed = asking{request, m.w.dir.Now()}, true
	p.events++
	p.expires = m.w.dir.Now().Add(m.invitationLifetime())
}

func (m *model) invitationLifetime() time.Duration {
	if m.lifetime > 0 {
		return m.lifetime
	}
	return invitationTTL
}

// claims are the refusals of what would break a rule of seats or administrators.
func (m *model) claims(p *modelPerson, status directory.Status, role string) (codes []directory.Code) {
	if m.takesSeat(status, role) && !m.takesSeat(p.status, p.role) && m.seats() >= m.limit {
		codes = append(codes, directory.CodeNoSeatAvailable)
	}
	if m.administers(p.status, p.role) && !m.administers(status, role) && m.administrators() == 1 {
		codes = append(codes, directory.CodeLastAdministrator)
	}
	return codes
}

// modelRequest is a request that was answered under an idempotency key.
type modelRequest struct {
	fingerprint string
	until       time.Time
	outcomes    []directory.InviteOutcome
}

// modelKey is an idempotency key as somebody uses it; it is one of a few, so
// that they are used again, for the same and for something else.
type modelKey struct {
	key *string
	// request is the key of this person; empty without one.
	request, fingerprint string
}

func (m *model) key(t *rapid.T, by *modelPerson, input ...any) modelKey {
	key := rapid.SampledFrom([]string{"", "", "", "", "one", "two", "three"}).Draw(t, "key")
	if key == "" {
		return modelKey{}
	}
	return modelKey{&key, by.id + " " + key, fmt.Sprint(input...)}
}

// known is what was answered under the key, and whether it was something else.
func (m *model) known(k modelKey) (before modelRequest, known, clash bool) {
	before, known = m.answered[k.request]
	known = known && m.w.dir.Now().Before(before.until)
	return before, known, known && before.fingerprint != k.fingerprint
}

func (m *model) remember(k modelKey, outcomes ...directory.InviteOutcome) {
	if k.key != nil {
		m.answered[k.request] = modelRequest{k.fingerprint, m.w.dir.Now().Add(24 * time.Hour), outcomes}
	}
}

// ask does what may be asked again with its key, as long as the person is there.
func (m *model) ask(t *rapid.T, by *modelPerson, key modelKey, do func(*rapid.T, modelKey)) {
	do(t, key)
	if key.key != nil {
		m.again = func(t *rapid.T) {
			if by.status == directory.Active {
				do(t, key)
			}
		}
	}
}

// pick chooses one of them.
func pick[T any](t *rapid.T, label string, from []T) T {
	if len(from) == 0 {
		t.Skip("no " + label)
	}
	return from[rapid.IntRange(0, len(from)-1).Draw(t, label)]
}

func (m *model) with(status directory.Status) (found []*modelPerson) {
	for _, p := range m.people {
		if p.status == status {
			found = append(found, p)
		}
	}
	return found
}

// actor is somebody who acts: mostly an administrator, else most is refused.
func (m *model) actor(t *rapid.T) (*modelPerson, directory.Actor) {
	all := m.with(directory.Active)
	var first []*modelPerson
	for _, p := range all {
		if m.administers(p.status, p.role) {
			first = append(first, p)
		}
	}
	p := pick(t, "actor", append(slices.Repeat(first, 3), all...))
	return p, m.as(p)
}

// as is a person as they are now, as an actor.
func (m *model) as(p *modelPerson) directory.Actor {
	m.w.reread()
	return directory.Actor{User: m.w.read(p.id), Organization: m.w.org, AuthenticatedAt: m.w.dir.Now()}
}

// version is what an editor may have seen, and whether it is what there is.
func seenVersion(t *rapid.T, version int) (*int, bool) {
	switch rapid.IntRange(0, 5).Draw(t, "version") {
	case 0:
		return number(version - 1), false
	case 1, 2:
		return &version, true
	}
	return nil, true
}

// answer holds what was answered against what the model says.
func answer(t *rapid.T, err error, want ...directory.Code) {
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

// run makes random requests of one organization and compares it with the model.
func (m *model) run(t *rapid.T) {
	actions := map[string]func(*rapid.T){"": m.compare}
	maps.Copy(actions, m.actionsOfPeople())
	maps.Copy(actions, m.actionsOfTheOrganization())
	t.Repeat(actions)
}

func (m *model) actionsOfPeople() map[string]func(*rapid.T) {
	w := m.w
	ctx := w.t.Context()
	role := func(t *rapid.T) string {
		ids := append([]string{w.csm, w.adminRole}, m.gone...)
		for _, r := range m.roles {
			ids = append(ids, r.id)
		}
		return rapid.SampledFrom(ids).Draw(t, "role")
	}
	there := func(id string) bool { return m.role(id).id != "" }
	return map[string]func(*rapid.T){
		"invite": func(t *rapid.T) {
			by, _ := m.actor(t)
			names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "E", "F"}), 1, 3, rapid.ID).Draw(t, "names")
			for i := range names {
				names[i] += "@x.example"
			}
			roleID := role(t)
			m.ask(t, by, m.key(t, by, "invite", names, roleID), func(t *rapid.T, key modelKey) { m.invite(t, by, names, roleID, key) })
		},
		"mail is sent": func(t *rapid.T) {
			p := pick(t, "target", m.with(directory.Pending))
			invited, renewed := p.invited, p.renewed
			m.kill(p)
			p.invited, p.renewed = invited, renewed
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
			p := pick(t, "target", m.with(directory.Pending))
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
			by, who := m.actor(t)
			p, roleID := pick(t, "target", m.people), role(t)
			expected, seen := seenVersion(t, p.version)
			claims := m.claims(p, p.status, roleID)
			_, err := w.dir.UpdateUser(ctx, who, p.id, directory.Changes{RoleID: &roleID}, expected)
			switch {
			case !m.manages(by):
				answer(t, err, directory.CodeForbidden)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case !seen:
				answer(t, err, directory.CodeConflict)
			case roleID == p.role:
				answer(t, err, nothing)
			case by == p:
				answer(t, err, directory.CodeSelfAction)
			case !there(roleID):
				answer(t, err, directory.CodeNotFound)
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
			by, who := m.actor(t)
			p := pick(t, "target", m.people)
			name := rapid.SampledFrom([]string{"a@x.example", "B@x.example", "nick", "NICK", "nock", "e@X.example"}).Draw(t, "username")
			_, err := w.dir.UpdateUser(ctx, who, p.id, directory.Changes{Username: &name}, nil)
			taken := slices.ContainsFunc(m.people, func(o *modelPerson) bool {
				return o != p && (strings.EqualFold(o.email, name) || strings.EqualFold(o.username, name))
			})
			switch {
			case !m.manages(by):
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
			by, who := m.actor(t)
			p := pick(t, "target", m.people)
			expected, seen := seenVersion(t, p.version)
			claims := m.claims(p, directory.Inactive, p.role)
			_, err := w.dir.DeleteUser(ctx, who, p.id, expected)
			switch {
			case !m.manages(by):
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
				p.status, p.sessions, p.reset, p.resetting = directory.Inactive, 0, false, asking{}
				p.version, p.events = p.version+1, p.events+1
			}
		},
		"reactivate": func(t *rapid.T) {
			by, who := m.actor(t)
			p := pick(t, "target", m.people)
			expected, seen := seenVersion(t, p.version)
			key := m.key(t, by, "reactivate", p.id, shown(expected))
			_, known, clash := m.known(key)
			claims := m.claims(p, directory.Pending, p.role)
			_, err := w.dir.ReactivateUser(ctx, who, p.id, expected, key.key)
			if m.refuseKeyed(t, err, by, known, clash) {
				return
			}
			switch {
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
				return
			case p.status != directory.Inactive:
				answer(t, err, nothing)
			case !seen:
				answer(t, err, directory.CodeConflict)
				return
			case slices.Contains(claims, directory.CodeNoSeatAvailable):
				answer(t, err, directory.CodeNoSeatAvailable)
				return
			default:
				answer(t, err, nothing)
				p.status = directory.Pending
				if p.password {
					p.status = directory.Active
				}
				p.expires = w.dir.Now().Add(m.invitationLifetime())
				p.version, p.events = p.version+1, p.events+1
			}
			m.remember(key)
		},
		"resend": func(t *rapid.T) {
			by, _ := m.actor(t)
			p := pick(t, "target", m.people)
			m.ask(t, by, m.key(t, by, "resend", p.id), func(t *rapid.T, key modelKey) { m.resend(t, by, p, key) })
		},
		"reset password": func(t *rapid.T) {
			by, _ := m.actor(t)
			p := pick(t, "target", m.people)
			m.ask(t, by, m.key(t, by, "reset", p.id), func(t *rapid.T, key modelKey) { m.resetPassword(t, by, p, key) })
		},
		"cancel reset": func(t *rapid.T) {
			by, who := m.actor(t)
			p := pick(t, "target", m.people)
			_, err := w.dir.CancelPasswordReset(ctx, who, p.id)
			switch {
			case !m.manages(by):
				answer(t, err, directory.CodeForbidden)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			default:
				answer(t, err, nothing)
				if p.reset {
					p.reset, p.resetting = false, asking{}
					p.events++
				}
			}
		},
		"sign in": func(t *rapid.T) {
			p := pick(t, "target", m.with(directory.Active))
			p.sessions++
			p.events++
			_, err := w.dir.Change(ctx, directory.Actor{Organization: w.org}, p.id, func(u *directory.User) (*directory.News, error) {
				u.Sessions = append(u.Sessions, directory.SessionRef{ID: fmt.Sprint(p.events), ExpiresAt: w.dir.Now().Add(time.Hour)})
				return &directory.News{Action: directory.SignedIn}, nil
			})
			answer(t, err, nothing)
		},
		"the vault forgets": func(t *rapid.T) {
			if err := w.vault.Sweep(ctx, w.dir.Now().AddDate(1, 0, 0)); err != nil {
				t.Fatal(err)
			}
			m.answered = map[string]modelRequest{}
			if m.again != nil {
				m.again(t)
			}
		},
		"enable two-factor": func(t *rapid.T) {
			p := pick(t, "target", m.with(directory.Active))
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
			by, who := m.actor(t)
			p := pick(t, "target", m.people)
			expected, seen := seenVersion(t, p.version)
			key := m.key(t, by, "disable", p.id, shown(expected))
			_, known, clash := m.known(key)
			_, err := w.dir.DisableTwoFactor(ctx, who, p.id, expected, key.key)
			if m.refuseKeyed(t, err, by, known, clash) {
				return
			}
			switch {
			case by == p:
				answer(t, err, directory.CodeSelfAction)
			case !m.covers(by.role, p.role):
				answer(t, err, directory.CodeRoleEscalation)
			case !p.twoFactor:
				answer(t, err, directory.CodeTwoFactorNotEnabled)
			case !seen:
				answer(t, err, directory.CodeConflict)
			default:
				answer(t, err, nothing)
				p.twoFactor, p.sessions = false, 0
				p.version, p.events = p.version+1, p.events+1
				m.remember(key)
			}
		},
		"time passes": func(t *rapid.T) {
			w.clock.advance(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour)
		},
	}
}

// invite asks for an invitation, and holds the answer against the rules.
func (m *model) invite(t *rapid.T, by *modelPerson, emails []string, roleID string, key modelKey) {
	before, known, clash := m.known(key)
	results, err := m.w.dir.InviteUsers(m.w.t.Context(), m.as(by), emails, roleID, key.key)
	switch {
	case !m.manages(by):
		answer(t, err, directory.CodeForbidden)
		return
	case clash:
		answer(t, err, directory.CodeInvalid)
		return
	case known:
		answer(t, err, nothing)
	case m.role(roleID).id == "":
		answer(t, err, directory.CodeNotFound)
		return
	case !m.covers(by.role, roleID):
		answer(t, err, directory.CodeRoleEscalation)
		return
	default:
		answer(t, err, nothing)
		before.outcomes = nil
		for i, email := range emails {
			before.outcomes = append(before.outcomes, m.invited(by, email, roleID, key.request, results[i].User))
		}
		m.remember(key, before.outcomes...)
	}
	for i, want := range before.outcomes {
		if results[i].Outcome != want {
			t.Fatalf("%s is %s instead of %s", emails[i], results[i].Outcome, want)
		}
	}
}

// invited is what becomes of one address; u is who has it now, whose id the
// model can't foresee.
func (m *model) invited(by *modelPerson, email, roleID, request string, u *directory.User) directory.InviteOutcome {
	switch p := m.named(email); {
	case p == nil && m.takesSeat(directory.Pending, roleID) && m.seats() >= m.limit:
		return directory.OutcomeNoSeat
	case p == nil && u == nil:
		return directory.OutcomeInvited // and not answered
	case p == nil:
		m.people = append(m.people, &modelPerson{
			id: u.ID, email: email, username: email, role: roleID, status: directory.Pending,
			version: 1, events: 1, expires: m.w.dir.Now().Add(m.invitationLifetime()), invited: asking{request, m.w.dir.Now()},
		})
		return directory.OutcomeInvited
	case !strings.EqualFold(p.email, email):
		return directory.OutcomeTaken
	case p.status == directory.Active:
		return directory.OutcomeAlreadyActive
	case p.status == directory.Inactive:
		return directory.OutcomeInactive
	case m.asked(p, request) && !p.renewed:
		return directory.OutcomeInvited
	case !m.covers(by.role, p.role):
		return directory.OutcomeEscalation
	default:
		if !m.asked(p, request) {
			m.renew(p, request)
		}
		return directory.OutcomeRenewed
	}
}

// resend asks for a fresh link, and holds the answer against the rules.
func (m *model) resend(t *rapid.T, by, p *modelPerson, key modelKey) {
	_, known, clash := m.known(key)
	_, err := m.w.dir.ResendInvitation(m.w.t.Context(), m.as(by), p.id, key.key)
	if m.refuseKeyed(t, err, by, known, clash) {
		return
	}
	switch {
	case m.asked(p, key.request):
		answer(t, err, nothing)
	case !m.covers(by.role, p.role):
		answer(t, err, directory.CodeRoleEscalation)
		return
	case p.status != directory.Pending:
		answer(t, err, directory.CodeNotPending)
		return
	default:
		answer(t, err, nothing)
		m.renew(p, key.request)
	}
	m.remember(key)
}

// resetPassword asks for a reset, and holds the answer against the rules.
func (m *model) resetPassword(t *rapid.T, by, p *modelPerson, key modelKey) {
	_, known, clash := m.known(key)
	_, err := m.w.dir.ResetPassword(m.w.t.Context(), m.as(by), p.id, key.key)
	if m.refuseKeyed(t, err, by, known, clash) {
		return
	}
	switch {
	case m.asked(p, key.request):
		answer(t, err, nothing)
	case !m.covers(by.role, p.role):
		answer(t, err, directory.CodeRoleEscalation)
		return
	case p.status == directory.Inactive:
		answer(t, err, directory.CodeInvalid)
		return
	case p.status == directory.Pending:
		answer(t, err, nothing)
		m.renew(p, key.request)
	default:
		answer(t, err, nothing)
		p.reset, p.resetting = true, asking{key.request, m.w.dir.Now()}
		p.events++
	}
	m.remember(key)
}

// refuseKeyed holds the answer against what does not hang on the person; true
// when that is all.
func (m *model) refuseKeyed(t *rapid.T, err error, by *modelPerson, known, clash bool) bool {
	switch {
	case !m.manages(by):
		answer(t, err, directory.CodeForbidden)
	case clash:
		answer(t, err, directory.CodeInvalid)
	case known:
		answer(t, err, nothing)
	default:
		return false
	}
	return true
}

// asked tells whether a link of p was asked for by this request within a day.
func (m *model) asked(p *modelPerson, request string) bool {
	by := func(a asking) bool { return a.request == request && m.w.dir.Now().Before(a.at.Add(24*time.Hour)) }
	return request != "" && (by(p.invited) || by(p.resetting))
}

// shown is a version that may be none.
func shown(version *int) any {
	if version == nil {
		return nil
	}
	return *version
}

// compare holds what the store says against the model.
func (m *model) compare(t *rapid.T) {
	w := m.w
	// Limits have tests of their own.
	w.clock.advance(time.Hour)
	w.reread()
	m.compareOrganization(t)
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
		got := *p
		got.id, got.email, got.username, got.role, got.status = u.ID, u.Email, u.Username, w.org.RoleOf(u).ID, u.Status
		got.password, got.twoFactor, got.reset = u.Credentials.PasswordHash != "", u.TwoFactorEnabled(), u.PasswordReset != nil
		got.version, got.events, got.sessions = u.Version, events, len(u.Sessions)
		if got != *p {
			t.Fatalf("%+v instead of %+v", got, *p)
		}
		if (u.Invitation != nil) != (u.Status == directory.Pending) {
			t.Fatalf("%s has an invitation: %v", u.Status, u.Invitation)
		}
		counts[directory.GroupOf(u)]++
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
	if seats := w.seats(); seats.Used != m.seats() || seats.Limit != m.limit || seats.Used > m.limit {
		t.Fatalf("%+v instead of %d of %d", seats, m.seats(), m.limit)
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
	m.compareRoles(t, kept)
}

func TestRulesHoldInAnyOrder(t *testing.T) {
	h := newHouse(t)
	// Asked for more sequences than rapid's 100 (-rapid.checks), it takes its time.
	asked := flag.Lookup("rapid.checks").Value.String() != "100"
	end, runs, passed := time.Now().Add(4*time.Second), 0, 0
	rapid.Check(t, func(r *rapid.T) {
		// That is enough for one run of the tests, unless rapid looks into a failure.
		if !asked && runs > 0 && runs == passed && time.Now().After(end) {
			return
		}
		runs++
		w := h.world(t, 3)
		m := newModel(w, 3)
		root := w.read(w.admin.ID)
		m.people = []*modelPerson{{
			id: root.ID, email: root.Email, username: root.Username, role: w.adminRole, status: directory.Active,
			password: true, version: root.Version, events: 1,
		}}
		m.run(r)
		m.leave()
		passed++
	})
	t.Logf("%d sequences", runs)
}
