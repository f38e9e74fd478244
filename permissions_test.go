package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// permissionRow is a line of testdata/permissions.txt.
type permissionRow struct {
	// field is Type.field, probe the same with its variant.
	field, probe string
	targets      []string
	cells        map[string]string
}

// permissionTable is testdata/permissions.txt.
type permissionTable struct {
	callers []string
	rows    []permissionRow
	// classes are the fields that need no row: plain and shown.
	classes map[string]string
}

// outcomes are the cells that stand for an error or a refusal.
var outcomes = map[string]string{
	"UNAUTHENTICATED": "in", "FORBIDDEN": "no", "SELF_ACTION": "self", "ROLE_ESCALATION": "role", "NOT_FOUND": "none",
	"NOT_PENDING": "npend", "NO_SEAT_AVAILABLE": "seat", "INVALID": "bad", "LINK_INVALID": "link", "TWO_FACTOR_NOT_ENABLED": "no2fa",
	"ROLE_IN_USE": "inuse", "INVALID_CREDENTIALS": "creds", "WRONG_PASSWORD": "wrong",
	"LAST_ADMINISTRATOR": "last",
}

func readPermissions(t *testing.T) permissionTable {
	t.Helper()
	file, err := os.Open("testdata/permissions.txt")
	require.NoError(t, err)
	defer file.Close()
	table := permissionTable{classes: map[string]string{}}
	variant := regexp.MustCompile(`\(.*\)`)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(strings.TrimPrefix(lines.Text(), "# field"))
		switch {
		case strings.HasPrefix(lines.Text(), "# field"):
			table.callers = words[1:]
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "plain" || words[0] == "shown":
			for _, field := range words[2:] {
				table.classes[words[1]+"."+field] = words[0]
			}
		default:
			row := permissionRow{
				field: variant.ReplaceAllString(words[0], ""), probe: words[0], targets: strings.Split(words[1], ","), cells: map[string]string{},
			}
			require.Len(t, words[2:], len(table.callers), "cells of %s", words[0])
			for i, caller := range table.callers {
				row.cells[caller] = words[2+i]
			}
			table.rows = append(table.rows, row)
		}
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, table.rows)
	return table
}

func readSchema(t *testing.T) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("schema.graphqls")
	require.NoError(t, err)
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	require.NoError(t, err)
	return schema
}

// schemaFields are the fields of all objects, as Type.field.
func schemaFields(schema *ast.Schema) []string {
	var fields []string
	for name, definition := range schema.Types {
		if definition.Kind != ast.Object || strings.HasPrefix(name, "__") {
			continue
		}
		for _, field := range definition.Fields {
			if !strings.HasPrefix(field.Name, "__") {
				fields = append(fields, name+"."+field.Name)
			}
		}
	}
	slices.Sort(fields)
	return fields
}

// TestEveryFieldHasItsPermission: a field without a row is a field that nobody
// has thought about.
func TestEveryFieldHasItsPermission(t *testing.T) {
	table, schema := readPermissions(t), readSchema(t)
	said := map[string]bool{}
	for field := range table.classes {
		said[field] = true
	}
	for _, row := range table.rows {
		assert.Empty(t, table.classes[row.field], "%s has a row and a class", row.field)
		said[row.field] = true
		for _, target := range row.targets {
			_, ok := probes[row.probe]
			assert.True(t, ok, "nothing asks for %s of %s", row.probe, target)
		}
	}
	fields := schemaFields(schema)
	for _, field := range fields {
		assert.True(t, said[field], "testdata/permissions.txt does not say who may use %s", field)
		delete(said, field)
		root, _, _ := strings.Cut(field, ".")
		if root == "Query" || root == "Mutation" || root == "Subscription" {
			assert.Empty(t, table.classes[field], "%s needs a row", field)
		}
	}
	for field := range said {
		assert.Fail(t, "testdata/permissions.txt knows a field that the schema does not", field)
	}
	for probe := range probes {
		assert.True(t, slices.ContainsFunc(table.rows, func(row permissionRow) bool { return row.probe == probe }), "no row of %s", probe)
	}
}

// TestEveryActionIsWalked: what User.actions says is compared with what the
// mutations do, for each action.
func TestEveryActionIsWalked(t *testing.T) {
	walked := slices.Sorted(maps.Values(actionOf))
	var actions []string
	for _, value := range readSchema(t).Types["UserAction"].EnumValues {
		actions = append(actions, value.Name)
	}
	slices.Sort(actions)
	assert.Equal(t, actions, walked)
}

// TestPermissions walks the table.
func TestPermissions(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		t.Parallel()
		table := readPermissions(t)
		c := newPermissionTown(t, w)
		for _, row := range table.rows {
			if row.field == "Query.users" {
				for caller, cell := range row.cells {
					c.blind[caller] = cell != "yes"
				}
			}
		}
		present := table.callers[:len(table.callers)-1]
		require.Equal(t, "setup", table.callers[len(present)])
		c.walk(t, table, present...)
		if t.Failed() {
			return
		}
		t.Run("somebody who has to set up a second factor can do nothing else", func(t *testing.T) {
			required := c.root.do(`mutation { updateOrganization(input: {requireTwoFactor: true}) { organization { requireTwoFactor } userErrors { code } } }`, nil)
			require.Equal(t, true, dig(required, "organization", "requireTwoFactor"))
			c.walk(t, table, "setup")
		})
		t.Run("after the set-up everything works", func(t *testing.T) {
			c.callers["adm"] = c.callers["setup"] // who has enabled it in the walk
			var rows []permissionRow
			for _, row := range table.rows {
				if !strings.Contains(row.probe, "TwoFactorSetup") && !strings.Contains(row.probe, "removeTwoFactor") {
					rows = append(rows, row)
				}
			}
			c.walk(t, permissionTable{rows: rows}, "adm")
		})
	})
}

// permissionTown is a town with one of each caller and of each target.
type permissionTown struct {
	*town
	callers map[string]*person
	// shared are the targets of what is refused.
	shared map[string]*person
	// foreignRole is a role of another organization.
	foreignRole string
	// blind are the callers who may see nobody but themselves.
	blind map[string]bool
}

func newPermissionTown(t *testing.T, w way) *permissionTown {
	t.Helper()
	c := &permissionTown{town: newTown(t, w, "SEAT_LIMIT=3"), callers: map[string]*person{}, blind: map[string]bool{}}
	for name, permissions := range map[string][]string{
		"Guest": nil, "Visitor": nil, "Unused": nil, "Seated": {"CSM_SEAT"}, "mu": {"MANAGE_USERS"}, "mr": {"MANAGE_ROLES"},
		"mo": {"MANAGE_ORGANIZATION"}, "al": {"VIEW_AUDIT_LOG"},
	} {
		c.addRole(name, permissions...)
	}
	seatless := c.one("Seated")
	c.root.do(deleteQuery, object{"id": seatless.id})
	for caller, role := range map[string]string{
		"adm": "Administrator", "csm": "Customer Success Manager", "mgr": "User Manager", "vwr": "Viewer", "non": "Guest",
		"mu": "mu", "mr": "mr", "mo": "mo", "al": "al", "cs": "Seated", "setup": "Administrator",
	} {
		who := c.one(role).enter(t)
		c.callers[caller] = who
		c.root.do(`mutation($id: ID!) { resetPassword(id: $id) { userErrors { code } } }`, object{"id": who.id})
	}
	// The last seat.
	c.invite("Seated", 1)
	used, free := c.root.seats()
	require.Equal(t, []int{3, 0}, []int{used, free})

	c.callers["out"] = &person{client: c.anybody()}
	gone := c.active("Guest").enter(t)
	gone.do(`mutation { logout { userErrors { code } } }`, nil)
	c.callers["dead"] = &person{client: gone.client}
	device := c.fresh(t, "device")
	half := text(c.anybody().signIn(device.email, device.password), "twoFactorChallenge", "token")
	require.NotEmpty(t, half)
	c.callers["half"] = &person{client: c.anybody()}
	c.callers["half"].token = half

	other, role := c.otherOrganization(t)
	c.foreignRole = role
	c.shared = map[string]*person{
		"lower": c.active("Guest").enter(t), "higher": c.active("Administrator").enter(t), "inactive": c.inactive("Guest"),
		"pending": c.pending("Guest"), "device": device, "seatless": seatless, "foreign": other,
		"nobody": {id: "user_00000000000000000000000000", email: "nobody@town.example", password: townPassword},
	}
	return c
}

// otherOrganization is the administrator of another organization, and the id of
// one of its roles.
func (c *permissionTown) otherOrganization(t *testing.T) (*person, string) {
	t.Helper()
	code, said := once(t, c.p.env, "organization", "add", "Elsewhere", "--admin", "ops@elsewhere.example")
	require.Zero(t, code, said)
	ops := &person{client: c.anybody(), email: "ops@elsewhere.example", password: townPassword}
	ops.do(acceptQuery, object{"in": object{"token": loggedLink.FindStringSubmatch(said)[1], "password": ops.password}})
	signedIn := ops.do(loginQuery, object{"in": object{"organization": "elsewhere", "username": ops.email, "password": ops.password, "issueToken": true}})
	ops.token, ops.id = text(signedIn, "token"), text(signedIn, "viewer", "user", "id")
	require.NotEmpty(t, ops.token)
	return ops, ops.roles()["Viewer"]
}

// fresh is a target that may be changed.
func (c *permissionTown) fresh(t *testing.T, kind string) *person {
	t.Helper()
	switch kind {
	case "lower":
		return c.active("Guest")
	case "higher":
		return c.active("Administrator")
	case "inactive":
		return c.inactive("Guest")
	case "pending":
		return c.pending("Guest")
	case "device":
		return c.active("Guest").enter(t).enableTwoFactor(t)
	}
	return c.shared[kind]
}

// walk has callers ask for everything in the table: first what is refused or
// only looked at, which changes nothing, then what changes something.
func (c *permissionTown) walk(t *testing.T, table permissionTable, callers ...string) {
	t.Helper()
	each := func(t *testing.T, wanted func(row permissionRow, caller string) bool, run func(v *visit, row permissionRow, caller string)) {
		t.Helper()
		for _, row := range table.rows {
			for _, target := range row.targets {
				t.Run(row.probe+" "+target, func(t *testing.T) {
					for _, caller := range callers {
						if wanted(row, caller) {
							run(&visit{t: t, town: c, caller: c.callers[caller], kind: target}, row, caller)
						}
					}
				})
			}
		}
	}
	t.Run("refused or looked at", func(t *testing.T) {
		before := c.stored("", "elsewhere")
		each(t, func(row permissionRow, caller string) bool { return !row.heard() && !row.changes(caller) }, (*visit).expect)
		assert.Empty(t, before.changed(c.stored("", "elsewhere")), "nothing is changed, told or sent")
	})
	t.Run("heard", func(t *testing.T) {
		each(t, func(row permissionRow, _ string) bool { return row.heard() }, (*visit).expectToHear)
	})
	t.Run("changed", func(t *testing.T) {
		each(t, permissionRow.changes, func(v *visit, row permissionRow, caller string) {
			v.fresh = true
			v.expect(row, caller)
		})
	})
}

// heard tells whether it comes over a subscription.
func (r permissionRow) heard() bool {
	return strings.HasPrefix(r.field, "Subscription.") || strings.HasPrefix(r.field, "UserChange.")
}

// changes tells whether a caller changes something.
func (r permissionRow) changes(caller string) bool {
	return strings.HasPrefix(r.field, "Mutation.") && (r.cells[caller] == "yes" || r.cells[caller] == "blind")
}

// visit is one caller at one target.
type visit struct {
	t      *testing.T
	town   *permissionTown
	caller *person
	kind   string
	// fresh: the target may be changed.
	fresh bool
	who   *person
}

// target is whom it is about.
func (v *visit) target() *person {
	switch {
	case v.kind == "self":
		return v.caller
	case v.who != nil:
	case v.fresh:
		v.who = v.town.fresh(v.t, v.kind)
	default:
		v.who = v.town.shared[v.kind]
	}
	return v.who
}

// role is the id of the role that it is about.
func (v *visit) role() string {
	c := v.town
	switch v.kind {
	case "own":
		return v.caller.role(v.t)
	case "lower":
		if v.fresh {
			return c.addRole(fmt.Sprintf("Fresh %d", len(c.roles)))
		}
		return c.roles["Unused"]
	case "used":
		if v.fresh {
			name := fmt.Sprintf("Fresh %d", len(c.roles))
			c.addRole(name)
			c.invite(name, 1)
			return c.roles[name]
		}
		return c.roles["Guest"]
	case "higher":
		return c.roles["Administrator"]
	case "foreign":
		return c.foreignRole
	}
	return "role_00000000000000000000000000"
}

// role is the id of the caller's role; that of nobody for nobody.
func (who *person) role(t *testing.T) string {
	t.Helper()
	if id := text(who.do(`{ viewer { user { role { id } } } }`, nil), "user", "role", "id"); id != "" {
		return id
	}
	return "role_00000000000000000000000000"
}

// expect asks, and compares the answer with the table.
func (v *visit) expect(row permissionRow, caller string) {
	v.t.Helper()
	p := probes[row.probe]
	var variables object
	if p.variables != nil {
		variables = p.variables(v)
	}
	asks := v.caller.client
	if p.by != nil {
		asks = p.by(v)
	}
	v.expectAction(row, caller)
	r, err := asks.persist(p.query, variables)
	if !assert.NoError(v.t, err) {
		return
	}
	if p.after != nil {
		p.after(v, r)
	}
	got, ok := p.outcome(r)
	if !ok || got != row.cells[caller] {
		assert.Fail(v.t, "not as the table says", "%s of %s by %s: %s, and the table says %s: %v %v",
			row.probe, v.kind, caller, got, row.cells[caller], r.Data, r.Errors)
	}
	if v.town.blind[caller] {
		for _, id := range shownIn(r.Data) {
			if id == v.caller.id || p.proves && id == v.target().id {
				continue
			}
			assert.Fail(v.t, "somebody is shown", "%s of %s by %s shows %s: %v", row.probe, v.kind, caller, id, r.Data)
		}
	}
}

// actionOf are the mutations that User.actions speaks of.
var actionOf = map[string]string{
	"Mutation.updateUser": "UPDATE", "Mutation.updateUser(role)": "CHANGE_ROLE", "Mutation.deleteUser": "DELETE",
	"Mutation.reactivateUser": "REACTIVATE", "Mutation.resendInvitation": "RESEND_INVITATION",
	"Mutation.resetPassword": "RESET_PASSWORD", "Mutation.cancelPasswordReset": "CANCEL_PASSWORD_RESET",
	"Mutation.disable2FA": "DISABLE_2FA", "Mutation.revokeSessions": "REVOKE_SESSIONS",
}

// expectAction compares what User.actions says before a mutation with what the
// table says of the mutation.
func (v *visit) expectAction(row permissionRow, caller string) {
	v.t.Helper()
	action := actionOf[row.probe]
	if action == "" || v.kind == "foreign" || v.kind == "nobody" || v.caller.email == "" || v.town.blind[caller] && v.kind != "self" {
		return
	}
	p := probes["User.actions"]
	r, err := v.caller.ask(p.query, p.variables(v))
	if !assert.NoError(v.t, err) || !assert.Empty(v.t, r.Errors) {
		return
	}
	states := dig(r.Data, "user", "actions")
	if v.kind == "self" {
		states = dig(r.Data, "viewer", "user", "actions")
	}
	list, _ := states.([]any)
	i := slices.IndexFunc(list, func(state any) bool { return text(state, "action") == action })
	if !assert.GreaterOrEqual(v.t, i, 0, "%s is not among the actions", action) {
		return
	}
	allowed, reason := dig(list[i], "allowed"), dig(list[i], "reason")
	may := row.cells[caller] == "yes"
	assert.Equal(v.t, may, allowed, "%s of %s by %s: what is allowed is what succeeds; reason: %v", action, v.kind, caller, reason)
	if may {
		assert.Nil(v.t, reason, "%s of %s by %s", action, v.kind, caller)
		return
	}
	sentence, _ := reason.(string)
	assert.Regexp(v.t, `^[A-Z].{20,}\.$`, sentence, "%s of %s by %s", action, v.kind, caller)
}

// expectToHear subscribes, has the target changed, and compares what comes with
// the table.
func (v *visit) expectToHear(row permissionRow, caller string) {
	v.t.Helper()
	l := v.caller.open()
	got, told := v.hear(l, row)
	_ = l.conn.CloseNow()
	assert.Equal(v.t, row.cells[caller], got, "%s by %s: %v", row.probe, caller, told)
}

// hear answers the cell that the first message stands for which tells something.
func (v *visit) hear(l *listener, row permissionRow) (cell string, told object) {
	v.t.Helper()
	p := probes[row.probe]
	if _, err := l.read(5 * time.Second); err != nil {
		assert.EqualValues(v.t, 4401, websocket.CloseStatus(err), "%v", err)
		return "in", nil
	}
	l.send(object{"id": "1", "type": "subscribe", "payload": object{"query": p.query}})
	// Once this is answered, every change is heard.
	l.send(object{"type": "ping"})
	for {
		told = l.next(5 * time.Second)
		change := dig(told, "payload", "data", "userChanged")
		switch {
		case told["type"] == "pong":
			v.fresh = true
			v.town.root.do(updateQuery, object{"id": v.target().id, "in": object{"title": "Heard of"}})
		case told["type"] == "error":
			return outcomes[text(told, "payload", 0, "extensions", "code")], told
		case dig(told, "payload", "errors", 0) != nil:
			return outcomes[text(told, "payload", "errors", 0, "extensions", "code")], told
		case row.field == "UserChange.user" && dig(change, "user") == nil:
			// It was about the organization.
		case dig(change, p.at...) != nil:
			return "yes", told
		default:
			return "null", told
		}
	}
}

// shownIn are the ids of all people in an answer.
func shownIn(answer any) []string {
	var ids []string
	switch v := answer.(type) {
	case object:
		if id := text(v, "id"); strings.HasPrefix(id, "user_") {
			ids = append(ids, id)
		}
		for _, inner := range v {
			ids = append(ids, shownIn(inner)...)
		}
	case []any:
		for _, inner := range v {
			ids = append(ids, shownIn(inner)...)
		}
	}
	return ids
}

// probe asks for one field.
type probe struct {
	query     string
	variables func(v *visit) object
	// at is where in the answer of the root field that is for which it asks.
	at []any
	// proves: the answer is about whoever has proved to be the target.
	proves bool
	// by is who asks, when it is not the caller's own device.
	by func(v *visit) *client
	// after is what is to be remembered of the answer.
	after func(v *visit, r reply)
}

// outcome is the cell that an answer stands for; false when it is none.
func (p probe) outcome(r reply) (string, bool) {
	if len(r.Errors) > 0 {
		cell, ok := outcomes[r.code()]
		return cell, ok
	}
	var answer any
	for field, value := range r.Data {
		if answer = value; field == "viewer" && strings.HasPrefix(p.query, "query($id: ID!, $self") {
			answer = dig(value, "user")
		}
	}
	if answer == nil {
		return "null", true
	}
	payload, _ := answer.(object)
	_, refusable := payload["userErrors"]
	if codes := refusals(payload); len(codes) > 0 {
		cell, ok := outcomes[codes[0]]
		return cell, ok && len(codes) == 1
	}
	switch {
	case dig(answer, p.at...) != nil:
		return "yes", true
	case refusable:
		return "blind", true
	}
	return "null", true
}
