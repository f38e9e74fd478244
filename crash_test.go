package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
)

// rounds is how often the crash test kills in each way: a few times, or its
// share of ROUNDS.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ROUNDS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "ROUNDS")
	return max(n/len(ways), 1)
}

// tenant is an organization that works until the program is killed. Each round
// has one of its own, since what a kill leaves of a changing role keeps others
// from changing roles for half a minute.
type tenant struct {
	slug  string
	admin *client
	roles map[string]string

	mu sync.Mutex
	// done and unsure count the changes that were answered, and those that were
	// cut off, by what the audit log calls them.
	done, unsure map[deed]int
	people       []*life
	positions    []*position
	// name and seatLimit are what the settings were last answered to be; settled
	// is false when a change of them was cut off.
	name      string
	seatLimit int
	settled   bool
	// retries are what was cut off with an idempotency key.
	retries []retry
}

// deed is something that is done to somebody or something.
type deed struct {
	action directory.Action
	// target is an id, or the address of somebody whose invitation was cut off.
	target string
}

// retry is what is asked again, after all.
type retry struct {
	deed      deed
	query     string
	variables object
	life      *life
}

// life is a person as the answers have said; sure is false once a change of
// them was cut off, which is where it ends.
type life struct {
	email, id, role string
	status          directory.Status
	password, sure  bool
	// reset tells whether a link to reset the password is on its way.
	reset bool
}

// position is a role as the answers have said.
type position struct {
	id, name      string
	seat, deleted bool
	sure          bool
	replacement   string
}

// try sends a mutation, and notes what has become of it: done, refused (with
// the code), or cut off.
func (n *tenant) try(by *client, d deed, query string, variables object) (payload object, code string, answered bool) {
	r, err := by.ask(query, variables)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil || r.code() == "UNAVAILABLE" || r.code() == "INTERNAL" {
		n.unsure[d]++
		return nil, "", false
	}
	if r.code() != "" {
		return nil, r.code(), true
	}
	for _, v := range r.Data {
		payload, _ = v.(object)
	}
	if code = text(payload, "userErrors", 0, "code"); code == "" && d.target != "" {
		n.done[d]++
	}
	return payload, code, true
}

// note counts a change of which the target is known only by now.
func (n *tenant) note(d deed) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done[d]++
}

// key is an idempotency key, or none.
func key() any {
	if rand.IntN(2) == 0 {
		return nil
	}
	return fmt.Sprint("key ", rand.Uint64())
}

// live invites somebody and has a few things happen to them; false when it was
// cut off.
func (n *tenant) live(p *program, email string) bool {
	role := n.roles[[]string{"Viewer", "Customer Success Manager"}[rand.IntN(2)]]
	one := &life{email: email, role: role, sure: true}
	variables := object{"in": object{"emails": []string{email}, "roleId": role, "idempotencyKey": key()}}
	// The answer names who it was done to.
	payload, code, answered := n.try(n.admin, deed{directory.UserInvited, ""}, keyedInvite.query, variables)
	if !answered {
		n.cutOff(one, deed{directory.UserInvited, email}, keyedInvite, variables)
		return false
	}
	if code != "" || text(payload, "results", 0, "outcome") != "INVITED" {
		return true
	}
	one.id, one.status = text(payload, "results", 0, "user", "id"), directory.Pending
	n.note(deed{directory.UserInvited, one.id})
	n.mu.Lock()
	n.people = append(n.people, one)
	n.mu.Unlock()
	for range 6 {
		if !n.happens(p, one) {
			return false
		}
	}
	return true
}

// cutOff notes a change of somebody that was cut off.
func (n *tenant) cutOff(one *life, d deed, k keyed, variables object) {
	n.mu.Lock()
	defer n.mu.Unlock()
	one.sure = false
	if d.action == directory.UserInvited {
		// It was noted without its target.
		n.unsure[deed{directory.UserInvited, ""}]--
		n.unsure[d]++
	}
	given := variables["key"]
	if in, ok := variables["in"].(object); ok {
		given = in["idempotencyKey"]
	}
	if given != nil {
		n.retries = append(n.retries, retry{d, k.query, variables, one})
	}
}

// happens does one thing to somebody; false when it was cut off.
func (n *tenant) happens(p *program, one *life) bool {
	byID := object{"id": one.id, "key": key()}
	do := func(action directory.Action, k keyed, variables object, then func()) bool {
		d := deed{action, one.id}
		_, code, answered := n.try(n.admin, d, k.query, variables)
		if !answered {
			n.cutOff(one, d, k, variables)
			return false
		}
		if code == "" {
			n.mu.Lock() // who changes a role looks for its people
			defer n.mu.Unlock()
			then()
		}
		return true
	}
	plain := func(query string) keyed { return keyed{query: query} }
	const cancelQuery = `mutation($id: ID!) { cancelPasswordReset(id: $id) { user { id } userErrors { code } } }`
	switch roll := rand.IntN(4); {
	case one.status == directory.Inactive:
		return do(directory.UserReactivated, keyedReactivate, byID, func() {
			if one.status = directory.Pending; one.password {
				one.status = directory.Active
			}
		})
	case roll == 0:
		return do(directory.UserDeleted, plain(deleteQuery), object{"id": one.id}, func() { one.status, one.reset = directory.Inactive, false })
	case one.status == directory.Pending && roll == 1:
		return do(directory.InvitationRenewed, keyedResend, byID, func() {})
	case one.status == directory.Pending:
		token := n.newest(p, one.email)
		if token == "" {
			return true
		}
		d := deed{directory.InvitationAccepted, one.id}
		_, code, answered := n.try(p.anybody(), d, acceptQuery, object{"in": object{"token": token, "password": "a password of somebody else"}})
		if !answered {
			n.cutOff(one, d, plain(acceptQuery), object{})
			return false
		}
		if code == "" {
			one.status, one.password = directory.Active, true
		}
		return true
	case roll == 1 && one.reset:
		return do(directory.PasswordResetCancelled, plain(cancelQuery), object{"id": one.id}, func() { one.reset = false })
	case roll == 1 || roll == 2:
		return do(directory.PasswordResetRequested, keyedReset, byID, func() { one.reset = true })
	default:
		role := n.roles[[]string{"Viewer", "Customer Success Manager", "Administrator"}[rand.IntN(3)]]
		if role == one.role {
			return true
		}
		return do(directory.UserUpdated, plain(updateQuery), object{"id": one.id, "in": object{"roleId": role}}, func() { one.role = role })
	}
}

// newest is the token in the newest invitation to an address; empty when none
// has come in a while.
func (n *tenant) newest(p *program, email string) string {
	for range 20 {
		files, _ := filepath.Glob(filepath.Join(p.dir, "mail", "*-invitation*-"+email+"-*.eml"))
		if len(files) > 0 {
			slices.Sort(files)
			content, _ := os.ReadFile(files[len(files)-1])
			if match := linkPattern.FindStringSubmatch(string(content)); match != nil {
				return match[1]
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ""
}

// manageRoles makes a role, gives it a seat, has people in it, takes the seat
// away again and deletes the role, until the program ends.
func (n *tenant) manageRoles(worker, turn int) bool {
	one := &position{name: fmt.Sprintf("Role %d of %d", turn, worker), sure: true}
	payload, code, answered := n.try(n.admin, deed{directory.RoleCreated, ""}, createRoleQuery,
		object{"in": object{"name": one.name, "permissions": []string{"VIEW_USERS"}}})
	if !answered || code != "" {
		return answered
	}
	one.id = text(payload, "role", "id")
	n.note(deed{directory.RoleCreated, one.id})
	n.mu.Lock()
	n.positions = append(n.positions, one)
	n.mu.Unlock()
	do := func(action directory.Action, query string, variables object, then func()) bool {
		_, code, answered := n.try(n.admin, deed{action, one.id}, query, variables)
		n.mu.Lock()
		defer n.mu.Unlock()
		if one.sure = answered; answered && code == "" {
			then()
		}
		return answered
	}
	edit := func(in object, then func()) bool {
		return do(directory.RoleUpdated, updateRoleQuery, object{"id": one.id, "in": in}, then)
	}
	for i := range 3 {
		email := fmt.Sprintf("%s-w%dt%dn%d@example.com", n.slug, worker, turn, i)
		payload, code, answered := n.try(n.admin, deed{directory.UserInvited, ""}, inviteQuery, object{"in": object{"emails": []string{email}, "roleId": one.id}})
		person := &life{email: email, role: one.id, sure: true, status: directory.Pending}
		if !answered {
			n.cutOff(person, deed{directory.UserInvited, email}, keyedInvite, object{})
			return false
		}
		if code == "" && text(payload, "results", 0, "outcome") == "INVITED" {
			person.id = text(payload, "results", 0, "user", "id")
			n.note(deed{directory.UserInvited, person.id})
			n.mu.Lock()
			n.people = append(n.people, person)
			n.mu.Unlock()
		}
	}
	replacement := n.roles[[]string{"Viewer", "Customer Success Manager"}[rand.IntN(2)]]
	return edit(object{"permissions": []string{"VIEW_USERS", "CSM_SEAT"}}, func() { one.seat = true }) &&
		edit(object{"name": one.name + ", renamed"}, func() { one.name += ", renamed" }) &&
		// Taking away what was refused for want of a seat would change nothing.
		(!one.seat || rand.IntN(2) == 0 || edit(object{"permissions": []string{"VIEW_USERS"}}, func() { one.seat = false })) &&
		(rand.IntN(4) == 0 || do(directory.RoleDeleted, deleteRoleQuery, object{"id": one.id, "to": replacement}, func() {
			one.deleted, one.replacement = true, replacement
			for _, person := range n.people {
				if person.role == one.id {
					person.role = replacement
				}
			}
		}))
}

// manageSettings changes the name, and the seat limit up and down.
func (n *tenant) manageSettings(turn int) bool {
	name, limit := fmt.Sprintf("%s %d", n.slug, turn), 20+rand.IntN(150)
	d := deed{directory.OrganizationUpdated, n.slug}
	_, code, answered := n.try(n.admin, d, settingsQuery, object{"in": object{"name": name, "seatLimit": limit}})
	if n.settled = answered; answered && code == "" {
		n.name, n.seatLimit = name, limit
	}
	return answered
}

// addTenant makes an organization with an administrator who is signed in.
func addTenant(t *testing.T, p *program, slug string) *tenant {
	t.Helper()
	email := "ops@" + slug + ".example"
	code, said := once(t, p.env, "organization", "add", slug, "--slug", slug, "--admin", email)
	require.Zero(t, code, said)
	token := regexp.MustCompile(`#token=([A-Za-z0-9_-]+)`).FindStringSubmatch(said)
	require.NotNil(t, token, said)
	n := &tenant{slug: slug, admin: p.anybody(), done: map[deed]int{}, unsure: map[deed]int{}, name: slug, seatLimit: 100, settled: true}
	require.Empty(t, refusals(p.anybody().do(acceptQuery, object{"in": object{"token": token[1], "password": adminPassword}})))
	n.admin.token = text(p.anybody().do(loginQuery, object{"in": object{"organization": slug, "username": email, "password": adminPassword, "issueToken": true}}), "token")
	require.NotEmpty(t, n.admin.token)
	n.roles = n.admin.roles()
	n.note(deed{directory.InvitationAccepted, text(n.admin.viewer(), "user", "id")})
	return n
}

// work does all of this at once until stop.
func (n *tenant) work(p *program, stop <-chan struct{}) *sync.WaitGroup {
	group := &sync.WaitGroup{}
	until := func(do func(turn int) bool) {
		group.Go(func() {
			for turn := 0; ; turn++ {
				select {
				case <-stop:
					return
				default:
				}
				if !do(turn) {
					return
				}
			}
		})
	}
	for worker := range 3 {
		until(func(turn int) bool { return n.live(p, fmt.Sprintf("%s-p%dn%d@example.com", n.slug, worker, turn)) })
	}
	for worker := range 2 {
		until(func(turn int) bool { return n.manageRoles(worker, turn) })
	}
	until(n.manageSettings)
	return group
}

// TestKilledUnderLoad kills the program at random moments while people, roles
// and settings change, starts it again, and counts what is lost.
func TestKilledUnderLoad(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "SEAT_LIMIT=100", "INVITATIONS_PER_HOUR=1000000")
		var tenants []*tenant
		for round := range rounds(t) {
			n := addTenant(t, p, fmt.Sprintf("round%d", round))
			tenants = append(tenants, n)
			stop := make(chan struct{})
			group := n.work(p, stop)
			time.Sleep(50*time.Millisecond + time.Duration(rand.IntN(1000))*time.Millisecond)
			p.kill()
			close(stop)
			group.Wait()
			p.start()
		}
		store := w.open(t, p)
		require.Eventually(t, func() bool { return leftOver(t, store, tenants) == 0 }, directory.SettleAfter+90*time.Second, time.Second,
			"the sweeps put right what the kills left")
		retried := 0
		for _, n := range tenants {
			for _, r := range n.retries {
				payload, code := n.admin.attempt(r.query, r.variables)
				invited := r.deed.action == directory.UserInvited
				if code != "" || invited && text(payload, "results", 0, "outcome") != "INVITED" {
					refusals := []string{"", "NO_SEAT_AVAILABLE"}
					if r.deed.action == directory.PasswordResetRequested {
						refusals = append(refusals, "RATE_LIMITED") // what was cut off may have been counted
					}
					assert.Contains(t, refusals, code, "%v: %v", r.deed, payload)
					continue
				}
				delete(n.unsure, r.deed)
				if invited {
					r.deed.target = text(payload, "results", 0, "user", "id")
				}
				n.done[r.deed]++
				retried++
			}
		}
		require.Eventually(t, func() bool { return leftOver(t, store, tenants) == 0 }, directory.SettleAfter+90*time.Second, time.Second,
			"everything is told")
		require.Equal(t, 0, p.stop())
		found := toll{}
		letters := sortedMails(t, p)
		for _, n := range tenants {
			found.add(t, store, n, letters)
		}
		t.Logf("%d kills, %d requests repeated with their keys\n%s", len(tenants), retried, found)
		assert.Empty(t, found.faults)
		assert.Positive(t, found.acknowledged)
	})
}

// leftOver is how many things wait to be told or settled.
func leftOver(t *testing.T, store directory.Store, tenants []*tenant) int {
	t.Helper()
	ctx, far := context.Background(), time.Now().Add(24*time.Hour)
	users, err := store.DueUsers(ctx, far, 1000)
	require.NoError(t, err)
	organizations, err := store.DueOrganizations(ctx, far, 1000)
	require.NoError(t, err)
	claims, err := store.UnsettledClaims(ctx, far, 1000)
	require.NoError(t, err)
	left := len(users) + len(organizations) + len(claims)
	for _, n := range tenants {
		org, err := store.OrganizationBySlug(ctx, n.slug)
		require.NoError(t, err)
		counts, err := store.Counts(ctx, org.ID)
		require.NoError(t, err)
		if !maps.Equal(counts, counted(everybody(t, store, org.ID))) {
			left++
		}
	}
	return left
}

// everybody is all people of an organization.
func everybody(t *testing.T, store directory.Store, organizationID string) []*directory.User {
	t.Helper()
	all, err := store.ListUsers(context.Background(), organizationID,
		directory.ListQuery{Order: directory.Order{Field: directory.ByCreated}, Limit: 100_000})
	require.NoError(t, err)
	return all
}

// counted is what the counts of these people are.
func counted(users []*directory.User) directory.Counts {
	counts := directory.Counts{}
	for _, u := range users {
		counts[directory.GroupOf(u)]++
	}
	return counts
}

// toll is what the kills have cost.
type toll struct {
	acknowledged, cutOff, events, mails, again, people, roles, seats int
	faults                                                           []string
}

func (x toll) String() string {
	count := func(what string) int {
		return len(slices.DeleteFunc(slices.Clone(x.faults), func(f string) bool { return !strings.HasPrefix(f, what) }))
	}
	return fmt.Sprintf(`%d changes acknowledged, %d cut off; %d lost
%d people, %d roles, %d seats taken; %d organizations whose seats, administrators or counts are wrong
%d audit events; %d missing, %d of nothing
%d mails expected; %d missing, %d sent once more`,
		x.acknowledged, x.cutOff, count("lost"), x.people, x.roles, x.seats, count("wrong"),
		x.events, count("missing event"), count("event of nothing"), x.mails, count("missing mail"), x.again)
}

func (x *toll) fault(format string, args ...any) {
	x.faults = append(x.faults, fmt.Sprintf(format, args...))
}

// add compares what the answers have said to one organization with what there is.
func (x *toll) add(t *testing.T, store directory.Store, n *tenant, letters map[string][]string) {
	t.Helper()
	ctx := t.Context()
	org, err := store.OrganizationBySlug(ctx, n.slug)
	require.NoError(t, err)
	list := everybody(t, store, org.ID)
	users := map[string]*directory.User{}
	for _, u := range list {
		users[u.ID] = u
	}
	x.people += len(users)

	// What was acknowledged is so.
	if n.settled && (org.Name != n.name || org.SeatLimit != n.seatLimit) {
		x.fault("lost: %s is %q with %d seats instead of %q with %d", n.slug, org.Name, org.SeatLimit, n.name, n.seatLimit)
	}
	for _, one := range n.people {
		u := users[one.id]
		switch {
		case u == nil:
			x.fault("lost: %s is gone", one.email)
		case one.sure && u.Status != one.status, one.sure && u.RoleID != one.role && n.knows(one.role):
			x.fault("lost: %s is %s as %s instead of %s as %s", one.email, u.Status, u.RoleID, one.status, one.role)
		}
	}
	for _, one := range n.positions {
		x.roles++
		role, there := org.Role(one.id)
		if one.sure && (there == one.deleted || there && (role.TakesSeat() != one.seat || role.Name != one.name)) {
			x.fault("lost: the role %s is %+v instead of %+v", one.id, role, *one)
		}
	}
	x.compareEvents(t, store, n, org, users)
	x.compareMails(users, letters)

	// What is kept beside the people agrees with them.
	seated, administrators := 0, []string{}
	for _, u := range users {
		if org.TakesSeat(u) {
			seated++
		}
		if org.Administers(u) {
			administrators = append(administrators, u.ID)
		}
		if _, there := org.Role(u.RoleID); !there {
			x.fault("wrong: %s has the role %s that is not there", u.Email, u.RoleID)
		}
	}
	seats, err := store.Seats(ctx, org.ID)
	require.NoError(t, err)
	x.seats += seats.Used
	if seats.Used != seated || seats.Limit != org.SeatLimit || seats.Used > seats.Limit {
		x.fault("wrong: %s has %+v, and %d people take one of %d", n.slug, seats, seated, org.SeatLimit)
	}
	kept, err := store.Counts(ctx, org.ID)
	require.NoError(t, err)
	truly := counted(list)
	for group, people := range kept {
		if truly[group] != people {
			x.fault("wrong: %d people are counted in %+v instead of %d", people, group, truly[group])
		}
	}
	if kept.Sum(func(directory.Group) bool { return true }) != len(users) {
		x.fault("wrong: not everybody of %s is counted", n.slug)
	}
	if org.Transition != nil || len(org.Retired) > 0 {
		x.fault("wrong: a change of %s is still on its way", n.slug)
	}
	x.compareAdministrators(t, store, n, org, administrators)
}

// knows tells whether a role is still what it was at the end: one whose
// deletion was cut off may have been replaced.
func (n *tenant) knows(roleID string) bool {
	return !slices.ContainsFunc(n.positions, func(one *position) bool { return one.id == roleID && !one.sure })
}

// compareAdministrators holds the claims against the people: all but one could
// leave, whoever comes last.
func (x *toll) compareAdministrators(t *testing.T, store directory.Store, n *tenant, org *directory.Organization, ids []string) {
	t.Helper()
	for range 2 {
		slices.Reverse(ids)
		batch := directory.ClaimBatch{Mark: "test", At: time.Now(), RolesVersion: org.RolesVersion}
		var back []directory.Settlement
		for _, id := range ids {
			batch.Changes = append(batch.Changes, directory.ClaimChange{UserID: id, Administrator: directory.Leaving})
			back = append(back, directory.Settlement{UserID: id, Mark: batch.Mark, Administrator: true})
		}
		answers, err := store.BeginClaims(t.Context(), org.ID, batch)
		require.NoError(t, err)
		for i, answer := range answers {
			if last := i == len(ids)-1; last != errors.Is(answer, directory.ErrLastAdministrator) {
				x.fault("wrong: administrator %d of %d of %s: %v", i+1, len(ids), n.slug, answer)
			}
		}
		require.NoError(t, store.SettleClaims(t.Context(), org.ID, back))
	}
	if len(ids) == 0 {
		x.fault("wrong: nobody administers %s", n.slug)
	}
}

// compareEvents holds the audit log against the answers, and against versions.
func (x *toll) compareEvents(t *testing.T, store directory.Store, n *tenant, org *directory.Organization, users map[string]*directory.User) {
	t.Helper()
	told := map[deed]int{}
	for before := ""; ; {
		page, err := store.Events(t.Context(), org.ID, directory.EventQuery{Before: before}, 1000)
		require.NoError(t, err)
		for _, e := range page {
			told[deed{e.Action, e.TargetID}]++
		}
		if len(page) < 1000 {
			break
		}
		before = page[len(page)-1].ID
	}
	// The settings are named by the slug, and people by their address until
	// their id is known.
	renamed := func(d deed) deed {
		if d.target == n.slug {
			d.target = org.ID
		}
		for _, u := range users {
			if u.Email == d.target {
				d.target = u.ID
			}
		}
		return d
	}
	done, unsure := map[deed]int{}, map[deed]int{}
	for d, times := range n.done {
		if d.action != "" && d.target != "" {
			done[renamed(d)] += times
			x.acknowledged += times
		}
	}
	for d, times := range n.unsure {
		x.cutOff += times
		unsure[renamed(d)] += times
	}
	for d, times := range done {
		if told[d] < times {
			x.fault("missing event: %d of %d of %v", times-told[d], times, d)
		}
	}
	for d, times := range told {
		x.events += times
		if d.action == directory.SignedIn || d.action == directory.OrganizationCreated ||
			d.action == directory.UserInvited && users[d.target] != nil && users[d.target].Email == "ops@"+n.slug+".example" {
			continue // made with the organization
		}
		allowed := done[d] + unsure[d]
		if d.action == directory.RoleCreated {
			allowed += unsure[deed{directory.RoleCreated, ""}]
		}
		if times > allowed {
			x.fault("event of nothing: %d of %v, asked for %d times", times, d, allowed)
		}
	}
	// A version is a change that people see, and each has one event.
	for _, u := range users {
		if strings.HasPrefix(u.Email, "ops@") {
			continue // made with the organization
		}
		moves := 0
		for _, action := range []directory.Action{
			directory.UserInvited, directory.InvitationAccepted, directory.UserUpdated, directory.UserDeleted, directory.UserReactivated,
		} {
			moves += told[deed{action, u.ID}]
		}
		if moves != u.Version {
			x.fault("missing event: %s has version %d, and %d events tell of it", u.Email, u.Version, moves)
		}
	}
	for _, role := range org.Roles {
		if !role.BuiltIn && role.Version != told[deed{directory.RoleCreated, role.ID}]+told[deed{directory.RoleUpdated, role.ID}] {
			x.fault("missing event: the role %s has version %d", role.Name, role.Version)
		}
	}
	if org.Version != 1+told[deed{directory.OrganizationUpdated, org.ID}] {
		x.fault("missing event: %s has version %d, and %d events", n.slug, org.Version, told[deed{directory.OrganizationUpdated, org.ID}])
	}
	for d := range told {
		_, there := org.Role(d.target)
		if d.action == directory.RoleCreated && !there && told[deed{directory.RoleDeleted, d.target}] == 0 ||
			d.action == directory.RoleDeleted && there ||
			d.action == directory.UserInvited && users[d.target] == nil {
			x.fault("event of nothing: %v", d)
		}
	}
}

var (
	mailTo   = regexp.MustCompile(`(?mi)^To:.*<(\S+)>`)
	mailLink = regexp.MustCompile(`/(accept-invitation|reset-password)#token=([A-Za-z0-9_-]+)`)
)

// sortedMails are the mails by address, the oldest first.
func sortedMails(t *testing.T, p *program) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "mail", "*.eml"))
	require.NoError(t, err)
	found := map[string][]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		to := mailTo.FindStringSubmatch(string(content))
		require.NotNil(t, to, "%s", content)
		found[to[1]] = append(found[to[1]], string(content))
	}
	return found
}

// compareMails holds that whoever waits for a link has a mail with the one that
// works, and counts the mails that were sent once more than there are reasons for.
func (x *toll) compareMails(users map[string]*directory.User, letters map[string][]string) {
	for _, u := range users {
		if strings.HasPrefix(u.Email, "ops@") {
			continue // whose link is logged
		}
		for page, link := range map[string]*directory.Link{"accept-invitation": u.Invitation, "reset-password": u.PasswordReset} {
			if link == nil {
				continue
			}
			x.mails++
			works := 0
			for _, letter := range letters[u.Email] {
				if found := mailLink.FindStringSubmatch(letter); found != nil && found[1] == page {
					if _, hash, ok := account.ReadToken(found[2]); ok && hash == link.TokenHash {
						works++
					}
				}
			}
			if works != 1 || link.Delivery.State != directory.Sent {
				x.fault("missing mail: %s has %d mails with the link that works, and it is %s", u.Email, works, link.Delivery.State)
			}
		}
		ids := map[string]int{}
		for _, letter := range letters[u.Email] {
			ids[mailID.FindStringSubmatch(letter)[1]]++
		}
		for _, times := range ids {
			x.again += times - 1
		}
	}
}

// mailID is what a mail and its further tries have in common.
var mailID = regexp.MustCompile(`(?mi)^Message-ID: <([^-@]+)`)

func people(admin *client, filter string) int {
	n, _ := admin.do(`{ users(`+filter+`, first: 0) { totalCount } }`, nil)["totalCount"].(float64)
	return int(n)
}

// TestMailServerDown: changes succeed while no mail can be sent, the row says
// why, and the mail leaves when the server is back.
func TestMailServerDown(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		addr := freeAddress(t)
		p := install(t, w, "SMTP_URL=smtp://"+addr)
		admin := p.admin()
		invited := admin.invite("Viewer", "waits@example.com")
		assert.Equal(t, "INVITED", text(invited, "results", 0, "outcome"))
		id := text(invited, "users", 0, "id")
		require.Eventually(t, func() bool {
			return text(admin.do(userQuery, object{"id": id}), "invitation", "delivery", "reason") != ""
		}, 10*time.Second, 50*time.Millisecond, "the row says why the mail waits")
		assert.Equal(t, "QUEUED", text(admin.do(userQuery, object{"id": id}), "invitation", "delivery", "state"))
		p.kill()
		p.start()
		inbox := serveSMTP(t, addr)
		select {
		case mail := <-inbox:
			assert.Contains(t, mail, "accept-invitation#token")
		case <-time.After(100 * time.Second):
			t.Fatal("the mail did not leave after the server came back")
		}
		require.Eventually(t, func() bool {
			return text(admin.do(userQuery, object{"id": id}), "invitation", "delivery", "state") == "SENT"
		}, 10*time.Second, 50*time.Millisecond)
	})
}
