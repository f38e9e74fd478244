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
	// InsertOrganization adds o, with no claims and this many seats. ErrTaken:
	// an organization has that id or slug.
	InsertOrganization(ctx context.Context, o *Organization, seatLimit int) error
	// Organization finds one by id. ErrNotFound.
	Organization(ctx context.Context, id string) (*Organization, error)
	// OrganizationBySlug finds one by slug; the empty slug means the
	// installation's first, which is the one with the lowest id. ErrNotFound.
	OrganizationBySlug(ctx context.Context, slug string) (*Organization, error)
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
	// words, at worst with the number of matches.
	ListUsers(ctx context.Context, organizationID string, q ListQuery) ([]*User, error)
	// CountMatches is how many users ListUsers would go through without a
	// limit; called only with words, since Counts knows the rest.
	CountMatches(ctx context.Context, organizationID string, q ListQuery) (int, error)
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
	// ErrLastAdministrator. What begins is marked with mark, at now.
	BeginClaims(ctx context.Context, organizationID string, changes []ClaimChange, mark string, now time.Time) ([]error, error)
	// SettleClaims makes each user's claims what the settlement says, if they
	// still carry its mark; others are left alone.
	SettleClaims(ctx context.Context, organizationID string, settlements []Settlement) error
	// UnsettledClaims finds up to limit claims of any organization that were
	// begun before the given time and not settled.
	UnsettledClaims(ctx context.Context, before time.Time, limit int) ([]UnsettledClaim, error)
	// Seats says how many seats there are and how many are taken.
	Seats(ctx context.Context, organizationID string) (Seats, error)
}

// AuditStore keeps audit events.
type AuditStore interface {
	// AppendEvents adds events; one whose id is there already is left as it is.
	AppendEvents(ctx context.Context, events []Event) error
	// Events answers up to limit events of an organization, the newest first,
	// that are older than the event named before (all, when it is empty).
	Events(ctx context.Context, organizationID, before string, limit int) ([]Event, error)
}

// ClaimChange is what is about to happen to one user's claims.
type ClaimChange struct {
	UserID string
	// Seat and Administrator are what happens to the membership in each set.
	Seat, Administrator Membership
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
