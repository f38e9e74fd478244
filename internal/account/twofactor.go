package account

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"image/png"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"roster/internal/directory"
)

// Time-based one-time passwords (RFC 6238) as authenticator apps make them.
const (
	totpPeriod     = 30 * time.Second
	totpSkew       = 1 // steps accepted on either side
	totpSecretSize = 20
	qrPixels       = 256

	recoveryCodes = 10
	recoverySize  = 10 // bytes: 16 characters, shown in groups of four
)

var codeFailures = directory.Limit{Uses: 5, Window: 15 * time.Minute, Delay: 30 * time.Second}

var base32Encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// limitCodes runs a check of a code under the account's limit: counted before,
// forgotten when the code was right.
func (a *Accounts) limitCodes(ctx context.Context, by directory.Actor, check func() error) error {
	key := "code:" + by.User.ID
	if err := a.reserve(ctx, by.Organization.ID, key, codeFailures, "Too many wrong codes."); err != nil {
		return err
	}
	err := check()
	switch {
	case err == nil:
		if err := a.vault.Forget(ctx, by.Organization.ID, key); err != nil {
			return fmt.Errorf("reset limit: %w", err)
		}
	case !directory.HasCode(err, directory.CodeWrongCode):
		a.refund(ctx, by.Organization.ID, key)
	}
	return err
}

func wrongCode() *directory.Error {
	return directory.Refuse(directory.CodeWrongCode, "This code is wrong or was used already. Wait for the next one, or use a recovery code.", "code")
}

// codeKind is which of the two kinds of code was used, as the audit log names it.
type codeKind string

const (
	appCode      codeKind = "authenticator app"
	recoveryCode codeKind = "recovery code"
)

// mails are those that tell of the use: there are few recovery codes, and who
// has one needs no device.
func (k codeKind) mails() []directory.MailKind {
	if k == recoveryCode {
		return []directory.MailKind{directory.MailRecoveryCodeUsed}
	}
	return nil
}

// useCode spends a TOTP or a recovery code of u. It is an Edit's part: the
// compare-and-set makes each code work once.
func (a *Accounts) useCode(u *directory.User, code string) (codeKind, error) {
	factor := u.Credentials.TwoFactor
	if factor == nil {
		return "", directory.Refuse(directory.CodeTwoFactorNotEnabled, "Two-factor authentication is not enabled.", "code")
	}
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\t' || r == '\u00a0' {
			return -1
		}
		return r
	}, code)
	if len(code) == otp.DigitsSix.Length() {
		secret, old, err := a.sealer.open(u.ID, factor.Secret)
		if err != nil {
			return "", err
		}
		step, ok := a.matchStep(secret, code)
		if !ok || step <= factor.LastStep {
			return "", wrongCode()
		}
		factor.LastStep = step
		if old {
			factor.Secret = a.sealer.seal(u.ID, secret)
		}
		return appCode, nil
	}
	hash := hashToken(strings.ToUpper(code))
	i := slices.Index(factor.RecoveryHashes, hash)
	if i < 0 {
		return "", wrongCode()
	}
	factor.RecoveryHashes = slices.Delete(factor.RecoveryHashes, i, i+1)
	return recoveryCode, nil
}

// matchStep finds the time step whose code this is, within the skew.
func (a *Accounts) matchStep(secret []byte, code string) (int64, bool) {
	now := a.now().Unix() / int64(totpPeriod/time.Second)
	encoded := base32Encoding.EncodeToString(secret)
	for _, step := range []int64{now, now - totpSkew, now + totpSkew} {
		want, err := hotp.GenerateCodeCustom(encoded, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // a time after 1970
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}

// TwoFactorSetup is what an authenticator app needs; shown once.
type TwoFactorSetup struct {
	// Secret is in base32, for typing.
	Secret string
	// URI is in the otpauth scheme.
	URI string
	// QRCode is the URI as a PNG in a data URI.
	QRCode string
}

// StartTwoFactorSetup makes a secret for the viewer; nothing changes at sign-in
// until ConfirmTwoFactorSetup proves that an app has it. Starting again
// replaces a secret that was not confirmed. Refusal: INVALID (enabled already).
func (a *Accounts) StartTwoFactorSetup(ctx context.Context, viewer *Viewer, origin directory.Origin) (*TwoFactorSetup, error) {
	if viewer == nil {
		return nil, signInFirst
	}
	secret := make([]byte, totpSecretSize)
	if _, err := io.ReadFull(a.random, secret); err != nil {
		return nil, fmt.Errorf("make secret: %w", err)
	}
	if _, err := a.directory.Change(ctx, viewer.Actor(origin), viewer.User.ID, func(u *directory.User) (*directory.News, error) {
		if u.TwoFactorEnabled() {
			return nil, directory.Refuse(directory.CodeInvalid, "Two-factor authentication is enabled already. Remove it first to set up another device.")
		}
		u.Credentials.TwoFactorSetup = a.sealer.seal(u.ID, secret)
		return &directory.News{Action: directory.TwoFactorSetupStarted}, nil
	}); err != nil {
		return nil, err
	}
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: viewer.Organization.Name, AccountName: viewer.User.Username, Secret: secret,
		Period: uint(totpPeriod / time.Second), Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1, Rand: rand.Reader,
	})
	if err != nil {
		return nil, fmt.Errorf("make otpauth URI: %w", err)
	}
	picture, err := key.Image(qrPixels, qrPixels)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, picture); err != nil {
		return nil, fmt.Errorf("encode QR code: %w", err)
	}
	return &TwoFactorSetup{
		Secret: key.Secret(), URI: key.URL(),
		QRCode: "data:image/png;base64," + base64.StdEncoding.EncodeToString(encoded.Bytes()),
	}, nil
}

// ConfirmTwoFactorSetup enables the second factor with the first code of the
// app, and answers the recovery codes, which are shown this once. Other
// sessions end, since they were begun without it. Refusals:
// TWO_FACTOR_NOT_ENABLED (no set-up was started), WRONG_CODE.
func (a *Accounts) ConfirmTwoFactorSetup(ctx context.Context, viewer *Viewer, origin directory.Origin, code string) ([]string, error) {
	if viewer == nil {
		return nil, signInFirst
	}
	codes, hashes := a.newRecoveryCodes()
	by := viewer.Actor(origin)
	err := a.limitCodes(ctx, by, func() error {
		_, err := a.directory.Change(ctx, by, viewer.User.ID, func(u *directory.User) (*directory.News, error) {
			if u.TwoFactorEnabled() || u.Credentials.TwoFactorSetup == nil {
				return nil, directory.Refuse(directory.CodeTwoFactorNotEnabled, "Start the set-up of two-factor authentication first.")
			}
			secret, _, err := a.sealer.open(u.ID, u.Credentials.TwoFactorSetup)
			if err != nil {
				return nil, err
			}
			step, ok := a.matchStep(secret, strings.ReplaceAll(code, " ", ""))
			if !ok {
				return nil, wrongCode()
			}
			u.Credentials.TwoFactor = &directory.TwoFactor{
				Secret: a.sealer.seal(u.ID, secret), EnabledAt: a.directory.Now(), LastStep: step, RecoveryHashes: hashes,
			}
			u.Credentials.TwoFactorSetup = nil
			u.Credentials.Version++
			u.EndSessions(viewer.Session.ID)
			return &directory.News{Action: directory.TwoFactorEnabled, Mails: []directory.MailKind{directory.MailTwoFactorEnabled}}, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// newRecoveryCodes makes codes of 80 random bits, and their hashes.
func (a *Accounts) newRecoveryCodes() (codes, hashes []string) {
	for range recoveryCodes {
		raw := make([]byte, recoverySize)
		if _, err := io.ReadFull(a.random, raw); err != nil {
			panic("account: no randomness: " + err.Error())
		}
		code := base32Encoding.EncodeToString(raw)
		hashes = append(hashes, hashToken(code))
		groups := slices.Collect(slices.Chunk([]byte(code), 4))
		codes = append(codes, string(bytes.Join(groups, []byte("-"))))
	}
	return codes, hashes
}

// RemoveTwoFactor takes the viewer's own second factor off, with a code of it.
// Refusals: INVALID (the organization requires it), TWO_FACTOR_NOT_ENABLED,
// WRONG_CODE.
func (a *Accounts) RemoveTwoFactor(ctx context.Context, viewer *Viewer, origin directory.Origin, code string) (*directory.User, error) {
	by := viewer.Actor(origin)
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	user := viewer.User
	if by.Organization.RequireTwoFactor {
		return user, directory.Refuse(directory.CodeInvalid, "Your organization requires two-factor authentication. If you lost the device, ask an administrator.")
	}
	err := a.limitCodes(ctx, by, func() (err error) {
		user, err = a.directory.Change(ctx, by, viewer.User.ID, func(u *directory.User) (*directory.News, error) {
			if _, err := a.useCode(u, code); err != nil {
				return nil, err
			}
			u.Credentials.TwoFactor, u.Credentials.TwoFactorSetup = nil, nil
			u.Credentials.Version++
			u.EndSessions(viewer.Session.ID)
			return &directory.News{Action: directory.TwoFactorRemoved, Mails: []directory.MailKind{directory.MailTwoFactorDisabled}}, nil
		})
		return err
	})
	return user, err
}
