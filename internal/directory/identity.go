package directory

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Longest values, in code points. An address: RFC 5321, 4.5.3.1 and errata 1690.
const (
	maxAddress  = 254
	maxLocal    = 64
	maxUsername = maxAddress
	maxText     = 200
)

// Key is how names are compared: trimmed, Unicode NFKC, case-folded. Two
// spellings with one key are one name.
func Key(s string) string {
	if isASCII(s) {
		return strings.ToLower(strings.TrimSpace(s))
	}
	folded := cases.Fold().String(strings.Map(upperCherokee, norm.NFKC.String(strings.TrimSpace(s))))
	return strings.TrimSpace(norm.NFKC.String(folded))
}

// isASCII is the short way for most of what is written: nothing to normalize,
// and folding is lower case.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// upperCherokee makes the small letters of Cherokee capital ones, which are
// the ones that Unicode folds to; x/text would exchange the two.
func upperCherokee(r rune) rune {
	switch {
	case r >= 0xAB70 && r <= 0xABBF:
		return r - 0xAB70 + 0x13A0
	case r >= 0x13F8 && r <= 0x13FD:
		return r - 8
	}
	return r
}

// EmailKey is how addresses are compared: Key, and the domain in its ASCII
// form, so that a domain and its punycode are one.
func EmailKey(address string) string {
	key := Key(address)
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return key
	}
	if ascii, err := idna.Lookup.ToASCII(key[at+1:]); err == nil {
		return key[:at+1] + ascii
	}
	return key
}

// NameKey is the key under which somebody is looked up who types either a
// username or an address.
func NameKey(s string) string {
	key := Key(s)
	if strings.ContainsRune(key, '@') {
		return EmailKey(key)
	}
	return key
}

// validAddress tells whether mail can be sent to address. It is stricter than
// RFC 5321 where people mean something else: no quoted local parts, no domain
// literals, and a domain has a dot unless it is localhost.
func validAddress(address string) bool {
	if !utf8.ValidString(address) || utf8.RuneCountInString(address) > maxAddress || hasInvisible(address) {
		return false
	}
	at := strings.LastIndexByte(address, '@')
	if at < 1 || strings.Count(address, "@") != 1 {
		return false
	}
	local, domain := address[:at], address[at+1:]
	if utf8.RuneCountInString(local) > maxLocal {
		return false
	}
	for _, atom := range strings.Split(local, ".") {
		if atom == "" || strings.IndexFunc(atom, func(r rune) bool { return !isAtomText(r) }) >= 0 {
			return false
		}
	}
	// NFKC may bring in separators that the spelling did not show (U+FF20 is an @).
	if strings.Count(norm.NFKC.String(address), "@") != 1 {
		return false
	}
	ascii, err := idna.Registration.ToASCII(norm.NFKC.String(strings.ToLower(domain)))
	if err != nil || len(ascii) > 253 {
		return false
	}
	labels := strings.Split(ascii, ".")
	if len(labels) < 2 && ascii != "localhost" {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}

// isAtomText: RFC 5322, 3.2.3, with RFC 6532's letters beyond ASCII.
func isAtomText(r rune) bool {
	return r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) ||
		r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// hasInvisible finds what can't be seen or breaks a line: control and format
// characters, which would let two names look alike or a header be forged.
func hasInvisible(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) ||
			unicode.Is(unicode.Zp, r) || r == utf8.RuneError
	}) >= 0
}

// joiners are format characters that some scripts and emoji need inside names.
var joiners = strings.NewReplacer("\u200c", "", "\u200d", "")

// CleanText trims a name or a title; it refuses what can't be shown on one line.
func CleanText(s, field string) (string, *Error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	switch {
	case !utf8.ValidString(s) || hasInvisible(joiners.Replace(s)):
		return "", Refuse(CodeInvalid, "Leave out line breaks and invisible characters.", field)
	case utf8.RuneCountInString(s) > maxText:
		return "", Refuse(CodeInvalid, "Use at most 200 characters.", field)
	}
	return s, nil
}

// CleanUsername trims a username; it refuses what nobody could type again.
func CleanUsername(s, field string) (string, *Error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", Refuse(CodeRequired, "Enter a username. The e-mail address is a good one.", field)
	case !utf8.ValidString(s) || hasInvisible(s) || strings.ContainsFunc(s, unicode.IsSpace) || Key(s) == "":
		return "", Refuse(CodeInvalid, "Use a username without spaces, line breaks and invisible characters.", field)
	case utf8.RuneCountInString(s) > maxUsername:
		return "", Refuse(CodeInvalid, "Use a username of at most 254 characters.", field)
	}
	return s, nil
}
