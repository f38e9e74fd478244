package watch

import (
	"context"
	"time"

	"roster/internal/account"
	"roster/internal/directory"
)

// vault is an account.Vault whose calls are measured.
type vault struct {
	account.Vault
	calls
}

// Vault measures the calls of v, which is named for what it wraps. t may be nil.
func (m *Metrics) Vault(name string, v account.Vault, t *Traces) account.Vault {
	return vault{v, callsOf[account.Vault](m, name, t)}
}

func (w vault) Reserve(ctx context.Context, organizationID string, now time.Time, uses ...directory.Use) (refused int, wait time.Duration, err error) {
	ctx, call := w.begin(ctx, "Reserve")
	defer call.end(&err)
	return w.Vault.Reserve(ctx, organizationID, now, uses...)
}

func (w vault) Forget(ctx context.Context, organizationID, key string) (err error) {
	ctx, call := w.begin(ctx, "Forget")
	defer call.end(&err)
	return w.Vault.Forget(ctx, organizationID, key)
}

func (w vault) Refund(ctx context.Context, organizationID, key string) (err error) {
	ctx, call := w.begin(ctx, "Refund")
	defer call.end(&err)
	return w.Vault.Refund(ctx, organizationID, key)
}

func (w vault) BeginRequest(ctx context.Context, organizationID, key, fingerprint string, now, lease time.Time) (found directory.Request, err error) {
	ctx, call := w.begin(ctx, "BeginRequest")
	defer call.end(&err)
	return w.Vault.BeginRequest(ctx, organizationID, key, fingerprint, now, lease)
}

func (w vault) FinishRequest(ctx context.Context, organizationID, key, fingerprint string, answer []byte, until time.Time) (err error) {
	ctx, call := w.begin(ctx, "FinishRequest")
	defer call.end(&err)
	return w.Vault.FinishRequest(ctx, organizationID, key, fingerprint, answer, until)
}

func (w vault) AbandonRequest(ctx context.Context, organizationID, key string) (err error) {
	ctx, call := w.begin(ctx, "AbandonRequest")
	defer call.end(&err)
	return w.Vault.AbandonRequest(ctx, organizationID, key)
}

func (w vault) StartSession(ctx context.Context, s account.Session, ends time.Time, released account.Released) (err error) {
	ctx, call := w.begin(ctx, "StartSession")
	defer call.end(&err)
	return w.Vault.StartSession(ctx, s, ends, released)
}

func (w vault) PutSession(ctx context.Context, s account.Session, ends time.Time) (err error) {
	ctx, call := w.begin(ctx, "PutSession")
	defer call.end(&err)
	return w.Vault.PutSession(ctx, s, ends)
}

func (w vault) Session(ctx context.Context, organizationID, tokenHash string, now time.Time) (found account.Session, err error) {
	ctx, call := w.begin(ctx, "Session")
	defer call.end(&err)
	return w.Vault.Session(ctx, organizationID, tokenHash, now)
}

func (w vault) Sessions(ctx context.Context, organizationID, userID string, now time.Time) (found []account.Session, err error) {
	ctx, call := w.begin(ctx, "Sessions")
	defer call.end(&err)
	return w.Vault.Sessions(ctx, organizationID, userID, now)
}

func (w vault) TouchSession(ctx context.Context, s account.Session, lastUsed, ends time.Time) (err error) {
	ctx, call := w.begin(ctx, "TouchSession")
	defer call.end(&err)
	return w.Vault.TouchSession(ctx, s, lastUsed, ends)
}

func (w vault) EndSessions(ctx context.Context, organizationID, userID string, ids []string) (err error) {
	ctx, call := w.begin(ctx, "EndSessions")
	defer call.end(&err)
	return w.Vault.EndSessions(ctx, organizationID, userID, ids)
}

func (w vault) PutChallenge(ctx context.Context, c account.Challenge) (err error) {
	ctx, call := w.begin(ctx, "PutChallenge")
	defer call.end(&err)
	return w.Vault.PutChallenge(ctx, c)
}

func (w vault) Challenge(ctx context.Context, organizationID, tokenHash string, now time.Time) (found account.Challenge, err error) {
	ctx, call := w.begin(ctx, "Challenge")
	defer call.end(&err)
	return w.Vault.Challenge(ctx, organizationID, tokenHash, now)
}

func (w vault) EndChallenge(ctx context.Context, organizationID, tokenHash string) (err error) {
	ctx, call := w.begin(ctx, "EndChallenge")
	defer call.end(&err)
	return w.Vault.EndChallenge(ctx, organizationID, tokenHash)
}

func (w vault) Ping(ctx context.Context) (err error) {
	ctx, call := w.begin(ctx, "Ping")
	defer call.end(&err)
	return w.Vault.Ping(ctx)
}
