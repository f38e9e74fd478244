package relay

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"roster/internal/directory"
	"roster/internal/notice"
)

// told is what was published.
type told []notice.Notice

func (t *told) Publish(n notice.Notice) { *t = append(*t, n) }

func TestDeliverTellsThoseWhoListen(t *testing.T) {
	event := func(action directory.Action) directory.Entry {
		return directory.Entry{Event: &directory.Event{Action: action}}
	}
	mail := directory.Entry{Mail: &directory.Mail{Kind: directory.MailInvitation}}
	for _, c := range []struct {
		name   string
		outbox []directory.Entry
		want   []notice.Kind
	}{
		{"somebody new", []directory.Entry{event(directory.UserInvited), mail}, []notice.Kind{notice.Created}},
		{"somebody gone", []directory.Entry{event(directory.UserDeleted)}, []notice.Kind{notice.Deleted}},
		{"whoever signs out: the session has ended", []directory.Entry{event(directory.SignedOut)}, []notice.Kind{notice.Updated}},
		{"the latest only: of the others it was told before", []directory.Entry{event(directory.UserInvited), mail, event(directory.UserUpdated), mail}, []notice.Kind{notice.Updated}},
		{"nothing, when nothing has happened", []directory.Entry{mail}, nil},
		{"nothing of nothing", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var published told
			r := &Relay{publisher: &published, queue: make(chan *directory.User)}
			r.Deliver([]*directory.User{{ID: "user_1", OrganizationID: "org_1", Outbox: c.outbox}})
			var want told
			for _, kind := range c.want {
				want = append(want, notice.Notice{OrganizationID: "org_1", UserID: "user_1", Kind: kind})
			}
			assert.Equal(t, want, published, "also when the queue is full")
		})
	}
}
