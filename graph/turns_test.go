package graph

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTurns(t *testing.T) {
	// job is one that says when it runs, and goes on until it may end.
	type made struct {
		job
		end chan bool
	}
	var mu sync.Mutex
	var order []string
	ran := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, order...)
	}
	newJob := func(name string) made {
		end := make(chan bool)
		return made{func() bool {
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			return <-end
		}, end}
	}
	eventually := func(want ...string) {
		t.Helper()
		assert.Eventually(t, func() bool { return len(ran()) >= len(want) }, time.Second, time.Millisecond)
		assert.Equal(t, want, ran())
	}

	turns := turns{free: 1}
	one, two, three, urgent := newJob("one"), newJob("two"), newJob("three"), newJob("urgent")
	turns.take(one.job, false)
	eventually("one")
	turns.take(two.job, false)
	turns.take(three.job, false)
	turns.take(urgent.job, true)
	time.Sleep(10 * time.Millisecond)
	eventually("one")
	one.end <- true
	eventually("one", "urgent")
	urgent.end <- true
	eventually("one", "urgent", "two")
	// A job that gives its turn back goes on beside the next.
	turns.give()
	eventually("one", "urgent", "two", "three")
	two.end <- false
	three.end <- true
	assert.Eventually(t, func() bool {
		turns.mu.Lock()
		defer turns.mu.Unlock()
		return turns.free == 1 && turns.waiting == nil
	}, time.Second, time.Millisecond, "each turn is given back once")
}
