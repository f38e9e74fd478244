package account_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
)

func TestTwoFactorSetup(t *testing.T) {
	h := newHouse(t)
	t.Run("asks for a code only when an app has proved that it has the secret", func(t *testing.T) {
		ann := h.member(t)
		v, one := h.signIn(t, ann)
		_, two := h.signIn(t, ann)
		_, err := h.accounts.ConfirmTwoFactorSetup(t.Context(), v, h.origin(), "123456")
		refused(t, directory.CodeTwoFactorNotEnabled, err)
		first, err := h.accounts.StartTwoFactorSetup(t.Context(), v, h.origin())
		require.NoError(t, err)
		setup, err := h.accounts.StartTwoFactorSetup(t.Context(), v, h.origin())
		require.NoError(t, err)
		assert.Contains(t, setup.URI, "otpauth://totp/Acme:")
		assert.Contains(t, setup.URI, setup.Secret)
		assert.True(t, strings.HasPrefix(setup.QRCode, "data:image/png;base64,"))
		h.signIn(t, ann)
		assert.NotContains(t, string(h.read(t, ann).Credentials.TwoFactorSetup), setup.Secret)

		_, err = h.accounts.ConfirmTwoFactorSetup(t.Context(), v, h.origin(), device{first.Secret}.code(t, h.clock.Now()))
		refused(t, directory.CodeWrongCode, err)
		code := device{setup.Secret}.code(t, h.clock.Now())
		codes, err := h.accounts.ConfirmTwoFactorSetup(t.Context(), v, h.origin(), code[:3]+" "+code[3:])
		require.NoError(t, err)
		assert.Len(t, codes, 10)
		assert.NotNil(t, h.viewer(t, one))
		assert.Nil(t, h.viewer(t, two), "sessions that were begun without it end")
		u := h.read(t, ann)
		assert.Equal(t, directory.MailTwoFactorEnabled, u.Outbox[len(u.Outbox)-1].Mail.Kind)
		_, err = h.accounts.StartTwoFactorSetup(t.Context(), v, h.origin())
		refused(t, directory.CodeInvalid, err)
		_, err = h.accounts.ConfirmTwoFactorSetup(t.Context(), v, h.origin(), code)
		refused(t, directory.CodeTwoFactorNotEnabled, err)
		// The code of the set-up is spent.
		_, err = h.verify(t, h.challenge(t, ann), code)
		refused(t, directory.CodeWrongCode, err)
	})
	t.Run("nobody's is asked to sign in", func(t *testing.T) {
		_, err := h.accounts.StartTwoFactorSetup(t.Context(), nil, h.origin())
		refused(t, directory.CodeUnauthenticated, err)
		_, err = h.accounts.ConfirmTwoFactorSetup(t.Context(), nil, h.origin(), "123456")
		refused(t, directory.CodeUnauthenticated, err)
		_, err = h.accounts.RemoveTwoFactor(t.Context(), nil, h.origin(), "123456")
		refused(t, directory.CodeUnauthenticated, err)
	})
	t.Run("a sign-in that was begun before it is set up is refused", func(t *testing.T) {
		ann := h.member(t)
		_, _, d, _ := h.withDevice(t, ann)
		token := h.challenge(t, ann)
		h.change(t, ann, func(u *directory.User) { u.Credentials.Version++ })
		_, err := h.verify(t, token, d.code(t, h.clock.Now()))
		refused(t, directory.CodeLinkInvalid, err)
	})
}

func TestTwoFactorCodes(t *testing.T) {
	h := newHouse(t)
	const step = 30 * time.Second
	ann := h.member(t)
	_, _, d, codes := h.withDevice(t, ann)
	bob := h.member(t)
	_, _, _, bobs := h.withDevice(t, bob)
	// fresh begins a step that nobody has used yet, and forgets failures.
	fresh := func() time.Time {
		h.clock.set(h.clock.Now().Truncate(step).Add(time.Hour))
		return h.clock.Now()
	}
	t.Run("a code finishes the sign-in, once", func(t *testing.T) {
		now := fresh()
		token := h.challenge(t, ann)
		in, err := h.verify(t, token, d.code(t, now))
		require.NoError(t, err)
		assert.Equal(t, ann.ID, h.viewer(t, in.Token).User.ID)
		_, err = h.verify(t, token, d.code(t, now.Add(step)))
		refused(t, directory.CodeLinkInvalid, err)
		code := d.code(t, now)
		token = h.challenge(t, ann)
		for _, spelling := range []string{code, code[:3] + " " + code[3:], code[:3] + "-" + code[3:], " " + code + "\t", code[:3] + "\u00a0" + code[3:]} {
			_, err = h.verify(t, token, spelling)
			refused(t, directory.CodeWrongCode, err)
		}
	})
	t.Run("spaces and dashes in a code do not matter", func(t *testing.T) {
		for _, with := range []string{" ", "-", "\u00a0"} {
			code := d.code(t, fresh())
			_, err := h.verify(t, h.challenge(t, ann), code[:3]+with+code[3:])
			assert.NoError(t, err, "%q", with)
		}
	})
	t.Run("one step either side is accepted, two are not", func(t *testing.T) {
		for steps, ok := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
			now := fresh()
			_, err := h.verify(t, h.challenge(t, ann), d.code(t, now.Add(time.Duration(steps)*step)))
			if ok {
				assert.NoError(t, err, "%d steps", steps)
			} else {
				refused(t, directory.CodeWrongCode, err)
			}
		}
	})
	t.Run("an earlier code is spent with a later one", func(t *testing.T) {
		now := fresh()
		_, err := h.verify(t, h.challenge(t, ann), d.code(t, now.Add(step)))
		require.NoError(t, err)
		token := h.challenge(t, ann)
		for _, steps := range []int{1, 0, -1} {
			_, err = h.verify(t, token, d.code(t, now.Add(time.Duration(steps)*step)))
			refused(t, directory.CodeWrongCode, err)
		}
		h.clock.advance(step)
		_, err = h.verify(t, token, d.code(t, now.Add(2*step)))
		assert.NoError(t, err)
	})
	t.Run("twenty at once with one code sign in once", func(t *testing.T) {
		code := d.code(t, fresh())
		sessions := len(h.read(t, ann).Sessions)
		tokens := make([]string, 20)
		for i := range tokens {
			tokens[i] = h.challenge(t, ann)
		}
		var mu sync.Mutex
		var group sync.WaitGroup
		succeeded := 0
		for _, token := range tokens {
			origin := h.origin()
			group.Go(func() {
				_, err := h.accounts.VerifyTwoFactor(t.Context(), origin, token, code)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					succeeded++
				case !directory.HasCode(err, directory.CodeWrongCode) && !directory.HasCode(err, directory.CodeRateLimited):
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		assert.Equal(t, 1, succeeded)
		now := h.clock.Now()
		live := 0
		for _, s := range h.read(t, ann).Sessions {
			if now.Before(s.ExpiresAt) {
				live++
			}
		}
		assert.LessOrEqual(t, live, sessions+1)
	})
	t.Run("codes that are none are refused", func(t *testing.T) {
		for _, bad := range []string{"", "      ", "12345", "1234567", "abcdef", "１２３４５６", strings.Repeat("1", 100_000), codes[0] + "A", codes[0][1:], bobs[0]} {
			fresh()
			_, err := h.verify(t, h.challenge(t, ann), bad)
			refused(t, directory.CodeWrongCode, err)
		}
	})
	t.Run("each recovery code signs in once, however it is spelled, and is told by mail", func(t *testing.T) {
		fresh()
		for _, spelling := range []string{codes[0], strings.ToLower(codes[1]), strings.ReplaceAll(codes[2], "-", ""), " " + strings.ReplaceAll(codes[3], "-", " ")} {
			in, err := h.verify(t, h.challenge(t, ann), spelling)
			require.NoError(t, err, spelling)
			assert.NotNil(t, h.viewer(t, in.Token))
			u := h.read(t, ann)
			assert.Equal(t, directory.MailRecoveryCodeUsed, u.Outbox[len(u.Outbox)-1].Mail.Kind)
		}
		token := h.challenge(t, ann)
		for _, again := range []string{codes[0], codes[1], strings.ToLower(strings.ReplaceAll(codes[2], "-", ""))} {
			_, err := h.verify(t, token, again)
			refused(t, directory.CodeWrongCode, err)
		}
		assert.Len(t, h.read(t, ann).Credentials.TwoFactor.RecoveryHashes, 6)
		assert.Len(t, h.read(t, bob).Credentials.TwoFactor.RecoveryHashes, 10)
	})
	t.Run("five failures delay the next, across sign-ins, and then the right code works", func(t *testing.T) {
		fresh()
		for range 5 {
			_, err := h.verify(t, h.challenge(t, ann), "000000x")
			refused(t, directory.CodeWrongCode, err)
		}
		token := h.challenge(t, ann)
		_, err := h.verify(t, token, d.code(t, h.clock.Now()))
		refused(t, directory.CodeRateLimited, err)
		_, err = h.verify(t, h.challenge(t, bob), bobs[1])
		assert.NoError(t, err, "nobody else waits")
		h.clock.advance(30 * time.Second)
		_, err = h.verify(t, token, d.code(t, h.clock.Now()))
		assert.NoError(t, err)
	})
	t.Run("a sign-in half done is dead after five minutes", func(t *testing.T) {
		fresh()
		one, two := h.challenge(t, ann), h.challenge(t, ann)
		h.clock.advance(5*time.Minute - time.Millisecond)
		_, err := h.verify(t, one, d.code(t, h.clock.Now()))
		assert.NoError(t, err)
		h.clock.advance(time.Millisecond)
		_, err = h.verify(t, two, codes[8])
		refused(t, directory.CodeLinkInvalid, err)
	})
	t.Run("a reset of the password and a delete kill a sign-in half done, and the second factor stays", func(t *testing.T) {
		fresh()
		token := h.challenge(t, bob)
		_, _, err := h.accounts.CompletePasswordReset(t.Context(), h.origin(), h.resetToken(t, bob), password+"!")
		require.NoError(t, err)
		_, err = h.verify(t, token, bobs[2])
		refused(t, directory.CodeLinkInvalid, err)
		in, err := h.login(t, bob.Email, password+"!")
		require.NoError(t, err)
		require.NotNil(t, in.Challenge)
		assert.Nil(t, in.Viewer)
		_, err = h.dir.DeleteUser(t.Context(), h.admin(t), bob.ID, nil)
		require.NoError(t, err)
		_, err = h.verify(t, in.Token, bobs[3])
		refused(t, directory.CodeLinkInvalid, err)
	})
}

func TestRemoveTwoFactor(t *testing.T) {
	h := newHouse(t)
	ann := h.member(t)
	v, one, d, codes := h.withDevice(t, ann)
	in, err := h.verify(t, h.challenge(t, ann), codes[0])
	require.NoError(t, err)
	_, err = h.accounts.RemoveTwoFactor(t.Context(), v, h.origin(), codes[0])
	refused(t, directory.CodeWrongCode, err)
	_, err = h.accounts.RemoveTwoFactor(t.Context(), v, h.origin(), d.code(t, h.clock.Now()))
	require.NoError(t, err)
	assert.NotNil(t, h.viewer(t, one))
	assert.Nil(t, h.viewer(t, in.Token), "other sessions end")
	u := h.read(t, ann)
	assert.False(t, u.TwoFactorEnabled())
	assert.Equal(t, directory.MailTwoFactorDisabled, u.Outbox[len(u.Outbox)-1].Mail.Kind)
	_, err = h.accounts.RemoveTwoFactor(t.Context(), v, h.origin(), d.code(t, h.clock.Now()))
	refused(t, directory.CodeTwoFactorNotEnabled, err)
	h.signIn(t, ann)
}

func TestSecretKeyRotation(t *testing.T) {
	h := newHouse(t)
	ann := h.member(t)
	_, _, d, codes := h.withDevice(t, ann)
	before := h.read(t, ann).Credentials.TwoFactor.Secret
	oldKey, newKey := bytes.Repeat([]byte("s"), 32), bytes.Repeat([]byte("n"), 32)
	verify := func(accounts *account.Accounts, code string) error {
		_, err := accounts.VerifyTwoFactor(t.Context(), h.origin(), h.challenge(t, ann), code)
		return err
	}
	alone := h.withSecrets(t, newKey)
	assert.Error(t, verify(alone, d.code(t, h.clock.Now())), "the key it was sealed with is missing")
	assert.NoError(t, verify(alone, codes[0]), "recovery codes need no key")
	require.NoError(t, verify(h.withSecrets(t, newKey, oldKey), d.code(t, h.clock.Now())))
	assert.NotEqual(t, before, h.read(t, ann).Credentials.TwoFactor.Secret)
	h.clock.advance(time.Minute)
	assert.NoError(t, verify(alone, d.code(t, h.clock.Now())), "a sign-in has sealed it with the new key")
}
