// Package watch tells operators how the service is doing: metrics for
// Prometheus, and traces for OpenTelemetry. It stands around the parts of the
// program, which know nothing of it: it wraps their stores, is told of each
// operation by httpd, and asks the rest when somebody looks.
//
// This file is all the metrics there are; docs/metrics.md says what to make of
// them, and a test holds the two together.
package watch

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Times that are told apart, in seconds: of what a person waits for, and of
// calls of a store, of which an operation makes a few.
var (
	operationTimes = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	callTimes      = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1, 5}
	mailTimes      = []float64{.001, .01, .05, .1, .5, 1, 5, 10, 30}
)

// Metrics are counted since the start of the program. The values of all labels
// are of this program's own choosing: nobody can make it keep more series by
// what they send.
type Metrics struct {
	registry *prometheus.Registry

	operations    *prometheus.CounterVec
	operationTime *prometheus.HistogramVec
	callTime      *prometheus.HistogramVec
	callErrors    *prometheus.CounterVec
	events        *prometheus.CounterVec
	mails         *prometheus.CounterVec
	mailTime      prometheus.Histogram
}

// NewMetrics makes the metrics of a program.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roster_operations_total",
			Help: `GraphQL operations over HTTP, by the root field they asked for ("several" if more than one, "none" if it could not be told) and by what became of them: OK, or the code of the first error or userError.`,
		}, []string{"operation", "outcome"}),
		operationTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "roster_operation_duration_seconds",
			Help:    "How long GraphQL operations over HTTP took, from the request's arrival to the answer, by root field.",
			Buckets: operationTimes,
		}, []string{"operation"}),
		callTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "roster_store_call_duration_seconds",
			Help:    "How long calls of the stores took, by store (sqlite, mongodb, redis) and kind of call.",
			Buckets: callTimes,
		}, []string{"store", "call"}),
		callErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roster_store_call_errors_total",
			Help: "Calls of the stores that failed, by store and kind of call. That something is not there, or was changed meanwhile, is an answer and no failure.",
		}, []string{"store", "call"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roster_audit_events_total",
			Help: "Audit events that this server has stored, by action: SIGNED_IN are the sign-ins, SIGNED_OUT and SESSIONS_REVOKED some of what ends sessions.",
		}, []string{"action"}),
		mails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roster_mails_total",
			Help: "Tries to send a mail, by what became of them: sent, failed (it is tried again) or refused (it is not).",
		}, []string{"outcome"}),
		mailTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "roster_mail_duration_seconds",
			Help:    "How long it took to hand a mail to the mail server, or to fail.",
			Buckets: mailTimes,
		}),
	}
	m.registry.MustRegister(
		m.operations, m.operationTime, m.callTime, m.callErrors, m.events, m.mails, m.mailTime,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for _, outcome := range []string{mailSent, mailFailed, mailRefused} {
		m.mails.WithLabelValues(outcome)
	}
	return m
}

// Inside is what the parts of the program say of themselves when somebody
// looks. A line of those who wait for something says how many have it and how
// many wait, now, and how many were sent away since the start.
type Inside struct {
	// Members and Strangers are the two gates of operations.
	Members, Strangers func() (running, waiting, refused int)
	// SessionsUsed is how often sessions were used since the start, once in each
	// minute in which one was.
	SessionsUsed func() int
	// Hashing is the line for a core to compute a password hash.
	Hashing func() (running, waiting, refused int)
	// Backlog is how many outboxes have something to be told and when the oldest
	// of it happened (zero for nothing); and how many wait in this server.
	Backlog func() (outboxes int, oldest time.Time, queued int)
	// Sockets is how many sockets and subscriptions are open, and how many events
	// have been told since the start.
	Sockets func() (sockets, subscriptions, told int)
}

// Look adds what the parts say of themselves.
func (m *Metrics) Look(in Inside) {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	counter := func(name, help string, labels prometheus.Labels, value func() float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	for who, line := range map[string]func() (int, int, int){"members": in.Members, "strangers": in.Strangers} {
		gate := prometheus.Labels{"gate": who}
		gauge("roster_admission_running", "Operations in progress, of people who are signed in (members) and of others (strangers).", gate,
			func() float64 { running, _, _ := line(); return float64(running) })
		gauge("roster_admission_waiting", "Operations that wait for their turn, a second at most.", gate,
			func() float64 { _, waiting, _ := line(); return float64(waiting) })
		counter("roster_admission_refused_total", "Operations turned away with 503 because there was more to do than the server can.", gate,
			func() float64 { _, _, refused := line(); return float64(refused) })
	}
	counter("roster_sessions_used_total", "Sessions that were used, each once in each minute in which it was: 60 * rate() is how many are in use.", nil,
		func() float64 { return float64(in.SessionsUsed()) })
	gauge("roster_argon2_running", "Password hashes being computed: one a core at most.", nil,
		func() float64 { running, _, _ := in.Hashing(); return float64(running) })
	gauge("roster_argon2_waiting", "Sign-ins and changes of passwords that wait for a core, a second at most.", nil,
		func() float64 { _, waiting, _ := in.Hashing(); return float64(waiting) })
	counter("roster_argon2_refused_total", "Sign-ins and changes of passwords refused because no core was free for a second.", nil,
		func() float64 { _, _, refused := in.Hashing(); return float64(refused) })
	gauge("roster_relay_backlog", "People and organizations with an audit event or a mail still to be told, by any server: 500 of each are counted at most. Looked at every ten seconds.", nil,
		func() float64 { outboxes, _, _ := in.Backlog(); return float64(outboxes) })
	gauge("roster_relay_oldest_seconds", "Age of the oldest audit event or mail still to be told; 0 when there is none.", nil,
		func() float64 {
			_, oldest, _ := in.Backlog()
			if oldest.IsZero() {
				return 0
			}
			return max(time.Since(oldest).Seconds(), 0)
		})
	gauge("roster_relay_queue", "People and organizations handed over for telling in this server, whose turn has not come.", nil,
		func() float64 { _, _, queued := in.Backlog(); return float64(queued) })
	gauge("roster_sockets", "WebSockets that are open.", nil,
		func() float64 { sockets, _, _ := in.Sockets(); return float64(sockets) })
	gauge("roster_subscriptions", "Subscriptions that are open on the WebSockets.", nil,
		func() float64 { _, subscriptions, _ := in.Sockets(); return float64(subscriptions) })
	counter("roster_subscription_events_total", "Changes told over WebSockets.", nil,
		func() float64 { _, _, told := in.Sockets(); return float64(told) })
}

// Operation counts an operation that was answered.
func (m *Metrics) Operation(operation, outcome string, took time.Duration) {
	m.operations.WithLabelValues(operation, outcome).Inc()
	m.operationTime.WithLabelValues(operation).Observe(took.Seconds())
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	// An answer costs a millisecond or two of a core; a third at once is answered 503.
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2})
}
