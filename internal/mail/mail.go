// Package mail writes the mails that people get, and hands them to whoever
// delivers them: an SMTP server, or a folder where none is configured.
//
// A mail begins as a Kind and its Content. Compose makes a Message of them,
// the same bytes for the same content, and a Transport sends it. The package
// knows nothing of users, tokens or queues: whoever calls it reads the
// recipient and the link from the store and decides about another try.
package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind is what a mail is about. Each has a file in templates/.
type Kind string

// The mails that people get.
const (
	// Invitation asks somebody to complete the set-up.
	Invitation Kind = "invitation"
	// InvitationRenewed brings a new link; the one before is dead.
	InvitationRenewed Kind = "invitation_renewed"
	// PasswordReset brings a link to set a new password.
	PasswordReset Kind = "password_reset"
	// PasswordChanged tells that the password is another one now.
	PasswordChanged Kind = "password_changed"
	// TwoFactorEnabled tells that signing in takes a code from now on.
	TwoFactorEnabled Kind = "two_factor_enabled"
	// TwoFactorDisabled tells that the password alone is enough again.
	TwoFactorDisabled Kind = "two_factor_disabled"
	// RecoveryCodeUsed tells that somebody signed in with a recovery code.
	RecoveryCodeUsed Kind = "recovery_code_used"
	// AccountReactivated tells somebody with a password that they can sign in again.
	AccountReactivated Kind = "account_reactivated"
)

// needs is what Content must hold for a mail of a kind to be worth sending.
var needs = map[Kind]struct{ link, occurrence bool }{
	Invitation:         {link: true},
	InvitationRenewed:  {link: true},
	PasswordReset:      {link: true},
	PasswordChanged:    {occurrence: true},
	TwoFactorEnabled:   {occurrence: true},
	TwoFactorDisabled:  {occurrence: true},
	RecoveryCodeUsed:   {occurrence: true},
	AccountReactivated: {occurrence: true},
}

// Content is what a mail may say. Names come from people and may be hostile:
// Compose makes them harmless (see inert), callers pass them as they are.
type Content struct {
	// Organization is the organization's name. Required.
	Organization string
	// RecipientName is how the recipient is greeted; may be empty.
	RecipientName string
	// RecipientEmail is where the mail goes: one bare address. Required.
	RecipientEmail string
	// ActorName is the name, or for want of one the address, of the other
	// person who caused the mail. Empty when the recipient did, or somebody
	// who was not signed in.
	ActorName string
	// RoleName is the role that an invitation promises; may be empty.
	RoleName string
	// Link is an absolute http or https URL: what an invitation or a reset is
	// about, and required there; in the other mails the sign-in page, or empty.
	Link string
	// ExpiresAt is when Link stops working. Required for invitations and resets.
	ExpiresAt time.Time
	// ValidFor is how long Link works after it was made, as a person would say
	// it (7 days, 24 hours); zero leaves it out.
	ValidFor time.Duration
	// OccurredAt is when what the mail tells happened. Required for security notices.
	OccurredAt time.Time
	// IP and UserAgent are where it was done from; may be empty. They are left
	// out beside an ActorName: where an administrator sits is not the
	// recipient's business.
	IP        string
	UserAgent string
	// RecoveryCodesLeft is how many recovery codes are still good.
	RecoveryCodesLeft int
}

// Message is a mail ready to be sent.
type Message struct {
	Kind    Kind
	To      netmail.Address
	Subject string
	// Text and HTML say the same. Lines end with \n; no line of Text is broken
	// inside a link.
	Text string
	HTML string
	// Link is the link in the mail, or empty. For transports that show it.
	Link string
	// ID becomes the local part of the Message-ID: letters, digits, dots,
	// dashes and underscores. The caller sets it before sending. A mail that
	// is sent twice with one ID is folded into one by many mail readers, which
	// then show either of the two: give both the same ID only if both work,
	// that is, if they carry the same link or none.
	ID string
}

const (
	maxName        = 100 // code points of a name in a text
	maxSubjectName = 40  // code points of a name in a subject
	textWidth      = 76  // columns
)

//go:embed templates
var templateFiles embed.FS

// letter is the templates of one kind. A mail's file defines the blocks
// subject, preheader, text and html; action where it has a button.
type letter struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

var letters = func() map[Kind]letter {
	all := make(map[Kind]letter, len(needs))
	for kind := range needs {
		file := "templates/" + string(kind) + ".tmpl"
		all[kind] = letter{
			text: texttemplate.Must(texttemplate.ParseFS(templateFiles, "templates/layout.txt", file)),
			html: htmltemplate.Must(htmltemplate.ParseFS(templateFiles, "templates/layout.html", file)),
		}
	}
	return all
}()

// view is Content as templates see it: every value harmless, on one line, and
// in words.
type view struct {
	Organization, Recipient, Email, Actor, Role string
	Link, Until, ValidFor                       string
	When, IP, Device                            string
	CodesLeft                                   int
	Subject, Preheader                          string
}

// Compose writes the mail of this kind. It fails, for good (IsPermanent), when
// the content lacks what the kind needs, when the recipient is not one bare
// address, or when the link is not an absolute http or https URL.
//
// Control characters and invisible ones are taken out of names, so that none
// reaches a header; long names are shortened. Message.ID is left for the caller.
func Compose(kind Kind, c Content) (Message, error) {
	v, err := newView(kind, c)
	if err != nil {
		return Message{}, permanent(fmt.Errorf("compose %q mail: %w", kind, err))
	}

	t := letters[kind]
	v.Subject = t.writeText("subject", v.forSubject())
	v.Preheader = t.writeText("preheader", v)
	return Message{
		Kind:    kind,
		To:      netmail.Address{Name: v.Recipient, Address: c.RecipientEmail},
		Subject: v.Subject,
		Text:    wrap(t.writeText("layout", v), textWidth) + "\n",
		HTML:    t.writeHTML(v) + "\n",
		Link:    v.Link,
	}, nil
}

// The blocks of a letter read nothing but the fields of view and call nothing,
// so they cannot fail on one content and not on another: the tests run them
// all, and an error here is a mistake in a template.

func (l letter) writeText(block string, v view) string {
	var b strings.Builder
	if err := l.text.ExecuteTemplate(&b, block, v); err != nil {
		panic("mail: template: " + err.Error())
	}
	return strings.TrimSpace(b.String())
}

func (l letter) writeHTML(v view) string {
	var b strings.Builder
	if err := l.html.ExecuteTemplate(&b, "layout", v); err != nil {
		panic("mail: template: " + err.Error())
	}
	return strings.TrimSpace(b.String())
}

func newView(kind Kind, c Content) (view, error) {
	need, known := needs[kind]
	name := func(s string) string { return inert(shorten(plain(s), maxName)) }
	v := view{
		Organization: name(c.Organization),
		Recipient:    name(c.RecipientName),
		Email:        inert(plain(c.RecipientEmail)),
		Actor:        name(c.ActorName),
		Role:         name(c.RoleName),
		Link:         c.Link,
		ValidFor:     spoken(c.ValidFor),
		CodesLeft:    c.RecoveryCodesLeft,
	}
	switch {
	case !known:
		return view{}, errors.New("there is no such mail")
	case v.Organization == "":
		return view{}, errors.New("the organization has no name")
	case !bareAddress(c.RecipientEmail):
		return view{}, errors.New("the recipient is not one e-mail address")
	case need.link && c.Link == "":
		return view{}, errors.New("the link is missing")
	case c.Link != "" && !webLink(c.Link):
		return view{}, errors.New("the link is not an absolute http or https URL")
	case need.link && c.ExpiresAt.IsZero():
		return view{}, errors.New("the end of the link's life is missing")
	case need.occurrence && c.OccurredAt.IsZero():
		return view{}, errors.New("the time of what happened is missing")
	}
	if !c.ExpiresAt.IsZero() {
		v.Until = absolute(c.ExpiresAt)
	}
	if !c.OccurredAt.IsZero() {
		v.When = absolute(c.OccurredAt)
	}
	if v.Actor == "" {
		// An address that parses holds nothing to defuse, and can be copied.
		if ip, err := netip.ParseAddr(c.IP); err == nil {
			v.IP = ip.Unmap().WithZone("").String()
		}
		v.Device = inert(device(c.UserAgent))
	}
	return v, nil
}

// forSubject is v with names that leave room for the rest of a subject.
func (v view) forSubject() view {
	v.Organization = shorten(v.Organization, maxSubjectName)
	v.Actor = shorten(v.Actor, maxSubjectName)
	return v
}

// bareAddress tells whether s is an address and nothing else: no name, no
// brackets, no quotes, nothing that could begin another header or recipient.
func bareAddress(s string) bool {
	parsed, err := netmail.ParseAddress(s)
	return err == nil && parsed.Address == s && plain(s) == s
}

// webLink tells whether s is a link that a mail reader opens in a browser, and
// that stands in a text without being broken.
func webLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > unicode.MaxASCII || strings.ContainsRune("<>\"\x7f", r) }) < 0
}

// absolute is a moment that means the same to every reader. Seconds are cut
// off, so that a link is never said to live longer than it does.
func absolute(t time.Time) string {
	return t.UTC().Format("Monday, 2 January 2006, 15:04 UTC")
}

// spoken is a duration in the largest unit that fits it exactly, days from two
// on; empty when there is none.
func spoken(d time.Duration) string {
	amount, unit := d/time.Minute, "minute"
	switch {
	case d < time.Minute:
		return ""
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		amount, unit = d/(24*time.Hour), "day"
	case d%time.Hour == 0:
		amount, unit = d/time.Hour, "hour"
	}
	if amount != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", amount, unit)
}

// wrap breaks lines longer than width columns at spaces. A word is never
// broken: links stay whole.
func wrap(text string, width int) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if utf8.RuneCountInString(line) <= width {
			b.WriteString(line)
			continue
		}
		column := 0
		for j, word := range strings.Fields(line) {
			length := utf8.RuneCountInString(word)
			switch {
			case j == 0:
			case column+1+length > width:
				b.WriteByte('\n')
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += length
		}
	}
	return b.String()
}
