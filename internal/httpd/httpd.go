// Package httpd speaks HTTP: routes, who is signed in, cookies, origins,
// limits and headers. What it serves is given to it.
package httpd

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	"roster/graph"
	"roster/internal/account"
	"roster/internal/directory"
	"roster/web"
)

// Limits of a request.
const (
	maxBody          = 100 << 10
	operationTimeout = 10 * time.Second
)

// Options are what an installation decides about its HTTP.
type Options struct {
	// PublicURL is where browsers find the service; it decides the cookie.
	PublicURL *url.URL
	// AllowedOrigins are other origins that a console may be served from.
	AllowedOrigins []string
	// TrustedProxies are believed what they say of the client's address.
	TrustedProxies []netip.Prefix
	// GraphiQL tells whether there is a page to explore the API with.
	GraphiQL bool
	// Admission is what is taken on at once; nil: as much as the cores are good for.
	Admission *Admission
	// Answered is told of each operation that was answered or refused: what was
	// asked for and what became of it, each one of a few words, and how long it
	// took from when the request came. May be nil.
	Answered func(ctx context.Context, operation, outcome string, took time.Duration)
	// Moment makes a context of each operation's own, for which reads may see one
	// moment of the store. May be nil.
	Moment func(context.Context) context.Context
	// Metrics answers /metrics, to this machine only; nil: there is no such page.
	Metrics http.Handler
}

// Readiness tells why the service is not ready; nil when it is.
type Readiness func(context.Context) error

// New makes the handler of everything that is served.
func New(o Options, d *directory.Directory, accounts *account.Accounts, api http.Handler, ready Readiness, log *slog.Logger) (http.Handler, error) {
	crossSite, err := crossSiteProtection(o)
	if err != nil {
		return nil, err
	}
	console, err := pages(web.Files(), o.GraphiQL)
	if err != nil {
		return nil, err
	}
	if o.Admission == nil {
		o.Admission = NewAdmission()
	}
	server := &server{options: o, directory: d, accounts: accounts, admission: o.Admission, log: log}
	mux := http.NewServeMux()
	mux.Handle("/", console)
	mux.Handle("/graphql", allowOrigins(o.AllowedOrigins, crossSite.Handler(guardSockets(crossSite, server.graphql(api)))))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			plain(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		plain(w, http.StatusOK, "ready")
	})
	if o.Metrics != nil {
		mux.Handle("GET /metrics", forThisMachine(o.PublicURL, o.Metrics))
	}
	return withRequestID(recoverPanics(log, secureHeaders(o.PublicURL, mux))), nil
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

type server struct {
	options   Options
	directory *directory.Directory
	accounts  *account.Accounts
	admission *Admission
	log       *slog.Logger
}

// graphql finds out who asks, when there is room for more, and hands the
// request on.
func (s *server) graphql(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		w.Header().Set("Cache-Control", "no-store")
		ctx, cancel := context.WithTimeout(r.Context(), operationTimeout)
		defer cancel()
		request := &graph.Request{
			ID:     requestID(ctx),
			Origin: directory.Origin{IP: clientIP(r, s.options.TrustedProxies), UserAgent: userAgent(r)},
			KeepSession: func(token string, ends time.Time) {
				http.SetCookie(w, sessionCookie(s.options.PublicURL, token, ends))
			},
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch {
		case graph.IsUpgrade(r):
			request.Token = sessionToken(r, s.options.PublicURL)
		case r.Method == http.MethodPost || graph.AsksByGet(r):
			if s.options.Moment != nil {
				ctx = s.options.Moment(ctx)
			}
			leave, ok := s.admit(ctx, w, r, request)
			if !ok {
				s.answered(ctx, request, began)
				return
			}
			defer leave()
		}
		api.ServeHTTP(w, r.WithContext(graph.WithRequest(ctx, s.directory, request)))
		if !graph.IsUpgrade(r) {
			s.answered(ctx, request, began)
		}
	})
}

// noOperation stands for an operation of which nothing could be found out.
const noOperation = "none"

func (s *server) answered(ctx context.Context, request *graph.Request, began time.Time) {
	if s.options.Answered != nil {
		// Where nobody has said what became of a request, it was none of GraphQL.
		s.options.Answered(ctx, cmp.Or(request.Operation, noOperation), cmp.Or(request.Outcome, string(directory.CodeBadInput)), time.Since(began))
	}
}

// userAgent is what the client calls itself, short enough to be kept, and
// without what ends a line or moves the cursor where it is read.
func userAgent(r *http.Request) string {
	const longest = 300
	agent := []rune(r.UserAgent())
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, string(agent[:min(len(agent), longest)]))
}
