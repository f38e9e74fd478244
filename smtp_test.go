package main

import (
	"io"
	"net"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// serveSMTP is a mail server that accepts everything, and answers the mails.
func serveSMTP(t *testing.T, addr string) <-chan string {
	t.Helper()
	inbox := make(chan string, 1000)
	serveSMTPTo(t, addr, func(mail string) { inbox <- mail })
	return inbox
}

// serveSMTPTo is a mail server that hands each mail over before it says that it
// has taken it.
func serveSMTPTo(t *testing.T, addr string, take func(mail string)) {
	t.Helper()
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return postman{take}, nil }))
	listener, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

type postman struct{ take func(mail string) }

func (postman) Mail(string, *smtp.MailOptions) error { return nil }
func (postman) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (postman) Reset()                               {}
func (postman) Logout() error                        { return nil }
func (p postman) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err // it broke off
	}
	p.take(string(text))
	return nil
}
