// Package httpd speaks HTTP: routes, who is signed in, cookies, origins,
// limits and headers. What it serves is given to it.
package httpd

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"roster/graph"
	"roster/internal/account"
	"roster/internal/directory"
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
}

// Readiness tells why the service is not ready; nil when it is.
type Readiness func(context.Context) error

// New makes the handler of everything that is served.
func New(o Options, d *directory.Directory, accounts *account.Accounts, api http.Handler, ready Readiness, log *slog.Logger) (http.Handler, error) {
	crossSite, err := crossSiteProtection(o)
	if err != nil {
		return nil, err
	}
	server := &server{options: o, directory: d, accounts: accounts, log: log}
	mux := http.NewServeMux()
	mux.Handle("/graphql", allowOrigins(o.AllowedOrigins, crossSite.Handler(server.graphql(api))))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			plain(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		plain(w, http.StatusOK, "ready")
	})
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
	log       *slog.Logger
}

// graphql finds out who asks, and hands the request on.
func (s *server) graphql(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		if token := sessionToken(r, s.options.PublicURL); token != "" && r.Method == http.MethodPost {
			viewer, err := s.accounts.Authenticate(ctx, token)
			if err != nil {
				s.unavailable(w, request.ID, err)
				return
			}
			request.Viewer = viewer
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		api.ServeHTTP(w, r.WithContext(graph.WithRequest(ctx, s.directory, request)))
	})
}

// unavailable answers when it cannot be found out who asks: nobody is let in.
func (s *server) unavailable(w http.ResponseWriter, id string, err error) {
	if !errors.Is(err, context.Canceled) {
		s.log.Error("a session could not be looked up", "request", id, "error", err)
	}
	w.Header().Set("Retry-After", "2")
	graph.RefuseHTTP(w, http.StatusServiceUnavailable, directory.CodeUnavailable, "The service cannot answer at the moment. Try again in a few seconds.", id)
}

// userAgent is what the client calls itself, short enough to be kept.
func userAgent(r *http.Request) string {
	const longest = 300
	agent := []rune(r.UserAgent())
	return string(agent[:min(len(agent), longest)])
}
