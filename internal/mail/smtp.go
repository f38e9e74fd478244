package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	gosmtp "github.com/wneessen/go-mail/smtp"
)

const (
	dialTimeout = 5 * time.Second
	sendTimeout = 20 * time.Second // all of a Send, dialling included
	quitTimeout = time.Second
	maxReply    = 300 // code points of a server's answer that go into an error
)

// Where a URL names no port: submission (RFC 6409), with and without TLS from
// the start (RFC 8314).
const (
	portSubmission  = "587"
	portSubmissions = "465"
)

// SMTP sends mails through an SMTP server, one connection for each: mails are
// few, and servers close idle connections as they like.
type SMTP struct {
	from    netmail.Address
	host    string
	address string // host:port
	tls     *tls.Config
	// implicit: TLS from the first byte (smtps).
	implicit bool
	options  []gomail.Option
	now      func() time.Time
	timeout  time.Duration
}

// NewSMTP makes a transport of smtp://user:password@host:port or smtps://…,
// without touching the network. The port defaults to 587 and 465. Errors are
// sentences for the operator and never hold the password.
//
// How the connection is protected:
//
//   - smtps: TLS from the start, the certificate is verified.
//   - smtp with credentials: STARTTLS is required and the certificate is
//     verified before the password is sent.
//   - smtp without credentials: STARTTLS when the server offers it, whoever
//     signed its certificate. Between mail servers this is the custom
//     (RFC 7435): an eavesdropper is kept out, and refusing would only mean
//     sending nothing. Where an attacker may sit in between, use smtps.
//   - a loopback host: TLS when offered, the certificate is not verified, and
//     credentials may go without TLS, since nobody sits in between.
func NewSMTP(u *url.URL, from netmail.Address) (*SMTP, error) {
	from, err := sender(from)
	if err != nil {
		return nil, err
	}
	password, hasPassword := u.User.Password()
	user := u.User.Username()
	switch {
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return nil, errors.New("the mail server's URL begins with smtp:// or smtps://")
	case u.Hostname() == "":
		return nil, errors.New("the mail server's URL names no host")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the mail server's URL ends after the host and the port; characters such as / ? # in the password are written %2F %3F %23")
	case (user != "") != hasPassword || hasPassword && password == "":
		return nil, errors.New("the mail server's URL has a user and a password, or neither")
	}

	s := &SMTP{from: from, host: u.Hostname(), implicit: u.Scheme == "smtps", now: time.Now, timeout: sendTimeout}
	port := u.Port()
	if port == "" {
		port = portSubmission
		if s.implicit {
			port = portSubmissions
		}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return nil, errors.New("the port in the mail server's URL is a number from 1 to 65535")
	}
	s.address = net.JoinHostPort(s.host, port)

	local, credentials := isLoopback(s.host), user != ""
	s.tls = &tls.Config{
		ServerName: s.host,
		MinVersion: tls.VersionTLS12,
		// See above: verified wherever a password or an explicit wish for TLS
		// is at stake, and somebody could sit in between.
		InsecureSkipVerify: local || !s.implicit && !credentials, // #nosec G402
	}
	policy := gomail.TLSOpportunistic
	switch {
	case s.implicit:
		policy = gomail.NoTLS // it is there already
	case credentials && !local:
		policy = gomail.TLSMandatory
	}
	s.options = []gomail.Option{
		gomail.WithTLSPolicy(policy),
		gomail.WithTLSConfig(s.tls),
		gomail.WithTimeout(sendTimeout),
	}
	if name, err := os.Hostname(); err != nil || name == "" {
		s.options = append(s.options, gomail.WithHELO("localhost"))
	}
	if credentials {
		mechanisms := []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5}
		if local {
			mechanisms = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc, gomail.SMTPAuthCramMD5}
		}
		s.options = append(s.options, gomail.WithUsername(user), gomail.WithPassword(password),
			gomail.WithOpportunisticSMTPAuth(mechanisms...))
	}
	return s, nil
}

func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// Send delivers m to the server, as Transport promises, within 20 seconds.
// Permanent is what the server answers with 5xx about the recipient or the
// message.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	// Quoted-printable passes every server, whatever it says about 8 bits.
	sealed, err := seal(m, s.from, s.now(), gomail.EncodingQP)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = s.deliver(ctx, sealed)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return explained{
			fmt.Errorf("the mail server %s did not finish in time: %w", s.address, errors.Join(context.Cause(ctx), err)),
			"The mail server did not finish in time.",
		}
	default:
		return fmt.Errorf("the mail server %s %w", s.address, err)
	}
}

// deliver speaks SMTP. go-mail connects, protects and signs in; the mail
// itself goes step by step, because its own Send answers an error when only
// the good-bye after an accepted message failed, and does not give the
// server's code away.
func (s *SMTP) deliver(ctx context.Context, e envelope) error {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return explained{fmt.Errorf("can't be reached: %w", err), "The mail server can't be reached."}
	}
	// Closing is what ends a wait for an answer that does not come, and what
	// keeps a message that broke off from being taken for whole.
	defer conn.Close() //nolint:errcheck // nothing depends on it
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	client, err := s.hello(ctx, conn)
	if err != nil {
		return err
	}
	// Asked for only where needed: the server after this one may not have it.
	client.SkipSMTPUTF8(isASCII(e.to))
	if !isASCII(e.to) {
		if ok, _ := client.Extension("SMTPUTF8"); !ok {
			const says = "does not take addresses with characters beyond ASCII before the @"
			return permanent(explained{errors.New(says), "The mail server " + says + "."})
		}
	}
	if err := client.Mail("<" + e.from + ">"); err != nil {
		return explained{
			fmt.Errorf("does not accept the sender %s: %w", e.from, oneLine(err)),
			"The mail server does not accept the service as the sender.",
		}
	}
	if err := client.Rcpt("<" + e.to + ">"); err != nil {
		return refusal("refused the recipient", err)
	}
	body, err := client.Data()
	if err != nil {
		return refusal("refused the message", err)
	}
	if _, err := body.Write(e.data); err != nil {
		return explained{fmt.Errorf("broke off: %w", err), "The connection to the mail server broke off."}
	}
	if err := body.Close(); err != nil {
		return refusal("refused the message", err)
	}
	// Accepted. How the server takes the good-bye is of no interest.
	_ = conn.SetDeadline(time.Now().Add(quitTimeout))
	_ = client.Quit()
	return nil
}

// hello brings a fresh connection to the point where a mail can be sent. The
// go-mail client is made anew each time: it keeps state about authentication.
func (s *SMTP) hello(ctx context.Context, conn net.Conn) (*gosmtp.Client, error) {
	if s.implicit {
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, explained{fmt.Errorf("offers no TLS that can be trusted: %w", err), "The mail server offers no TLS that can be trusted."}
		}
		conn = secure
	}
	dialled := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	client, err := gomail.NewClient(s.host, append(s.options[:len(s.options):len(s.options)], gomail.WithDialContextFunc(dialled))...)
	if err != nil {
		return nil, fmt.Errorf("can't be used: %w", err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, explained{fmt.Errorf("did not let us in: %w", oneLine(err)), "The mail server did not let the service in."}
	}
	return session, nil
}

// refusal says what the server said no to, permanent if it was for good.
func refusal(what string, err error) error {
	var reply *textproto.Error
	wrapped := fmt.Errorf("%s: %w", what, oneLine(err))
	if !errors.As(err, &reply) {
		return explained{wrapped, "The connection to the mail server broke off."}
	}
	wrapped = explained{wrapped, "The mail server " + wrapped.Error()}
	if reply.Code < 500 || reply.Code > 599 {
		return wrapped
	}
	switch reply.Code {
	// What goes wrong between us and the server, or wants other credentials,
	// says nothing about the recipient (RFC 5321, 4.2.2; RFC 4954, 6).
	case 500, 501, 502, 503, 504, 530, 534, 535, 538:
		return wrapped
	}
	return permanent(wrapped)
}

// oneLine shortens a server's answer, which may be of any length, for a log
// line and for the page that shows why a mail was not sent.
func oneLine(err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return err
	}
	return fmt.Errorf("%d %s", reply.Code, shorten(plain(reply.Msg), maxReply))
}
