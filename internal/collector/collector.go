// Package collector paces Go's garbage collector: how much the heap may grow
// before it is collected. Usually that is as much as is in use. There are two
// reasons to decide otherwise, and this is where they meet. Whoever starts the
// program with GOGC has their way.
package collector

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// halvedAt is with how many people in indexes the heap is left half of the
	// usual room, in proportion: what is in an index does not become garbage, and
	// has hardly a pointer to follow.
	halvedAt = 2_000_000
	// hashRoom is how much more the heap may grow while passwords are hashed, in
	// bytes, of what is in use when that begins. Each hash takes 19 MiB anew: a
	// small heap would be collected during each sign-in, beside the hash that is
	// being computed, and slow it down.
	hashRoom = 16 << 20
	// hashLife is how long after a hash the next is expected.
	hashLife = 100 * time.Millisecond
)

var pace struct {
	sync.Mutex
	indexed int
	hashing *time.Timer // nil when no password is hashed
}

// Indexed tells how many people are in indexes.
func Indexed(people int) {
	pace.Lock()
	defer pace.Unlock()
	pace.indexed = people
	set()
}

// Hashing tells that a password is about to be hashed.
func Hashing() {
	pace.Lock()
	defer pace.Unlock()
	if pace.hashing != nil {
		pace.hashing.Reset(hashLife)
		return
	}
	pace.hashing = time.AfterFunc(hashLife, rest)
	set()
}

// rest ends what Hashing began.
func rest() {
	pace.Lock()
	defer pace.Unlock()
	pace.hashing = nil
	set()
}

// set tells the collector. The lock is held.
func set() {
	if os.Getenv("GOGC") != "" {
		return
	}
	percent := 100 * halvedAt / (halvedAt + pace.indexed)
	if pace.hashing != nil {
		percent += int(100 * hashRoom / max(inUse(), 1<<20)) //nolint:gosec // a percentage
	}
	debug.SetGCPercent(percent)
}

// inUse is how many bytes were in use when the heap was last collected.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
