package mail

import (
	"html"
	"mime"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

// linkable is what mail readers turn into links: schemes, host names,
// addresses, and the encoded words (RFC 2047) that could hide them in a header.
var linkable = `(?i)[a-z]+://|[\w-]+\.[a-z]{2,}|\w@\w|=\?|(mailto|tel):\S`

var hostile = []string{
	`<a href=//evil.test>click</a>`,
	`<a href="https://evil.test">your account</a>`,
	`<img src=x onerror=alert(1)>`,
	`</title><script>alert(1)</script>`,
	`https://evil.test/reset?x=1`,
	`HTTP://EVIL.TEST`,
	`evil.test`,
	`www.evil.test`,
	`Acme (evil.test/login)`,
	`eve@evil.test`,
	`mailto:eve@evil.test`,
	`tel:+15550100`,
	`see evil.test, then https://evil.test.`,
	`evil。test`,
	`evil．test`,
	`eve＠evil.test`,
	`{{.Link}}`,
	`" onmouseover="alert(1)`,
	"Acme\r\nBcc: eve@evil.test",
	"Acme\nContent-Type: text/html\n\n<b>x</b>",
	"Acme\x00\x1b[31m\u2028\u2029\u0085",
	"Acme\u202etset.live\u2066",
	"Acme\xff\xfe",
	"=?utf-8?q?=0d=0aBcc:_eve@evil.test?=",
	"=?utf-8?q?evil=2Etest?=",
}

// harmless checks that a mail with these names has no other links, markup and
// headers than one with plain names.
func harmless(t *testing.T, kind Kind, organization, recipient, actor, role, userAgent string) {
	t.Helper()
	noName := kind == PasswordChanged // where the user agent is shown
	m := compose(t, kind, func(c *Content) {
		c.Organization, c.UserAgent = organization, userAgent
		if !noName {
			c.RecipientName, c.ActorName, c.RoleName = recipient, actor, role
		}
	})
	// What is nothing but blanks and invisible characters counts as absent.
	a := func(name string) string {
		if inert(plain(name)) == "" {
			return ""
		}
		return "a"
	}
	want := compose(t, kind, func(c *Content) {
		c.RecipientName, c.ActorName, c.RoleName, c.UserAgent = a(recipient), a(actor), a(role), a(userAgent)
		if noName {
			c.ActorName = ""
		}
	})

	matchesNothing(t, `[\x00-\x1f\x7f]`, m.Subject)
	matchesNothing(t, `[\x00-\x1f\x7f]`, m.To.Name)
	matchesNothing(t, `[\x00-\x09\x0b-\x1f\x7f\x{2028}\x{2029}\x{202e}\x{2066}]`, m.Text+m.HTML)
	isTrue(t, utf8.ValidString(m.Text+m.HTML+m.Subject), "valid text")
	equal(t, strings.Count(want.Text, "\n\n"), strings.Count(m.Text, "\n\n"))

	// Nothing but our own link is left to be found.
	text := strings.ReplaceAll(m.Text, m.Link, "")
	matchesNothing(t, linkable, text)
	matchesNothing(t, linkable, m.Subject)
	matchesNothing(t, linkable, m.To.Name)
	body := m.HTML[strings.Index(m.HTML, "<body"):]
	words := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " "))
	matchesNothing(t, linkable, strings.ReplaceAll(words, m.Link, ""))

	// The markup is that of the harmless mail.
	tag := regexp.MustCompile(`<[^>]*>`)
	equal(t, tag.FindAllString(want.HTML, -1), tag.FindAllString(m.HTML, -1))

	// The headers are those of the harmless mail.
	m.ID = "evt_1"
	sealed, err := seal(m, fromUs, noon, gomail.EncodingQP)
	noError(t, err)
	head, err := netmail.ReadMessage(strings.NewReader(string(sealed.data)))
	noError(t, err)
	equal(t, 9, len(head.Header))
	subject, err := new(mime.WordDecoder).DecodeHeader(head.Header.Get("Subject"))
	noError(t, err)
	equal(t, m.Subject, subject)
	to, err := netmail.ParseAddressList(head.Header.Get("To"))
	noError(t, err)
	equal(t, 1, len(to))
	equal(t, "ann@example.com", to[0].Address)
}

func TestHostileNames(t *testing.T) {
	for _, name := range hostile {
		t.Run("a name makes no link, no markup and no header: "+strings.ToValidUTF8(name, "?"), func(t *testing.T) {
			for _, kind := range kinds {
				harmless(t, kind, name, name, name, name, name)
			}
		})
	}
	t.Run("ordinary names are left as they are", func(t *testing.T) {
		for _, name := range []string{"J. R. Ewing", "Acme Inc.", "Sales: Europe", "R&D / IT", "O'Neil", "محمد", "می\u200cخواهم", "👩\u200d🔬 Marie", "Müller-Lüdenscheidt"} {
			equal(t, name, inert(plain(name)))
		}
	})
	t.Run("a defused name looks the same", func(t *testing.T) {
		equal(t, "Booking.com", strings.ReplaceAll(inert("Booking.com"), "\u200c", ""))
	})
	t.Run("an IP address can be copied, and what is none is not shown", func(t *testing.T) {
		for ip, want := range map[string]string{"203.0.113.7": "From: 203.0.113.7\n", "2001:db8::1%eth0": "From: 2001:db8::1\n", "::ffff:203.0.113.7": "From: 203.0.113.7\n"} {
			contains(t, compose(t, PasswordChanged, func(c *Content) { c.IP = ip }).Text, want)
		}
		lacks(t, compose(t, PasswordChanged, func(c *Content) { c.IP = "evil.test" }).Text, "From:")
	})
}

func TestLongNames(t *testing.T) {
	long := strings.Repeat("é", 5000)
	t.Run("a subject stays short, and its point is kept", func(t *testing.T) {
		m := compose(t, Invitation, func(c *Content) { c.Organization, c.ActorName = long, long })
		isTrue(t, utf8.RuneCountInString(m.Subject) <= 2*maxSubjectName+len(" invites you to join "), "short enough")
		contains(t, m.Subject, "… invites you to join é")
	})
	t.Run("a text has room for its own words", func(t *testing.T) {
		m := compose(t, Invitation, func(c *Content) { c.Organization, c.ActorName, c.RoleName, c.RecipientName = long, long, long, long })
		isTrue(t, strings.Count(m.Text, "é") <= 6*maxName, "short enough")
	})
	t.Run("a composed character is not torn apart", func(t *testing.T) {
		equal(t, "ab…", shorten("abe\u0301\u0301fg", 5))
		equal(t, "a…", shorten("a👩\u200d🔬bc", 4))
		equal(t, "ab", shorten("ab", 2))
		equal(t, "…", shorten("\u0301\u0301\u0301", 2))
	})
}

func FuzzInert(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := inert(shorten(plain(s), maxName))
		if regexp.MustCompile(linkable).MatchString(once) {
			t.Errorf("%q is still a link: %q", s, once)
		}
		if plain(once) != once {
			t.Errorf("%q is not plain: %q", s, once)
		}
	})
}

// FuzzCompose: as TestHostileNames, with five names that need not be the same.
func FuzzCompose(f *testing.F) {
	for i, s := range hostile {
		f.Add(uint(i), s, hostile[(i+7)%len(hostile)], hostile[(i+3)%len(hostile)], "Viewer", "")
	}
	f.Add(uint(0), "a.", ".b", ":", "@", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	f.Fuzz(func(t *testing.T, kind uint, organization, recipient, actor, role, userAgent string) {
		if plain(organization) == "" {
			return // such a mail is refused
		}
		harmless(t, kinds[kind%uint(len(kinds))], organization, recipient, actor, role, userAgent)
	})
}
