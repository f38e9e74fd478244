package directory

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// The first organization of an installation, until somebody renames it.
const (
	FirstOrganizationName = "My organization"
	FirstOrganizationSlug = "default"
)

// slugPattern is what a slug looks like: a DNS label.
var slugPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Slug makes a slug of a name: "Acme & Söhne" becomes "acme-sohne".
func Slug(name string) string {
	words := strings.FieldsFunc(fold(name), func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	slug := strings.Join(words, "-")
	return strings.TrimRight(slug[:min(len(slug), 63)], "-")
}

// CreateOrganization adds an organization with the built-in roles and nobody
// in it; an empty slug is made of the name. Refusals: REQUIRED, INVALID, TAKEN.
func (d *Directory) CreateOrganization(ctx context.Context, name, slug string, seatLimit int) (*Organization, error) {
	name, refused := CleanText(name, "name")
	if refused != nil {
		return nil, refused
	}
	if name == "" {
		return nil, Refuse(CodeRequired, "Give the organization a name.", "name")
	}
	if slug == "" {
		slug = Slug(name)
	}
	if !slugPattern.MatchString(slug) {
		return nil, Refuse(CodeInvalid, "Use a slug of lower-case letters, digits and hyphens, such as acme.", "slug")
	}
	now := d.Now()
	org := &Organization{
		ID: d.newID(prefixOrganization), Name: name, Slug: slug,
		CreatedAt: now, UpdatedAt: now, Roles: builtInRoles(d.newID), RolesVersion: 1, SeatLimit: seatLimit, Version: 1,
	}
	err := d.store.InsertOrganization(ctx, org)
	if errors.Is(err, ErrTaken) {
		return nil, Refuse(CodeTaken, fmt.Sprintf("There is an organization %q already. Choose another slug.", slug), "slug")
	}
	if err != nil {
		return nil, fmt.Errorf("add organization: %w", err)
	}
	return org, nil
}

// Organization finds an organization by slug, or the installation's first;
// ErrNotFound.
func (d *Directory) Organization(ctx context.Context, slug string) (*Organization, error) {
	return d.store.OrganizationBySlug(ctx, slug)
}

// EnsureAdministrator gives an organization that nobody can enter its first
// administrator. With a password's hash they are Active at once; else Pending,
// with an invitation whose token has the hash given, which the operator passes
// on. It answers nil when somebody can enter already, or is invited by others.
// It may be called at every start: what a crash left undone is completed.
func (d *Directory) EnsureAdministrator(ctx context.Context, org *Organization, email, passwordHash, tokenHash string) (*User, error) {
	if !validAddress(email) {
		return nil, Refuse(CodeInvalid, fmt.Sprintf("%q is not an e-mail address.", email), "admin")
	}
	counts, err := d.store.Counts(ctx, org.ID)
	if err != nil {
		return nil, fmt.Errorf("count users: %w", err)
	}
	if counts.Sum(func(g Group) bool { return g.Status == Active }) > 0 {
		return nil, nil
	}
	by := Actor{Organization: org}
	prepare := func(u *User) {
		if passwordHash != "" {
			u.Status, u.Invitation = Active, nil
			u.Credentials.PasswordHash, u.Credentials.PasswordChangedAt = passwordHash, d.Now()
			u.Credentials.Version++
			return
		}
		u.Invitation = d.newLink(by, d.InvitationLifetime(org))
		u.Invitation.TokenHash = tokenHash
		u.Invitation.Delivery.State = Sent
	}
	known, err := d.store.UsersByKeys(ctx, org.ID, []string{EmailKey(email)})
	if err != nil {
		return nil, fmt.Errorf("look up administrator: %w", err)
	}
	if len(known) > 0 {
		if known[0].Status != Pending || !org.RoleOf(known[0]).Administers() {
			return nil, nil
		}
		return d.Change(ctx, by, known[0].ID, func(u *User) (*News, error) {
			if u.Status != Pending {
				return nil, nil
			}
			prepare(u)
			return &News{Action: InvitationRenewed}, nil
		})
	}
	if counts.Sum(func(Group) bool { return true }) > 0 {
		return nil, nil
	}
	now := d.Now()
	admin := &User{
		ID: d.newID(prefixUser), OrganizationID: org.ID, Email: email, Username: email,
		RoleID: administratorRole(org).ID, Status: Pending, CreatedAt: now, UpdatedAt: now,
	}
	prepare(admin)
	d.tell(by, nil, admin, News{
		Action: OrganizationCreated, TargetID: org.ID, Details: []Detail{{"organization", org.Name}, {"slug", org.Slug}},
	})
	if err := d.insert(ctx, org, admin); err != nil {
		return nil, err
	}
	return admin, nil
}

// administratorRole is the first role that administers.
func administratorRole(org *Organization) Role {
	for _, role := range org.Roles {
		if role.Administers() {
			return role
		}
	}
	return Role{}
}

// insert adds one user with the claims it needs. Somebody who was quicker has
// added the same person: that is as good.
func (d *Directory) insert(ctx context.Context, org *Organization, u *User) error {
	refused, mark, err := d.beginClaims(ctx, org, []ClaimChange{org.claimChange(nil, u)})
	if err != nil {
		return err
	}
	if refused[0] != nil {
		return refused[0]
	}
	answers, err := d.store.InsertUsers(ctx, []*User{u})
	if err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	defer d.settleClaims(ctx, org.ID, mark, []string{u.ID})
	if answers[0] != nil && !errors.Is(answers[0], ErrTaken) {
		return fmt.Errorf("add user: %w", answers[0])
	}
	d.relay.Deliver([]*User{u.Clone()})
	return nil
}
