// Package notice tells whoever listens that somebody has changed: in this
// process at once, and through a Carrier on the other servers.
//
// A notice says that something has happened, not what: whoever hears it looks
// at what is there now. So notices may be repeated and merged, and many of them
// may be replaced by one that says "look again at everything".
package notice

// Kind is what has happened.
type Kind string

// The kinds of notices.
const (
	Created Kind = "CREATED"
	Updated Kind = "UPDATED"
	Deleted Kind = "DELETED"
	// Refetch concerns the organization as a whole, or stands for notices that
	// were missed: everything is to be looked at again.
	Refetch Kind = "REFETCH"
)

// Notice says that somebody has changed: what is shown of them, what they may
// do, or whether they are still signed in.
type Notice struct {
	OrganizationID string
	// UserID is empty with Refetch.
	UserID string
	Kind   Kind
}

// Carrier takes notices to the other servers and brings theirs, which it gives
// to Hub.Receive. None of its methods blocks.
type Carrier interface {
	// Publish takes a notice to the servers that listen. One that cannot be
	// taken at the moment is made good for: as soon as possible, a Refetch is
	// taken in its place.
	Publish(Notice)
	// Listen has an organization's notices brought. As soon as they are, and
	// each time that they are again after an interruption, the carrier calls
	// Hub.Listening.
	Listen(organizationID string)
	// Forget ends what Listen began.
	Forget(organizationID string)
}
