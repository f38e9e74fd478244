package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// Transport hands a message to whoever delivers it. It may be used by many
// goroutines at once.
type Transport interface {
	// Send answers nil only when the next hop has taken responsibility for the
	// message: an SMTP server said so after the last byte, or the file is on
	// the disk. After an error it may still have been delivered (the answer
	// was lost on the way): who tries again may cause a second copy.
	//
	// IsPermanent(err) tells errors after which another try is of no use. All
	// others, a context that ends included, are worth another try later. The
	// error's text says why to the operator, Reason(err) to an administrator;
	// neither holds credentials or a part of the message.
	Send(ctx context.Context, m Message) error
}

// IsPermanent tells whether trying the same mail again is of no use: its
// content can't be composed, or the next hop refused this recipient or this
// message for good. Trouble with the network, with the credentials, with the
// sender's address or with the server itself is not permanent: it ends when
// somebody mends it.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

type permanentError struct{ err error }

func permanent(err error) error         { return &permanentError{err} }
func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// explained is an error with a sentence for an administrator.
type explained struct {
	error
	reason string
}

func (e explained) Unwrap() error { return e.error }

// Reason says why a mail was not sent to an administrator of an organization,
// who is not the operator: what the server answered about this mail, and
// nothing of the network and the settings behind it.
func Reason(err error) string {
	var e explained
	if errors.As(err, &e) {
		return e.reason
	}
	return "The mail could not be sent. The log of the service says why."
}

// messageID is what may stand before the @ of a Message-ID without quotes.
var messageID = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// envelope is a message as it travels: who it is from and to (the domains in
// ASCII), and its bytes (RFC 5322, lines ended by CRLF).
type envelope struct {
	from, to string
	data     []byte
}

// seal makes an envelope of m, dated now, with the two parts in the encoding.
func seal(m Message, from netmail.Address, now time.Time, encoding gomail.Encoding) (envelope, error) {
	if !messageID.MatchString(m.ID) {
		return envelope{}, permanent(fmt.Errorf("send mail: %q is no Message-ID", m.ID))
	}
	to := m.To
	var err error
	if to.Address, err = asciiDomain(to.Address); err != nil {
		return envelope{}, permanent(fmt.Errorf("send mail: %w", err))
	}
	domain := from.Address[strings.LastIndexByte(from.Address, '@')+1:]

	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&from)
	msg.ToMailAddress(&to)
	msg.Subject(m.Subject)
	msg.SetDateWithValue(now)
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	// No vacation notes in answer to a machine (RFC 3834); Exchange goes by the second.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	// The last alternative is the one a reader prefers.
	msg.SetBodyString(gomail.TypeTextPlain, crlf(m.Text), gomail.WithPartEncoding(encoding))
	msg.AddAlternativeString(gomail.TypeTextHTML, crlf(m.HTML), gomail.WithPartEncoding(encoding))

	var data bytes.Buffer
	if _, err := msg.WriteTo(&data); err != nil {
		return envelope{}, fmt.Errorf("send mail: %w", err)
	}
	return envelope{from: from.Address, to: to.Address, data: data.Bytes()}, nil
}

// sender checks the address that mails come from, and makes its domain ASCII.
func sender(from netmail.Address) (netmail.Address, error) {
	if !bareAddress(from.Address) || plain(from.Name) != from.Name {
		return from, errors.New("the sender is not an e-mail address, such as Roster <no-reply@example.com>")
	}
	var err error
	if from.Address, err = asciiDomain(from.Address); err != nil {
		return from, err
	}
	if !isASCII(from.Address) {
		return from, errors.New("the sender's address has characters beyond ASCII before the @; few mail servers take these")
	}
	return from, nil
}

// asciiDomain spells the domain of an address the way every server reads it
// (punycode, RFC 5891).
func asciiDomain(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || isASCII(address[at:]) {
		return address, nil
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return "", fmt.Errorf("the domain of the address can't be spelled in ASCII: %w", err)
	}
	return address[:at+1] + domain, nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
