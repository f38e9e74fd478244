package main

import (
	"fmt"

	"roster/internal/directory"
)

// prepared is who asks for an operation, and with which variables. Nobody, when
// by is nil.
type prepared struct {
	by        *costPerson
	variables object
	// shell is what a shell puts in.
	shell map[string]string
}

// preparations make what each operation needs, by its name.
var preparations = map[string]func(h *costHouse) prepared{
	"List":                 reads(nil),
	"Viewer":               reads(nil),
	"WhoAmI":               reads(nil),
	"Account":              reads(nil),
	"People":               reads(nil),
	"Organization":         reads(nil),
	"organization":         reads(nil),
	"users":                reads(nil),
	"roles":                reads(nil),
	"Roles":                reads(nil),
	"Audit":                reads(nil),
	"PasswordLength":       func(*costHouse) prepared { return prepared{} },
	"WithoutTwoFactor":     reads(nil),
	"FindPeople":           reads(object{"search": "ann"}),
	"OrganizationSettings": reads(nil),
	"RoleHolders": func(h *costHouse) prepared {
		return h.asks(object{"roleIds": []string{h.org.Roles[1].ID}})
	},
	// The tab with most edges.
	"Users":       reads(object{"status": "PENDING", "orderBy": object{"field": "NAME"}}),
	"AuditLog":    reads(object{"people": true, "named": false, "person": ""}),
	"AuditExport": reads(object{"people": true}),
	"UsersExport": reads(object{"status": "PENDING"}),
	"SelectUsers": reads(object{"first": 2}),
	"SelectedNow": about(made),
	"Person": func(h *costHouse) prepared {
		return h.asks(object{"id": h.one(made).ID})
	},
	"PersonTrail": func(h *costHouse) prepared { return h.asks(object{"id": h.admin.ID}) },
	"Sessions": func(h *costHouse) prepared {
		who := h.one(made)
		for range min(h.size, 40) {
			h.session(who)
		}
		return h.asks(object{"id": who.ID})
	},
	"InvitationsPreview": addresses,
	"Preview":            addresses,

	"InviteUsers": func(h *costHouse) prepared { return h.asks(object{"input": addresses(h).variables}) },
	"Invite":      addresses,
	"inviteUsers": func(h *costHouse) prepared {
		return prepared{by: h.admin, shell: map[string]string{"viewer": h.org.Roles[3].ID}}
	},
	"ResendInvitation": func(h *costHouse) prepared {
		return h.asks(object{"id": h.one(func(u *directory.User) { u.Status = directory.Pending }).ID})
	},
	"UpdateUser":     changes(object{"title": "Director"}),
	"Change":         changes(object{"title": "Director"}),
	"DeleteUser":     about(made),
	"Delete":         about(made),
	"ResetPassword":  about(made),
	"Reset":          about(made),
	"RevokeSessions": func(h *costHouse) prepared { return h.asks(object{"userId": h.session(h.one(made)).ID}) },
	"RevokeSession": func(h *costHouse) prepared {
		who := h.session(h.one(made))
		return h.asks(object{"userId": who.ID, "id": who.Sessions[0].ID})
	},
	"ReactivateUser":      about(func(u *directory.User) { u.Status = directory.Inactive }),
	"Reactivate":          about(func(u *directory.User) { u.Status = directory.Inactive }),
	"DeleteOneOfMany":     about(made),
	"ReactivateOneOfMany": about(func(u *directory.User) { u.Status = directory.Inactive }),
	"ResendToOneOfMany":   about(func(u *directory.User) { u.Status = directory.Pending }),
	"ChangeRoleOfOneOfMany": func(h *costHouse) prepared {
		return h.asks(object{"id": h.one(made).ID, "roleId": h.org.Roles[2].ID})
	},
	"CancelPasswordReset": about(func(u *directory.User) { u.PasswordReset = &directory.Link{TokenHash: u.ID} }),
	"CancelReset":         about(func(u *directory.User) { u.PasswordReset = &directory.Link{TokenHash: u.ID} }),
	"DisableTwoFactor": func(h *costHouse) prepared {
		who, _ := h.twoFactor()
		return h.asks(object{"id": who.ID})
	},

	"UpdateOrganization": reads(object{"input": object{"name": "Acme & Sons"}}),
	"CreateRole": func(h *costHouse) prepared {
		return h.asks(object{"input": object{"name": h.id("x"), "permissions": []string{"VIEW_USERS"}}})
	},
	"UpdateRole": func(h *costHouse) prepared {
		return h.asks(object{"id": h.org.Roles[4].ID, "input": object{"description": h.id("x")}})
	},
	"DeleteRole": func(h *costHouse) prepared { return h.asks(object{"id": h.org.Roles[4].ID}) },

	"UpdateProfile": own(object{"input": object{"title": "Director"}}),
	"ChangePassword": func(h *costHouse) prepared {
		return own(object{"input": object{"currentPassword": h.password, "newPassword": "another walk along the sea"}})(h)
	},
	"StartTwoFactorSetup": own(nil),
	"ConfirmTwoFactorSetup": func(h *costHouse) prepared {
		who := h.session(h.one(made))
		return prepared{by: who, variables: object{"code": h.setUpCode(who)}}
	},
	"RemoveTwoFactor": func(h *costHouse) prepared {
		who, code := h.twoFactor()
		return prepared{by: who, variables: object{"code": code}}
	},
	"Logout":         own(nil),
	"Reauthenticate": func(h *costHouse) prepared { return own(object{"input": object{"password": h.password}})(h) },

	"Login": func(h *costHouse) prepared {
		return prepared{variables: object{"input": object{"username": h.one(made).Email, "password": h.password}}}
	},
	"login": func(*costHouse) prepared { return prepared{} },
	"VerifyTwoFactor": func(h *costHouse) prepared {
		who, code := h.twoFactor()
		began := h.ask(h.t.Context(), nil, loginQuery, object{"in": object{"username": who.Email, "password": h.password}})
		return prepared{variables: object{"input": object{"challenge": text(began, "login", "twoFactorChallenge", "token"), "code": code}}}
	},
	"RequestPasswordReset": func(h *costHouse) prepared {
		return prepared{variables: object{"input": object{"username": h.one(made).Email}}}
	},
	"CompletePasswordReset": func(h *costHouse) prepared {
		token := h.linked(func(u *directory.User, l *directory.Link) { u.PasswordReset = l })
		return prepared{variables: object{"input": object{"token": token, "password": "another walk along the sea"}}}
	},
	"Invitation": func(h *costHouse) prepared { return prepared{variables: object{"token": h.invited()}} },
	"AcceptInvitation": func(h *costHouse) prepared {
		return prepared{variables: object{"input": object{"token": h.invited(), "password": h.password}}}
	},
	"acceptInvitation": func(h *costHouse) prepared { return prepared{shell: map[string]string{"link": h.invited()}} },
}

func (h *costHouse) asks(variables object) prepared {
	return prepared{by: h.admin, variables: variables}
}

// reads is the administrator asking.
func reads(variables object) func(h *costHouse) prepared {
	return func(h *costHouse) prepared { return h.asks(variables) }
}

// about is the administrator doing something to somebody.
func about(edit func(*directory.User)) func(h *costHouse) prepared {
	return func(h *costHouse) prepared { return h.asks(object{"id": h.one(edit).ID}) }
}

func changes(input object) func(h *costHouse) prepared {
	return func(h *costHouse) prepared { return h.asks(object{"id": h.one(made).ID, "input": input}) }
}

// own is somebody doing something to themselves.
func own(variables object) func(h *costHouse) prepared {
	return func(h *costHouse) prepared { return prepared{by: h.session(h.one(made)), variables: variables} }
}

// addresses are new, as many as the size says.
func addresses(h *costHouse) prepared {
	emails := make([]string, h.size)
	for i := range emails {
		emails[i] = fmt.Sprintf("%s%d@example.com", h.id("new"), i)
	}
	return h.asks(object{"emails": emails, "roleId": h.org.Roles[3].ID})
}

func (h *costHouse) invited() string {
	return h.linked(func(u *directory.User, l *directory.Link) { u.Status, u.Invitation = directory.Pending, l })
}
