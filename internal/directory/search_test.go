package directory_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"roster/internal/directory"
)

// found tells whether a search finds somebody, as the stores look.
func found(u *directory.User, search string) bool {
	words := directory.SearchWords(u)
	for _, word := range directory.QueryWords(search) {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, word) }) {
			return false
		}
	}
	return true
}

// FuzzSearch: whoever types what stands in a name, whole or the beginnings of
// its words, and however it is composed, finds whom it belongs to.
func FuzzSearch(f *testing.F) {
	f.Add("Ann Lee", "ann@example.com", "Head of Support", uint(3))
	f.Add("Jörg Müller-Lüdenscheidt", "jörg@bücher.example", "R&D / IT", uint(5))
	f.Add("ﬁne ǆ ΐ ŉ İstanbul ßẞ", "a.b+c@x.example", "Ꭰꭰ Ᏸᏸ", uint(1))
	f.Add("한국어 क्\u200dष 👩\u200d🚀", "@", "%_.*(a+)+$", uint(2))
	f.Add("\xff\u0301\u0345", "\x00", "\u2028", uint(9))
	f.Fuzz(func(t *testing.T, name, email, title string, cut uint) {
		u := &directory.User{Name: name, Username: email, Email: email, Title: title}
		words := directory.SearchWords(u)
		for i, word := range words {
			if word == "" || strings.Join(strings.Fields(word), "") != word {
				t.Errorf("%q is no word", word)
			}
			if i > 0 && (words[i-1] >= word || strings.HasPrefix(word, words[i-1])) {
				t.Errorf("%q before %q: not sorted, or not needed", words[i-1], word)
			}
			// A word that is found under is one that can be typed, and so is its
			// beginning.
			runes := []rune(word)
			for _, typed := range []string{word, string(runes[:1+cut%uint(len(runes))])} {
				if utf8.ValidString(word) && !found(u, typed) {
					t.Errorf("%q of %q finds nothing: it is searched for as %q", typed, word, directory.QueryWords(typed))
				}
			}
		}
		for _, text := range []string{name, email, title} {
			for _, typed := range []string{text, norm.NFC.String(text), norm.NFD.String(text), name + " " + text} {
				if !found(u, typed) {
					t.Errorf("%q is not found: it is searched for as %q, among %q", typed, directory.QueryWords(typed), words)
				}
			}
			query := directory.QueryWords(text)
			if again := directory.QueryWords(strings.Join(query, " ")); !slices.Equal(query, again) {
				t.Errorf("%q is read again as %q", query, again)
			}
		}
	})
}
