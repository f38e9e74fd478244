package mail

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a real SMTP server that keeps what it accepts.
type mailServer struct {
	*smtp.Server
	address string
	roots   *x509.CertPool // what trusts its certificate

	// What it answers instead of yes, by command.
	refuseMail, refuseRcpt, refuseData error
	users                              map[string]string // name to password; nil: no authentication

	mu   sync.Mutex
	kept []received
}

type received struct {
	from, to, user string
	secure, utf8   bool
	data           string
}

func (s *mailServer) received() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.kept...)
}

func (s *mailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, secure := c.TLSConnectionState()
	return &session{server: s, secure: secure}, nil
}

type session struct {
	server *mailServer
	secure bool
	received
}

func (s *session) Reset()        { s.received = received{user: s.user} }
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string {
	if s.server.users == nil {
		return nil
	}
	return []string{sasl.Plain, sasl.Login}
}

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if mechanism != sasl.Plain {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	return sasl.NewPlainServer(func(_, user, password string) error {
		if want, ok := s.server.users[user]; !ok || want != password {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, options *smtp.MailOptions) error {
	if s.server.users != nil && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.from, s.utf8 = from, options.UTF8
	return s.server.refuseMail
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.server.refuseRcpt
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.refuseData != nil {
		return s.server.refuseData
	}
	s.data, s.received.secure = string(data), s.secure
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.kept = append(s.server.kept, s.received)
	return nil
}

// serve starts a mail server after change has had its way with it.
func serve(t *testing.T, change func(*mailServer)) *mailServer {
	t.Helper()
	s := &mailServer{}
	s.Server = smtp.NewServer(s)
	s.Domain = "mx.example.com"
	s.AllowInsecureAuth = true
	s.ErrorLog = log.New(io.Discard, "", 0)
	if change != nil {
		change(s)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	s.address = listener.Addr().String()
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// withTLS gives the server a certificate for mx.example.com that it signed itself.
func withTLS(t *testing.T) func(*mailServer) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.com"}, DNSNames: []string{"mx.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	noError(t, err)
	parsed, err := x509.ParseCertificate(der)
	noError(t, err)
	return func(s *mailServer) {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
		s.roots = x509.NewCertPool()
		s.roots.AddCert(parsed)
	}
}

// transport makes an SMTP of a URL in which HOST stands for the address of the
// server, and MX for a host that is not this machine, but is reached there.
func transport(t *testing.T, raw, address string) *SMTP {
	t.Helper()
	u, err := url.Parse(strings.NewReplacer("HOST", address, "MX", "mx.example.com:25").Replace(raw))
	noError(t, err)
	s, err := NewSMTP(u, fromUs)
	noError(t, err)
	s.address = address
	return s
}

func ready(t *testing.T, kind Kind) Message {
	t.Helper()
	m := compose(t, kind, nil)
	m.ID = "evt_0abc"
	return m
}

// patiently is a context for sends that should end long before.
func patiently(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestWhatTheServerGets(t *testing.T) {
	server := serve(t, nil)
	smtp := transport(t, "smtp://HOST", server.address)
	smtp.now = func() time.Time { return noon }
	m := ready(t, Invitation)
	noError(t, smtp.Send(patiently(t), m))
	got := server.received()
	equal(t, 1, len(got))
	mail, err := netmail.ReadMessage(strings.NewReader(got[0].data))
	noError(t, err)

	t.Run("the envelope goes from us to the recipient", func(t *testing.T) {
		equal(t, "no-reply@roster.example ann@example.com", got[0].from+" "+got[0].to)
	})
	t.Run("the headers say who, what and when, and that a machine wrote it", func(t *testing.T) {
		subject, err := new(mime.WordDecoder).DecodeHeader(mail.Header.Get("Subject"))
		noError(t, err)
		equal(t, m.Subject, subject)
		for header, want := range map[string]string{
			"From": `"Roster" <no-reply@roster.example>`, "To": "<ann@example.com>",
			"Message-Id": "<evt_0abc@roster.example>", "Date": "Fri, 02 Oct 2026 12:00:59 +0000",
			"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "Mime-Version": "1.0",
		} {
			equal(t, want, mail.Header.Get(header))
		}
	})
	t.Run("every byte is ASCII, and no line is longer than servers take", func(t *testing.T) {
		isTrue(t, isASCII(got[0].data), "ASCII")
		for _, line := range strings.Split(got[0].data, "\r\n") {
			isTrue(t, len(line) <= 998, line)
		}
		isTrue(t, !strings.Contains(strings.ReplaceAll(got[0].data, "\r\n", ""), "\n"), "no bare line feed")
	})
	t.Run("the text comes first, then the same as HTML", func(t *testing.T) {
		kind, parameters, err := mime.ParseMediaType(mail.Header.Get("Content-Type"))
		noError(t, err)
		equal(t, "multipart/alternative", kind)
		parts := multipart.NewReader(mail.Body, parameters["boundary"])
		for _, want := range []struct{ kind, body string }{{"text/plain; charset=UTF-8", m.Text}, {"text/html; charset=UTF-8", m.HTML}} {
			part, err := parts.NextRawPart()
			noError(t, err)
			equal(t, want.kind, part.Header.Get("Content-Type"))
			body, err := io.ReadAll(quotedprintable.NewReader(part))
			noError(t, err)
			equal(t, want.body, strings.ReplaceAll(string(body), "\r\n", "\n"))
		}
		_, err = parts.NextPart()
		isTrue(t, errors.Is(err, io.EOF), "two parts")
	})
}

func TestEveryKindArrives(t *testing.T) {
	server := serve(t, nil)
	smtp := transport(t, "smtp://HOST", server.address)
	for _, kind := range kinds {
		t.Run("the "+string(kind)+" mail is accepted", func(t *testing.T) {
			noError(t, smtp.Send(patiently(t), ready(t, kind)))
		})
	}
	equal(t, len(kinds), len(server.received()))
}

func TestRefusals(t *testing.T) {
	answer := func(code int, text string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
	}
	for name, c := range map[string]struct {
		change    func(*mailServer)
		permanent bool
		says      string
	}{
		"a recipient refused with 451 is worth another try":   {func(s *mailServer) { s.refuseRcpt = answer(451, "greylisted") }, false, "refused the recipient: 451 greylisted"},
		"a recipient refused with 550 is not":                 {func(s *mailServer) { s.refuseRcpt = answer(550, "no such user") }, true, "refused the recipient: 550 no such user"},
		"a message refused with 451 is worth another try":     {func(s *mailServer) { s.refuseData = answer(451, "later") }, false, "refused the message: 451 later"},
		"a message refused with 554 is not":                   {func(s *mailServer) { s.refuseData = answer(554, "looks like spam") }, true, "refused the message: 554 looks like spam"},
		"a sender refused with 550 is for the operator":       {func(s *mailServer) { s.refuseMail = answer(550, "not from here") }, false, "does not accept the sender no-reply@roster.example: 550 not from here"},
		"a recipient refused for want of credentials, too":    {func(s *mailServer) { s.refuseRcpt = answer(530, "sign in first") }, false, "530 sign in first"},
		"a server that wants credentials and gets none, too":  {func(s *mailServer) { s.users = map[string]string{} }, false, "502"},
		"a server's long answer is shortened and on one line": {func(s *mailServer) { s.refuseRcpt = answer(550, strings.Repeat("no\tway ", 90)) }, true, "no way no way"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, c.change)
			err := transport(t, "smtp://HOST", server.address).Send(patiently(t), ready(t, Invitation))
			if err == nil {
				t.Fatal("accepted")
			}
			contains(t, err.Error(), c.says)
			lacks(t, err.Error(), token)
			isTrue(t, strings.HasPrefix(Reason(err), "The mail server "), "a sentence for administrators")
			lacks(t, Reason(err), server.address)
			matchesNothing(t, `[\x00-\x1f]|.{500}`, err.Error())
			equal(t, c.permanent, IsPermanent(err))
			equal(t, 0, len(server.received()))
		})
	}
	t.Run("a message without an ID is refused for good", func(t *testing.T) {
		for _, id := range []string{"", "a b", "a@b", "a\r\nBcc: x", ".a", "a>"} {
			m := ready(t, Invitation)
			m.ID = id
			err := transport(t, "smtp://HOST", "127.0.0.1:1").Send(patiently(t), m)
			isTrue(t, IsPermanent(err), "refused for good: "+id)
		}
	})
}

func TestTrouble(t *testing.T) {
	t.Run("a refused connection is worth another try", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		noError(t, err)
		noError(t, listener.Close())
		err = transport(t, "smtp://HOST", listener.Addr().String()).Send(patiently(t), ready(t, Invitation))
		isTrue(t, err != nil && !IsPermanent(err), "temporary")
		contains(t, err.Error(), "can't be reached")
		contains(t, err.Error(), listener.Addr().String())
		equal(t, "The mail server can't be reached.", Reason(err))
	})
	for name, script := range map[string][]string{
		"a server that never greets":                       {},
		"a server that never answers the greeting":         {"220 mx"},
		"a server that never answers after the last byte":  {"220 mx", "250 mx", "250 ok", "250 ok", "354 go on"},
		"a server that never answers about the recipient ": {"220 mx", "250 mx", "250 ok"},
	} {
		for _, end := range []string{"deadline", "cancellation", "own timeout"} {
			t.Run(name+" holds nobody beyond the "+end, func(t *testing.T) {
				smtp := transport(t, "smtp://HOST", scripted(t, script))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				switch end {
				case "deadline":
					ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
					defer cancel()
				case "cancellation":
					time.AfterFunc(100*time.Millisecond, cancel)
				case "own timeout":
					smtp.timeout = 100 * time.Millisecond
				}
				began := time.Now()
				err := smtp.Send(ctx, ready(t, Invitation))
				isTrue(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled), fmt.Sprint("the context's end is told: ", err))
				isTrue(t, !IsPermanent(err), "temporary")
				equal(t, "The mail server did not finish in time.", Reason(err))
				isTrue(t, time.Since(began) < 3*time.Second, "in time")
			})
		}
	}
	t.Run("a server that hangs up in the middle is worth another try", func(t *testing.T) {
		smtp := transport(t, "smtp://HOST", scripted(t, []string{"220 mx", "250 mx", "250 ok", "hang up"}))
		err := smtp.Send(patiently(t), ready(t, Invitation))
		isTrue(t, err != nil && !IsPermanent(err), "temporary")
	})
	t.Run("a server that turns everybody away is worth another try", func(t *testing.T) {
		smtp := transport(t, "smtp://HOST", scripted(t, []string{"554 no service today"}))
		err := smtp.Send(patiently(t), ready(t, Invitation))
		isTrue(t, err != nil && !IsPermanent(err), "temporary")
		contains(t, err.Error(), "554 no service today")
	})
	t.Run("a mail that was accepted is sent, whatever becomes of the good-bye", func(t *testing.T) {
		for _, goodbye := range []string{"hang up", "", "500 what?"} {
			script := []string{"220 mx", "250 mx", "250 ok", "250 ok", "354 go on", "250 queued"}
			if goodbye != "" {
				script = append(script, goodbye)
			}
			began := time.Now()
			noError(t, transport(t, "smtp://HOST", scripted(t, script)).Send(patiently(t), ready(t, Invitation)))
			isTrue(t, time.Since(began) < 5*time.Second, "in time")
		}
	})
}

// scripted answers each command with the next line of the script, and then
// says nothing more. A message counts as one command.
func scripted(t *testing.T, script []string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		lines := bufio.NewScanner(conn)
		inMessage := false
		for i, answer := range script {
			for i > 0 && lines.Scan() && inMessage && lines.Text() != "." {
			}
			if answer == "hang up" {
				return
			}
			_, _ = fmt.Fprintf(conn, "%s\r\n", answer)
			inMessage = strings.HasPrefix(answer, "354")
		}
		_, _ = io.Copy(io.Discard, conn)
	}()
	return listener.Addr().String()
}

func TestProtection(t *testing.T) {
	users := map[string]string{"roster": "s3cret/+ñ"}
	const credentials = "roster:s3cret%2F%2B%C3%B1@"
	auth := func(s *mailServer) { s.users = users }
	both := func(changes ...func(*mailServer)) func(*mailServer) {
		return func(s *mailServer) {
			for _, change := range changes {
				change(s)
			}
		}
	}

	for name, c := range map[string]struct {
		url     string
		server  func(*mailServer)
		trusted bool
		fails   string // empty: sent
		user    string
		secure  bool
	}{
		"without credentials, a certificate that nobody knows still keeps eavesdroppers out": {url: "smtp://MX", server: withTLS(t), secure: true},
		"without credentials, a server without TLS is used as it is":                         {url: "smtp://MX"},
		"with credentials, the password goes through verified TLS":                           {url: "smtp://" + credentials + "MX", server: both(withTLS(t), auth), trusted: true, secure: true, user: "roster"},
		"with credentials, a certificate that nobody knows is refused":                       {url: "smtp://" + credentials + "MX", server: both(withTLS(t), auth), fails: "certificate"},
		"with credentials, a server without TLS is refused":                                  {url: "smtp://" + credentials + "MX", server: auth, fails: "STARTTLS"},
		"on this machine, credentials may go without TLS":                                    {url: "smtp://" + credentials + "HOST", server: auth, user: "roster"},
		"on this machine, TLS is used when offered, whoever signed the certificate":          {url: "smtp://" + credentials + "HOST", server: both(withTLS(t), auth), user: "roster", secure: true},
		"a wrong password is for the operator to mend":                                       {url: "smtp://roster:wrong@HOST", server: auth, fails: "535"},
		"credentials for a server that wants none are for the operator to mend":              {url: "smtp://" + credentials + "HOST", fails: "AUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, c.server)
			smtp := transport(t, c.url, server.address)
			if c.trusted {
				smtp.tls.RootCAs = server.roots
			}
			err := smtp.Send(patiently(t), ready(t, Invitation))
			if c.fails != "" {
				if err == nil {
					t.Fatal("sent")
				}
				contains(t, err.Error(), c.fails)
				lacks(t, err.Error(), "s3cret")
				isTrue(t, !IsPermanent(err), "worth another try")
				equal(t, 0, len(server.received()))
				return
			}
			noError(t, err)
			got := server.received()
			equal(t, 1, len(got))
			equal(t, c.user, got[0].user)
			equal(t, c.secure, got[0].secure)
		})
	}

	implicit := func(t *testing.T) (*mailServer, string) {
		server := serve(t, both(withTLS(t), auth))
		listener, err := tls.Listen("tcp", "127.0.0.1:0", server.TLSConfig)
		noError(t, err)
		go func() { _ = server.Serve(listener) }()
		return server, listener.Addr().String()
	}
	t.Run("smtps begins with verified TLS", func(t *testing.T) {
		server, address := implicit(t)
		smtp := transport(t, "smtps://"+credentials+"MX", address)
		smtp.tls.RootCAs = server.roots
		noError(t, smtp.Send(patiently(t), ready(t, Invitation)))
		isTrue(t, server.received()[0].secure, "secure")
	})
	t.Run("smtps refuses a certificate that nobody knows", func(t *testing.T) {
		server, address := implicit(t)
		err := transport(t, "smtps://MX", address).Send(patiently(t), ready(t, Invitation))
		isTrue(t, err != nil && !IsPermanent(err), "temporary")
		contains(t, err.Error(), "certificate")
		equal(t, 0, len(server.received()))
	})
	t.Run("smtps to a server without TLS ends, and says why", func(t *testing.T) {
		err := transport(t, "smtps://MX", serve(t, nil).address).Send(patiently(t), ready(t, Invitation))
		contains(t, err.Error(), "TLS")
	})
}

func TestManyAtOnce(t *testing.T) {
	t.Run("20 sends at once all arrive, each once and whole", func(t *testing.T) {
		server := serve(t, func(s *mailServer) { withTLS(t)(s); s.users = map[string]string{"roster": "s3cret"} })
		smtp := transport(t, "smtp://roster:s3cret@HOST", server.address)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				m := ready(t, kinds[i%len(kinds)])
				m.ID = fmt.Sprintf("evt_%02d", i)
				if err := smtp.Send(patiently(t), m); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		seen := map[string]int{}
		for _, r := range server.received() {
			mail, err := netmail.ReadMessage(strings.NewReader(r.data))
			noError(t, err)
			seen[mail.Header.Get("Message-Id")]++
			isTrue(t, strings.HasSuffix(r.data, "--\r\n"), "whole")
		}
		for i := range 20 {
			equal(t, 1, seen[fmt.Sprintf("<evt_%02d@roster.example>", i)])
		}
	})
}

func TestInternationalAddresses(t *testing.T) {
	send := func(t *testing.T, server *mailServer, address string) error {
		m, err := Compose(Invitation, func() Content { c := sample(Invitation); c.RecipientEmail = address; return c }())
		noError(t, err)
		m.ID = "evt_1"
		return transport(t, "smtp://HOST", server.address).Send(patiently(t), m)
	}
	t.Run("a domain beyond ASCII travels as punycode", func(t *testing.T) {
		server := serve(t, nil)
		noError(t, send(t, server, "ann@Bücher.example"))
		equal(t, "ann@xn--bcher-kva.example", server.received()[0].to)
	})
	t.Run("a local part beyond ASCII needs a server that says it takes it", func(t *testing.T) {
		server := serve(t, nil)
		isTrue(t, IsPermanent(send(t, server, "zoë@example.com")), "refused for good")
		server = serve(t, func(s *mailServer) { s.EnableSMTPUTF8 = true })
		noError(t, send(t, server, "zoë@example.com"))
		equal(t, "zoë@example.com", server.received()[0].to)
		isTrue(t, server.received()[0].utf8, "SMTPUTF8 was asked for")
	})
	t.Run("SMTPUTF8 is not asked for without need: the next server might not have it", func(t *testing.T) {
		server := serve(t, func(s *mailServer) { s.EnableSMTPUTF8 = true })
		noError(t, send(t, server, "ann@example.com"))
		isTrue(t, !server.received()[0].utf8, "not asked for")
	})
}

func TestNewSMTP(t *testing.T) {
	for raw, address := range map[string]string{
		"smtp://mx.example.com":            "mx.example.com:587",
		"smtps://mx.example.com/":          "mx.example.com:465",
		"smtp://mx.example.com:25":         "mx.example.com:25",
		"smtp://u:p@[2001:db8::1]":         "[2001:db8::1]:587",
		"smtp://ann%40ex.com:p%3Aq@h:2525": "h:2525",
	} {
		t.Run(raw+" is understood", func(t *testing.T) {
			u, err := url.Parse(raw)
			noError(t, err)
			s, err := NewSMTP(u, fromUs)
			noError(t, err)
			equal(t, address, s.address)
		})
	}
	for raw, says := range map[string]string{
		"http://u:hush@mx.example.com":          "smtp:// or smtps://",
		"mx.example.com:25":                     "smtp:// or smtps://",
		"smtp://":                               "no host",
		"smtp://u:hush@:25":                     "no host",
		"smtp://u@mx.example.com":               "a user and a password, or neither",
		"smtp://u:@mx.example.com":              "a user and a password, or neither",
		"smtp://:hush@mx.example.com":           "a user and a password, or neither",
		"smtp://u:hush@mx.example.com:0":        "port",
		"smtp://u:hush@mx.example.com:70000":    "port",
		"smtp://u:hush@mx.example.com/x":        "%2F",
		"smtp://u:hush@mx.example.com?verify=0": "%3F",
		"smtp://u:hush@mx.example.com#x":        "%23",
	} {
		t.Run(raw+" is refused with a sentence that does not hold the password", func(t *testing.T) {
			u, err := url.Parse(raw)
			noError(t, err)
			_, err = NewSMTP(u, fromUs)
			if err == nil {
				t.Fatal("understood")
			}
			contains(t, err.Error(), says)
			lacks(t, err.Error(), "hush")
		})
	}
	t.Run("a sender that is no address is refused", func(t *testing.T) {
		for _, from := range []netmail.Address{{}, {Address: "roster"}, {Address: "a@b\r\nBcc: c@d"}, {Name: "a\r\nb", Address: "a@b.example"}, {Address: "zoë@b.example"}} {
			_, err := NewSMTP(&url.URL{Scheme: "smtp", Host: "h"}, from)
			isTrue(t, err != nil, "refused")
		}
	})
	t.Run("this machine is known by all its names", func(t *testing.T) {
		for host, want := range map[string]bool{"localhost": true, "LOCALHOST.": true, "mail.localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
			"mx.example.com": false, "localhost.example.com": false, "192.0.2.1": false, "notlocalhost": false} {
			equal(t, want, isLoopback(host))
		}
	})
}
