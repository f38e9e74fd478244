package directory

import (
	"context"
	"time"
)

// Store keeps the documents: organizations, users, claims and audit events.
//
// Every method may be called by any number of goroutines and servers at once.
// What a method has answered is durable: it survives the death of the process,
// and on a cluster of a minority of its members. Besides the errors that its
// comment names, a method answers one that wraps ErrUnavailable when the store
// can't be reached or does not answer in time.
//
// Times are whole milliseconds in UTC; a store gives back what it was given.
type Store interface {
	OrganizationStore
	UserStore
	ClaimStore
	AuditStore
	// Ping answers nil when the store can be read and written.
	Ping(ctx context.Context) error
}

// OrganizationStore keeps organizations.
type OrganizationStore interface {
	// InsertOrganization adds o with Revision 1 (which it sets), no claims, and
	// as many seats as o.SeatLimit. ErrTaken: an organization has that id or slug.
	InsertOrganization(ctx context.Context, o *Organization) error
	// UpdateOrganization replaces the document whose Revision o carries and
	// moves o.Revision on, in one atomic step; the slug stays. ErrStale: it has
	// been changed since, or is gone; nothing is written. The seats that claims
	// are made against are not touched: see SetSeatLimit.
	UpdateOrganization(ctx context.Context, o *Organization) error
	// Organization finds one by id. ErrNotFound.
	Organization(ctx context.Context, id string) (*Organization, error)
	// OrganizationBySlug finds one by slug; the empty slug means the
	// installation's first, which is the one with the lowest id. ErrNotFound.
	OrganizationBySlug(ctx context.Context, slug string) (*Organization, error)
	// DueOrganizations finds up to limit organizations with something to be done
	// at now or before (see Organization.DueAt), the longest due first, through
	// an index of its own.
	DueOrganizations(ctx context.Context, now time.Time, limit int) ([]*Organization, error)
}

// UserStore keeps users, one document each.
type UserStore interface {
	// InsertUsers adds users of one organization, each with Revision 1 (which it
	// sets), and answers for each in their order: nil, or ErrTaken when somebody
	// has the id or one of User.Keys. One that can't be added keeps no other
	// out. The second error says that the store failed.
	InsertUsers(ctx context.Context, users []*User) ([]error, error)
	// UpdateUser replaces the document whose Revision u carries and moves
	// u.Revision on, in one atomic step. ErrStale: it has been changed since, or
	// is gone; nothing is written. ErrTaken: somebody else has one of User.Keys.
	UpdateUser(ctx context.Context, u *User) error
	// User finds one by id. ErrNotFound.
	User(ctx context.Context, organizationID, id string) (*User, error)
	// Users finds those of the ids that exist, in no order.
	Users(ctx context.Context, organizationID string, ids []string) ([]*User, error)
	// UsersByKeys finds those who have any of the keys (see User.Keys), in no
	// order, each once. It sees every write that was answered before.
	UsersByKeys(ctx context.Context, organizationID string, keys []string) ([]*User, error)
	// UserByLink finds the one whose invitation or password reset has this
	// token hash, alive or not. ErrNotFound.
	UserByLink(ctx context.Context, organizationID, tokenHash string) (*User, error)
	// ListUsers answers up to q.Limit users of an ordered list, from an index,
	// at a cost that does not grow with the organization or the position; with
	// words, at worst with the number of matches. Others may be given the same
	// users, so they must not be changed.
	ListUsers(ctx context.Context, organizationID string, q ListQuery) ([]*User, error)
	// CountMatches is how many users ListUsers would go through without a
	// limit; called only with words, since Counts knows the rest.
	CountMatches(ctx context.Context, organizationID string, q ListQuery) (int, error)
	// Members are the ids of the people who have a role and this status, in no
	// order, from an index. Up to limit of them.
	Members(ctx context.Context, organizationID, roleID string, status Status, limit int) ([]string, error)
	// Counts is how many people are in each group, kept and not counted: it is
	// right for whoever asks after a write was answered.
	Counts(ctx context.Context, organizationID string) (Counts, error)
	// DueUsers finds up to limit users of any organization who have an outbox
	// entry due at now, the longest due first, through an index of its own.
	DueUsers(ctx context.Context, now time.Time, limit int) ([]*User, error)
	// Repair puts right what writes that were cut off have left of the counts.
	// It is called at intervals, by every server.
	Repair(ctx context.Context) error
}

// ClaimStore keeps each organization's claims: two sets of user ids, changed
// atomically, in one document. See Claims for how they are used.
//
// A claim carries a mark, which every Begin sets anew, and is settled when the
// mark has been taken off. An unsettled seat is taken; an unsettled
// administrator does not count as one.
type ClaimStore interface {
	// BeginClaims begins the changes of claims, as far as they are allowed, in
	// their order and each as a whole, and answers for each: nil, ErrNoSeat or
	// ErrLastAdministrator. ErrStale, as the error of all: the roles' version is
	// older than the one that claims were last fenced to; nothing has begun.
	BeginClaims(ctx context.Context, organizationID string, begin ClaimBatch) ([]error, error)
	// SettleClaims makes each user's claims what the settlement says, if they
	// still carry its mark; others are left alone.
	SettleClaims(ctx context.Context, organizationID string, settlements []Settlement) error
	// UnsettledClaims finds up to limit claims of any organization that were
	// begun before the given time and not settled.
	UnsettledClaims(ctx context.Context, before time.Time, limit int) ([]UnsettledClaim, error)
	// FenceClaims has BeginClaims refuse from now on what was decided under an
	// older version of the roles than this one, and answers the marks under which
	// claims are unsettled, each once. A fence to an older version than the
	// latest changes nothing, and answers the same.
	FenceClaims(ctx context.Context, organizationID string, rolesVersion int64) (unsettled []string, err error)
	// SetSeatLimit sets how many seats there are. ErrNoSeat: more are taken, and
	// nothing is changed.
	SetSeatLimit(ctx context.Context, organizationID string, limit int) error
	// Seats says how many seats there are and how many are taken.
	Seats(ctx context.Context, organizationID string) (Seats, error)
}

// AuditStore keeps audit events.
type AuditStore interface {
	// AppendEvents adds events; one whose id is there already is left as it is.
	AppendEvents(ctx context.Context, events []Event) error
	// Events answers up to limit events of an organization, those with the
	// highest ids first, from an index, whatever the filter.
	Events(ctx context.Context, organizationID string, q EventQuery, limit int) ([]Event, error)
	// CountEvents is how many Events would answer, counted up to limit.
	CountEvents(ctx context.Context, organizationID string, q EventQuery, limit int) (int, error)
}

// EventQuery narrows the audit log; what is empty does not.
type EventQuery struct {
	// UserID is a user who did it, or to whom it was done.
	UserID string
	// Actions are any of these.
	Actions []Action
	// From and Before are ids: the event's is From or higher, and lower than
	// Before. Ids sort by time, so these are instants as well as places.
	From, Before string
}

// ClaimBatch is changes of claims that begin together.
type ClaimBatch struct {
	Changes []ClaimChange
	// Mark and At are put on every claim that begins.
	Mark string
	At   time.Time
	// RolesVersion is Organization.RolesVersion of the roles by which the changes
	// were decided.
	RolesVersion int64
	// Whole: all of them begin, or none does; then the answer of at least one is
	// its refusal.
	Whole bool
}

// ClaimChange is what is about to happen to one user's claims.
type ClaimChange struct {
	UserID string
	// Seat and Administrator are what happens to the membership in each set.
	Seat, Administrator Membership
	// Moving marks a user whose role or status changes while neither membership
	// does, so that a fence knows of the change on its way. It is always allowed,
	// a third claim of the user beside the two, and settling takes it away.
	Moving bool
}

// Membership is what is about to happen to somebody's place in a set.
type Membership int

const (
	// Unchanged leaves the claim alone.
	Unchanged Membership = iota
	// Joining: a seat is taken now, if one is free or the user has one
	// already; an administrator counts when it settles.
	Joining
	// Leaving: a seat stays taken until it settles; an administrator does not
	// count from now on, and somebody else must be a settled one. Leaving a set
	// that one is not in is allowed and marks nothing.
	Leaving
)

// Settlement is what a user's claims are to be, now that it is known.
type Settlement struct {
	UserID              string
	Mark                string
	Seat, Administrator bool
}

// UnsettledClaim is a claim that somebody began and did not settle.
type UnsettledClaim struct {
	OrganizationID string
	UserID         string
	Mark           string
}
