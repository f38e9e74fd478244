package httpd

import (
	"net/http"
	"net/url"
	"time"

	"roster/graph"
)

// cookieName is the session cookie's. Under https it has the prefix with which
// browsers make sure that no other host and no http page has set it.
func cookieName(public *url.URL) string {
	if public.Scheme == "https" {
		return "__Host-roster_session"
	}
	return "roster_session"
}

// sessionCookie keeps a token until it ends; an empty token is forgotten.
func sessionCookie(public *url.URL, token string, ends time.Time) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // secure wherever browsers would keep it
		Name: cookieName(public), Value: token, Path: "/", Expires: ends,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: public.Scheme == "https",
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c
}

// sessionToken is the token that a request shows: the one in Authorization, or
// else the one in the cookie.
func sessionToken(r *http.Request, public *url.URL) string {
	if header := r.Header.Get("Authorization"); header != "" {
		return graph.BearerToken(header)
	}
	if c, err := r.Cookie(cookieName(public)); err == nil {
		return c.Value
	}
	return ""
}
