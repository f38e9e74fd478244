package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/redis/go-redis/v9"

	"roster/internal/notice"
)

// How notices travel.
const (
	// outgoing is how many notices wait for Redis; of those beyond, each
	// organization is told once that it has missed some.
	outgoing = 4096
	// pipelined is how many are published in one round trip.
	pipelined = 256
	// pingEvery and silence find a connection that has died without a word.
	pingEvery = 2 * time.Second
	silence   = 5 * time.Second
	// shortestPause and longestPause are between tries while Redis is away.
	shortestPause = 100 * time.Millisecond
	longestPause  = 2 * time.Second
)

// Notices carries notices between servers, over a channel of Redis for each
// organization:
//
//	roster:{org_…}:changes
//
// It uses one connection to listen, and listens only to organizations that
// somebody on this server listens to. The channels are those of PUBLISH and
// SUBSCRIBE, which a Cluster passes on to all its nodes.
type Notices struct {
	client redis.UniversalClient
	prefix string
	// server tells this server's own notices from others'.
	server string
	log    *slog.Logger

	mu sync.Mutex
	// wanted are the organizations to listen to, with how many confirmations
	// of Redis are outstanding.
	wanted   map[string]int
	commands []command
	queue    []notice.Notice
	// lost are the organizations of notices that could not be published.
	lost map[string]struct{}
	// commanded and queued say that there is something to do.
	commanded, queued chan struct{}
}

var _ notice.Carrier = (*Notices)(nil)

// command is what is to be said on the listening connection.
type command struct {
	subscribe    bool
	organization string
}

// Notices makes a carrier; it carries nothing before Run.
func (v *Vault) Notices(log *slog.Logger) *Notices {
	return &Notices{
		client: v.client, prefix: v.prefix, server: rand.Text(), log: log,
		wanted: map[string]int{}, lost: map[string]struct{}{},
		commanded: make(chan struct{}, 1), queued: make(chan struct{}, 1),
	}
}

// message is what is published.
type message struct {
	// Server is where the notice began.
	Server string      `json:"s"`
	UserID string      `json:"u,omitempty"`
	Kind   notice.Kind `json:"k"`
}

const channelEnd = "}:changes"

func (n *Notices) channel(organizationID string) string {
	return n.prefix + ":{" + organizationID + channelEnd
}

// Run carries until ctx ends. It goes on while Redis is away, and then has
// everybody look again.
func (n *Notices) Run(ctx context.Context, hub *notice.Hub) {
	var group sync.WaitGroup
	group.Go(func() { n.again(ctx, "published", n.publish) })
	group.Go(func() {
		n.again(ctx, "received", func(ctx context.Context, worked func()) error { return n.listen(ctx, hub, worked) })
	})
	group.Wait()
}

// again runs what ends with Redis, and runs it anew when Redis may be back.
func (n *Notices) again(ctx context.Context, what string, run func(ctx context.Context, worked func()) error) {
	pause := shortestPause
	for {
		err := run(ctx, func() { pause = shortestPause })
		if ctx.Err() != nil {
			return
		}
		if pause == shortestPause {
			n.log.WarnContext(ctx, "changes on other servers are not "+what+" at the moment; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// Publish implements notice.Carrier.
func (n *Notices) Publish(told notice.Notice) {
	n.mu.Lock()
	if len(n.queue) < outgoing {
		n.queue = append(n.queue, told)
	} else {
		n.lost[told.OrganizationID] = struct{}{}
	}
	n.mu.Unlock()
	signal(n.queued)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// publish publishes what is in the queue, and instead of what was lost, that
// something was.
func (n *Notices) publish(ctx context.Context, worked func()) error {
	for {
		batch := n.take()
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-n.queued:
			}
			continue
		}
		_, err := n.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, told := range batch {
				body, err := json.Marshal(message{Server: n.server, UserID: told.UserID, Kind: told.Kind})
				if err != nil {
					return fmt.Errorf("encode notice: %w", err)
				}
				p.Publish(ctx, n.channel(told.OrganizationID), body)
			}
			return nil
		})
		if err != nil {
			n.lose(batch)
			return fmt.Errorf("publish notices: %w", err)
		}
		worked()
	}
}

func (n *Notices) take() []notice.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lost) > 0 {
		var batch []notice.Notice
		for organizationID := range n.lost {
			batch = append(batch, notice.Notice{OrganizationID: organizationID, Kind: notice.Refetch})
		}
		clear(n.lost)
		return batch
	}
	size := min(len(n.queue), pipelined)
	batch := n.queue[:size:size]
	if n.queue = n.queue[size:]; len(n.queue) == 0 {
		n.queue = nil
	}
	return batch
}

func (n *Notices) lose(batch []notice.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, told := range batch {
		n.lost[told.OrganizationID] = struct{}{}
	}
}

// Listen implements notice.Carrier.
func (n *Notices) Listen(organizationID string) { n.command(true, organizationID) }

// Forget implements notice.Carrier.
func (n *Notices) Forget(organizationID string) { n.command(false, organizationID) }

func (n *Notices) command(subscribe bool, organizationID string) {
	n.mu.Lock()
	if subscribe {
		n.wanted[organizationID] = 0
	} else {
		delete(n.wanted, organizationID)
	}
	n.commands = append(n.commands, command{subscribe, organizationID})
	n.mu.Unlock()
	signal(n.commanded)
}

// listen receives on a new connection until that breaks.
func (n *Notices) listen(ctx context.Context, hub *notice.Hub, worked func()) error {
	connection := n.client.Subscribe(ctx)
	defer connection.Close() //nolint:errcheck // nothing depends on it
	ctx, stop := context.WithCancel(ctx)
	// Nothing but closing interrupts a read.
	interrupted := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer interrupted()
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()

	// A new connection listens to nothing yet.
	n.mu.Lock()
	n.commands = nil
	for organizationID := range n.wanted {
		n.commands = append(n.commands, command{true, organizationID})
		n.wanted[organizationID] = 0
	}
	n.mu.Unlock()
	group.Go(func() {
		defer stop()
		n.say(ctx, connection)
	})
	for {
		received, err := connection.ReceiveTimeout(ctx, silence)
		if err != nil {
			return fmt.Errorf("receive notices: %w", err)
		}
		worked()
		switch m := received.(type) {
		case *redis.Subscription:
			if organizationID, ok := n.organization(m.Channel); ok && m.Kind == "subscribe" && n.confirmed(organizationID) {
				hub.Listening(organizationID)
			}
		case *redis.Message:
			n.receive(ctx, hub, m)
		}
	}
}

// say tells Redis what to send, and asks for a sign of life.
func (n *Notices) say(ctx context.Context, connection *redis.PubSub) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		subscribe, unsubscribe := n.takeCommands()
		for _, say := range []struct {
			channels []string
			command  func(context.Context, ...string) error
		}{{unsubscribe, connection.Unsubscribe}, {subscribe, connection.Subscribe}} {
			if len(say.channels) == 0 {
				continue
			}
			if err := say.command(ctx, say.channels...); err != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-n.commanded:
		case <-ticker.C:
			if err := connection.Ping(ctx); err != nil {
				return
			}
		}
	}
}

// takeCommands are the channels to listen to from now on, and those no longer.
// Where one followed the other, only the last counts.
func (n *Notices) takeCommands() (subscribe, unsubscribe []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	said := map[string]bool{}
	for _, c := range slices.Backward(n.commands) {
		if said[c.organization] {
			continue
		}
		said[c.organization] = true
		if c.subscribe {
			subscribe = append(subscribe, n.channel(c.organization))
			n.wanted[c.organization]++
		} else {
			unsubscribe = append(unsubscribe, n.channel(c.organization))
		}
	}
	n.commands = nil
	return subscribe, unsubscribe
}

// confirmed tells whether Redis has confirmed all that was asked about an
// organization, and it is still wanted.
func (n *Notices) confirmed(organizationID string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	outstanding, wanted := n.wanted[organizationID]
	if !wanted {
		return false
	}
	n.wanted[organizationID] = max(outstanding-1, 0)
	return outstanding <= 1
}

func (n *Notices) organization(channel string) (string, bool) {
	rest, ok := strings.CutPrefix(channel, n.prefix+":{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, channelEnd)
}

func (n *Notices) receive(ctx context.Context, hub *notice.Hub, received *redis.Message) {
	organizationID, ok := n.organization(received.Channel)
	if !ok {
		return
	}
	var m message
	if err := json.Unmarshal([]byte(received.Payload), &m); err != nil {
		n.log.WarnContext(ctx, "a notice of another server cannot be read", "error", err)
		m = message{}
	}
	switch {
	case m.Server == n.server:
		return
	case m.Kind != notice.Created && m.Kind != notice.Updated && m.Kind != notice.Deleted:
		// What a newer server means may concern everything.
		m.Kind, m.UserID = notice.Refetch, ""
	}
	hub.Receive(notice.Notice{OrganizationID: organizationID, UserID: m.UserID, Kind: m.Kind})
}
