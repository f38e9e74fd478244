package watch

import (
	"context"
	"time"

	"roster/internal/mail"
)

// What becomes of a try to send a mail.
const (
	mailSent    = "sent"
	mailFailed  = "failed"
	mailRefused = "refused"
)

// transport is a mail.Transport that is measured.
type transport struct {
	mail.Transport
	metrics *Metrics
}

// Transport measures what t sends.
func (m *Metrics) Transport(t mail.Transport) mail.Transport { return transport{t, m} }

func (t transport) Send(ctx context.Context, message mail.Message) error {
	began := time.Now()
	err := t.Transport.Send(ctx, message)
	t.metrics.mailTime.Observe(time.Since(began).Seconds())
	outcome := mailSent
	switch {
	case err != nil && mail.IsPermanent(err):
		outcome = mailRefused
	case err != nil:
		outcome = mailFailed
	}
	t.metrics.mails.WithLabelValues(outcome).Inc()
	return err
}
