package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/ccojocar/zxcvbn-go"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"roster/internal/collector"
	"roster/internal/directory"
)

// maxPassword is in code points: long enough for any passphrase, short enough
// that nobody makes the server hash a book (NIST SP 800-63B, 3.1.1.2).
const maxPassword = 128

// guessableBits is the entropy, by zxcvbn's estimate, below which a password
// is found within the first 130,000 guesses: the common ones, repeated or with
// a digit behind them.
const guessableBits = 17

// judgedRunes bounds what judging a password costs: the estimate takes cubic
// time, and a password that is longer is not a common one.
const judgedRunes = 40

// CheckPassword refuses a password that is too short, too long, common, or the
// person's own name or address. There are no rules of composition (NIST SP
// 800-63B, 3.1.1.2). own are the texts that everybody knows of the person.
func CheckPassword(password string, minLength int, own []string, field string) *directory.Error {
	weak := func(format string, a ...any) *directory.Error {
		return directory.Refuse(directory.CodeWeakPassword, fmt.Sprintf(format, a...), field)
	}
	if !utf8.ValidString(password) {
		return directory.Refuse(directory.CodeInvalid, "Use a password of printable characters.", field)
	}
	password = normalize(password)
	length := utf8.RuneCountInString(password)
	switch {
	case length == 0:
		return directory.Refuse(directory.CodeRequired, "Enter a password.", field)
	case length < minLength:
		return weak("Use at least %d characters. A few words that you can remember are a good choice.", minLength)
	case length > maxPassword:
		return weak("Use at most %d characters.", maxPassword)
	}
	key := directory.Key(password)
	var known []string
	for _, text := range own {
		local, _, _ := strings.Cut(text, "@")
		for _, name := range []string{directory.Key(text), directory.Key(local)} {
			if name == "" {
				continue
			}
			if strings.Trim(strings.ReplaceAll(key, name, ""), " 0123456789") == "" {
				return weak("This password is made of your name or address. Choose one that others would not guess.")
			}
			known = append(known, name)
		}
	}
	if zxcvbn.PasswordStrength(firstRunes(key, judgedRunes), known).Entropy < guessableBits {
		return weak("This password is one of the first that others would guess. Choose a less common one.")
	}
	return nil
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// normalize makes one password of its spellings on different keyboards (NIST
// SP 800-63B, 3.1.1.2).
func normalize(password string) string { return norm.NFKC.String(password) }

// argon2Params are OWASP's for argon2id.
var argon2Params = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hasher computes password hashes, at most one a core at a time: each takes 19
// MiB, and more at once would only be slower.
type hasher struct {
	slots chan struct{}
	queue time.Duration
	// waiting and refused count those who wait for a core, and those who were
	// told to come back.
	waiting, refused atomic.Int64
	// decoy is a hash that no password has, so that refusing somebody unknown
	// takes as long as refusing a wrong password.
	decoy string
}

func newHasher() (*hasher, error) {
	// Chance has made it, and nobody will find a password for it.
	random := make([]byte, argon2Params.SaltLength+argon2Params.KeyLength)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("make decoy hash: %w", err)
	}
	text := base64.RawStdEncoding.EncodeToString
	decoy := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		argon2Params.Memory, argon2Params.Iterations, argon2Params.Parallelism,
		text(random[:argon2Params.SaltLength]), text(random[argon2Params.SaltLength:]))
	return &hasher{slots: make(chan struct{}, runtime.GOMAXPROCS(0)), queue: time.Second, decoy: decoy}, nil
}

// acquire waits for a core; it refuses rather than let a queue grow.
func (h *hasher) acquire(ctx context.Context) (release func(), err error) {
	collector.Hashing()
	release = func() { <-h.slots }
	select {
	case h.slots <- struct{}{}:
		return release, nil
	default:
	}
	timer := time.NewTimer(h.queue)
	defer timer.Stop()
	h.waiting.Add(1)
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return release, nil
	case <-timer.C:
		h.refused.Add(1)
		return nil, &directory.Error{
			Code: directory.CodeUnavailable, RetryAfter: h.queue,
			Message: "Too many people are signing in at this moment. Try again in a few seconds.",
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Hashing is how many password hashes are being computed and how many wait for
// a core, now, and how many were refused since the start for want of one.
func (a *Accounts) Hashing() (running, waiting, refused int) {
	return len(a.hasher.slots), int(a.hasher.waiting.Load()), int(a.hasher.refused.Load())
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	release, err := h.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return argon2id.CreateHash(normalize(password), argon2Params)
}

// check tells whether the password has the hash, and whether the hash was made
// with other parameters than today's. An empty hash matches nothing, and takes
// as long.
func (h *hasher) check(ctx context.Context, password, hash string) (match, outdated bool, err error) {
	release, err := h.acquire(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	known := hash != ""
	if !known {
		hash = h.decoy
	}
	// A longer one was never accepted; hashing its beginning costs the same.
	// Spelled with combining marks, one that was has more code points.
	spelled := firstRunes(password, 4*maxPassword)
	normalized := normalize(spelled)
	tooLong := spelled != password || utf8.RuneCountInString(normalized) > maxPassword
	match, params, err := argon2id.CheckHash(firstRunes(normalized, maxPassword), hash)
	if err != nil {
		return false, false, fmt.Errorf("check password: %w", err)
	}
	return match && known && !tooLong, *params != *argon2Params, nil
}

// HashPassword is a hash for somebody whose password the operator has chosen.
func (a *Accounts) HashPassword(ctx context.Context, password string) (string, error) {
	return a.hasher.hash(ctx, password)
}
