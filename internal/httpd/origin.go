package httpd

import (
	"fmt"
	"net/http"

	"github.com/rs/cors"
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
