package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
)

// sealer encrypts TOTP secrets with AES-256-GCM. What is sealed for one user
// can't be opened as another's.
type sealer struct {
	// aeads open; the first seals.
	aeads  []cipher.AEAD
	random io.Reader
}

var errUnsealed = errors.New("a TOTP secret can't be opened with any SECRET_KEY; put back the key it was sealed with")

// newSealer derives the encryption keys, so that they encrypt nothing else.
func newSealer(secrets [][]byte, random io.Reader) (*sealer, error) {
	s := &sealer{random: random}
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("roster totp secrets"))
		block, err := aes.NewCipher(mac.Sum(nil))
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		s.aeads = append(s.aeads, aead)
	}
	return s, nil
}

func (s *sealer) seal(userID string, secret []byte) []byte {
	nonce := make([]byte, s.aeads[0].NonceSize())
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		panic("account: no randomness: " + err.Error())
	}
	return s.aeads[0].Seal(nonce, nonce, secret, []byte(userID))
}

// open answers the secret, and whether it is sealed with an older key.
func (s *sealer) open(userID string, sealed []byte) (secret []byte, old bool, err error) {
	for i, aead := range s.aeads {
		if len(sealed) < aead.NonceSize() {
			break
		}
		nonce, text := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
		if secret, err := aead.Open(nil, nonce, text, []byte(userID)); err == nil {
			return secret, i > 0, nil
		}
	}
	return nil, false, errUnsealed
}
