package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	sockets = 5000
	// reachTimeout is how long a change may be under way before we give up.
	reachTimeout = 30 * time.Second
	// subscribeQuery asks for what a page needs to show the change in its row.
	subscribeQuery = `subscription { userChanged { kind user { id name username email title status role { id name } } } }`
)

// audience is those who listen.
type audience struct {
	// heard counts who has heard of the change that is awaited; all is told when
	// everybody has.
	heard   atomic.Int64
	awaited atomic.Pointer[awaited]
	group   sync.WaitGroup
}

type awaited struct {
	text []byte
	all  chan time.Time
}

// measureSubscriptions opens sockets at a server that has just started, and
// changes somebody.
func (b *bench) measureSubscriptions(ctx context.Context, s *seeded) error {
	r, err := b.resume(ctx, s, b.header)
	if err != nil {
		return err
	}
	defer r.stop()
	b.say("opening %d subscriptions", sockets)
	ctx, cancel := context.WithCancel(ctx)
	a := &audience{}
	defer a.group.Wait()
	defer cancel()
	if err := a.open(ctx, r); err != nil {
		return err
	}
	person, err := r.ask(operation{`{ users(search: "zofia", first: 1) { nodes { id } } }`, nil})
	if err != nil {
		return err
	}
	nodes, _ := at(person, "users", "nodes").([]any)
	if len(nodes) == 0 {
		return errors.New("there is nobody to change")
	}
	id := textAt(nodes[0], "id")
	for i := range 2 * b.rounds {
		if err := r.quiet(ctx); err != nil {
			return err
		}
		took, err := a.tell(ctx, r, id, fmt.Sprintf("Change %d of bench", i))
		if err != nil {
			return err
		}
		b.report.reached = append(b.report.reached, milliseconds(took))
	}
	_, b.report.listening, err = r.resident()
	b.say("a change reached all in %.0f ms", median(b.report.reached))
	return err
}

// open has everybody listen, and waits until the server knows that they do.
func (a *audience) open(ctx context.Context, s *server) error {
	const atOnce = 50
	places := make(chan struct{}, atOnce)
	failed := make(chan error, sockets)
	for range sockets {
		places <- struct{}{}
		a.group.Go(func() {
			conn, err := listen(ctx, s)
			<-places
			failed <- err
			if err == nil {
				a.read(ctx, conn)
			}
		})
	}
	var all error
	for range sockets {
		if err := <-failed; err != nil {
			all = err
		}
	}
	return all
}

func listen(ctx context.Context, s *server) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, "ws://"+s.address+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		return nil, err
	}
	authorization := s.header[0][len("Authorization: "):]
	for _, step := range []struct {
		say    []object
		answer string
	}{
		{[]object{{"type": "connection_init", "payload": object{"Authorization": authorization}}}, "connection_ack"},
		// What was sent before the answer to a ping was read before it, too.
		{[]object{{"type": "subscribe", "id": "1", "payload": object{"query": subscribeQuery}}, {"type": "ping"}}, "pong"},
	} {
		for _, m := range step.say {
			text, err := json.Marshal(m)
			if err != nil {
				return nil, err
			}
			if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
				return nil, err
			}
		}
		_, text, err := conn.Read(ctx)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(text, []byte(`"`+step.answer+`"`)) {
			return nil, fmt.Errorf("%s answers %s on a socket", s.name, text)
		}
	}
	return conn, nil
}

// read counts what is heard on one socket, each change once.
func (a *audience) read(ctx context.Context, conn *websocket.Conn) {
	defer func() { _ = conn.CloseNow() }()
	var last *awaited
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		now := a.awaited.Load()
		if now == nil || now == last || !bytes.Contains(text, now.text) {
			continue
		}
		last = now
		if a.heard.Add(1) == sockets {
			now.all <- time.Now()
		}
	}
}

// tell changes somebody's title, and answers when everybody knew, from when it
// was asked for.
func (a *audience) tell(ctx context.Context, s *server, id, title string) (time.Duration, error) {
	change := &awaited{text: []byte(`"` + title + `"`), all: make(chan time.Time, 1)}
	a.heard.Store(0)
	a.awaited.Store(change)
	began := time.Now()
	if _, err := s.ask(operation{`mutation Change($id: ID!, $title: String) { updateUser(id: $id, input: { title: $title }) { user { version } userErrors { message } } }`,
		object{"id": id, "title": title}}); err != nil {
		return 0, err
	}
	select {
	case all := <-change.all:
		return all.Sub(began), nil
	case <-time.After(reachTimeout):
		return 0, fmt.Errorf("after %v, %d of %d have heard of a change", reachTimeout, a.heard.Load(), sockets)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
