package directory

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxInvited is the most addresses of one invitation.
const maxInvited = 100

// InviteOutcome is what became of one address of an invitation.
type InviteOutcome string

// The outcomes.
const (
	OutcomeInvited        InviteOutcome = "INVITED"
	OutcomeRenewed        InviteOutcome = "RENEWED"
	OutcomeAlreadyActive  InviteOutcome = "ALREADY_ACTIVE"
	OutcomeInactive       InviteOutcome = "INACTIVE"
	OutcomeInvalidAddress InviteOutcome = "INVALID_ADDRESS"
	OutcomeDuplicate      InviteOutcome = "DUPLICATE"
	OutcomeNoSeat         InviteOutcome = "NO_SEAT_AVAILABLE"
	OutcomeTaken          InviteOutcome = "TAKEN"
	OutcomeEscalation     InviteOutcome = "ROLE_ESCALATION"
)

// InviteResult is the answer for one address.
type InviteResult struct {
	// Input is what was typed; Email the address in it, empty when there is none.
	Input, Email string
	Outcome      InviteOutcome
	// User is who has the address; nil when nobody does.
	User    *User
	Message string
}

// InviteUsers invites people with one role, and answers for each address in
// the order given; one that can't be invited keeps no other out. Whoever is
// pending has the invitation renewed, with the role they were promised. It
// needs MANAGE_USERS. Refusals of the whole: REQUIRED, NOT_FOUND (role),
// ROLE_ESCALATION, INVALID (more than 100). It is limited per organization.
func (d *Directory) InviteUsers(ctx context.Context, by Actor, emails []string, roleID string, key *string) ([]InviteResult, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	input := struct {
		Emails []string
		RoleID string
	}{emails, roleID}
	var results []InviteResult
	answered, err := once(ctx, d, by, "inviteUsers", key, input, func(request string) (answer []invited, err error) {
		if results, err = d.invite(ctx, by, emails, roleID, request); err != nil {
			return nil, err
		}
		for _, r := range results {
			one := invited{Input: r.Input, Email: r.Email, Outcome: r.Outcome, Message: r.Message}
			if r.User != nil {
				one.UserID = r.User.ID
			}
			answer = append(answer, one)
		}
		return answer, nil
	})
	if err != nil || results != nil {
		return results, err
	}
	return d.invitedBefore(ctx, by, answered)
}

// invited is an InviteResult as it is remembered under an idempotency key.
type invited struct {
	Input, Email string
	Outcome      InviteOutcome
	Message      string
	UserID       string
}

// invitedBefore is an answer given before, with the people as they are now.
func (d *Directory) invitedBefore(ctx context.Context, by Actor, answered []invited) ([]InviteResult, error) {
	var ids []string
	for _, one := range answered {
		if one.UserID != "" {
			ids = append(ids, one.UserID)
		}
	}
	found, err := d.store.Users(ctx, by.Organization.ID, ids)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	users := make(map[string]*User, len(found))
	for _, u := range found {
		users[u.ID] = u
	}
	results := make([]InviteResult, len(answered))
	for i, one := range answered {
		results[i] = InviteResult{Input: one.Input, Email: one.Email, Outcome: one.Outcome, User: users[one.UserID], Message: one.Message}
	}
	return results, nil
}

// invite is InviteUsers for a request under an idempotency key, if there is one.
func (d *Directory) invite(ctx context.Context, by Actor, emails []string, roleID, request string) ([]InviteResult, error) {
	role, refused := grantable(by, roleID)
	if refused != nil {
		return nil, refused
	}
	invitation, refused := newInvitation(emails)
	if refused != nil {
		return nil, refused
	}
	if err := d.reserveInvitations(ctx, by, len(invitation.keys)); err != nil {
		return nil, err
	}
	// Whoever else invites the same address at the same time is met in the
	// store: the address is then looked up again.
	open := invitation.keys
	for try := 0; len(open) > 0; try++ {
		if try == maxTries {
			return nil, Refuse(CodeUnavailable, "Too many changes of these people at the same time. Try again.")
		}
		var err error
		if by.Organization, err = d.awaitRoles(ctx, by.Organization, role.ID); err != nil {
			return nil, err
		}
		if role, refused = grantable(by, roleID); refused != nil {
			return nil, refused
		}
		known, err := d.lookUp(ctx, by, open)
		if err != nil {
			return nil, err
		}
		var fresh []string
		for _, key := range open {
			u := known[key]
			if u == nil {
				fresh = append(fresh, key)
				continue
			}
			if err := d.inviteKnown(ctx, by, role, request, invitation.result(key), key, u); err != nil {
				return nil, err
			}
		}
		taken, seatless, err := d.inviteNew(ctx, by, role, request, invitation, fresh)
		if errors.Is(err, ErrStale) {
			// The roles have changed since the organization was read.
			if by.Organization, err = d.store.Organization(ctx, by.Organization.ID); err != nil {
				return nil, fmt.Errorf("read organization: %w", err)
			}
			taken = fresh
		}
		if err != nil {
			return nil, err
		}
		open = taken
		if try < seatTries {
			open = append(open, seatless...)
		}
		if len(open) > 0 {
			if err := pause(ctx, try); err != nil {
				return nil, err
			}
		}
	}
	invitation.answerDuplicates()
	return invitation.results, nil
}

// seatTries is how often an invitation without a seat looks again: invitations
// of one address at the same time each hold a seat for the moment until one of
// them has won.
const seatTries = 4

// invitation is the addresses of one request on their way to an answer.
type invitation struct {
	results []InviteResult
	names   []string
	// keys are the different addresses, by their key, in order.
	keys []string
	// first is the place of each key's first result.
	first map[string]int
}

func newInvitation(emails []string) (*invitation, *Error) {
	addresses := ParseAddresses(emails)
	switch {
	case len(addresses) == 0:
		return nil, Refuse(CodeRequired, "Enter at least one e-mail address.", "emails")
	case len(addresses) > maxInvited:
		return nil, Refuse(CodeInvalid, fmt.Sprintf("These are %d addresses. Invite at most %d at a time.", len(addresses), maxInvited), "emails")
	}
	in := &invitation{first: map[string]int{}}
	for i, a := range addresses {
		in.names = append(in.names, a.Name)
		if a.Email == "" {
			in.results = append(in.results, InviteResult{Input: a.Input, Outcome: OutcomeInvalidAddress, Message: a.Reason})
			continue
		}
		result := InviteResult{Input: a.Input, Email: a.Email}
		if _, again := in.first[EmailKey(a.Email)]; again {
			result.Outcome = OutcomeDuplicate
			result.Message = "This address is in the list more than once. It is answered where it comes first."
		} else {
			in.first[EmailKey(a.Email)] = i
			in.keys = append(in.keys, EmailKey(a.Email))
		}
		in.results = append(in.results, result)
	}
	return in, nil
}

func (in *invitation) result(key string) *InviteResult { return &in.results[in.first[key]] }

// answerDuplicates gives those who were named twice the user of the first.
func (in *invitation) answerDuplicates() {
	for i := range in.results {
		if r := &in.results[i]; r.Outcome == OutcomeDuplicate {
			r.User = in.result(EmailKey(r.Email)).User
		}
	}
}

// lookUp finds who has each key, as an address or as a username.
func (d *Directory) lookUp(ctx context.Context, by Actor, keys []string) (map[string]*User, error) {
	users, err := d.store.UsersByKeys(ctx, by.Organization.ID, keys)
	if err != nil {
		return nil, fmt.Errorf("look up addresses: %w", err)
	}
	known := make(map[string]*User, len(users))
	for _, u := range users {
		for _, key := range u.Keys() {
			known[key] = u
		}
	}
	return known, nil
}

// answerKnown is the answer for an address that somebody has already.
func answerKnown(by Actor, key string, u *User) (InviteOutcome, string) {
	switch refused := by.mayManage(u); {
	case EmailKey(u.Email) != key && !by.Sees(u):
		return OutcomeTaken, "This address is somebody else's username. Ask somebody who sees the people here to change that username first."
	case EmailKey(u.Email) != key:
		return OutcomeTaken, fmt.Sprintf("This address is the username of %s. Change that username first.", u.Email)
	case u.Status == Active:
		return OutcomeAlreadyActive, "This person has access already."
	case u.Status == Inactive:
		return OutcomeInactive, "This person was deleted. Reactivate them instead."
	case refused != nil:
		return OutcomeEscalation, refused.Message
	}
	return OutcomeRenewed, fmt.Sprintf("Invited already, as %s. A fresh link is on its way; the old one no longer works.", by.Organization.RoleOf(u).Name)
}

// inviteKnown renews the invitation of somebody pending, and answers for
// others. An invitation that this very request has made is its answer.
func (d *Directory) inviteKnown(ctx context.Context, by Actor, role Role, request string, result *InviteResult, key string, u *User) error {
	changed, err := d.Change(ctx, by, u.ID, func(u *User) (*News, error) {
		result.Outcome, result.Message = answerKnown(by, key, u)
		done := u.Invitation.of(request, d.Now()) && EmailKey(u.Email) == key
		if done && !u.Invitation.Renewed {
			result.Outcome, result.Message = OutcomeInvited, d.invitedAs(by.Organization, role)
		}
		if done || result.Outcome != OutcomeRenewed {
			return nil, nil
		}
		return d.renewInvitation(by, u, request), nil
	})
	if err != nil {
		return err
	}
	result.User = changed
	return nil
}

// inviteNew invites those whom nobody knows yet, and answers the keys that
// somebody else has taken in the meantime, and those for which no seat is free.
func (d *Directory) inviteNew(ctx context.Context, by Actor, role Role, request string, in *invitation, keys []string) (taken, seatless []string, err error) {
	if len(keys) == 0 {
		return nil, nil, nil
	}
	users := make([]*User, len(keys))
	changes := make([]ClaimChange, len(keys))
	for i, key := range keys {
		users[i] = d.newUser(by, in.result(key).Email, in.names[in.first[key]], role)
		users[i].Invitation.Request = request
		changes[i] = by.Organization.claimChange(nil, users[i])
	}
	refused, mark, err := d.beginClaims(ctx, by.Organization, changes)
	if err != nil {
		return nil, nil, err
	}
	var seated []*User
	var seatedKeys, ids []string
	for i, u := range users {
		if refused[i] != nil {
			seatless = append(seatless, keys[i])
			result := in.result(keys[i])
			result.Outcome = OutcomeNoSeat
			result.Message = noSeat
			continue
		}
		seated, seatedKeys, ids = append(seated, u), append(seatedKeys, keys[i]), append(ids, u.ID)
	}
	if len(seated) == 0 {
		return nil, seatless, nil
	}
	answers, err := d.store.InsertUsers(ctx, seated)
	if err != nil {
		// They may still be added: their claims are left to the sweep.
		return nil, nil, fmt.Errorf("invite: %w", err)
	}
	defer d.settleClaims(ctx, by.Organization.ID, mark, ids)
	var invited []*User
	for i, answer := range answers {
		switch {
		case answer == nil:
			result := in.result(seatedKeys[i])
			result.Outcome, result.User = OutcomeInvited, seated[i]
			result.Message = d.invitedAs(by.Organization, role)
			invited = append(invited, seated[i].Clone())
		case errors.Is(answer, ErrTaken):
			taken = append(taken, seatedKeys[i])
		default:
			return nil, nil, fmt.Errorf("invite: %w", answer)
		}
	}
	d.relay.Deliver(invited)
	return taken, seatless, nil
}

// invitedAs is the message for somebody new.
func (d *Directory) invitedAs(o *Organization, role Role) string {
	return fmt.Sprintf("Invited as %s. The link in the mail works for %s.", role.Name, spokenTTL(d.InvitationLifetime(o)))
}

// InvitationsPreview is what InviteUsers would answer at this moment.
type InvitationsPreview struct {
	Results []InviteResult
	// SeatsNeeded is how many new people would take a CSM seat; SeatsFree is how
	// many are free.
	SeatsNeeded, SeatsFree int
}

// PreviewInvitations answers what InviteUsers would, and changes nothing. It
// needs MANAGE_USERS, and has the refusals of InviteUsers.
func (d *Directory) PreviewInvitations(ctx context.Context, by Actor, emails []string, roleID string) (*InvitationsPreview, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	role, refused := grantable(by, roleID)
	if refused != nil {
		return nil, refused
	}
	invitation, refused := newInvitation(emails)
	if refused != nil {
		return nil, refused
	}
	known, err := d.lookUp(ctx, by, invitation.keys)
	if err != nil {
		return nil, err
	}
	seats, err := d.store.Seats(ctx, by.Organization.ID)
	if err != nil {
		return nil, fmt.Errorf("read seats: %w", err)
	}
	preview := &InvitationsPreview{SeatsFree: seats.Available()}
	for _, key := range invitation.keys {
		result := invitation.result(key)
		if u := known[key]; u != nil {
			result.Outcome, result.Message = answerKnown(by, key, u)
			result.User = u
			continue
		}
		result.Outcome, result.Message = OutcomeInvited, d.invitedAs(by.Organization, role)
		if role.TakesSeat() {
			if preview.SeatsNeeded++; preview.SeatsNeeded > preview.SeatsFree {
				result.Outcome, result.Message = OutcomeNoSeat, noSeat
			}
		}
	}
	invitation.answerDuplicates()
	preview.Results = invitation.results
	return preview, nil
}

// newUser is a pending person with an invitation on its way.
func (d *Directory) newUser(by Actor, email, name string, role Role) *User {
	now := d.Now()
	u := &User{
		ID: d.newID(prefixUser), OrganizationID: by.Organization.ID,
		Email: email, Username: email, Name: name, RoleID: role.ID, Status: Pending,
		CreatedAt: now, UpdatedAt: now,
		Invitation: d.newLink(by, d.InvitationLifetime(by.Organization)),
	}
	d.tell(by, nil, u, News{Action: UserInvited, Mails: []MailKind{MailInvitation}})
	return u
}

// renewInvitation puts a fresh link on its way to a pending u; the old one dies.
func (d *Directory) renewInvitation(by Actor, u *User, request string) *News {
	renewed := d.newLink(by, d.InvitationLifetime(by.Organization))
	renewed.Request, renewed.Renewed = request, true
	if renewed.RequestedBy == "" && u.Invitation != nil {
		// A stranger who asked for it has not invited anybody.
		renewed.RequestedBy = u.Invitation.RequestedBy
	}
	u.Invitation = renewed
	u.supersedeMails(MailInvitation, MailInvitationRenewed)
	return &News{Action: InvitationRenewed, Mails: []MailKind{MailInvitationRenewed}}
}

// ResendInvitation sends a pending person a fresh link; the old one dies. It
// needs MANAGE_USERS. Refusals: NOT_FOUND, ROLE_ESCALATION, NOT_PENDING. It is
// limited per organization, with the invitations.
func (d *Directory) ResendInvitation(ctx context.Context, by Actor, id string, key *string) (*User, error) {
	if err := by.need(ManageUsers); err != nil {
		return nil, err
	}
	return d.changeOnce(ctx, by, "resendInvitation", key, id, nil, func(request string) (*User, error) {
		return d.changeLimited(ctx, by, id, ActionResendInvitation, request,
			func() error { return d.reserveInvitations(ctx, by, 1) },
			func(u *User) *News { return d.renewInvitation(by, u, request) })
	})
}

// reserveInvitations counts n mails under the organization's limit.
func (d *Directory) reserveInvitations(ctx context.Context, by Actor, n int) error {
	most := d.settings.InvitationsPerHour
	return d.reserve(ctx, by.Organization.ID, "invitations", Limit{Uses: most, Window: time.Hour}, n,
		fmt.Sprintf("An organization can send %d invitations an hour, and this would be more.", most))
}

// spokenTTL says how long a link works, in words.
func spokenTTL(ttl time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if ttl >= unit.length && ttl%unit.length == 0 {
			n := int(ttl / unit.length)
			if n == 1 {
				return "1 " + unit.name
			}
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return ttl.String()
}

// InvitationFor finds the pending person whose live invitation has this token
// hash, with the organization; CodeLinkInvalid when there is none.
func (d *Directory) InvitationFor(ctx context.Context, organizationID, tokenHash string) (*User, error) {
	u, err := d.userByLink(ctx, organizationID, tokenHash)
	if err != nil {
		return nil, err
	}
	if u.Status != Pending || !u.Invitation.Alive(d.Now()) || u.Invitation.TokenHash != tokenHash {
		return nil, DeadLink()
	}
	return u, nil
}

// PasswordResetFor finds the person whose live reset link has this token hash;
// CodeLinkInvalid when there is none.
func (d *Directory) PasswordResetFor(ctx context.Context, organizationID, tokenHash string) (*User, error) {
	u, err := d.userByLink(ctx, organizationID, tokenHash)
	if err != nil {
		return nil, err
	}
	if u.Status != Active || !u.PasswordReset.Alive(d.Now()) || u.PasswordReset.TokenHash != tokenHash {
		return nil, DeadLink()
	}
	return u, nil
}

// userByLink finds whose invitation or reset has this token hash, alive or
// not; CodeLinkInvalid when nobody's does.
func (d *Directory) userByLink(ctx context.Context, organizationID, tokenHash string) (*User, error) {
	u, err := d.store.UserByLink(ctx, organizationID, tokenHash)
	if errors.Is(err, ErrNotFound) {
		return nil, DeadLink()
	}
	if err != nil {
		return nil, fmt.Errorf("look up link: %w", err)
	}
	return u, nil
}

// DeadLink refuses a link that was used, renewed, cancelled, is too old, or never was.
func DeadLink() *Error {
	return Refuse(CodeLinkInvalid, "This link no longer works: it was used, replaced by a newer one, or is too old. Ask for a new one.", "token")
}
