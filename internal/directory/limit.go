package directory

import (
	"context"
	"time"
)

// Limiter counts what is only allowed so often.
type Limiter interface {
	// Reserve counts uses of different keys, if the limit of each allows them at
	// now, and then answers 0; otherwise it counts none of them, and answers which
	// is the first that is not allowed and how long that one has to wait. It is
	// atomic: of many at once, no more are allowed than the limits.
	Reserve(ctx context.Context, organizationID string, now time.Time, uses ...Use) (refused int, wait time.Duration, err error)
	// Forget forgets the uses of key.
	Forget(ctx context.Context, organizationID, key string) error
	// Refund takes one use of key back.
	Refund(ctx context.Context, organizationID, key string) error
}

// Use is N more uses of a key that is limited.
type Use struct {
	Key   string
	Limit Limit
	N     int
}

// Limit is how often something is allowed: Uses within a Window that begins
// with the first of them. When they are used up, the next is allowed when the
// window ends; or, with a Delay, one more is allowed when the delay has passed
// since the latest. The delay doubles with each, up to the window, and all is
// forgotten when a window has passed without a use.
type Limit struct {
	Uses   int
	Window time.Duration
	Delay  time.Duration
}

// Wait is how long n more uses have to wait at now, after so many of which the
// first and the last were then; 0: they are allowed. What is forgotten by then
// must be left out of uses.
func (l Limit) Wait(uses, n int, first, last, now time.Time) time.Duration {
	if uses+n <= l.Uses {
		return 0
	}
	next := first.Add(l.Window)
	switch {
	case n > l.Uses:
		// Never allowed at once; but then less of it is.
		return l.Window
	case l.Delay > 0:
		delay := l.Delay
		for over := uses - l.Uses; over > 0 && delay < l.Window; over-- {
			delay *= 2
		}
		next = last.Add(min(delay, l.Window))
	}
	return max(next.Sub(now), 0)
}
