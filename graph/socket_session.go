package graph

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"roster/internal/account"
	"roster/internal/notice"
)

// begin signs the client in, for as long as the session lives.
func (c *socket) begin(payload jsontext.Value) {
	if c.begun {
		c.end(closeSecondInit, "Too many initialisation requests")
		return
	}
	c.begun = true
	c.mu.Lock()
	inTime := !c.ended && c.timer.Stop()
	c.mu.Unlock()
	if !inTime {
		return
	}
	if len(payload) > 0 {
		var shown map[string]any
		if json.Unmarshal(payload, &shown) != nil {
			c.badMessage("The payload of connection_init is an object.")
			return
		}
		for name, value := range shown {
			if strings.EqualFold(name, "Authorization") {
				header, _ := value.(string)
				c.token = BearerToken(header)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	viewer, err := c.sockets.accounts.Recognizer()(ctx, c.token)
	if !c.admit(viewer, err) {
		return
	}
	c.listen(viewer)
	// The session may have ended before there was anybody to hear of it.
	viewer, err = c.moment().viewer(c.token)
	if !c.admit(viewer, err) {
		return
	}
	if c.send(outgoing{Type: "connection_ack"}) {
		c.after(c.untilCheck(viewer), c.check)
		c.wake(notice.Notice{})
	}
}

// admit ends the socket of a client who is not signed in.
func (c *socket) admit(viewer *account.Viewer, err error) bool {
	switch {
	case err != nil:
		c.sockets.log.Error("a session could not be looked up", "request", c.id, "error", err)
		c.end(websocket.StatusTryAgainLater, "The service cannot answer at the moment. Try again in a few seconds.")
	case viewer == nil:
		c.end(closeUnauthorized, "Not signed in, or the session has ended. Sign in first.")
	}
	return err == nil && viewer != nil
}

// listen has the socket hear of changes in the viewer's organization.
func (c *socket) listen(viewer *account.Viewer) {
	ctx, cancel := context.WithTimeout(context.Background(), c.sockets.pace.listen)
	defer cancel()
	heard := c.sockets.hub.Subscribe(ctx, viewer.Organization.ID, c.wake)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard, c.userID, c.organizationID = heard, viewer.User.ID, viewer.Organization.ID
}

// moment is the one in which to look at what the socket has heard.
func (c *socket) moment() *moment { return c.sockets.moment(c.heard, c.organizationID) }

// untilCheck is how long the viewer may go unchecked: until the session would
// end, and not for long. Not all sockets are checked at once.
func (c *socket) untilCheck(viewer *account.Viewer) time.Duration {
	usual := c.sockets.pace.check
	usual -= rand.N(usual/5 + 1) //nolint:gosec // spreads work; nothing secret
	return max(min(usual, viewer.Session.EndsAt().Sub(c.sockets.directory.Now())), 0)
}

// check ends the socket when its session has ended, though nobody said so, and
// drops a client that does not answer.
func (c *socket) check() {
	defer c.recovered()
	next := c.sockets.pace.retry
	m := c.moment()
	viewer, err := m.viewer(c.token)
	switch {
	case err != nil:
		m.warn(c.sockets.log, err)
	case !c.admit(viewer, nil):
		return
	default:
		next = c.untilCheck(viewer)
	}
	if c.answers() || c.hasEnded() {
		c.after(next, c.check)
	} else {
		_ = c.conn.CloseNow()
	}
}

// answers tells whether the client answers a ping in time.
func (c *socket) answers() bool {
	pinged := make(chan struct{})
	c.mu.Lock()
	c.pinged = pinged
	ended := c.ended
	c.mu.Unlock()
	late := time.NewTimer(c.sockets.pace.answer)
	defer late.Stop()
	if ended || c.wire.message([]byte{finalPing, 0}, c.sockets.pace.answer) != nil {
		return false
	}
	select {
	case <-pinged:
		return true
	case <-late.C:
		return false
	}
}

// answered is called when the client has answered, or cannot any more.
func (c *socket) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pinged != nil {
		close(c.pinged)
		c.pinged = nil
	}
}
