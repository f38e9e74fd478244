package httpd

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
)

const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// withRequestID gives each request an id for the log, and tells it the client.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// recoverPanics keeps one request's panic from the others, and its cause from
// the client.
func recoverPanics(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // it is compared like this by net/http
				panic(cause)
			}
			log.Error("panic", "request", requestID(r.Context()), "path", r.URL.Path, "cause", cause)
			plain(w, http.StatusInternalServerError, "Something went wrong on our side. Tell the operator the request id "+requestID(r.Context())+".")
		}()
		next.ServeHTTP(w, r)
	})
}

// apiPolicy is the Content-Security-Policy of answers that are not pages.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'"

// secureHeaders are on every answer.
func secureHeaders(public *url.URL, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", apiPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if public.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
