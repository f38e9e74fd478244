package directory

import (
	"encoding/base32"
	"encoding/binary"
	"io"
	"strings"
	"time"
)

// Ids are a type's prefix and a UUID version 7 (RFC 9562) in lower-case
// base32hex, whose alphabet keeps the order of the bytes: ids sort by time.
const (
	prefixOrganization = "org_"
	prefixRole         = "role_"
	prefixUser         = "user_"
	prefixEvent        = "evt_"
)

var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewID makes an id of the time now, with 62 bits from random beside it.
func NewID(prefix string, now time.Time, random io.Reader) string {
	var id [16]byte
	// crypto/rand never fails; a reader that does is a programming error.
	if _, err := io.ReadFull(random, id[8:]); err != nil {
		panic("directory: no randomness: " + err.Error())
	}
	// 48 bits of milliseconds, then 12 bits of the fraction (RFC 9562, 6.2, method 3).
	nanos := now.UnixNano()
	milli, fraction := nanos/1e6, (nanos%1e6)*4096/1e6
	binary.BigEndian.PutUint64(id[:8], uint64(milli)<<16|0x7000|uint64(fraction))
	id[8] = id[8]&0x3f | 0x80
	return prefix + idEncoding.EncodeToString(id[:])
}

// firstID is lower than every id of the time t or later, and higher than
// every earlier one. The time counts in milliseconds.
func firstID(prefix string, t time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(max(t.UnixMilli(), 0))<<16)
	return prefix + idEncoding.EncodeToString(id[:])
}

// IDBytes are the 16 bytes of an id with this prefix; false when it is none.
func IDBytes(prefix, id string) ([]byte, bool) {
	text, ok := strings.CutPrefix(id, prefix)
	if !ok {
		return nil, false
	}
	raw, err := idEncoding.DecodeString(text)
	// Decoding ignores the two bits beyond the 16th byte; only one spelling is an id.
	if err != nil || len(raw) != 16 || idEncoding.EncodeToString(raw) != text {
		return nil, false
	}
	return raw, true
}

// OrganizationID is the organization's id with these 16 bytes.
func OrganizationID(raw []byte) string { return prefixOrganization + idEncoding.EncodeToString(raw) }

// OrganizationIDBytes are the 16 bytes of an organization's id; false when it is none.
func OrganizationIDBytes(id string) ([]byte, bool) { return IDBytes(prefixOrganization, id) }
