package account

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"roster/internal/directory"
)

func TestCheckPassword(t *testing.T) {
	own := []string{"Ann.Lee@example.com", "annlee", "Ann Lee-Übermann"}
	for name, test := range map[string]struct {
		password  string
		minLength int
		want      directory.Code
	}{
		"nothing is refused":                           {"", 15, directory.CodeRequired},
		"one character less than the least is refused": {"vq7#kd0w!mzp2x", 15, directory.CodeWeakPassword},
		"the least is enough":                          {"vq7#kd0w!mzp2xe", 15, ""},
		"an operator may ask for less":                 {"vq7#kd0w", 8, ""},
		"but a password is never shorter than that":    {"vq7#kd0", 8, directory.CodeWeakPassword},
		"characters are counted, not bytes":            {"жщхъэюяы", 8, ""},
		"seven of many bytes are too few":              {"жщхъэюя", 8, directory.CodeWeakPassword},
		"they are counted after NFKC: marks join":      {strings.Repeat("e\u0301", 7), 8, directory.CodeWeakPassword},
		"they are counted after NFKC: ligatures part":  {"ﬃvqﬄk", 8, ""},
		"a passphrase of words passes":                 {"correct horse battery staple", 15, ""},
		"a passphrase with spaces around it passes":    {" plum orbit canyon fiddle ", 15, ""},
		"no rule asks for digits or capitals":          {"plumorbitcanyonfiddle", 15, ""},
		"64 characters pass":                           {strings.Repeat("k7wq-z2m", 8), 15, ""},
		"emoji pass":                                   {"🦊🌋🧲🪕🦜🛶🧵🪁🦔🍜🎳🧭🪐🐙🏺", 15, ""},
		"128 characters pass":                          {randomText(128), 15, ""},
		"129 are refused":                              {randomText(129), 15, directory.CodeWeakPassword},
		"100,000 are refused at once":                  {strings.Repeat("a", 100_000), 15, directory.CodeWeakPassword},
		"the commonest is refused":                     {"password", 8, directory.CodeWeakPassword},
		"in any case":                                  {"PassWord", 8, directory.CodeWeakPassword},
		"full-width as well":                           {"ｐａｓｓｗｏｒｄ", 8, directory.CodeWeakPassword},
		"with a digit behind it":                       {"password1", 8, directory.CodeWeakPassword},
		"a row of digits is refused":                   {"123456789012345", 15, directory.CodeWeakPassword},
		"a row of keys is refused":                     {"qwertyuiop", 8, directory.CodeWeakPassword},
		"one letter many times is refused":             {"aaaaaaaaaaaaaaa", 15, directory.CodeWeakPassword},
		"one's address is refused":                     {"ann.lee@example.com", 15, directory.CodeWeakPassword},
		"in any case, and with digits":                 {"ANN.LEE@Example.com 1", 15, directory.CodeWeakPassword},
		"the beginning of one's address is refused":    {"ann.lee2026", 8, directory.CodeWeakPassword},
		"repeated as well":                             {"annleeannleeannlee", 15, directory.CodeWeakPassword},
		"one's name is refused":                        {"Ann Lee-U\u0308bermann", 15, directory.CodeWeakPassword},
		"one's name in something longer passes":        {"ann lee likes purple cactuses", 15, ""},
		"bytes that are no text are refused":           {"vq7#kd0w!mzp2xe\xff", 15, directory.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			refused := CheckPassword(test.password, test.minLength, own, "newPassword")
			assert.Less(t, time.Since(begin), 2*time.Second, "judging is no way to keep the server busy")
			if test.want == "" {
				assert.Nil(t, refused)
				return
			}
			require.NotNil(t, refused)
			assert.Equal(t, test.want, refused.Code)
			assert.Equal(t, []string{"newPassword"}, refused.Field)
		})
	}
	t.Run("somebody without a name is not refused for it", func(t *testing.T) {
		assert.Nil(t, CheckPassword("plum orbit canyon", 15, []string{"", "@", " "}, "password"))
	})
}

// randomText is a text of n letters that nobody would guess.
func randomText(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)[:n]
}

func TestHasher(t *testing.T) {
	h, err := newHasher()
	require.NoError(t, err)
	long := randomText(maxPassword)
	hash, err := h.hash(t.Context(), long)
	require.NoError(t, err)
	check := func(password, hash string) bool {
		match, outdated, err := h.check(t.Context(), password, hash)
		require.NoError(t, err)
		assert.False(t, outdated)
		return match
	}
	t.Run("a long password counts whole", func(t *testing.T) {
		assert.True(t, check(long, hash))
		assert.False(t, check(long[:maxPassword-1], hash))
		assert.False(t, check(long[:maxPassword-1]+"!", hash))
		assert.False(t, check(long+"x", hash), "what is beyond the longest is not cut off")
		assert.False(t, check(strings.ToUpper(long), hash))
	})
	t.Run("spellings of different keyboards are one password", func(t *testing.T) {
		hash, err := h.hash(t.Context(), "Grüße ﬁx Ⅷ")
		require.NoError(t, err)
		assert.True(t, check("Gru\u0308ße fix VIII", hash))
		assert.False(t, check("Grusse fix VIII", hash))
	})
	t.Run("an empty hash is nobody's", func(t *testing.T) {
		assert.False(t, check("", ""))
		assert.False(t, check(strings.Repeat("\x00", 32), ""), "nor is the decoy")
	})
	t.Run("a hash is a PHC string with the parameters of the design", func(t *testing.T) {
		assert.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, hash)
	})
	t.Run("what is no hash is a fault, not a match", func(t *testing.T) {
		match, _, err := h.check(t.Context(), "x", "garbage")
		assert.Error(t, err)
		assert.False(t, match)
	})
	t.Run("whoever waits too long for a core is told to try again", func(t *testing.T) {
		full := &hasher{slots: make(chan struct{}), queue: 10 * time.Millisecond, decoy: h.decoy}
		_, err := full.hash(t.Context(), "x")
		assert.True(t, directory.HasCode(err, directory.CodeUnavailable), "%v", err)
		_, _, err = full.check(t.Context(), "x", hash)
		assert.True(t, directory.HasCode(err, directory.CodeUnavailable), "%v", err)
		running, waiting, refused := (&Accounts{hasher: full}).Hashing()
		assert.Equal(t, []int{0, 0, 2}, []int{running, waiting, refused})
	})
}

func TestTokens(t *testing.T) {
	org := directory.NewID("org_", time.Now(), rand.Reader)
	token, hash := NewToken(org, rand.Reader)
	t.Run("a token names its organization, and its hash is kept", func(t *testing.T) {
		gotOrg, gotHash, ok := ReadToken(token)
		assert.True(t, ok)
		assert.Equal(t, org, gotOrg)
		assert.Equal(t, hash, gotHash)
		assert.Len(t, hash, 64)
		assert.NotContains(t, token, hash[:16])
	})
	t.Run("no two are the same", func(t *testing.T) {
		seen := map[string]bool{}
		for range 100 {
			one, hash := NewToken(org, rand.Reader)
			seen[one], seen[hash] = true, true
		}
		assert.Len(t, seen, 200)
	})
	t.Run("what has another length or alphabet is none", func(t *testing.T) {
		for _, bad := range []string{"", "x", token[1:], token[:63], token + "A", token + "=", token[:62] + "==", token[:63] + "+", token[:63] + "/", token[:63] + " ", " " + token[1:], token[:60] + "é" + token[62:], strings.Repeat("\x00", 64)} {
			_, _, ok := ReadToken(bad)
			assert.False(t, ok, "%q", bad)
		}
	})
	t.Run("a token is never made of what is no organization", func(t *testing.T) {
		assert.Panics(t, func() { NewToken("user_x", rand.Reader) })
	})
}

func FuzzReadToken(f *testing.F) {
	token, _ := NewToken(directory.NewID("org_", time.Unix(0, 0), bytes.NewReader(make([]byte, 8))), bytes.NewReader(make([]byte, 32)))
	f.Add(token)
	f.Add("")
	f.Add(strings.Repeat("A", 64))
	f.Add(strings.Repeat("_", 64))
	f.Add(strings.Repeat("=", 64))
	f.Fuzz(func(t *testing.T, token string) {
		org, hash, ok := ReadToken(token)
		if !ok {
			if org != "" || hash != "" {
				t.Fatalf("%q is none, and has %q %q", token, org, hash)
			}
			return
		}
		if _, known := directory.OrganizationIDBytes(org); !known || hash != hashToken(token) {
			t.Fatalf("%q has %q %q", token, org, hash)
		}
	})
}

func TestSealer(t *testing.T) {
	key := func(s string) []byte { return bytes.Repeat([]byte(s), 32) }
	sealer := func(keys ...string) *sealer {
		var secrets [][]byte
		for _, k := range keys {
			secrets = append(secrets, key(k))
		}
		s, err := newSealer(secrets, rand.Reader)
		require.NoError(t, err)
		return s
	}
	a := sealer("a")
	t.Run("what is sealed for somebody opens for them alone", rapid.MakeCheck(func(t *rapid.T) {
		user, other := rapid.StringN(0, 30, -1).Draw(t, "user"), rapid.StringN(0, 30, -1).Draw(t, "other")
		secret := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "secret")
		sealed := a.seal(user, secret)
		got, old, err := a.open(user, sealed)
		if err != nil || old || !bytes.Equal(got, secret) {
			t.Fatalf("%v, %v, %v", got, old, err)
		}
		if _, _, err := a.open(other, sealed); user != other && err == nil {
			t.Fatalf("opened as %q", other)
		}
	}))
	t.Run("a changed byte opens nothing, nor does a part", func(t *testing.T) {
		sealed := a.seal("user_1", []byte("secret"))
		for i := range sealed {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1
			_, _, err := a.open("user_1", changed)
			assert.ErrorIs(t, err, errUnsealed)
			_, _, err = a.open("user_1", sealed[:i])
			assert.ErrorIs(t, err, errUnsealed)
		}
	})
	t.Run("the same secret is sealed differently each time, and is not to be seen", func(t *testing.T) {
		one, two := a.seal("user_1", []byte("secret")), a.seal("user_1", []byte("secret"))
		assert.NotEqual(t, one, two)
		assert.NotContains(t, string(one), "secret")
	})
	t.Run("an old key opens, and is reported as old", func(t *testing.T) {
		sealed := a.seal("user_1", []byte("secret"))
		got, old, err := sealer("b", "a").open("user_1", sealed)
		require.NoError(t, err)
		assert.True(t, old)
		assert.Equal(t, "secret", string(got))
		_, _, err = sealer("b").open("user_1", sealed)
		assert.ErrorIs(t, err, errUnsealed, "a key that was taken out opens nothing")
		fresh := sealer("b", "a").seal("user_1", []byte("secret"))
		_, old, err = sealer("b", "a").open("user_1", fresh)
		require.NoError(t, err)
		assert.False(t, old, "the first key seals")
	})
}

func TestRecoveryCodes(t *testing.T) {
	a := &Accounts{random: rand.Reader}
	codes, hashes := a.newRecoveryCodes()
	assert.Len(t, codes, 10)
	seen := map[string]bool{}
	for i, code := range codes {
		assert.Regexp(t, `^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$`, code)
		assert.Equal(t, hashToken(strings.ReplaceAll(code, "-", "")), hashes[i])
		seen[code] = true
	}
	assert.Len(t, seen, 10, fmt.Sprint(codes))
}
