package httpd

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestClientIP(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct{ name, peer, forwarded, want string }{
		{"nobody between", "203.0.113.9:1234", "", "203.0.113.9"},
		{"a peer that is not trusted is not believed", "203.0.113.9:1234", "198.51.100.1", "203.0.113.9"},
		{"a trusted proxy is", "10.0.0.1:1234", "198.51.100.1", "198.51.100.1"},
		{"what the client wrote itself is not", "10.0.0.1:1234", "1.1.1.1, 198.51.100.1", "198.51.100.1"},
		{"two trusted proxies", "10.0.0.1:1234", "198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"rubbish ends it", "10.0.0.1:1234", "198.51.100.1, unknown", "10.0.0.1"},
		{"an IPv4 peer in IPv6", "[::ffff:10.0.0.1]:1234", "198.51.100.1", "198.51.100.1"},
		{"IPv6", "[::1]:1234", "2001:db8::1", "2001:db8::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
			r.RemoteAddr = c.peer
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			assert.Equal(t, c.want, clientIP(r, trusted))
		})
	}
}

func TestSessionCookie(t *testing.T) {
	https, http1 := &url.URL{Scheme: "https", Host: "a.example"}, &url.URL{Scheme: "http", Host: "localhost:8080"}

	t.Run("under https no other host can set it", func(t *testing.T) {
		c := sessionCookie(https, "token", time.Now().Add(time.Hour))
		assert.Equal(t, "__Host-roster_session", c.Name)
		assert.True(t, c.Secure)
		assert.True(t, c.HttpOnly)
		assert.Equal(t, http.SameSiteStrictMode, c.SameSite)
		assert.Equal(t, "/", c.Path)
		assert.Empty(t, c.Domain)
		assert.NoError(t, c.Valid())
	})
	t.Run("under http browsers would drop a secure one", func(t *testing.T) {
		c := sessionCookie(http1, "token", time.Now().Add(time.Hour))
		assert.Equal(t, "roster_session", c.Name)
		assert.False(t, c.Secure)
	})
	t.Run("an empty token is forgotten", func(t *testing.T) {
		assert.Negative(t, sessionCookie(https, "", time.Time{}).MaxAge)
	})
	t.Run("the header wins over the cookie, and must be a bearer's", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.AddCookie(&http.Cookie{Name: cookieName(http1), Value: "cookie"}) //nolint:gosec // what a browser sends has no attributes
		assert.Equal(t, "cookie", sessionToken(r, http1))
		r.Header.Set("Authorization", "bearer header")
		assert.Equal(t, "header", sessionToken(r, http1))
		r.Header.Set("Authorization", "Basic eDp5")
		assert.Empty(t, sessionToken(r, http1))
	})
}
