package sqlite

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unique"

	"roster/internal/directory"
)

// The documents as they stand in the file: with short names, and without what
// is empty, since a list reads a hundred of them. What has been released is
// never renamed.

// organizationDocument leaves out the id, the slug and the revision, which are
// columns.
type organizationDocument struct {
	Name               string                `json:"name,omitempty"`
	CreatedAt          instant               `json:"created,omitzero"`
	UpdatedAt          instant               `json:"updated,omitzero"`
	Roles              []roleDocument        `json:"roles,omitempty"`
	Retired            []retiredRoleDocument `json:"retired,omitempty"`
	RolesVersion       int64                 `json:"rolesVersion,omitempty"`
	SeatLimit          int                   `json:"seatLimit,omitempty"`
	InvitationLifetime time.Duration         `json:"invitationLifetime,omitempty"` // nanoseconds
	RequireTwoFactor   bool                  `json:"requireTwoFactor,omitempty"`
	Transition         *transitionDocument   `json:"transition,omitempty"`
	Outbox             []entryDocument       `json:"outbox,omitempty"`
	Version            int                   `json:"version,omitempty"`
}

type roleDocument struct {
	ID          string                 `json:"id,omitempty"`
	Name        string                 `json:"name,omitempty"`
	Description string                 `json:"description,omitempty"`
	Permissions []directory.Permission `json:"permissions,omitempty"`
	BuiltIn     bool                   `json:"builtIn,omitempty"`
	Version     int                    `json:"version,omitempty"`
}

type retiredRoleDocument struct {
	ID         string `json:"id,omitempty"`
	ReplacedBy string `json:"by,omitempty"`
}

type transitionDocument struct {
	Mark    string   `json:"mark,omitempty"`
	BegunAt instant  `json:"begun,omitzero"`
	RoleIDs []string `json:"roles,omitempty"`
}

// userDocument leaves out the ids and the revision, which are columns.
type userDocument struct {
	Email         string              `json:"email,omitempty"`
	Username      string              `json:"username,omitempty"`
	Name          string              `json:"name,omitempty"`
	Title         string              `json:"title,omitempty"`
	Role          string              `json:"role,omitempty"`
	Status        directory.Status    `json:"status,omitempty"`
	CreatedAt     instant             `json:"created,omitzero"`
	UpdatedAt     instant             `json:"updated,omitzero"`
	DeactivatedAt instant             `json:"deactivated,omitzero"`
	LastLoginAt   instant             `json:"login,omitzero"`
	Version       int                 `json:"version,omitempty"`
	Invitation    *linkDocument       `json:"invitation,omitempty"`
	PasswordReset *linkDocument       `json:"reset,omitempty"`
	Credentials   credentialsDocument `json:"credentials,omitzero"`
	Sessions      []sessionDocument   `json:"sessions,omitempty"`
	Outbox        []entryDocument     `json:"outbox,omitempty"`
}

type linkDocument struct {
	RequestedBy string           `json:"by,omitempty"`
	RequestedAt instant          `json:"at,omitzero"`
	Lifetime    time.Duration    `json:"lifetime,omitempty"` // nanoseconds
	ExpiresAt   instant          `json:"expires,omitzero"`
	TokenHash   string           `json:"hash,omitempty"`
	Delivery    deliveryDocument `json:"delivery,omitzero"`
	Request     string           `json:"request,omitempty"`
	Renewed     bool             `json:"renewed,omitempty"`
}

type deliveryDocument struct {
	State    directory.DeliveryState `json:"state,omitempty"`
	At       instant                 `json:"at,omitzero"`
	Attempts int                     `json:"attempts,omitempty"`
	Reason   string                  `json:"reason,omitempty"`
}

type credentialsDocument struct {
	PasswordHash      string             `json:"password,omitempty"`
	PasswordChangedAt instant            `json:"changed,omitzero"`
	TwoFactor         *twoFactorDocument `json:"twoFactor,omitempty"`
	TwoFactorSetup    []byte             `json:"setup,omitempty"`
	Version           int                `json:"version,omitempty"`
}

// IsZero is for omitzero: a struct with a slice can't be compared.
func (d credentialsDocument) IsZero() bool {
	return d.PasswordHash == "" && d.PasswordChangedAt.IsZero() && d.TwoFactor == nil && len(d.TwoFactorSetup) == 0 && d.Version == 0
}

type twoFactorDocument struct {
	Secret         []byte   `json:"secret,omitempty"`
	EnabledAt      instant  `json:"enabled,omitzero"`
	LastStep       int64    `json:"step,omitempty"`
	RecoveryHashes []string `json:"recovery,omitempty"`
}

type sessionDocument struct {
	ID        string  `json:"id,omitempty"`
	ExpiresAt instant `json:"expires,omitzero"`
}

type entryDocument struct {
	ID       string         `json:"id,omitempty"`
	Event    *eventDocument `json:"event,omitempty"`
	Mail     *mailDocument  `json:"mail,omitempty"`
	DueAt    instant        `json:"due,omitzero"`
	Attempts int            `json:"attempts,omitempty"`
}

type eventDocument struct {
	ID             string           `json:"id,omitempty"`
	OrganizationID string           `json:"organization,omitempty"`
	Action         directory.Action `json:"action,omitempty"`
	ActorID        string           `json:"actor,omitempty"`
	TargetID       string           `json:"target,omitempty"`
	At             instant          `json:"at,omitzero"`
	Origin         originDocument   `json:"origin,omitzero"`
	Before         []detailDocument `json:"before,omitempty"`
	After          []detailDocument `json:"after,omitempty"`
}

type originDocument struct {
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"agent,omitempty"`
}

type detailDocument struct {
	Field string `json:"field,omitempty"`
	Value string `json:"value,omitempty"`
}

type mailDocument struct {
	Kind       directory.MailKind `json:"kind,omitempty"`
	ActorID    string             `json:"actor,omitempty"`
	Origin     originDocument     `json:"origin,omitzero"`
	OccurredAt instant            `json:"at,omitzero"`
}

// instant is a time as a number of milliseconds since 1970.
type instant struct{ time.Time }

func (i instant) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, i.UnixMilli(), 10), nil
}

func (i *instant) UnmarshalJSON(text []byte) error {
	milli, err := strconv.ParseInt(string(text), 10, 64)
	i.Time = time.UnixMilli(milli).UTC()
	return err
}

func encode(document any) []byte {
	text, err := json.Marshal(document)
	if err != nil {
		panic(fmt.Sprintf("sqlite: a document can't be written: %v", err)) // its types allow that to no value
	}
	return text
}

func decode(text []byte, document any) error {
	if err := json.Unmarshal(text, document); err != nil {
		return fmt.Errorf("decode document: %w", err)
	}
	return nil
}

func encodeOrganization(o *directory.Organization) []byte {
	d := organizationDocument{
		Name: o.Name, CreatedAt: instant{o.CreatedAt}, UpdatedAt: instant{o.UpdatedAt},
		Roles:        convert(o.Roles, func(r directory.Role) roleDocument { return roleDocument(r) }),
		Retired:      convert(o.Retired, func(r directory.RetiredRole) retiredRoleDocument { return retiredRoleDocument(r) }),
		RolesVersion: o.RolesVersion, SeatLimit: o.SeatLimit,
		InvitationLifetime: o.InvitationLifetime, RequireTwoFactor: o.RequireTwoFactor,
		Outbox: convert(o.Outbox, encodeEntry), Version: o.Version,
	}
	if t := o.Transition; t != nil {
		d.Transition = &transitionDocument{Mark: t.Mark, BegunAt: instant{t.BegunAt}, RoleIDs: t.RoleIDs}
	}
	return encode(d)
}

func decodeOrganization(id, slug string, revision int64, text []byte) (*directory.Organization, error) {
	var d organizationDocument
	if err := decode(text, &d); err != nil {
		return nil, err
	}
	o := &directory.Organization{
		ID: id, Slug: slug, Revision: revision, Name: d.Name, CreatedAt: d.CreatedAt.Time, UpdatedAt: d.UpdatedAt.Time,
		Roles:        convert(d.Roles, func(r roleDocument) directory.Role { return directory.Role(r) }),
		Retired:      convert(d.Retired, func(r retiredRoleDocument) directory.RetiredRole { return directory.RetiredRole(r) }),
		RolesVersion: d.RolesVersion, SeatLimit: d.SeatLimit,
		InvitationLifetime: d.InvitationLifetime, RequireTwoFactor: d.RequireTwoFactor,
		Outbox: convert(d.Outbox, decodeEntry), Version: d.Version,
	}
	if t := d.Transition; t != nil {
		o.Transition = &directory.Transition{Mark: t.Mark, BegunAt: t.BegunAt.Time, RoleIDs: t.RoleIDs}
	}
	return o, nil
}

func encodeUser(u *directory.User) []byte {
	c := u.Credentials
	d := userDocument{
		Email: u.Email, Username: u.Username, Name: u.Name, Title: u.Title, Role: u.RoleID, Status: u.Status,
		CreatedAt: instant{u.CreatedAt}, UpdatedAt: instant{u.UpdatedAt},
		DeactivatedAt: instant{u.DeactivatedAt}, LastLoginAt: instant{u.LastLoginAt}, Version: u.Version,
		Invitation: encodeLink(u.Invitation), PasswordReset: encodeLink(u.PasswordReset),
		Credentials: credentialsDocument{
			PasswordHash: c.PasswordHash, PasswordChangedAt: instant{c.PasswordChangedAt},
			TwoFactorSetup: c.TwoFactorSetup, Version: c.Version,
		},
		Sessions: convert(u.Sessions, func(s directory.SessionRef) sessionDocument {
			return sessionDocument{ID: s.ID, ExpiresAt: instant{s.ExpiresAt}}
		}),
		Outbox: convert(u.Outbox, encodeEntry),
	}
	if f := c.TwoFactor; f != nil {
		d.Credentials.TwoFactor = &twoFactorDocument{Secret: f.Secret, EnabledAt: instant{f.EnabledAt}, LastStep: f.LastStep, RecoveryHashes: f.RecoveryHashes}
	}
	return encode(d)
}

func decodeUser(organizationID, id string, revision int64, text []byte) (*directory.User, error) {
	var d userDocument
	if err := decode(text, &d); err != nil {
		return nil, err
	}
	// Thousands are kept in memory, who have most of this in common.
	organizationID, d.Role = intern(organizationID), intern(d.Role)
	if at := statusAt(string(d.Status)); at >= 0 {
		d.Status = statuses[at]
	}
	if d.Username == d.Email {
		pack(&id, &d.Email, &d.Name, &d.Title)
		d.Username = d.Email
	} else {
		pack(&id, &d.Email, &d.Name, &d.Title, &d.Username)
	}
	c := d.Credentials
	u := &directory.User{
		ID: id, OrganizationID: organizationID, Revision: revision,
		Email: d.Email, Username: d.Username, Name: d.Name, Title: d.Title, RoleID: d.Role, Status: d.Status,
		CreatedAt: d.CreatedAt.Time, UpdatedAt: d.UpdatedAt.Time,
		DeactivatedAt: d.DeactivatedAt.Time, LastLoginAt: d.LastLoginAt.Time, Version: d.Version,
		Invitation: decodeLink(d.Invitation), PasswordReset: decodeLink(d.PasswordReset),
		Credentials: directory.Credentials{
			PasswordHash: c.PasswordHash, PasswordChangedAt: c.PasswordChangedAt.Time,
			TwoFactorSetup: c.TwoFactorSetup, Version: c.Version,
		},
		Sessions: convert(d.Sessions, func(s sessionDocument) directory.SessionRef {
			return directory.SessionRef{ID: s.ID, ExpiresAt: s.ExpiresAt.Time}
		}),
		Outbox: convert(d.Outbox, decodeEntry),
	}
	if f := c.TwoFactor; f != nil {
		u.Credentials.TwoFactor = &directory.TwoFactor{Secret: f.Secret, EnabledAt: f.EnabledAt.Time, LastStep: f.LastStep, RecoveryHashes: f.RecoveryHashes}
	}
	return u, nil
}

// pack puts texts that are shown together beside each other in memory.
func pack(texts ...*string) {
	var together strings.Builder
	size := 0
	for _, text := range texts {
		size += len(*text)
	}
	together.Grow(size)
	for _, text := range texts {
		together.WriteString(*text)
	}
	rest := together.String()
	for _, text := range texts {
		n := len(*text)
		*text, rest = rest[:n], rest[n:]
	}
}

// intern is the one copy of what many people have.
func intern(text string) string { return unique.Make(text).Value() }

func encodeLink(l *directory.Link) *linkDocument {
	if l == nil {
		return nil
	}
	return &linkDocument{
		RequestedBy: l.RequestedBy, RequestedAt: instant{l.RequestedAt}, Lifetime: l.Lifetime,
		ExpiresAt: instant{l.ExpiresAt}, TokenHash: l.TokenHash,
		Delivery: deliveryDocument{State: l.Delivery.State, At: instant{l.Delivery.At}, Attempts: l.Delivery.Attempts, Reason: l.Delivery.Reason},
		Request:  l.Request, Renewed: l.Renewed,
	}
}

func decodeLink(d *linkDocument) *directory.Link {
	if d == nil {
		return nil
	}
	return &directory.Link{
		RequestedBy: d.RequestedBy, RequestedAt: d.RequestedAt.Time, Lifetime: d.Lifetime,
		ExpiresAt: d.ExpiresAt.Time, TokenHash: d.TokenHash,
		Delivery: directory.Delivery{State: d.Delivery.State, At: d.Delivery.At.Time, Attempts: d.Delivery.Attempts, Reason: d.Delivery.Reason},
		Request:  d.Request, Renewed: d.Renewed,
	}
}

func encodeEntry(e directory.Entry) entryDocument {
	d := entryDocument{ID: e.ID, DueAt: instant{e.DueAt}, Attempts: e.Attempts}
	if e.Event != nil {
		event := documentOf(*e.Event)
		d.Event = &event
	}
	if m := e.Mail; m != nil {
		d.Mail = &mailDocument{Kind: m.Kind, ActorID: m.ActorID, Origin: originDocument(m.Origin), OccurredAt: instant{m.OccurredAt}}
	}
	return d
}

func decodeEntry(d entryDocument) directory.Entry {
	e := directory.Entry{ID: d.ID, DueAt: d.DueAt.Time, Attempts: d.Attempts}
	if d.Event != nil {
		event := d.Event.event()
		e.Event = &event
	}
	if m := d.Mail; m != nil {
		e.Mail = &directory.Mail{Kind: m.Kind, ActorID: m.ActorID, Origin: directory.Origin(m.Origin), OccurredAt: m.OccurredAt.Time}
	}
	return e
}

func documentOf(e directory.Event) eventDocument {
	detail := func(d directory.Detail) detailDocument { return detailDocument(d) }
	return eventDocument{
		ID: e.ID, OrganizationID: e.OrganizationID, Action: e.Action, ActorID: e.ActorID, TargetID: e.TargetID,
		At: instant{e.At}, Origin: originDocument(e.Origin), Before: convert(e.Before, detail), After: convert(e.After, detail),
	}
}

func (d eventDocument) event() directory.Event {
	detail := func(d detailDocument) directory.Detail { return directory.Detail(d) }
	return directory.Event{
		ID: d.ID, OrganizationID: d.OrganizationID, Action: d.Action, ActorID: d.ActorID, TargetID: d.TargetID,
		At: d.At.Time, Origin: directory.Origin(d.Origin), Before: convert(d.Before, detail), After: convert(d.After, detail),
	}
}

// convert is nil when there is nothing.
func convert[A, B any](from []A, one func(A) B) []B {
	if len(from) == 0 {
		return nil
	}
	to := make([]B, len(from))
	for i, a := range from {
		to[i] = one(a)
	}
	return to
}
