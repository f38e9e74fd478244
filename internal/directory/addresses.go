package directory

import (
	"net/mail"
	"strings"
	"unicode"
)

// Address is one of the addresses that somebody typed or pasted.
type Address struct {
	// Input is what was typed, for showing it again.
	Input string
	// Email is the address in it as it was spelled; empty when there is none.
	Email string
	// Name is the name that stood before it: Ann Lee <ann@example.com>.
	Name string
	// Reason says what to mend when Email is empty.
	Reason string
}

// ParseAddresses finds the addresses in what people paste: strings that hold
// one or many, separated by commas, semicolons, whitespace or line breaks,
// each bare or as Name <address>. Everything typed is in exactly one answer.
func ParseAddresses(inputs []string) []Address {
	var found []Address
	for _, input := range inputs {
		input = strings.ToValidUTF8(input, "\uFFFD")
		for _, part := range splitOutside(input, func(r rune) bool { return strings.ContainsRune(",;\n\r\t\v\f\u0085\u2028\u2029", r) }) {
			found = append(found, parsePart(part)...)
		}
	}
	return found
}

// splitOutside splits s at separators outside "quotes" and <brackets>. An
// opening mark that is never closed on its line is an ordinary character.
func splitOutside(s string, separates func(rune) bool) []string {
	var parts []string
	start, until := 0, 0
	for i, r := range s {
		if i < until {
			continue
		}
		switch closing := map[rune]byte{'"': '"', '<': '>'}[r]; {
		case closing != 0:
			line := s[i+1:]
			if end := strings.IndexAny(line, "\r\n"); end >= 0 {
				line = line[:end]
			}
			if end := strings.IndexByte(line, closing); end >= 0 {
				until = i + 1 + end + 1
			}
		case separates(r):
			parts = append(parts, s[start:i])
			start = i + len(string(r))
		}
	}
	return append(parts, s[start:])
}

// parsePart reads what stands between two separators: Name <address>, several
// of these, or bare addresses between spaces.
func parsePart(part string) []Address {
	var found []Address
	for part = strings.TrimSpace(part); part != ""; part = strings.TrimSpace(part) {
		open, end := brackets(part)
		if end < 0 {
			return append(found, bareAddresses(part)...)
		}
		name := strings.TrimSpace(part[:open])
		// What precedes the name may be bare addresses: a@b.example Ann <ann@b.example>
		if at := strings.LastIndexByte(name, '@'); at >= 0 && !strings.HasPrefix(name, `"`) {
			rest := name[at:]
			if space := strings.IndexFunc(rest, unicode.IsSpace); space >= 0 {
				found = append(found, bareAddresses(name[:at+space])...)
				name = strings.TrimSpace(rest[space:])
				part = strings.TrimSpace(part[at+space:])
				open, end = brackets(part)
			}
		}
		one := toAddress(strings.TrimSpace(part[:end+1]), part[open+1:end])
		one.Name = displayName(name)
		found = append(found, one)
		part = part[end+1:]
	}
	return found
}

// brackets finds the first < outside a leading "quoted name", and its >; end
// is -1 when there is no pair.
func brackets(part string) (open, end int) {
	quoted := 0
	if strings.HasPrefix(part, `"`) {
		if closing := strings.IndexByte(part[1:], '"'); closing >= 0 {
			quoted = closing + 2
		}
	}
	open = strings.IndexByte(part[quoted:], '<')
	if open < 0 {
		return -1, -1
	}
	open += quoted
	end = strings.IndexByte(part[open:], '>')
	if end < 0 {
		return open, -1
	}
	return open, open + end
}

// bareAddresses reads words between spaces. Words without an @ that follow one
// another are one mistake: a name without an address, say.
func bareAddresses(text string) []Address {
	var found []Address
	var words []string
	flush := func() {
		if len(words) > 0 {
			found = append(found, toAddress(strings.Join(words, " "), strings.Join(words, " ")))
			words = nil
		}
	}
	for _, word := range strings.Fields(text) {
		if !strings.ContainsRune(word, '@') {
			words = append(words, word)
			continue
		}
		flush()
		found = append(found, toAddress(word, word))
	}
	flush()
	return found
}

func toAddress(input, address string) Address {
	address = strings.TrimSpace(address)
	if after, ok := strings.CutPrefix(strings.ToLower(address), "mailto:"); ok {
		address = address[len(address)-len(after):]
	}
	switch {
	case validAddress(address):
		return Address{Input: input, Email: address}
	case !strings.ContainsRune(address, '@'):
		return Address{Input: input, Reason: "This is not an e-mail address: it has no @."}
	case strings.ContainsFunc(address, unicode.IsSpace):
		return Address{Input: input, Reason: "This is not an e-mail address: it has a space in it."}
	default:
		return Address{Input: input, Reason: "This is not an e-mail address. Check it for typing mistakes."}
	}
}

// displayName reads the name before <address>; a name that can't be kept is
// left out, since the address matters more.
func displayName(raw string) string {
	// A quoted mail has > before its lines.
	raw = strings.TrimLeft(raw, "> ")
	name := raw
	if strings.HasPrefix(raw, `"`) {
		if parsed, err := mail.ParseAddress(raw + " <a@b.example>"); err == nil {
			name = parsed.Name
		} else {
			name = strings.Trim(raw, `"`)
		}
	}
	name, refused := CleanText(name, "name")
	if refused != nil {
		return ""
	}
	return name
}
