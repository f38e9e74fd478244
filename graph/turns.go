package graph

import (
	"slices"
	"sync"
)

// turns lets so many jobs run at a time, first come, first served. A job that
// waits is an entry in a list and not yet a goroutine: thousands may.
type turns struct {
	mu      sync.Mutex
	free    int
	waiting []job
}

// job answers whether it still has its turn when it ends; if not, it has given
// it back before.
type job func() (kept bool)

// take runs j in another goroutine when it is its turn, which is the next one
// for what is urgent.
func (t *turns) take(j job, urgent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.free > 0:
		t.free--
		go t.run(j)
	case urgent:
		t.waiting = slices.Insert(t.waiting, 0, j)
	default:
		t.waiting = append(t.waiting, j)
	}
}

// run runs one job after the other while it has a turn.
func (t *turns) run(j job) {
	for j != nil && j() {
		j = t.next()
	}
}

// give ends a turn while its job goes on.
func (t *turns) give() {
	if j := t.next(); j != nil {
		go t.run(j)
	}
}

// next is whose turn it is now; nil when nobody waits, and then the turn is free.
func (t *turns) next() job {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.free++
		return nil
	}
	j := t.waiting[0]
	t.waiting[0] = nil
	if t.waiting = t.waiting[1:]; len(t.waiting) == 0 {
		t.waiting = nil
	}
	return j
}
