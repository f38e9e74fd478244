package relay

import (
	"slices"

	"roster/internal/directory"
	"roster/internal/notice"
)

// Publisher tells those who listen that somebody has changed. It never blocks.
type Publisher interface {
	Publish(notice.Notice)
}

// notify tells those who listen of the latest event in the outbox of u: it is
// what was written last, and the others were told when they were.
func (r *Relay) notify(u *directory.User) {
	for _, e := range slices.Backward(u.Outbox) {
		if e.Event != nil {
			r.publisher.Publish(notice.Notice{OrganizationID: u.OrganizationID, UserID: u.ID, Kind: kindOf(e.Event.Action)})
			return
		}
	}
}

// notifyAll tells those who listen that a role or a setting of o has changed,
// which concerns many.
func (r *Relay) notifyAll(o *directory.Organization) {
	r.publisher.Publish(notice.Notice{OrganizationID: o.ID, Kind: notice.Refetch})
}

// kindOf is what an action means for those who look at a list of people.
func kindOf(action directory.Action) notice.Kind {
	switch action {
	case directory.UserInvited:
		return notice.Created
	case directory.UserDeleted:
		return notice.Deleted
	}
	return notice.Updated
}
