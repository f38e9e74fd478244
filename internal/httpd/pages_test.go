package httpd

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/web"
)

func TestPages(t *testing.T) {
	const script = "console.log('a script that is long enough to be compressed, compressed, compressed')"
	handler, err := pages(fstest.MapFS{
		"index.html":               {Data: []byte("<!doctype html><title>Roster</title>")},
		"assets/console.js":        {Data: []byte(script)},
		"graphiql/index.html":      {Data: []byte("<!doctype html><title>GraphiQL</title>")},
		"graphiql/assets/index.js": {Data: []byte(script)},
	}, true)
	require.NoError(t, err)
	ask := func(method, target string, header http.Header) *http.Response {
		r := httptest.NewRequest(method, target, nil)
		r.Header = header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result()
	}
	body := func(r io.Reader) string {
		all, err := io.ReadAll(r)
		require.NoError(t, err)
		return string(all)
	}

	for _, path := range []string{"/", "/users", "/users/user_1", "/sign-in", "/accept-invitation", "/index.html"} {
		t.Run(path+" is the console", func(t *testing.T) {
			answer := ask(http.MethodGet, path, nil)
			assert.Equal(t, http.StatusOK, answer.StatusCode)
			assert.Equal(t, "text/html; charset=utf-8", answer.Header.Get("Content-Type"))
			assert.Equal(t, "no-cache", answer.Header.Get("Cache-Control"))
			policy := answer.Header.Get("Content-Security-Policy")
			assert.Contains(t, policy, "script-src 'self';")
			assert.Contains(t, policy, "frame-ancestors 'none'")
			assert.Contains(t, body(answer.Body), "<title>Roster</title>")
		})
	}
	t.Run("a file is compressed for those who take it", func(t *testing.T) {
		plain := ask(http.MethodGet, "/assets/console.js", http.Header{"Accept-Encoding": {"br, gzip;q=0"}})
		assert.Equal(t, script, body(plain.Body))
		assert.Empty(t, plain.Header.Get("Content-Encoding"))
		assert.Equal(t, "text/javascript; charset=utf-8", plain.Header.Get("Content-Type"))

		short := ask(http.MethodGet, "/assets/console.js", http.Header{"Accept-Encoding": {"br, gzip"}})
		assert.Equal(t, "gzip", short.Header.Get("Content-Encoding"))
		assert.NotEqual(t, plain.Header.Get("ETag"), short.Header.Get("ETag"), "a strong ETag is of the bytes")
		unpacked, err := gzip.NewReader(short.Body)
		require.NoError(t, err)
		assert.Equal(t, script, body(unpacked))
	})
	t.Run("what a browser has is not sent again", func(t *testing.T) {
		for _, encoding := range []string{"", "gzip"} {
			first := ask(http.MethodGet, "/assets/console.js", http.Header{"Accept-Encoding": {encoding}})
			again := ask(http.MethodGet, "/assets/console.js", http.Header{
				"Accept-Encoding": {encoding}, "If-None-Match": {first.Header.Get("ETag")},
			})
			assert.Equal(t, http.StatusNotModified, again.StatusCode)
			assert.Empty(t, body(again.Body))
		}
	})
	t.Run("GraphiQL is a page of its own, whose editors work in files of the server", func(t *testing.T) {
		answer := ask(http.MethodGet, "/graphiql", nil)
		assert.Equal(t, http.StatusOK, answer.StatusCode)
		assert.Contains(t, body(answer.Body), "<title>GraphiQL</title>")
		policy := answer.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "script-src 'self';")
		assert.Contains(t, policy, "worker-src 'self'")
		assert.NotContains(t, ask(http.MethodGet, "/", nil).Header.Get("Content-Security-Policy"), "worker-src")
		assert.Equal(t, script, body(ask(http.MethodGet, "/graphiql/assets/index.js", nil).Body))
		assert.Equal(t, http.StatusNotFound, ask(http.MethodGet, "/graphiql/assets/old.js", nil).StatusCode)
	})
	t.Run("GraphiQL can be taken away, with all that belongs to it", func(t *testing.T) {
		without, err := pages(web.Files(), false)
		require.NoError(t, err)
		for _, path := range []string{"/graphiql", "/graphiql/index.html", "/graphiql/assets/index.js"} {
			w := httptest.NewRecorder()
			without.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			assert.Equal(t, http.StatusNotFound, w.Code, path)
		}
	})
	t.Run("a page that is not there says so itself", func(t *testing.T) {
		answer := ask(http.MethodGet, "/nowhere", nil)
		assert.Equal(t, http.StatusNotFound, answer.StatusCode)
		assert.Contains(t, body(answer.Body), "<title>Roster</title>")
	})
	t.Run("a file that is not there is no page", func(t *testing.T) {
		answer := ask(http.MethodGet, "/assets/old.js", nil)
		assert.Equal(t, http.StatusNotFound, answer.StatusCode)
		assert.Equal(t, "There is no such file.\n", body(answer.Body))
	})
	t.Run("nothing is changed by asking", func(t *testing.T) {
		answer := ask(http.MethodPost, "/users", nil)
		assert.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
		assert.Equal(t, "GET, HEAD", answer.Header.Get("Allow"))
	})
	t.Run("without its page there is no console", func(t *testing.T) {
		_, err := pages(fstest.MapFS{}, false)
		assert.Error(t, err)
	})
	t.Run("the built files are complete", func(t *testing.T) {
		_, err := pages(web.Files(), true)
		assert.NoError(t, err)
	})
}
