package directory

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Bounds of an organization's settings.
const (
	minInvitationLifetime = time.Hour
	maxInvitationLifetime = 30 * 24 * time.Hour
)

// OrganizationChanges are the settings to change; nil leaves one as it is.
type OrganizationChanges struct {
	Name      *string
	SeatLimit *int
	// InvitationLifetime zero: what the installation has set.
	InvitationLifetime *time.Duration
	RequireTwoFactor   *bool
}

// apply changes o, or says everything that is wrong with the changes.
func (c OrganizationChanges) apply(o *Organization) error {
	var wrong Errors
	if c.Name != nil {
		name, refused := CleanText(*c.Name, "name")
		if refused == nil && name == "" {
			refused = Refuse(CodeRequired, "Give the organization a name.", "name")
		}
		if refused != nil {
			wrong = append(wrong, refused)
		}
		o.Name = name
	}
	if c.SeatLimit != nil {
		if *c.SeatLimit < 0 || *c.SeatLimit > maxHolders {
			wrong = append(wrong, Refuse(CodeInvalid, fmt.Sprintf("Use a seat limit from 0 to %d.", maxHolders), "seatLimit"))
		}
		o.SeatLimit = *c.SeatLimit
	}
	if c.InvitationLifetime != nil {
		if l := *c.InvitationLifetime; l != 0 && (l < minInvitationLifetime || l > maxInvitationLifetime) {
			wrong = append(wrong, Refuse(CodeInvalid, "Use a lifetime from 3600 seconds (an hour) to 2592000 (30 days).", "invitationLifetimeSeconds"))
		}
		o.InvitationLifetime = *c.InvitationLifetime
	}
	if c.RequireTwoFactor != nil {
		o.RequireTwoFactor = *c.RequireTwoFactor
	}
	return wrong.OrNil()
}

// details are what an editor sees of an organization, in the audit log's words.
func (o *Organization) details() []Detail {
	lifetime, required := "", ""
	if o.InvitationLifetime > 0 {
		lifetime = strconv.Itoa(int(o.InvitationLifetime / time.Second))
	}
	if o.RequireTwoFactor {
		required = "on"
	}
	return []Detail{
		{"name", o.Name}, {"seatLimit", strconv.Itoa(o.SeatLimit)},
		{"invitationLifetimeSeconds", lifetime}, {"requireTwoFactor", required},
	}
}

// UpdateOrganization changes the organization's name and settings. It needs
// MANAGE_ORGANIZATION and a fresh proof of who the actor is. It answers the
// organization as it is afterwards; with a refusal, as it is now. Refusals:
// CONFLICT, REQUIRED, INVALID (also: fewer seats than are taken).
func (d *Directory) UpdateOrganization(ctx context.Context, by Actor, changes OrganizationChanges, expectedVersion *int) (*Organization, error) {
	if err := by.need(ManageOrganization); err != nil {
		return nil, err
	}
	if err := by.fresh(d.Now()); err != nil {
		return nil, err
	}
	return d.changeOrganization(ctx, by, func(o *Organization) (*organizationNews, error) {
		if expectedVersion != nil && *expectedVersion != o.Version {
			return nil, Refuse(CodeConflict, "Somebody else has changed the organization since you opened the page. Look at what is there now, then try again.", "expectedVersion")
		}
		was := o.details()
		if err := changes.apply(o); err != nil {
			return nil, err
		}
		before, after := difference(was, o.details())
		if len(after) == 0 {
			return nil, nil
		}
		o.Version++
		return &organizationNews{action: OrganizationUpdated, targetID: o.ID, before: before, after: after}, nil
	})
}

// InvitationLifetime is how long the link of an invitation to o works.
func (d *Directory) InvitationLifetime(o *Organization) time.Duration {
	if o.InvitationLifetime > 0 {
		return o.InvitationLifetime
	}
	return d.settings.InvitationTTL
}
