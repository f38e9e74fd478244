package account_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
)

// Bugs that there were once.
func TestNoMore(t *testing.T) {
	t.Run("a password typed with combining marks signs in, however many there are", func(t *testing.T) {
		h := newHouse(t)
		u, token := h.invited(t)
		typed := strings.Repeat("a\u0301e\u0301i\u0302o\u0308u\u0300n\u0303c\u0327", 10) // 140 code points, 70 after NFKC
		_, _, err := h.accounts.AcceptInvitation(t.Context(), h.origin(), account.Acceptance{Token: token, Password: typed})
		require.NoError(t, err)
		_, err = h.login(t, u.Email, typed)
		require.NoError(t, err)
	})
	t.Run("a token with a line break in it is none", func(t *testing.T) {
		h := newHouse(t)
		token, _ := account.NewToken(directory.NewID("org_", h.clock.Now(), rand.Reader), rand.Reader)
		_, _, ok := account.ReadToken(token)
		require.True(t, ok)
		for _, broken := range []string{token[:30] + "\n" + token[31:], token + "\n", strings.Repeat("\n", 64)} {
			_, _, ok := account.ReadToken(broken)
			assert.False(t, ok, "%q", broken)
		}
	})
	t.Run("an outdated hash is renewed at sign-in, with a second factor too", func(t *testing.T) {
		h := newHouse(t)
		ann := h.member(t)
		_, _, d, _ := h.withDevice(t, ann)
		old, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 8 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
		require.NoError(t, err)
		h.change(t, ann, func(u *directory.User) { u.Credentials.PasswordHash = old })
		_, err = h.verify(t, h.challenge(t, ann), d.code(t, h.clock.Now()))
		require.NoError(t, err)
		assert.NotEqual(t, old, h.read(t, ann).Credentials.PasswordHash)
	})
}
