package directory_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// address is an answer as the tables spell it: Name <email>, or !input for what is none.
func address(a directory.Address) string {
	switch {
	case a.Email == "":
		return "!" + a.Input
	case a.Name != "":
		return a.Name + " <" + a.Email + ">"
	}
	return a.Email
}

func TestParseAddresses(t *testing.T) {
	long := strings.Repeat("a", 64)
	for name, test := range map[string]struct {
		inputs []string
		want   []string
	}{
		"nothing typed is nobody":                           {[]string{""}, nil},
		"no input is nobody":                                {nil, nil},
		"separators alone are nobody":                       {[]string{" ,;\r\n\t , ", ";"}, nil},
		"one address is itself":                             {[]string{"ann@example.com"}, []string{"ann@example.com"}},
		"the spelling is kept":                              {[]string{" Ann.LEE+x@Example.COM "}, []string{"Ann.LEE+x@Example.COM"}},
		"inputs are read in their order":                    {[]string{"b@x.example", "a@x.example"}, []string{"b@x.example", "a@x.example"}},
		"commas separate":                                   {[]string{"a@x.example,b@x.example, c@x.example,"}, []string{"a@x.example", "b@x.example", "c@x.example"}},
		"semicolons separate":                               {[]string{"a@x.example;b@x.example; c@x.example;"}, []string{"a@x.example", "b@x.example", "c@x.example"}},
		"line breaks of every kind separate":                {[]string{"a@x.example\nb@x.example\r\nc@x.example\rd@x.example\u2028e@x.example\u0085f@x.example"}, []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example", "f@x.example"}},
		"tabs separate":                                     {[]string{"a@x.example\tb@x.example\vc@x.example"}, []string{"a@x.example", "b@x.example", "c@x.example"}},
		"spaces separate, also those that do not break":     {[]string{"a@x.example b@x.example\u00a0c@x.example\u3000d@x.example"}, []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example"}},
		"a name before an address is the name":              {[]string{"Ann Lee <ann@example.com>"}, []string{"Ann Lee <ann@example.com>"}},
		"a bracket needs no space and no name":              {[]string{"Ann<ann@x.example>", "<bob@x.example>", "< cy@x.example >"}, []string{"Ann <ann@x.example>", "bob@x.example", "cy@x.example"}},
		"a quoted name may hold separators":                 {[]string{`"Lee, Ann; x" <ann@x.example>, bob@x.example`}, []string{"Lee, Ann; x <ann@x.example>", "bob@x.example"}},
		"a quoted name may hold quotes":                     {[]string{`"Ann \"Lee\"" <ann@x.example>`}, []string{`Ann "Lee" <ann@x.example>`}},
		"names follow one another with spaces only":         {[]string{"Ann <ann@x.example> Bob B <bob@x.example> <c@x.example>"}, []string{"Ann <ann@x.example>", "Bob B <bob@x.example>", "c@x.example"}},
		"bare addresses stand beside named ones":            {[]string{"a@x.example b@x.example Ann Lee <ann@x.example> c@x.example"}, []string{"a@x.example", "b@x.example", "Ann Lee <ann@x.example>", "c@x.example"}},
		"an address as its own name is a name":              {[]string{"a@x.example <a@x.example>"}, []string{"a@x.example <a@x.example>"}},
		"a column of a mail program":                        {[]string{"To: Ann <ann@x.example>;\n Bob <bob@x.example>"}, []string{"To: Ann <ann@x.example>", "Bob <bob@x.example>"}},
		"words between addresses are mistakes of their own": {[]string{"hello there a@x.example and b@x.example bye"}, []string{"!hello there", "a@x.example", "!and", "b@x.example", "!bye"}},
		"mailto is left out":                                {[]string{"mailto:a@x.example", "<MailTo:b@x.example>"}, []string{"a@x.example", "b@x.example"}},
		"letters of every script are letters":               {[]string{"jörg@bücher.example", "用户@例え.jp", "Jörg Ünal <j@x.example>"}, []string{"jörg@bücher.example", "用户@例え.jp", "Jörg Ünal <j@x.example>"}},
		"a full-width at sign is no at sign":                {[]string{"ann＠x.example", "ann@evil.example＠x.example"}, []string{"!ann＠x.example", "!ann@evil.example＠x.example"}},
		"a line break ends an address and forges nothing":   {[]string{"ann@x.example\r\nBcc: eve@x.example"}, []string{"ann@x.example", "!Bcc:", "eve@x.example"}},
		"control characters are refused":                    {[]string{"ann\x00@x.example", "bob@x.\x1bexample", "<c\r\n@x.example>"}, []string{"!ann\x00@x.example", "!bob@x.\x1bexample", "!<c", "!@x.example>"}},
		"invisible characters are refused":                  {[]string{"a\u200bnn@x.example", "bob\u202e@x.example", "\ufeffcy@x.example"}, []string{"!a\u200bnn@x.example", "!bob\u202e@x.example", "!\ufeffcy@x.example"}},
		"a name with control characters is left out":        {[]string{"An\x00n <ann@x.example>"}, []string{"ann@x.example"}},
		"bytes that are no text are refused":                {[]string{"\xff@x.example"}, []string{"!\ufffd@x.example"}},
		"a quote that is not closed is a character":         {[]string{`"Lee <ann@x.example>, bob@x.example`}, []string{"Lee <ann@x.example>", "bob@x.example"}},
		"a bracket that is not closed loses no other":       {[]string{"Ann <ann@x.example, bob@x.example"}, []string{"!Ann", "!<ann@x.example", "bob@x.example"}},
		"a bracket that was not opened loses no other":      {[]string{"ann@x.example>, bob@x.example"}, []string{"!ann@x.example>", "bob@x.example"}},
		"empty brackets hold no address":                    {[]string{"Ann <>", "<", ">", `"`, `""`}, []string{"!Ann <>", "!<", "!>", `!"`, `!""`}},
		"what is no address is said to be none": {
			[]string{"ann", "@", "@x.example", "ann@", "a@b@x.example", ".a@x.example", "a.@x.example", "a..b@x.example", "a@x", "a@x..example", "a@.example", "a@-x.example", "a@x-.example", "a@[127.0.0.1]", "a@x_y.example", long + "a@x.example"},
			[]string{"!ann", "!@", "!@x.example", "!ann@", "!a@b@x.example", "!.a@x.example", "!a.@x.example", "!a..b@x.example", "!a@x", "!a@x..example", "!a@.example", "!a@-x.example", "!a@x-.example", "!a@[127.0.0.1]", "!a@x_y.example", "!" + long + "a@x.example"},
		},
		"unusual addresses are addresses": {
			[]string{"a@localhost", "o'neil!#$%&*+/=?^_`{|}~-@x.example", "1@1.example", long + "@x.example", "a@xn--bcher-kva.example"},
			[]string{"a@localhost", "o'neil!#$%&*+/=?^_`{|}~-@x.example", "1@1.example", long + "@x.example", "a@xn--bcher-kva.example"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, a := range directory.ParseAddresses(test.inputs) {
				got = append(got, address(a))
				assert.Equal(t, a.Email == "", a.Reason != "", "exactly what is no address has a reason: %+v", a)
			}
			assert.Equal(t, test.want, got)
		})
	}
	t.Run("a bad address is answered with what to mend", func(t *testing.T) {
		for input, want := range map[string]string{"ann": "it has no @", "<a b@x.example>": "a space", "a@@x.example": "typing mistakes"} {
			found := directory.ParseAddresses([]string{input})
			require.Len(t, found, 1)
			assert.Contains(t, found[0].Reason, want)
		}
	})
}

func FuzzParseAddresses(f *testing.F) {
	for _, seed := range []string{
		"", "ann@example.com", `"Lee, Ann" <ann@x.example>, b@x.example; c`, "A <a@x.example> B <b@x.example>", "<<a@x.example>>",
		`"<a@x.example>" > <`, "a@x.example <b@x.example", "mailto:<a@x.example>", "ann＠x.example", "\xff@\x00.example\r\n", "@ @ <@> @<@ x@y.example>",
		"\u2028<\u0085>\u00a0", "ß@ẞ.example", "a@x。example", `"\"" <a@x.example>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		found := directory.ParseAddresses([]string{input})
		var typed strings.Builder
		for _, a := range found {
			typed.WriteString(a.Input)
			if (a.Email == "") != (a.Reason != "") {
				t.Fatalf("%q: an address or a reason, not %+v", input, a)
			}
			if strings.ContainsFunc(a.Email, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
				t.Fatalf("%q: the address %q breaks a line", input, a.Email)
			}
			if strings.ContainsFunc(a.Name, unicode.IsControl) {
				t.Fatalf("%q: the name %q breaks a line", input, a.Name)
			}
			if a.Email == "" {
				continue
			}
			if again := directory.ParseAddresses([]string{a.Email}); len(again) != 1 || again[0].Email != a.Email || again[0].Name != "" {
				t.Fatalf("%q: the address %q is read again as %+v", input, a.Email, again)
			}
			if strings.Count(directory.EmailKey(a.Email), "@") != 1 {
				t.Fatalf("%q: the key of %q is %q", input, a.Email, directory.EmailKey(a.Email))
			}
		}
		if got, want := inked(typed.String()), inked(input); utf8.ValidString(input) && got != want {
			t.Fatalf("%q: everything typed is in exactly one answer, but the answers hold %q", input, typed.String())
		}
	})
}

// inked is s without what may stand between addresses.
func inked(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == ',' || r == ';' {
			return -1
		}
		return r
	}, s)
}
