package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What people type ends up in mails that come from a sender others trust: an
// organization called "evil.test: your account is blocked" makes a fine
// phishing mail, if the reader's program turns it into a link. html/template
// sees to the markup; these functions see to the rest.

const (
	nonJoiner = '\u200c' // ZERO WIDTH NON-JOINER
	joiner    = '\u200d' // ZERO WIDTH JOINER
)

// plain puts s on one line: control characters, line separators and bytes that
// are no text become spaces, invisible format characters (among them those
// that turn the direction of writing) go, runs of spaces become one. The two
// joiners stay inside words: some scripts and emoji are misspelled without.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == nonJoiner || r == joiner:
			return r
		case r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Zs):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// shorten cuts s to at most limit code points, the last one an ellipsis, and
// leaves no half of a composed character before it.
func shorten(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	end := limit - 1
	for end > 0 && (unicode.IsMark(runes[end]) || runes[end] == joiner || runes[end-1] == joiner) {
		end--
	}
	return strings.TrimRight(string(runes[:end]), " \u200c\u200d") + "…"
}

// inert keeps mail readers from making a link of s, or of a part of it. They
// find URLs, domains and addresses by the dots, colons and at signs inside
// them; so each of these that stands between two other characters gets a zero
// width non-joiner on either side. It looks the same, "J. R. Ewing" and
// "Sales: Europe" are left alone, and what would still be taken for a host
// name is none: such a label is not valid (RFC 5892, appendix A.1).
//
// A name that looks like an encoded word (=?utf-8?q?evil=2Etest?=, RFC 2047),
// which a header would bring to life, is broken in the same way.
//
// s copied from the mail holds the non-joiners: nothing that is to be copied
// may come from here.
func inert(s string) string {
	// Full-width forms count: browsers read them as their ASCII cousins.
	const breaks = ".:@。．｡：＠"
	runes := []rune(s)
	var b strings.Builder
	for i, r := range runes {
		if r == '?' && i > 0 && runes[i-1] == '=' {
			b.WriteRune(nonJoiner)
		}
		inside := i > 0 && i < len(runes)-1 && runes[i-1] != ' ' && runes[i+1] != ' '
		if inside && strings.ContainsRune(breaks, r) {
			b.WriteRune(nonJoiner)
			b.WriteRune(r)
			b.WriteRune(nonJoiner)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
