package httpd

import (
	"fmt"
	"net/http"

	"github.com/rs/cors"

	"roster/graph"
	"roster/internal/directory"
)

// crossSiteProtection refuses what another site has a browser send.
func crossSiteProtection(o Options) (*http.CrossOriginProtection, error) {
	protection := http.NewCrossOriginProtection()
	for _, origin := range o.AllowedOrigins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("ALLOWED_ORIGINS: %w", err)
		}
	}
	return protection, nil
}

// guardSockets refuses WebSockets that another site has a browser open, by the
// rule for POST requests: CORS does not hold for them, and CrossOriginProtection
// lets every GET pass.
func guardSockets(crossSite *http.CrossOriginProtection, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if graph.IsUpgrade(r) {
			judged := r.WithContext(r.Context())
			judged.Method = http.MethodPost
			if crossSite.Check(judged) != nil {
				graph.RefuseHTTP(w, http.StatusForbidden, directory.CodeForbidden, "This page may not connect from here. Add its origin to ALLOWED_ORIGINS.", requestID(r.Context()))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// allowOrigins lets pages of these origins read the answers.
func allowOrigins(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins:   origins,
		AllowedMethods:   []string{http.MethodPost},
		AllowedHeaders:   []string{"Content-Type", "Authorization"},
		ExposedHeaders:   []string{"Retry-After", requestIDHeader},
		AllowCredentials: true,
		MaxAge:           600,
	}).Handler(next)
}
