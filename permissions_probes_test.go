package main

import "fmt"

// someone is what is asked about a person.
const someone = `user { id email status } userErrors { code message }`

// byID are the variables of what needs nothing but the target's id.
func byID(v *visit) object { return object{"id": v.target().id} }

func byRole(v *visit) object { return object{"id": v.role()} }

// toUser is a probe of a mutation about one person.
func toUser(call string) probe {
	return probe{query: `mutation($id: ID!) { ` + call + ` { ` + someone + ` } }`, variables: byID, at: []any{"user"}}
}

// withInput is a probe of a mutation that takes an input.
func withInput(call, inputType, answer string, input func(v *visit) object, at ...any) probe {
	return probe{
		query:     fmt.Sprintf(`mutation($in: %s!) { %s(input: $in) { %s userErrors { code message } } }`, inputType, call, answer),
		variables: func(v *visit) object { return object{"in": input(v)} }, at: at,
	}
}

// inEvent is a probe of a field of an event.
func inEvent(selection string, filter string, at ...any) probe {
	return probe{
		query:     `query($id: ID!) { auditEvents(userId: $id, first: 1, ` + filter + `) { nodes { ` + selection + ` } } }`,
		variables: byID, at: append([]any{"nodes", 0}, at...),
	}
}

// inEventOf is the same for what was done to something that is nobody.
func inEventOf(id func(v *visit) object) probe {
	return probe{
		query:     `query($id: ID!) { auditEvents(userId: $id, first: 1) { nodes { target { ... on Role { id } ... on Organization { id } } } } }`,
		variables: id, at: []any{"nodes", 0, "target", "id"},
	}
}

// ofPerson is a probe of a person's field; of oneself it is asked as viewer,
// which needs no permission.
func ofPerson(selection string, at ...any) probe {
	return probe{
		query: `query($id: ID!, $self: Boolean!) {
			viewer @include(if: $self) { user { ` + selection + ` } }
			user(id: $id) @skip(if: $self) { ` + selection + ` } }`,
		variables: func(v *visit) object { return object{"self": v.kind == "self", "id": v.target().id} },
		at:        at,
	}
}

const deadToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// token is the token of the target's latest mail with a link; a dead one for nobody.
func (v *visit) token(nth int) string {
	if v.kind == "nobody" {
		return deadToken
	}
	return v.town.link(v.target().email, nth)
}

// freshAddress is one that nobody has.
func (v *visit) freshAddress() string { return v.town.addresses(1)[0] }

// granted are the variables of an invitation with the role that it is about.
func granted(v *visit) object {
	return object{"emails": []string{v.freshAddress()}, "roleId": v.role()}
}

const otherPassword = "another walk along the sea"

// probes ask for the fields of the table.
var probes = map[string]probe{
	"Query.viewer":       {query: `{ viewer { user { id } permissions session { id } } }`},
	"Query.users":        {query: `{ users(first: 2) { totalCount nodes { id email } } }`},
	"Query.user":         {query: `query($id: ID!) { user(id: $id) { id email role { name } } }`, variables: byID},
	"Query.node":         {query: `query($id: ID!) { node(id: $id) { id ... on User { email } } }`, variables: byID},
	"Query.node(role)":   {query: `query($id: ID!) { node(id: $id) { id ... on Role { name } } }`, variables: byRole},
	"Query.roles":        {query: `{ roles { id name } }`},
	"Query.organization": {query: `{ organization { id name } }`},
	"Query.auditEvents":  {query: `{ auditEvents(first: 2) { totalCount nodes { id action } } }`},
	"Query.previewInvitations": {
		query:     `query($emails: [String!]!, $roleId: ID!) { previewInvitations(emails: $emails, roleId: $roleId) { results { email outcome user { id } } userErrors { code message } } }`,
		variables: granted, at: []any{"results", 0},
	},
	"Query.previewInvitations(known)": {
		query: `query($emails: [String!]!, $roleId: ID!) { previewInvitations(emails: $emails, roleId: $roleId) { results { email outcome user { id } } userErrors { code message } } }`,
		variables: func(v *visit) object {
			return object{"emails": []string{v.target().email}, "roleId": v.town.roles["Guest"]}
		}, at: []any{"results", 0, "user"},
	},
	"Query.invitation": {
		query:     `query($token: String!) { invitation(token: $token) { email roleName organizationName invitedByName } }`,
		variables: func(v *visit) object { return object{"token": v.token(1)} },
	},
	"Query.installation": {query: `{ installation { invitationLifetimeSeconds passwordResetLifetimeSeconds passwordMinLength } }`},

	"User.sessions":                   ofPerson(`sessions { id device }`, "sessions"),
	"User.actions":                    ofPerson(`actions { action allowed reason }`, "actions"),
	"Invitation.invitedBy":            ofPerson(`invitation { invitedBy { id email } }`, "invitation", "invitedBy"),
	"PasswordReset.requestedBy":       ofPerson(`passwordReset { requestedBy { id email } }`, "passwordReset", "requestedBy"),
	"Role.userCount":                  ofPerson(`role { userCount }`, "role", "userCount"),
	"Organization.seats":              {query: `{ organization { seats { limit used available } } }`, at: []any{"seats"}},
	"Organization.userCounts":         {query: `{ organization { userCounts { total } } }`, at: []any{"userCounts"}},
	"AuditEvent.actor":                inEvent(`actor { id email }`, `actions: [INVITATION_ACCEPTED]`, "actor"),
	"AuditEvent.target":               inEvent(`target { ... on User { id email } }`, `actions: [USER_INVITED, INVITATION_ACCEPTED]`, "target"),
	"AuditEvent.target(role)":         inEventOf(byRole),
	"AuditEvent.target(organization)": inEventOf(func(v *visit) object { return object{"id": v.town.organization} }),

	"Subscription.userChanged":  {query: `subscription { userChanged { kind } }`, at: []any{"kind"}},
	"UserChange.user":           {query: `subscription { userChanged { user { id email } } }`, at: []any{"user"}},
	"UserChange.user(sessions)": {query: `subscription { userChanged { user { id sessions { id } } } }`, at: []any{"user", "sessions"}},
	"UserChange.organization":   {query: `subscription { userChanged { organization { id seats { used } } } }`, at: []any{"organization", "seats"}},

	"Mutation.inviteUsers":      withInput("inviteUsers", "InviteUsersInput", `results { outcome user { id } } users { id email }`, granted, "users", 0),
	"Mutation.resendInvitation": toUser(`resendInvitation(id: $id)`),
	"Mutation.updateUser":       toUser(`updateUser(id: $id, input: {title: "Changed"})`),
	"Mutation.updateUser(role)": {
		query: `mutation($id: ID!, $role: ID!) { updateUser(id: $id, input: {roleId: $role}) { ` + someone + ` } }`, at: []any{"user"},
		variables: func(v *visit) object { return object{"id": v.target().id, "role": v.town.roles["Visitor"]} },
	},
	"Mutation.updateUser(raise)": {
		query: `mutation($id: ID!, $role: ID!) { updateUser(id: $id, input: {title: "Changed too", roleId: $role}) { ` + someone + ` } }`, at: []any{"user"},
		variables: func(v *visit) object {
			role := v.town.roles["Administrator"]
			if v.kind == "self" && v.caller.role(v.t) == role {
				role = v.town.roles["Viewer"]
			}
			return object{"id": v.target().id, "role": role}
		},
	},
	"Mutation.deleteUser":          toUser(`deleteUser(id: $id)`),
	"Mutation.reactivateUser":      toUser(`reactivateUser(id: $id)`),
	"Mutation.resetPassword":       toUser(`resetPassword(id: $id)`),
	"Mutation.cancelPasswordReset": toUser(`cancelPasswordReset(id: $id)`),
	"Mutation.disable2FA":          toUser(`disable2FA(id: $id)`),
	"Mutation.revokeSessions":      toUser(`revokeSessions(userId: $id)`),
	"Mutation.revokeSession": {
		query: `mutation($id: ID!, $user: ID) { revokeSession(id: $id, userId: $user) { ` + someone + ` } }`, at: []any{"user"},
		variables: func(v *visit) object {
			if v.kind == "self" {
				return object{"id": v.sessionOf(v.caller)}
			}
			return object{"id": v.sessionOf(v.target()), "user": v.target().id}
		},
	},
	"Mutation.revokeSession(ended)": {
		query: `mutation { revokeSession(id: "sess_00000000000000000000000000") { ` + someone + ` } }`, at: []any{"user"},
	},

	"Mutation.createRole": withInput("createRole", "CreateRoleInput", `role { id name }`, func(v *visit) object {
		return object{"name": v.freshAddress(), "permissions": []string{}}
	}, "role"),
	"Mutation.createRole(raise)": withInput("createRole", "CreateRoleInput", `role { id name }`, func(v *visit) object {
		return object{"name": v.freshAddress(), "permissions": []string{"VIEW_USERS"}}
	}, "role"),
	"Mutation.updateRole":          changeRole(`{description: "Changed"}`),
	"Mutation.updateRole(raise)":   changeRole(`{permissions: [VIEW_USERS, CSM_SEAT]}`),
	"Mutation.updateRole(nothing)": changeRole(`{permissions: []}`),
	"Mutation.deleteRole": {
		query:     `mutation($id: ID!) { deleteRole(id: $id) { deletedRoleId userErrors { code message } } }`,
		variables: byRole, at: []any{"deletedRoleId"},
	},
	"Mutation.deleteRole(replace)": replaceRole("Guest"),
	"Mutation.deleteRole(raise)":   replaceRole("Viewer"),
	"Mutation.updateOrganization": withInput("updateOrganization", "UpdateOrganizationInput", `organization { id name }`, func(v *visit) object {
		return object{"name": "Renamed " + v.freshAddress()}
	}, "organization"),

	"Mutation.login": {
		query: loginQuery, at: []any{"viewer"}, proves: true,
		variables: func(v *visit) object {
			return object{"in": object{"username": v.target().email, "password": v.target().password, "issueToken": true}}
		},
	},
	"Mutation.login(wrong)": {
		query: loginQuery,
		variables: func(v *visit) object {
			return object{"in": object{"username": v.freshAddress(), "password": townPassword}}
		},
	},
	"Mutation.verifyTwoFactor": {
		query: verifyQuery, at: []any{"viewer"}, proves: true,
		variables: func(v *visit) object {
			if v.kind == "nobody" {
				return object{"in": object{"challenge": deadToken, "code": "123456"}}
			}
			who := v.target()
			challenge := text(v.town.anybody().signIn(who.email, who.password), "twoFactorChallenge", "token")
			return object{"in": object{"challenge": challenge, "code": who.code(v.t), "issueToken": true}}
		},
	},
	"Mutation.acceptInvitation": {
		query: acceptQuery, at: []any{"user"}, proves: true,
		variables: func(v *visit) object { return object{"in": object{"token": v.token(1), "password": townPassword}} },
	},
	"Mutation.requestPasswordReset": withInput("requestPasswordReset", "RequestPasswordResetInput", `message`, func(v *visit) object {
		if v.kind == "nobody" {
			return object{"username": v.freshAddress()}
		}
		return object{"username": v.target().email}
	}, "message"),
	"Mutation.completePasswordReset": {
		query: `mutation($in: CompletePasswordResetInput!) { completePasswordReset(input: $in) { ` + someone + ` } }`, at: []any{"user"}, proves: true,
		variables: func(v *visit) object {
			if v.kind == "nobody" {
				return object{"in": object{"token": deadToken, "password": otherPassword}}
			}
			v.town.root.do(`mutation($id: ID!) { resetPassword(id: $id) { userErrors { code } } }`, object{"id": v.target().id})
			return object{"in": object{"token": v.token(2), "password": otherPassword}}
		},
	},

	"Mutation.logout": {
		query: `mutation { logout { userErrors { code } } }`, at: []any{"userErrors"},
		by: func(v *visit) *client {
			if v.caller.email == "" {
				return v.caller.client
			}
			return v.elsewhere(v.caller).client
		},
	},
	"Mutation.reauthenticate": withInput("reauthenticate", "ReauthenticateInput", `until`, func(v *visit) object {
		return object{"password": v.caller.password}
	}, "until"),
	"Mutation.reauthenticate(wrong)": withInput("reauthenticate", "ReauthenticateInput", `until`, func(*visit) object {
		return object{"password": otherPassword}
	}, "until"),
	"Mutation.changePassword": withInput("changePassword", "ChangePasswordInput", `user { id }`, func(v *visit) object {
		was := v.caller.password
		if v.fresh {
			v.caller.password = otherPassword
		}
		return object{"currentPassword": was, "newPassword": otherPassword}
	}, "user"),
	"Mutation.changePassword(wrong)": withInput("changePassword", "ChangePasswordInput", `user { id }`, func(*visit) object {
		return object{"currentPassword": otherPassword, "newPassword": townPassword}
	}, "user"),
	"Mutation.updateProfile": withInput("updateProfile", "UpdateProfileInput", `user { id title }`, func(*visit) object {
		return object{"title": "Changed by oneself"}
	}, "user"),
	"Mutation.startTwoFactorSetup": {query: setUpQuery, at: []any{"secret"}},
	"Mutation.confirmTwoFactorSetup": {
		query: confirmQuery, at: []any{"recoveryCodes", 0},
		variables: func(v *visit) object {
			if !v.fresh {
				return object{"c": "000000"}
			}
			return object{"c": totpNow(v.t, text(v.caller.do(setUpQuery, nil), "secret"))}
		},
		after: func(v *visit, r reply) { v.caller.keepCodes(dig(r.Data, "confirmTwoFactorSetup", "recoveryCodes")) },
	},
	"Mutation.confirmTwoFactorSetup(nothing)": {query: confirmQuery, at: []any{"recoveryCodes"}, variables: func(*visit) object { return object{"c": "000000"} }},
	"Mutation.removeTwoFactor": {
		query: `mutation($code: String!) { removeTwoFactor(code: $code) { ` + someone + ` } }`, at: []any{"user"},
		variables: func(v *visit) object {
			if !v.fresh {
				return object{"code": "000000"}
			}
			return object{"code": v.caller.code(v.t)}
		},
	},
	"Mutation.removeTwoFactor(nothing)": {
		query: `mutation { removeTwoFactor(code: "000000") { ` + someone + ` } }`, at: []any{"user"},
	},
}

// changeRole is a probe of a change of a role.
func changeRole(input string) probe {
	return probe{
		query:     `mutation($id: ID!) { updateRole(id: $id, input: ` + input + `) { role { id name permissions } userErrors { code message } } }`,
		variables: byRole, at: []any{"role"},
	}
}

// replaceRole is a probe of deleting a role for another.
func replaceRole(other string) probe {
	return probe{
		query: `mutation($id: ID!, $other: ID) { deleteRole(id: $id, replacementRoleId: $other) { deletedRoleId replacement { id name } userErrors { code message } } }`,
		at:    []any{"replacement"},
		variables: func(v *visit) object {
			return object{"id": v.role(), "other": v.town.roles[other]}
		},
	}
}

// elsewhere is somebody signed in on another device.
func (v *visit) elsewhere(who *person) *person {
	v.t.Helper()
	other := &person{client: v.town.anybody(), email: who.email, password: who.password, codes: who.codes}
	other.enter(v.t)
	who.codes = other.codes
	return other
}

// sessionOf is the id of somebody's session: one that may be ended, or the one
// that they have.
func (v *visit) sessionOf(who *person) string {
	v.t.Helper()
	if v.fresh {
		return text(v.elsewhere(who).viewer(), "session", "id")
	}
	if who.client != nil && who.token != "" {
		if id := text(who.viewer(), "session", "id"); id != "" {
			return id
		}
	}
	return "sess_00000000000000000000000000"
}
