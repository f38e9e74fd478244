package directory

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"
)

// How long a request under an idempotency key is remembered.
const (
	requestKept = 24 * time.Hour
	// requestLease is how long one may take; a crash leaves it for that long.
	requestLease = 15 * time.Second
	maxKeyLength = 200
)

// once runs a mutation under an idempotency key: of many requests with the same
// key and input, at once or one after another, one runs, and all get its
// answer. Without a key it is just run. A refusal is not remembered, since
// nothing was done.
//
// run is given a name of the request to write into what it changes, so that it
// finds its own doing when it runs again after a crash. T goes through JSON.
func once[T any](ctx context.Context, d *Directory, by Actor, mutation string, key *string, input any, run func(request string) (T, error)) (T, error) {
	var none T
	if key == nil {
		return run("")
	}
	if *key == "" || utf8.RuneCountInString(*key) > maxKeyLength {
		return none, Refuse(CodeInvalid, fmt.Sprintf("Use an idempotency key of 1 to %d characters, or none.", maxKeyLength), "idempotencyKey")
	}
	text, err := json.Marshal(input)
	if err != nil {
		return none, fmt.Errorf("read input: %w", err)
	}
	organizationID, request, fingerprint := by.Organization.ID, digest(by.id(), *key), digest(mutation, string(text))
	for {
		now := d.Now()
		known, err := d.requests.BeginRequest(ctx, organizationID, request, fingerprint, now, now.Add(requestLease))
		if err != nil {
			return none, fmt.Errorf("begin request: %w", err)
		}
		if known.State != StateBegun && known.Fingerprint != fingerprint {
			return none, Refuse(CodeInvalid, "This idempotency key was used for something else. Use a new key for each intent.", "idempotencyKey")
		}
		switch known.State {
		case StateDone:
			var answer T
			if err := json.Unmarshal(known.Answer, &answer); err != nil {
				return none, fmt.Errorf("read the answer given before: %w", err)
			}
			return answer, nil
		case StateBusy:
			if err := wait(ctx, glance); err != nil {
				return none, err
			}
			continue
		case StateBegun:
		}
		break
	}
	answer, err := run(request)
	// The end is written down also when the one who asked has hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err == nil {
		if text, err = json.Marshal(answer); err != nil {
			return none, fmt.Errorf("write answer: %w", err)
		}
		err := d.requests.FinishRequest(ctx, organizationID, request, fingerprint, text, d.Now().Add(requestKept))
		if err != nil {
			// It is done; who asks again finds that in the people's documents.
			slog.WarnContext(ctx, "the answer of a request is not kept", "organization", organizationID, "error", err)
		}
		return answer, nil
	}
	if err := d.requests.AbandonRequest(ctx, organizationID, request); err != nil {
		slog.WarnContext(ctx, "a request that was refused is forgotten later", "organization", organizationID, "error", err)
	}
	return answer, err
}

// digest names texts by their SHA-256.
func digest(texts ...string) string {
	// As JSON, no two lists of texts are written the same.
	text, err := json.Marshal(texts)
	if err != nil {
		panic(err) // of strings only
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
