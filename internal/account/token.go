package account

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"

	"roster/internal/directory"
)

// A token is a secret that opens one thing: a session, a link, a half-finished
// sign-in. It names its organization, so that what it opens can be found there:
// 16 bytes of the organization's id and 32 random bytes, in base64url. Only its
// SHA-256 is kept.
const (
	organizationSize = 16
	secretSize       = 32
)

// NewToken makes a token of an organization, and its hash.
func NewToken(organizationID string, random io.Reader) (token, hash string) {
	raw, ok := directory.OrganizationIDBytes(organizationID)
	if !ok {
		panic("account: not an organization's id: " + organizationID)
	}
	secret := make([]byte, secretSize)
	if _, err := io.ReadFull(random, secret); err != nil {
		panic("account: no randomness: " + err.Error())
	}
	token = base64.RawURLEncoding.EncodeToString(append(raw, secret...))
	return token, hashToken(token)
}

// ReadToken finds the organization and the hash of a token; false when it is
// not one. It says nothing about what the token opens.
func ReadToken(token string) (organizationID, hash string, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	// Decoding skips line breaks; only one spelling is the token.
	if err != nil || len(raw) != organizationSize+secretSize || base64.RawURLEncoding.EncodeToString(raw) != token {
		return "", "", false
	}
	return directory.OrganizationID(raw[:organizationSize]), hashToken(token), true
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
