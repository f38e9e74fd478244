package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// auditTown is a town that writes down what the audit log must say, and what it
// must never say.
type auditTown struct {
	*town
	// latest is the id of the latest event seen.
	latest  string
	secrets map[string]bool
	walked  map[string]bool
}

// told is an event that is expected. An empty actor is nobody.
type told struct {
	action        string
	actor, target string
	before, after values
}

// values are the fields of an event's before or after.
type values map[string]string

const eventFields = `id action at actorId targetId actor { id } target { ... on User { id } ... on Role { id } ... on Organization { id } }
	ipAddress userAgent before { field value } after { field value }`

// news are the events that came since the last time, the oldest first.
func (c *auditTown) news(t *testing.T) []any {
	t.Helper()
	h := c.stored("")
	for _, u := range h.Users {
		c.remember(u.Credentials.PasswordHash)
		for _, link := range []*directory.Link{u.Invitation, u.PasswordReset} {
			if link != nil {
				c.remember(link.TokenHash)
			}
		}
		if u.Credentials.TwoFactor != nil {
			for _, hash := range u.Credentials.TwoFactor.RecoveryHashes {
				c.remember(hash)
			}
		}
	}
	list, _ := c.root.do(`{ auditEvents(first: 20) { nodes { `+eventFields+` } } }`, nil)["nodes"].([]any)
	slices.Reverse(list)
	list = slices.DeleteFunc(list, func(e any) bool { return text(e, "id") <= c.latest })
	if len(list) > 0 {
		c.latest = text(list[len(list)-1], "id")
	}
	return list
}

// remember keeps secrets, which no event may have, nor their hashes.
func (c *auditTown) remember(secrets ...string) {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		sum := sha256.Sum256([]byte(secret))
		for _, form := range []string{
			secret, hex.EncodeToString(sum[:]), base64.RawURLEncoding.EncodeToString(sum[:]), base64.RawStdEncoding.EncodeToString(sum[:]),
		} {
			c.secrets[form] = true
		}
	}
}

// does has somebody ask for a mutation, and expects these events of it and no
// other. It answers the payload.
func (c *auditTown) does(t *testing.T, who *client, query string, variables object, want ...told) object {
	t.Helper()
	began := time.Now().Add(-time.Millisecond)
	r, err := who.persist(query, variables)
	require.NoError(t, err)
	var payload object
	for mutation, answer := range r.Data {
		c.walked[mutation] = true
		payload, _ = answer.(object)
	}
	if len(want) > 0 {
		require.Empty(t, r.Errors)
		require.Empty(t, refusals(payload), "%v", payload)
	}
	list := c.news(t)
	var got []told
	for _, e := range list {
		at, err := time.Parse(time.RFC3339, text(e, "at"))
		assert.NoError(t, err)
		assert.WithinRange(t, at, began, time.Now(), "when")
		assert.Equal(t, who.ip, text(e, "ipAddress"), "from where")
		assert.Equal(t, who.agent, text(e, "userAgent"), "with what")
		assert.Equal(t, text(e, "actorId"), text(e, "actor", "id"))
		if text(e, "action") != "ROLE_DELETED" {
			assert.Equal(t, text(e, "targetId"), text(e, "target", "id"))
		}
		got = append(got, told{text(e, "action"), text(e, "actorId"), text(e, "targetId"), valuesOf(e, "before"), valuesOf(e, "after")})
	}
	for i := range want {
		if want[i].before == nil {
			want[i].before = values{}
		}
		if want[i].after == nil {
			want[i].after = values{}
		}
	}
	assert.ElementsMatch(t, want, got, "one event for each change, %s", query)
	return payload
}

func valuesOf(event any, side string) values {
	found := values{}
	list, _ := dig(event, side).([]any)
	for _, one := range list {
		found[text(one, "field")] = text(one, "value")
	}
	return found
}

// TestAuditLog: each change is told once with who, whom, from where, before and
// after; what is refused, or changes nothing, is not told; no secret ever is.
func TestAuditLog(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		c := &auditTown{town: newTown(t, w), secrets: map[string]bool{}, walked: map[string]bool{}}
		c.remember(adminPassword, townPassword, otherPassword, c.root.token)
		c.root.ip, c.root.agent = "203.0.113.7", "audit test of root"
		root := c.root
		rootID := text(root.viewer(), "user", "id")
		c.news(t)
		c.walkInvitations(t, rootID)
		ann := c.walkSigningIn(t)
		c.walkOneself(t, ann)
		c.walkPeople(t, rootID, ann)
		c.walkOrganization(t, rootID)

		var mutations []string
		for _, field := range readSchema(t).Mutation.Fields {
			mutations = append(mutations, field.Name)
		}
		assert.ElementsMatch(t, mutations, slices.Collect(maps.Keys(c.walked)), "every mutation is walked")

		t.Run("no event has a secret", func(t *testing.T) {
			org, err := c.store.OrganizationBySlug(context.Background(), "")
			require.NoError(t, err)
			events, err := c.store.Events(context.Background(), org.ID, directory.EventQuery{}, 10_000)
			require.NoError(t, err)
			require.Greater(t, len(events), 40)
			kept, err := json.Marshal(events)
			require.NoError(t, err)
			shown := ""
			for after := ""; ; {
				page := root.do(`query($after: String) { auditEvents(first: 100, after: $after) { nodes { `+eventFields+` } pageInfo { hasNextPage endCursor } } }`,
					object{"after": orNull(after)})
				shown += fmt.Sprint(page)
				if after = text(page, "pageInfo", "endCursor"); dig(page, "pageInfo", "hasNextPage") != true {
					break
				}
			}
			require.Greater(t, len(c.secrets), 100)
			for secret := range c.secrets {
				assert.False(t, strings.Contains(string(kept), secret) || strings.Contains(shown, secret), "an event has %q", secret)
			}
		})
		c.listEvents(t, rootID, ann)
	})
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

const (
	resendQuery   = `mutation($id: ID!, $key: String) { resendInvitation(id: $id, idempotencyKey: $key) { user { id } userErrors { code } } }`
	resetQuery    = `mutation($id: ID!, $key: String) { resetPassword(id: $id, idempotencyKey: $key) { user { id } userErrors { code } } }`
	completeQuery = `mutation($in: CompletePasswordResetInput!) { completePasswordReset(input: $in) { user { id } userErrors { code } } }`
	disableQuery  = `mutation($id: ID!) { disable2FA(id: $id) { user { id } userErrors { code } } }`
)

func (c *auditTown) walkInvitations(t *testing.T, rootID string) {
	t.Helper()
	viewer := c.roles["Viewer"]
	known := c.pending("Viewer")
	c.news(t)
	t.Run("inviteUsers", func(t *testing.T) {
		input := object{"emails": []string{"Ann Lee <ann@example.com>, " + known.email, "ann@example.com", adminEmail, "rubbish"}, "roleId": viewer, "idempotencyKey": "one"}
		// The id is known when it is answered.
		r, err := c.root.ask(inviteQuery, object{"in": input})
		require.NoError(t, err)
		c.walked["inviteUsers"] = true
		annID := text(r.Data, "inviteUsers", "results", 0, "user", "id")
		var got []told
		for _, e := range c.news(t) {
			got = append(got, told{text(e, "action"), text(e, "actorId"), text(e, "targetId"), valuesOf(e, "before"), valuesOf(e, "after")})
			assert.Equal(t, c.root.ip, text(e, "ipAddress"))
			assert.Equal(t, c.root.agent, text(e, "userAgent"))
		}
		assert.ElementsMatch(t, []told{
			{"USER_INVITED", rootID, annID,
				values{"email": "", "username": "", "name": "", "role": "", "roleId": "", "status": ""},
				values{"email": "ann@example.com", "username": "ann@example.com", "name": "Ann Lee", "role": "Viewer", "roleId": viewer, "status": "PENDING"}},
			{"INVITATION_RENEWED", rootID, known.id, values{}, values{}},
		}, got)
		c.does(t, c.root, inviteQuery, object{"in": input})
		c.does(t, c.root, inviteQuery, object{"in": object{"emails": []string{"bob@example.com"}, "roleId": "role_00000000000000000000000000"}})
		c.does(t, c.root, inviteQuery, object{"in": object{"emails": []string{adminEmail}, "roleId": viewer}})
		c.does(t, known.client, inviteQuery, object{"in": input})
	})
	t.Run("resendInvitation", func(t *testing.T) {
		c.does(t, c.root, resendQuery, object{"id": known.id, "key": "two"}, told{"INVITATION_RENEWED", rootID, known.id, nil, nil})
		c.does(t, c.root, resendQuery, object{"id": known.id, "key": "two"})
		c.does(t, c.root, resendQuery, object{"id": rootID})
	})
	t.Run("acceptInvitation", func(t *testing.T) {
		dead, link := c.link(known.email, 1), c.link(known.email, 3)
		c.remember(dead, link)
		known.agent = "audit test of somebody invited"
		accept := func(token, password string) object {
			return object{"in": object{"token": token, "password": password, "title": "Head of Support"}}
		}
		c.does(t, known.client, acceptQuery, accept(dead, townPassword))
		c.does(t, known.client, acceptQuery, accept(link, "short"))
		c.does(t, known.client, acceptQuery, accept(link, townPassword), told{
			"INVITATION_ACCEPTED", known.id, known.id, values{"status": "PENDING", "title": ""}, values{"status": "ACTIVE", "title": "Head of Support"},
		})
		c.does(t, known.client, acceptQuery, accept(link, townPassword))
	})
}

// walkSigningIn answers somebody with a second factor.
func (c *auditTown) walkSigningIn(t *testing.T) *person {
	t.Helper()
	ann := c.active("Viewer")
	ann.agent = "audit test of Ann"
	c.news(t)
	login := func(password string) object {
		return object{"in": object{"username": ann.email, "password": password, "issueToken": true}}
	}
	t.Run("login and logout", func(t *testing.T) {
		c.does(t, ann.client, loginQuery, login("wrong"))
		in := c.does(t, ann.client, loginQuery, login(townPassword), told{"SIGNED_IN", ann.id, ann.id, nil, values{"method": "password"}})
		ann.token = text(in, "token")
		c.remember(ann.token)
		c.does(t, ann.client, `mutation { logout { userErrors { code } } }`, nil, told{"SIGNED_OUT", ann.id, ann.id, nil, nil})
		c.does(t, ann.client, `mutation { logout { userErrors { code } } }`, nil)
		ann.token = text(c.does(t, ann.client, loginQuery, login(townPassword), told{"SIGNED_IN", ann.id, ann.id, nil, values{"method": "password"}}), "token")
		c.remember(ann.token)
	})
	t.Run("a second factor is set up", func(t *testing.T) {
		secret := text(c.does(t, ann.client, setUpQuery, nil, told{"TWO_FACTOR_SETUP_STARTED", ann.id, ann.id, nil, nil}), "secret")
		c.remember(secret)
		c.does(t, ann.client, confirmQuery, object{"c": "000000"})
		confirmed := c.does(t, ann.client, confirmQuery, object{"c": totpNow(t, secret)},
			told{"TWO_FACTOR_ENABLED", ann.id, ann.id, values{"twoFactor": ""}, values{"twoFactor": "on"}})
		ann.keepCodes(confirmed["recoveryCodes"])
		for _, code := range ann.codes {
			c.remember(code, strings.ReplaceAll(code, "-", ""))
		}
		c.does(t, ann.client, setUpQuery, nil)
		c.does(t, ann.client, confirmQuery, object{"c": "000000"})
	})
	t.Run("verifyTwoFactor", func(t *testing.T) {
		challenge := text(c.does(t, ann.client, loginQuery, login(townPassword)), "twoFactorChallenge", "token")
		c.remember(challenge)
		answer := func(code string) object {
			return object{"in": object{"challenge": challenge, "code": code, "issueToken": true}}
		}
		c.does(t, ann.client, verifyQuery, answer("000000"))
		in := c.does(t, ann.client, verifyQuery, answer(ann.code(t)), told{"SIGNED_IN", ann.id, ann.id, nil, values{"method": "recovery code"}})
		c.remember(text(in, "token"))
		c.does(t, ann.client, verifyQuery, answer(ann.code(t)))
	})
	return ann
}

func (c *auditTown) walkOneself(t *testing.T, ann *person) {
	t.Helper()
	change := `mutation($in: ChangePasswordInput!) { changePassword(input: $in) { userErrors { code } } }`
	profile := `mutation($in: UpdateProfileInput!) { updateProfile(input: $in) { userErrors { code } } }`
	prove := `mutation($in: ReauthenticateInput!) { reauthenticate(input: $in) { until userErrors { code } } }`
	remove := `mutation($code: String!) { removeTwoFactor(code: $code) { userErrors { code } } }`
	t.Run("reauthenticate changes nothing but what a recovery code costs", func(t *testing.T) {
		c.does(t, ann.client, prove, object{"in": object{"password": "wrong"}})
		assert.Empty(t, refusals(c.does(t, ann.client, prove, object{"in": object{"password": townPassword}})))
		assert.Empty(t, refusals(c.does(t, ann.client, prove, object{"in": object{"code": ann.code(t)}},
			told{"RECOVERY_CODE_USED", ann.id, ann.id, nil, nil})))
	})
	t.Run("changePassword", func(t *testing.T) {
		c.does(t, ann.client, change, object{"in": object{"currentPassword": "wrong", "newPassword": otherPassword}})
		c.does(t, ann.client, change, object{"in": object{"currentPassword": townPassword, "newPassword": "short"}})
		c.does(t, ann.client, change, object{"in": object{"currentPassword": townPassword, "newPassword": otherPassword}},
			told{"PASSWORD_CHANGED", ann.id, ann.id, nil, nil})
		ann.password = otherPassword
	})
	t.Run("updateProfile", func(t *testing.T) {
		c.does(t, ann.client, profile, object{"in": object{"name": "Ann\r\nEVENT forged"}})
		c.does(t, ann.client, profile, object{"in": object{"username": adminEmail}})
		c.does(t, ann.client, profile, object{"in": object{"name": "Ann B.", "username": "annb"}},
			told{"PROFILE_UPDATED", ann.id, ann.id, values{"name": "", "username": ann.email}, values{"name": "Ann B.", "username": "annb"}})
		c.does(t, ann.client, profile, object{"in": object{"name": "Ann B."}})
	})
	t.Run("sessions", func(t *testing.T) {
		revoke := `mutation($id: ID!) { revokeSession(id: $id) { userErrors { code } } }`
		all := `mutation($id: ID!) { revokeSessions(userId: $id) { userErrors { code } } }`
		other := &person{client: c.anybody(), email: ann.email, password: ann.password, codes: ann.codes}
		other.enter(t)
		c.remember(other.token)
		id := text(other.viewer(), "session", "id")
		other.enter(t)
		other.enter(t)
		ann.codes = other.codes
		c.news(t)
		c.does(t, ann.client, revoke, object{"id": id}, told{"SESSION_REVOKED", ann.id, ann.id, nil, values{"session": id}})
		c.does(t, ann.client, revoke, object{"id": id})
		c.does(t, ann.client, all, object{"id": ann.id}, told{"SESSIONS_REVOKED", ann.id, ann.id, nil, values{"sessions": "2"}})
		c.does(t, ann.client, all, object{"id": ann.id})
	})
	t.Run("removeTwoFactor", func(t *testing.T) {
		c.does(t, ann.client, remove, object{"code": "000000"})
		c.does(t, ann.client, remove, object{"code": ann.code(t)}, told{"TWO_FACTOR_REMOVED", ann.id, ann.id, values{"twoFactor": "on"}, values{"twoFactor": ""}})
		c.does(t, ann.client, remove, object{"code": ann.code(t)})
		ann.codes = nil
	})
}

func (c *auditTown) walkPeople(t *testing.T, rootID string, ann *person) {
	t.Helper()
	cancel := `mutation($id: ID!) { cancelPasswordReset(id: $id) { userErrors { code } } }`
	forgot := `mutation($in: RequestPasswordResetInput!) { requestPasswordReset(input: $in) { userErrors { code } } }`
	t.Run("updateUser", func(t *testing.T) {
		version := c.root.do(userQuery, object{"id": ann.id})["version"]
		viewer, manager := c.roles["Viewer"], c.roles["User Manager"]
		c.does(t, c.root, updateQuery, object{"id": ann.id, "in": object{"title": "CEO", "name": nil, "roleId": manager, "expectedVersion": version}},
			told{"USER_UPDATED", rootID, ann.id,
				values{"title": "", "name": "Ann B.", "role": "Viewer", "roleId": viewer},
				values{"title": "CEO", "name": "", "role": "User Manager", "roleId": manager}})
		c.does(t, c.root, updateQuery, object{"id": ann.id, "in": object{"title": "CEO", "roleId": manager}})
		c.does(t, c.root, updateQuery, object{"id": ann.id, "in": object{"title": "CTO", "expectedVersion": version}})
		c.does(t, c.root, updateQuery, object{"id": rootID, "in": object{"title": "CTO", "roleId": viewer}})
		c.does(t, ann.client, updateQuery, object{"id": rootID, "in": object{"title": "CTO"}})
	})
	t.Run("password resets", func(t *testing.T) {
		c.does(t, c.root, resetQuery, object{"id": ann.id, "key": "three"}, told{"PASSWORD_RESET_REQUESTED", rootID, ann.id, nil, nil})
		c.does(t, c.root, resetQuery, object{"id": ann.id, "key": "three"})
		c.does(t, ann.client, resetQuery, object{"id": rootID})
		c.does(t, c.root, cancel, object{"id": ann.id}, told{"PASSWORD_RESET_CANCELLED", rootID, ann.id, nil, nil})
		c.does(t, c.root, cancel, object{"id": ann.id})
		stranger := c.anybody()
		stranger.agent = "audit test of a stranger"
		c.does(t, stranger, forgot, object{"in": object{"username": "nobody@example.com"}})
		mails := len(c.p.mails(ann.email))
		c.does(t, stranger, forgot, object{"in": object{"username": "ANNB"}}, told{"PASSWORD_RESET_REQUESTED", "", ann.id, nil, nil})
		token := c.link(ann.email, mails+1)
		c.remember(token)
		c.does(t, stranger, completeQuery, object{"in": object{"token": token, "password": "short"}})
		c.does(t, stranger, completeQuery, object{"in": object{"token": token, "password": townPassword}}, told{"PASSWORD_RESET_COMPLETED", ann.id, ann.id, nil, nil})
		c.does(t, stranger, completeQuery, object{"in": object{"token": token, "password": otherPassword}})
		ann.password = townPassword
	})
	t.Run("disable2FA", func(t *testing.T) {
		ann.enter(t).enableTwoFactor(t)
		c.news(t)
		c.does(t, c.root, disableQuery, object{"id": ann.id}, told{"TWO_FACTOR_DISABLED", rootID, ann.id, values{"twoFactor": "on"}, values{"twoFactor": ""}})
		c.does(t, c.root, disableQuery, object{"id": ann.id})
		c.does(t, c.root, disableQuery, object{"id": rootID})
	})
	t.Run("deleteUser and reactivateUser", func(t *testing.T) {
		c.does(t, c.root, deleteQuery, object{"id": ann.id}, told{"USER_DELETED", rootID, ann.id, values{"status": "ACTIVE"}, values{"status": "INACTIVE"}})
		c.does(t, c.root, deleteQuery, object{"id": ann.id})
		c.does(t, c.root, deleteQuery, object{"id": rootID})
		c.does(t, c.root, reactivateQuery, object{"id": ann.id}, told{"USER_REACTIVATED", rootID, ann.id, values{"status": "INACTIVE"}, values{"status": "ACTIVE"}})
		c.does(t, c.root, reactivateQuery, object{"id": ann.id})
		c.does(t, c.root, reactivateQuery, object{"id": "user_00000000000000000000000000"})
	})
}

func (c *auditTown) walkOrganization(t *testing.T, rootID string) {
	t.Helper()
	create := `mutation($in: CreateRoleInput!) { createRole(input: $in) { role { id } userErrors { code } } }`
	update := `mutation($id: ID!, $in: UpdateRoleInput!) { updateRole(id: $id, input: $in) { role { id } userErrors { code } } }`
	remove := `mutation($id: ID!, $other: ID) { deleteRole(id: $id, replacementRoleId: $other) { deletedRoleId userErrors { code } } }`
	organization := `mutation($in: UpdateOrganizationInput!) { updateOrganization(input: $in) { organization { id } userErrors { code } } }`
	t.Run("roles", func(t *testing.T) {
		r, err := c.root.ask(create, object{"in": object{"name": "Helper", "description": "Helps.", "permissions": []string{"VIEW_USERS"}}})
		require.NoError(t, err)
		c.walked["createRole"] = true
		id := text(r.Data, "createRole", "role", "id")
		list := c.news(t)
		require.Len(t, list, 1)
		assert.Equal(t, "ROLE_CREATED "+rootID+" "+id, text(list[0], "action")+" "+text(list[0], "actorId")+" "+text(list[0], "targetId"))
		assert.Equal(t, values{"name": "Helper", "description": "Helps.", "permissions": "VIEW_USERS"}, valuesOf(list[0], "after"))
		c.does(t, c.root, create, object{"in": object{"name": "HELPER", "permissions": []string{}}})
		c.does(t, c.root, update, object{"id": id, "in": object{"permissions": []string{"MANAGE_USERS", "VIEW_USERS"}, "description": nil}},
			told{"ROLE_UPDATED", rootID, id, values{"description": "Helps.", "permissions": "VIEW_USERS"}, values{"description": "", "permissions": "VIEW_USERS MANAGE_USERS"}})
		c.does(t, c.root, update, object{"id": id, "in": object{"permissions": []string{"VIEW_USERS", "MANAGE_USERS"}}})
		c.does(t, c.root, update, object{"id": id, "in": object{"name": "Viewer"}})
		c.roles["Helper"] = id
		c.invite("Helper", 2)
		c.news(t)
		c.does(t, c.root, remove, object{"id": id})
		c.does(t, c.root, remove, object{"id": c.roles["Viewer"]})
		c.does(t, c.root, remove, object{"id": id, "other": c.roles["Viewer"]},
			told{"ROLE_DELETED", rootID, id,
				values{"name": "Helper", "description": "", "permissions": "VIEW_USERS MANAGE_USERS"}, values{"replacement": "Viewer"}})
	})
	t.Run("updateOrganization", func(t *testing.T) {
		c.does(t, c.root, organization, object{"in": object{"name": "Acme", "seatLimit": 30, "invitationLifetimeSeconds": 7200}},
			told{"ORGANIZATION_UPDATED", rootID, c.organization,
				values{"name": directory.FirstOrganizationName, "seatLimit": "25", "invitationLifetimeSeconds": ""},
				values{"name": "Acme", "seatLimit": "30", "invitationLifetimeSeconds": "7200"}})
		c.does(t, c.root, organization, object{"in": object{"name": "Acme"}})
		c.does(t, c.root, organization, object{"in": object{"seatLimit": -1}})
	})
}

// listEvents asks for the log in all the ways in which it can be narrowed.
func (c *auditTown) listEvents(t *testing.T, rootID string, ann *person) {
	t.Helper()
	query := `query($user: ID, $actions: [AuditAction!], $since: DateTime, $until: DateTime, $first: Int, $after: String) {
		auditEvents(userId: $user, actions: $actions, since: $since, until: $until, first: $first, after: $after) {
			totalCount edges { cursor } nodes { id action at actorId targetId } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`
	all := func(filter object) []any {
		t.Helper()
		var found []any
		filter = maps.Clone(filter)
		for filter["first"] = 100; ; {
			page := c.root.do(query, filter)
			nodes, _ := page["nodes"].([]any)
			found = append(found, nodes...)
			if dig(page, "pageInfo", "hasNextPage") != true {
				assert.EqualValues(t, len(found), page["totalCount"])
				return found
			}
			filter["after"] = text(page, "pageInfo", "endCursor")
		}
	}
	pick := func(list []any, match func(e any) bool) []any {
		return slices.DeleteFunc(slices.Clone(list), func(e any) bool { return !match(e) })
	}
	whole := all(object{})
	t.Run("the newest first", func(t *testing.T) {
		assert.True(t, slices.IsSortedFunc(whole, func(a, b any) int { return strings.Compare(text(b, "id"), text(a, "id")) }))
		assert.True(t, slices.IsSortedFunc(whole, func(a, b any) int { return strings.Compare(text(b, "at"), text(a, "at")) }))
	})
	t.Run("of a person, who did it or to whom it was done", func(t *testing.T) {
		asActor := func(e any) bool { return text(e, "actorId") == ann.id }
		asTarget := func(e any) bool { return text(e, "targetId") == ann.id }
		want := pick(whole, func(e any) bool { return asActor(e) || asTarget(e) })
		assert.NotEmpty(t, pick(want, func(e any) bool { return !asActor(e) }), "some were done to her by others")
		assert.Equal(t, want, all(object{"user": ann.id}))
		want = pick(whole, func(e any) bool { return text(e, "actorId") == rootID || text(e, "targetId") == rootID })
		assert.NotEmpty(t, pick(want, func(e any) bool { return text(e, "targetId") != rootID }), "some were done by him to others")
		assert.Equal(t, want, all(object{"user": rootID}))
		assert.Empty(t, all(object{"user": "user_00000000000000000000000000"}))
		assert.Empty(t, all(object{"user": ""}), "an id that is none is nobody's")
	})
	t.Run("of kinds", func(t *testing.T) {
		want := pick(whole, func(e any) bool { a := text(e, "action"); return a == "SIGNED_IN" || a == "ROLE_DELETED" })
		assert.Greater(t, len(want), 3)
		assert.Equal(t, want, all(object{"actions": []string{"ROLE_DELETED", "SIGNED_IN", "SIGNED_IN"}}))
		assert.Empty(t, all(object{"actions": []string{}}))
		assert.Equal(t, pick(want, func(e any) bool { return text(e, "targetId") == ann.id }),
			all(object{"actions": []string{"SIGNED_IN", "ROLE_DELETED"}, "user": ann.id}))
	})
	t.Run("of a time, to the millisecond", func(t *testing.T) {
		at := text(whole[len(whole)/2], "at")
		instant, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		format := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }
		from := pick(whole, func(e any) bool { return text(e, "at") >= at })
		later := pick(whole, func(e any) bool { return text(e, "at") > at })
		before := pick(whole, func(e any) bool { return text(e, "at") < at })
		upTo := pick(whole, func(e any) bool { return text(e, "at") <= at })
		require.Greater(t, len(from), len(later))
		assert.Equal(t, from, all(object{"since": at}))
		assert.Equal(t, later, all(object{"since": format(instant.Add(time.Millisecond))}))
		assert.Equal(t, later, all(object{"since": format(instant.Add(time.Microsecond))}), "finer than events are")
		assert.Equal(t, before, all(object{"until": at}))
		assert.Equal(t, upTo, all(object{"until": format(instant.Add(time.Millisecond))}))
		assert.Equal(t, upTo, all(object{"until": format(instant.Add(time.Microsecond))}))
		assert.Equal(t, from, all(object{"since": instant.In(time.FixedZone("", 7200)).Format("2006-01-02T15:04:05.000Z07:00")}), "in another zone")
		assert.Empty(t, all(object{"since": at, "until": at}))
		assert.Equal(t, pick(from, func(e any) bool { return text(e, "at") == at }),
			all(object{"since": at, "until": format(instant.Add(time.Millisecond))}))
		assert.Equal(t, whole, all(object{"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}))
	})
	t.Run("page by page", func(t *testing.T) {
		var got []any
		after := ""
		for page := 0; ; page++ {
			p := c.root.do(query, object{"first": 7, "after": orNull(after)})
			nodes, _ := p["nodes"].([]any)
			got = append(got, nodes...)
			assert.EqualValues(t, len(whole), p["totalCount"], "on every page")
			assert.Equal(t, page > 0, dig(p, "pageInfo", "hasPreviousPage"))
			assert.Equal(t, text(p, "edges", len(nodes)-1, "cursor"), text(p, "pageInfo", "endCursor"))
			if after = text(p, "pageInfo", "endCursor"); dig(p, "pageInfo", "hasNextPage") != true {
				break
			}
		}
		assert.Equal(t, whole, got)
		none := c.root.do(query, object{"first": 0})
		assert.Empty(t, none["nodes"])
		assert.EqualValues(t, len(whole), none["totalCount"])
	})
	t.Run("what is no page or no place is refused", func(t *testing.T) {
		cursor := text(c.root.do(query, object{"first": 3}), "pageInfo", "endCursor")
		ofPeople := text(c.root.do(`{ users(first: 1) { pageInfo { endCursor } } }`, nil), "pageInfo", "endCursor")
		forged := []byte(cursor)
		forged[len(forged)/2] ^= 1
		for name, variables := range map[string]object{
			"more than a page": {"first": 101}, "less than none": {"first": -1}, "a forged cursor": {"after": string(forged)},
			"half a cursor": {"after": cursor[:len(cursor)/2]}, "a cursor of another list": {"after": ofPeople}, "no cursor": {"after": ""},
			"an event's id": {"after": text(whole[0], "id")}, "no time": {"since": "yesterday"}, "no action": {"actions": []string{"NOTHING"}},
		} {
			r, err := c.root.ask(query, variables)
			if assert.NoError(t, err) {
				assert.Equal(t, "BAD_USER_INPUT", r.code(), name)
			}
		}
		assert.NotEmpty(t, c.root.do(query, object{"first": 3, "after": cursor})["nodes"], "and a cursor of its own is not")
	})
}
