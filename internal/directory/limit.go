package directory

import (
	"context"
	"time"
)

// Limiter counts what is only allowed so often.
type Limiter interface {
	// Reserve counts n more uses of key, if limit allows them at now, and then
	// answers 0; otherwise it counts nothing and answers how long to wait. It is
	// atomic: of many at once, no more are allowed than the limit.
	Reserve(ctx context.Context, organizationID, key string, limit Limit, n int, now time.Time) (wait time.Duration, err error)
	// Forget forgets the uses of key.
	Forget(ctx context.Context, organizationID, key string) error
	// Refund takes one use of key back.
	Refund(ctx context.Context, organizationID, key string) error
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
