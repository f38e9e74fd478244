package mongo

import (
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"roster/internal/directory"
)

// The documents as they are stored. They are made from the types of the
// directory at the door and turned back there, so that neither shapes the
// other. Times are BSON dates, which are whole milliseconds; the zero time is
// one as well. A nil slice is null.

type organizationDocument struct {
	ID     string             `bson:"_id"`
	Slug   string             `bson:"slug"`
	Fields organizationFields `bson:",inline"`
}

// organizationFields are what an update of an organization sets.
type organizationFields struct {
	Revision int64 `bson:"rev"`
	Version  int   `bson:"version"`

	Name      string    `bson:"name"`
	CreatedAt time.Time `bson:"createdAt"`
	UpdatedAt time.Time `bson:"updatedAt"`

	Roles        []roleDocument    `bson:"roles"`
	Retired      []retiredDocument `bson:"retired"`
	RolesVersion int64             `bson:"rolesVersion"`

	SeatLimit          int           `bson:"seatLimit"`
	InvitationLifetime time.Duration `bson:"invitationLifetime"`
	RequireTwoFactor   bool          `bson:"requireTwoFactor"`

	Transition *transitionDocument `bson:"transition"`
	Outbox     []entryDocument     `bson:"outbox"`

	// Due is when something is to be done about it; worked out from the above,
	// for the index.
	Due *time.Time `bson:"due,omitempty"`
}

type roleDocument struct {
	ID          string                 `bson:"id"`
	Name        string                 `bson:"name"`
	Description string                 `bson:"description"`
	Permissions []directory.Permission `bson:"permissions"`
	BuiltIn     bool                   `bson:"builtIn"`
	Version     int                    `bson:"version"`
}

type retiredDocument struct {
	ID         string `bson:"id"`
	ReplacedBy string `bson:"replacedBy"`
}

type transitionDocument struct {
	Mark    string    `bson:"mark"`
	BegunAt time.Time `bson:"begunAt"`
	RoleIDs []string  `bson:"roles"`
}

func fieldsOfOrganization(o *directory.Organization) organizationFields {
	f := organizationFields{
		Revision: o.Revision, Version: o.Version,
		Name: o.Name, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
		Roles:        mapped(o.Roles, func(r directory.Role) roleDocument { return roleDocument(r) }),
		Retired:      mapped(o.Retired, func(r directory.RetiredRole) retiredDocument { return retiredDocument(r) }),
		RolesVersion: o.RolesVersion,
		SeatLimit:    o.SeatLimit, InvitationLifetime: o.InvitationLifetime, RequireTwoFactor: o.RequireTwoFactor,
		Transition: (*transitionDocument)(o.Transition),
		Outbox:     mapped(o.Outbox, documentOfEntry),
	}
	if at, due := o.DueAt(); due {
		f.Due = &at
	}
	return f
}

// change sets the fields, and takes off the one that is there only sometimes.
func (f organizationFields) change() bson.M {
	change := bson.M{"$set": f}
	if f.Due == nil {
		change["$unset"] = bson.M{"due": ""}
	}
	return change
}

func (d organizationDocument) organization() *directory.Organization {
	f := &d.Fields
	return &directory.Organization{
		ID: d.ID, Slug: d.Slug, Revision: f.Revision, Version: f.Version,
		Name: f.Name, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
		Roles:        mapped(f.Roles, func(r roleDocument) directory.Role { return directory.Role(r) }),
		Retired:      mapped(f.Retired, func(r retiredDocument) directory.RetiredRole { return directory.RetiredRole(r) }),
		RolesVersion: f.RolesVersion,
		SeatLimit:    f.SeatLimit, InvitationLifetime: f.InvitationLifetime, RequireTwoFactor: f.RequireTwoFactor,
		Transition: (*directory.Transition)(f.Transition),
		Outbox:     mapped(f.Outbox, entryDocument.entry),
	}
}

// userDocument is a user, and beside it what the counts need, which no update
// of the user replaces.
type userDocument struct {
	ID             string     `bson:"_id"`
	OrganizationID string     `bson:"org"`
	Fields         userFields `bson:",inline"`
	// Arrival is the arrival with which the user was added.
	Arrival bson.ObjectID `bson:"arrival"`
	// Pending are the moves that may not be counted yet.
	Pending []move `bson:"pending,omitempty"`
}

// userFields are what an update of a user sets.
type userFields struct {
	Revision int64 `bson:"rev"`
	Version  int   `bson:"version"`

	Email    string           `bson:"email"`
	Username string           `bson:"username"`
	Name     string           `bson:"name"`
	Title    string           `bson:"title"`
	Status   directory.Status `bson:"status"`
	RoleID   string           `bson:"role"`

	CreatedAt     time.Time `bson:"createdAt"`
	UpdatedAt     time.Time `bson:"updatedAt"`
	DeactivatedAt time.Time `bson:"deactivatedAt"`
	LastLoginAt   time.Time `bson:"lastLoginAt"`

	Invitation    *linkDocument       `bson:"invitation"`
	PasswordReset *linkDocument       `bson:"passwordReset"`
	Credentials   credentialsDocument `bson:"credentials"`
	Sessions      []sessionDocument   `bson:"sessions"`
	Outbox        []entryDocument     `bson:"outbox"`

	// What follows is worked out from the above, for the indexes.

	TwoFactor bool         `bson:"twoFactor"`
	Keys      []string     `bson:"keys"`
	Words     []string     `bson:"words"`
	Sort      sortDocument `bson:"sort"`
	// Links are the hashes of the outstanding links' tokens.
	Links []string `bson:"links,omitempty"`
	// Due is when the first entry of the outbox is.
	Due *time.Time `bson:"due,omitempty"`
}

// sortDocument is what lists are ordered by; a name that was never given is empty.
type sortDocument struct {
	Name     string `bson:"name"`
	Email    string `bson:"email"`
	Username string `bson:"username"`
}

type linkDocument struct {
	RequestedBy string        `bson:"requestedBy"`
	RequestedAt time.Time     `bson:"requestedAt"`
	Lifetime    time.Duration `bson:"lifetime"`
	ExpiresAt   time.Time     `bson:"expiresAt"`
	TokenHash   string        `bson:"tokenHash"`
	Delivery    struct {
		State    directory.DeliveryState `bson:"state"`
		At       time.Time               `bson:"at"`
		Attempts int                     `bson:"attempts"`
		Reason   string                  `bson:"reason"`
	} `bson:"delivery"`
	Request string `bson:"request"`
	Renewed bool   `bson:"renewed"`
}

type credentialsDocument struct {
	PasswordHash      string             `bson:"passwordHash"`
	PasswordChangedAt time.Time          `bson:"passwordChangedAt"`
	TwoFactor         *twoFactorDocument `bson:"twoFactor"`
	TwoFactorSetup    []byte             `bson:"twoFactorSetup"`
	Version           int                `bson:"version"`
}

type twoFactorDocument struct {
	Secret         []byte    `bson:"secret"`
	EnabledAt      time.Time `bson:"enabledAt"`
	LastStep       int64     `bson:"lastStep"`
	RecoveryHashes []string  `bson:"recoveryHashes"`
}

type sessionDocument struct {
	ID        string    `bson:"id"`
	ExpiresAt time.Time `bson:"expiresAt"`
}

type entryDocument struct {
	ID       string         `bson:"id"`
	Event    *eventDocument `bson:"event"`
	Mail     *mailDocument  `bson:"mail"`
	DueAt    time.Time      `bson:"dueAt"`
	Attempts int            `bson:"attempts"`
}

type mailDocument struct {
	Kind       directory.MailKind `bson:"kind"`
	ActorID    string             `bson:"actor"`
	Origin     originDocument     `bson:"origin"`
	OccurredAt time.Time          `bson:"occurredAt"`
}

type originDocument struct {
	IP        string `bson:"ip"`
	UserAgent string `bson:"userAgent"`
}

type eventDocument struct {
	ID             string           `bson:"_id"`
	OrganizationID string           `bson:"org"`
	Action         directory.Action `bson:"action"`
	ActorID        string           `bson:"actor"`
	TargetID       string           `bson:"target"`
	At             time.Time        `bson:"at"`
	Origin         originDocument   `bson:"origin"`
	Before         []detailDocument `bson:"before"`
	After          []detailDocument `bson:"after"`
	// People are the actor and the target, as far as there are any, for the index.
	People []string `bson:"people"`
}

type detailDocument struct {
	Field string `bson:"field"`
	Value string `bson:"value"`
}

func fieldsOf(u *directory.User) userFields {
	f := userFields{
		Revision: u.Revision, Version: u.Version,
		Email: u.Email, Username: u.Username, Name: u.Name, Title: u.Title, Status: u.Status, RoleID: u.RoleID,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, DeactivatedAt: u.DeactivatedAt, LastLoginAt: u.LastLoginAt,
		Invitation: documentOfLink(u.Invitation), PasswordReset: documentOfLink(u.PasswordReset),
		Credentials: credentialsDocument{
			PasswordHash: u.Credentials.PasswordHash, PasswordChangedAt: u.Credentials.PasswordChangedAt,
			TwoFactor:      (*twoFactorDocument)(u.Credentials.TwoFactor),
			TwoFactorSetup: u.Credentials.TwoFactorSetup, Version: u.Credentials.Version,
		},
		Sessions: mapped(u.Sessions, func(s directory.SessionRef) sessionDocument { return sessionDocument(s) }),
		Outbox:   mapped(u.Outbox, documentOfEntry),

		TwoFactor: u.TwoFactorEnabled(), Keys: u.Keys(), Words: directory.SearchWords(u),
		Sort: sortDocument{
			Name:     directory.SortText(u, directory.ByName),
			Email:    directory.SortText(u, directory.ByEmail),
			Username: directory.SortText(u, directory.ByUsername),
		},
	}
	for _, link := range []*directory.Link{u.Invitation, u.PasswordReset} {
		if link != nil && link.TokenHash != "" {
			f.Links = append(f.Links, link.TokenHash)
		}
	}
	for _, e := range u.Outbox {
		if f.Due == nil || e.DueAt.Before(*f.Due) {
			f.Due = &e.DueAt
		}
	}
	return f
}

// change sets the fields, and takes off those that are there only sometimes.
func (f userFields) change() bson.M {
	change, absent := bson.M{"$set": f}, bson.M{}
	if f.Links == nil {
		absent["links"] = ""
	}
	if f.Due == nil {
		absent["due"] = ""
	}
	if len(absent) > 0 {
		change["$unset"] = absent
	}
	return change
}

func (d *userDocument) user() *directory.User {
	f := &d.Fields
	return &directory.User{
		ID: d.ID, OrganizationID: d.OrganizationID, Revision: f.Revision, Version: f.Version,
		Email: f.Email, Username: f.Username, Name: f.Name, Title: f.Title, Status: f.Status, RoleID: f.RoleID,
		CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt, DeactivatedAt: f.DeactivatedAt, LastLoginAt: f.LastLoginAt,
		Invitation: f.Invitation.link(), PasswordReset: f.PasswordReset.link(),
		Credentials: directory.Credentials{
			PasswordHash: f.Credentials.PasswordHash, PasswordChangedAt: f.Credentials.PasswordChangedAt,
			TwoFactor:      (*directory.TwoFactor)(f.Credentials.TwoFactor),
			TwoFactorSetup: f.Credentials.TwoFactorSetup, Version: f.Credentials.Version,
		},
		Sessions: mapped(f.Sessions, func(s sessionDocument) directory.SessionRef { return directory.SessionRef(s) }),
		Outbox:   mapped(f.Outbox, entryDocument.entry),
	}
}

// group is the group that the user of the document is counted in.
func (f *userFields) group() directory.Group {
	return directory.Group{Status: f.Status, RoleID: f.RoleID, TwoFactor: f.TwoFactor}
}

func documentOfLink(l *directory.Link) *linkDocument {
	if l == nil {
		return nil
	}
	d := &linkDocument{
		RequestedBy: l.RequestedBy, RequestedAt: l.RequestedAt, Lifetime: l.Lifetime, ExpiresAt: l.ExpiresAt, TokenHash: l.TokenHash,
		Request: l.Request, Renewed: l.Renewed,
	}
	d.Delivery.State, d.Delivery.At = l.Delivery.State, l.Delivery.At
	d.Delivery.Attempts, d.Delivery.Reason = l.Delivery.Attempts, l.Delivery.Reason
	return d
}

func (d *linkDocument) link() *directory.Link {
	if d == nil {
		return nil
	}
	return &directory.Link{
		RequestedBy: d.RequestedBy, RequestedAt: d.RequestedAt, Lifetime: d.Lifetime, ExpiresAt: d.ExpiresAt, TokenHash: d.TokenHash,
		Delivery: directory.Delivery{State: d.Delivery.State, At: d.Delivery.At, Attempts: d.Delivery.Attempts, Reason: d.Delivery.Reason},
		Request:  d.Request, Renewed: d.Renewed,
	}
}

func documentOfEntry(e directory.Entry) entryDocument {
	d := entryDocument{ID: e.ID, DueAt: e.DueAt, Attempts: e.Attempts}
	if e.Event != nil {
		event := documentOfEvent(*e.Event)
		d.Event = &event
	}
	if e.Mail != nil {
		d.Mail = &mailDocument{
			Kind: e.Mail.Kind, ActorID: e.Mail.ActorID, Origin: originDocument(e.Mail.Origin), OccurredAt: e.Mail.OccurredAt,
		}
	}
	return d
}

func (d entryDocument) entry() directory.Entry {
	e := directory.Entry{ID: d.ID, DueAt: d.DueAt, Attempts: d.Attempts}
	if d.Event != nil {
		event := d.Event.event()
		e.Event = &event
	}
	if d.Mail != nil {
		e.Mail = &directory.Mail{
			Kind: d.Mail.Kind, ActorID: d.Mail.ActorID, Origin: directory.Origin(d.Mail.Origin), OccurredAt: d.Mail.OccurredAt,
		}
	}
	return e
}

func documentOfEvent(e directory.Event) eventDocument {
	detail := func(d directory.Detail) detailDocument { return detailDocument(d) }
	people := slices.DeleteFunc(slices.Compact([]string{e.ActorID, e.TargetID}), func(id string) bool { return id == "" })
	return eventDocument{
		ID: e.ID, OrganizationID: e.OrganizationID, Action: e.Action, ActorID: e.ActorID, TargetID: e.TargetID,
		At: e.At, Origin: originDocument(e.Origin), Before: mapped(e.Before, detail), After: mapped(e.After, detail),
		People: people,
	}
}

func (d eventDocument) event() directory.Event {
	detail := func(d detailDocument) directory.Detail { return directory.Detail(d) }
	return directory.Event{
		ID: d.ID, OrganizationID: d.OrganizationID, Action: d.Action, ActorID: d.ActorID, TargetID: d.TargetID,
		At: d.At, Origin: directory.Origin(d.Origin), Before: mapped(d.Before, detail), After: mapped(d.After, detail),
	}
}

// mapped is the same slice of another type; nil stays nil.
func mapped[A, B any](from []A, turn func(A) B) []B {
	if from == nil {
		return nil
	}
	to := make([]B, len(from))
	for i, a := range from {
		to[i] = turn(a)
	}
	return to
}
