package directory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"sync"
	"time"
)

// cursors makes and reads opaque cursors. A cursor is signed together with the
// list it belongs to, so a made-up one, or one of another organization or
// order, is an error and never another answer.
type cursors struct {
	// keys verify; the first signs.
	keys []*cursorKey
}

// cursorKey has the hashes that a key has made ready: each page needs some.
type cursorKey struct {
	key    []byte
	hashes sync.Pool
}

const macSize = 16

var errCursor = errors.New("not a cursor")

// newCursors derives the signing keys, so that nothing else is signed with them.
func newCursors(secrets [][]byte) cursors {
	var c cursors
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("roster cursors"))
		c.keys = append(c.keys, &cursorKey{key: mac.Sum(nil)})
	}
	return c
}

// listScope names the list of an organization in an order.
func listScope(organizationID string, order Order) string {
	direction := " asc"
	if order.Descending {
		direction = " desc"
	}
	return "users " + organizationID + " " + string(order.Field) + direction
}

func (c cursors) seal(scope string, p Position) string {
	return c.sign(scope, encodePosition(p))
}

func (c cursors) open(scope, cursor, field string) (*Position, error) {
	payload, err := c.verify(scope, cursor)
	if err == nil {
		var p Position
		if p, err = decodePosition(payload); err == nil {
			return &p, nil
		}
	}
	return nil, Refuse(CodeBadInput, "This cursor does not belong to this list in this order. Start again from the first page.", field)
}

func (c cursors) sign(scope string, payload []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(payload, c.mac(0, scope, payload)...))
}

func (c cursors) verify(scope, cursor string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	// Decoding skips line breaks; only one spelling is the cursor.
	if err != nil || len(raw) < macSize || base64.RawURLEncoding.EncodeToString(raw) != cursor {
		return nil, errCursor
	}
	payload, sum := raw[:len(raw)-macSize], raw[len(raw)-macSize:]
	for i := range c.keys {
		if hmac.Equal(sum, c.mac(i, scope, payload)) {
			return payload, nil
		}
	}
	return nil, errCursor
}

func (c cursors) mac(key int, scope string, payload []byte) []byte {
	k := c.keys[key]
	mac, ok := k.hashes.Get().(hash.Hash)
	if !ok {
		mac = hmac.New(sha256.New, k.key)
	}
	defer k.hashes.Put(mac)
	mac.Reset()
	mac.Write([]byte(scope))
	mac.Write([]byte{0})
	mac.Write(payload)
	return mac.Sum(nil)[:macSize]
}

// encodePosition: a flag byte, the time, then the texts with their lengths.
func encodePosition(p Position) []byte {
	flag, milli := byte(0), int64(0)
	if p.Missing {
		flag = 1
	}
	if !p.Time.IsZero() {
		flag |= 2
		milli = p.Time.UnixMilli()
	}
	b := binary.AppendVarint([]byte{flag}, milli)
	for _, text := range []string{p.Text, p.RoleID, p.ID} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return b
}

func decodePosition(b []byte) (Position, error) {
	if len(b) == 0 {
		return Position{}, errCursor
	}
	flag := b[0]
	milli, n := binary.Varint(b[1:])
	if n <= 0 {
		return Position{}, errCursor
	}
	b = b[1+n:]
	var texts [3]string
	for i := range texts {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) { //nolint:gosec // n is at most len(b)
			return Position{}, errCursor
		}
		texts[i], b = string(b[n:n+int(size)]), b[n+int(size):] //nolint:gosec // size is at most len(b)
	}
	if len(b) != 0 {
		return Position{}, errCursor
	}
	p := Position{Missing: flag&1 != 0, Text: texts[0], RoleID: texts[1], ID: texts[2]}
	if flag&2 != 0 {
		p.Time = time.UnixMilli(milli).UTC()
	}
	return p, nil
}
