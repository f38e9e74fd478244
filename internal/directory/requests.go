package directory

import (
	"context"
	"time"
)

// Requests remember what was asked under an idempotency key, and the answer.
// A vault keeps them, which may forget; then a request that is repeated is run
// again, and finds in the people's documents what was done (see Link.Request).
type Requests interface {
	// BeginRequest takes key for the caller until lease, unless it is taken at
	// now or has an answer, and says how it stands. It is atomic: of many at
	// once, one gets StateBegun. The fingerprint is of the input; what is kept
	// under key is answered with the fingerprint it was begun, or finished, with.
	BeginRequest(ctx context.Context, organizationID, key, fingerprint string, now, lease time.Time) (Request, error)
	// FinishRequest keeps the answer until the given time, with the fingerprint
	// of what it answers, whoever has begun.
	FinishRequest(ctx context.Context, organizationID, key, fingerprint string, answer []byte, until time.Time) error
	// AbandonRequest forgets key, so that the next may begin at once; unless it
	// has an answer by now, from somebody who took it over.
	AbandonRequest(ctx context.Context, organizationID, key string) error
}

// Request is how it stands with what was asked under an idempotency key.
type Request struct {
	State RequestState
	// Fingerprint is of the input that it was begun, or finished, with.
	Fingerprint string
	// Answer is set with StateDone.
	Answer []byte
}

// RequestState is how far a request under an idempotency key has come.
type RequestState string

const (
	// StateBegun: the caller is to do it.
	StateBegun RequestState = "BEGUN"
	// StateBusy: somebody else is doing it.
	StateBusy RequestState = "BUSY"
	// StateDone: it is done, and has an answer.
	StateDone RequestState = "DONE"
)
