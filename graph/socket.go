package graph

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"roster/internal/directory"
	"roster/internal/notice"
)

// subprotocol is graphql-transport-ws, as graphql-ws defines it:
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
const subprotocol = "graphql-transport-ws"

// The codes with which the protocol closes a socket.
const (
	closeBadMessage    websocket.StatusCode = 4400
	closeUnauthorized  websocket.StatusCode = 4401
	closeNoSubprotocol websocket.StatusCode = 4406
	closeInitTimeout   websocket.StatusCode = 4408
	closeIDInUse       websocket.StatusCode = 4409
	closeSecondInit    websocket.StatusCode = 4429
)

const goingAway = "The server is stopping. Connect again."

// socket is one connection: of one client, and one session.
type socket struct {
	sockets *Sockets
	exec    graphql.GraphExecutor
	conn    *websocket.Conn
	wire    wire
	id      string
	origin  directory.Origin
	token   string

	// begun is whether connection_init has come; only the reader uses it.
	begun bool

	mu    sync.Mutex
	ended bool
	// ending is what is still said to the client.
	ending sync.WaitGroup
	timer  *time.Timer
	// pinged is closed when the client answers a ping, or the socket ends; nil when
	// there is nothing to answer.
	pinged chan struct{}
	// heard, userID and organizationID are set when the client is signed in.
	heard          *notice.Subscription
	userID         string
	organizationID string
	subscribed     []subscribed
	// telling is whether a notice is being told, and more whether another came
	// meanwhile; retrying is whether telling waits for a store.
	telling, more, retrying bool
}

// subscribed is an operation that goes on, by the id that the client has chosen.
type subscribed struct {
	id string
	*subscription
}

// incoming is a message of a client.
type incoming struct {
	Type    string         `json:"type"`
	ID      string         `json:"id"`
	Payload jsontext.Value `json:"payload"`
}

// outgoing is a message to a client.
type outgoing struct {
	ID      string `json:"id,omitempty"`
	Type    string `json:"type"`
	Payload any    `json:"payload,omitempty"`
}

// serve reads messages until the socket ends. They are read, and what they ask
// for is done, one by one and on another stack: that of thousands who wait for
// the next one stays small.
func (c *socket) serve() {
	defer c.close()
	if c.conn.Subprotocol() == "" {
		c.end(closeNoSubprotocol, "Use the subprotocol "+subprotocol+".")
		return
	}
	c.conn.SetReadLimit(maxMessage)
	c.after(c.sockets.pace.begin, func() { c.end(closeInitTimeout, "No connection_init came in time.") })
	var receiving sync.WaitGroup
	for open := true; open && !c.hasEnded() && c.wire.await(); {
		receiving.Go(func() { open = c.read() })
		receiving.Wait()
	}
}

// read reads one message; false when there is none any more.
func (c *socket) read() bool {
	pong := c.wire.pong()
	switch {
	case !c.wire.yield():
		return false
	case pong:
		c.answered()
		return true
	}
	kind, body, err := c.conn.Read(context.Background())
	if err == nil {
		c.receive(kind, body)
	}
	return err == nil
}

// opened is called when there is a connection.
func (c *socket) opened(conn *websocket.Conn) {
	c.mu.Lock()
	c.conn = conn
	late := c.ended
	c.ended = false
	c.mu.Unlock()
	if late {
		// All were closed while this one opened.
		c.end(websocket.StatusGoingAway, goingAway)
	}
}

// recovered keeps a panic from the other sockets, and its cause from the client.
func (c *socket) recovered() {
	if cause := recover(); cause != nil {
		c.sockets.log.Error("panic", "request", c.id, "cause", cause)
		c.end(websocket.StatusInternalError, "Something went wrong on our side. The request id is "+c.id+".")
	}
}

// close frees what the socket holds, when it has ended.
func (c *socket) close() {
	c.mu.Lock()
	c.ended = true
	if c.timer != nil {
		c.timer.Stop()
	}
	heard := c.heard
	ended := c.subscribed
	c.subscribed = nil
	c.mu.Unlock()
	for _, s := range ended {
		c.sockets.unsubscribe(s.subscription)
	}
	if heard != nil {
		heard.Close()
	}
	c.answered()
	c.ending.Wait()
	_ = c.conn.CloseNow()
	c.sockets.leave(c)
}

// end closes the socket with a code. It does not wait for the client.
func (c *socket) end(code websocket.StatusCode, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended && c.conn != nil {
		c.ending.Go(func() {
			c.wire.leave()
			_ = c.conn.Close(code, reason)
		})
	}
	c.ended = true
}

func (c *socket) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

func (c *socket) badMessage(reason string) { c.end(closeBadMessage, reason) }

// after sets what is done next without being asked.
func (c *socket) after(wait time.Duration, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.timer = time.AfterFunc(wait, do)
	}
}

// send writes a message; a client who does not read for too long is dropped.
func (c *socket) send(m outgoing) bool {
	return c.write(encode(m))
}

// encode makes a message ready for the wire.
func encode(m outgoing) []byte {
	body, err := json.Marshal(m)
	if err != nil {
		// Only our own types are in it.
		panic(fmt.Errorf("encode message: %w", err))
	}
	return framed(body)
}

func (c *socket) write(framed []byte) bool {
	return c.wire.message(framed, c.sockets.pace.write) == nil
}

// receive does what a message asks for.
func (c *socket) receive(kind websocket.MessageType, body []byte) {
	defer c.recovered()
	var m incoming
	if kind != websocket.MessageText || json.Unmarshal(body, &m) != nil {
		c.badMessage("A message is one JSON object.")
		return
	}
	switch m.Type {
	case "connection_init":
		c.begin(m.Payload)
	case "ping":
		c.send(outgoing{Type: "pong"})
	case "pong":
	case "subscribe":
		c.subscribe(m.ID, m.Payload)
	case "complete":
		c.forget(m.ID)
	default:
		c.badMessage("There is no message of this type.")
	}
}
