package notice

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Hub gives notices to those who listen in this process, and to the Carrier
// those that began here. A listener who is slow holds up nobody.
type Hub struct {
	carrier Carrier
	// clock moves with each notice, so that two moments can be told apart.
	clock  atomic.Uint64
	mu     sync.RWMutex
	topics map[string]*topic
}

// topic is an organization that somebody in this process listens to.
type topic struct {
	subscriptions map[*Subscription]struct{}
	// ready is closed when the carrier brings the notices of other servers.
	ready chan struct{}
	// heard is the hub's clock at the latest notice.
	heard atomic.Uint64
}

// NewHub makes a Hub. carrier is nil when there are no other servers.
func NewHub(carrier Carrier) *Hub {
	return &Hub{carrier: carrier, topics: map[string]*topic{}}
}

// Publish tells of a change that was made here. It never blocks.
func (h *Hub) Publish(n Notice) {
	h.Receive(n)
	if h.carrier != nil {
		h.carrier.Publish(n)
	}
}

// Receive tells those who listen here.
func (h *Hub) Receive(n Notice) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	t := h.topics[n.OrganizationID]
	if t == nil {
		return
	}
	t.heard.Store(h.clock.Add(1))
	for s := range t.subscriptions {
		s.offer(n)
	}
}

// Listening is called by the carrier when it brings an organization's notices.
// Whoever has been listening without them may have missed some.
func (h *Hub) Listening(organizationID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[organizationID]
	if t == nil {
		return
	}
	again := true
	select {
	case <-t.ready:
	default:
		again = false
		close(t.ready)
	}
	t.heard.Store(h.clock.Add(1))
	for s := range t.subscriptions {
		if again || !s.waiting {
			s.offer(Notice{OrganizationID: organizationID, Kind: Refetch})
		}
	}
}

// Subscribe listens to an organization until Close. It waits until the notices
// of other servers are brought too; when ctx ends before, it goes on without,
// and a Refetch comes as soon as they are. wake is called with each notice when
// there is something to take, perhaps while Subscribe still waits; it must not
// block nor call the hub.
func (h *Hub) Subscribe(ctx context.Context, organizationID string, wake func(Notice)) *Subscription {
	s := &Subscription{hub: h, organizationID: organizationID, wake: wake, waiting: true}
	h.mu.Lock()
	s.topic = h.topics[organizationID]
	if s.topic == nil {
		s.topic = &topic{subscriptions: map[*Subscription]struct{}{}, ready: make(chan struct{})}
		s.topic.heard.Store(h.clock.Add(1))
		h.topics[organizationID] = s.topic
		if h.carrier == nil {
			close(s.topic.ready)
		} else {
			h.carrier.Listen(organizationID)
		}
	}
	s.topic.subscriptions[s] = struct{}{}
	h.mu.Unlock()
	select {
	case <-s.topic.ready:
	case <-ctx.Done():
	}
	h.mu.Lock()
	s.waiting = false
	h.mu.Unlock()
	return s
}

// buffered is how many notices wait for one listener: more than an invitation
// of a hundred people makes.
const buffered = 256

// Subscription is one who listens.
type Subscription struct {
	hub            *Hub
	organizationID string
	topic          *topic
	wake           func(Notice)
	// waiting is whether Subscribe has not returned; the hub guards it.
	waiting bool

	mu      sync.Mutex
	pending []Notice
	// behind is whether one Refetch stands for all that there is to take.
	behind bool
}

// offer leaves a notice for the listener. It never blocks.
func (s *Subscription) offer(n Notice) {
	s.mu.Lock()
	switch {
	case s.behind || slices.Contains(s.pending, n):
	case n.Kind == Refetch || len(s.pending) == buffered:
		s.behind, s.pending = true, nil
	default:
		s.pending = append(s.pending, n)
	}
	s.mu.Unlock()
	s.wake(n)
}

// Next takes what came first; false when there is nothing.
func (s *Subscription) Next() (Notice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.behind:
		s.behind = false
		return Notice{OrganizationID: s.organizationID, Kind: Refetch}, true
	case len(s.pending) == 0:
		return Notice{}, false
	}
	n := s.pending[0]
	if s.pending = s.pending[1:]; len(s.pending) == 0 {
		s.pending = nil
	}
	return n, true
}

// Missed makes what comes next a Refetch: what was taken could not be told.
func (s *Subscription) Missed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind, s.pending = true, nil
}

// Heard moves with each notice about the organization: what was read when it
// was the same has no older notice against it.
func (s *Subscription) Heard() uint64 { return s.topic.heard.Load() }

// Close ends listening.
func (s *Subscription) Close() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, listening := s.topic.subscriptions[s]; !listening {
		return
	}
	delete(s.topic.subscriptions, s)
	if len(s.topic.subscriptions) > 0 {
		return
	}
	delete(h.topics, s.organizationID)
	if h.carrier != nil {
		h.carrier.Forget(s.organizationID)
	}
}
