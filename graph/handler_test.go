package graph

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"roster/internal/account"
	"roster/internal/directory"
)

// handled is the answer to a query of a viewer, from a server of which nothing
// is behind the schema, and what it logged.
func handled(t *testing.T, openIntrospection bool, viewer *account.Viewer, query string) (said, logged string) {
	t.Helper()
	var log bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(was)
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"`+query+`"}`))
	r.Header.Set("Content-Type", mediaJSON)
	w := httptest.NewRecorder()
	NewHandler(&Resolver{}, NewSockets(nil, nil, nil, slog.Default()), openIntrospection).ServeHTTP(w, r.WithContext(WithRequest(r.Context(), nil, &Request{ID: "R1", Viewer: viewer})))
	return w.Body.String(), log.String()
}

func TestIntrospection(t *testing.T) {
	ann := &account.Viewer{User: &directory.User{}, Organization: &directory.Organization{}}
	for _, query := range []string{"{ __schema { types { name } } }", "{ __type(name: \\\"User\\\") { name } }", "{ ...f } fragment f on Query { a: __type(name: \\\"User\\\") { name } }"} {
		said, logged := handled(t, false, nil, query)
		assert.NotContains(t, said, "User", "a stranger is told nothing")
		assert.Contains(t, said, `"code":"UNAUTHENTICATED"`)
		assert.NotContains(t, logged, "operation failed", "which is no fault of the service")
		for name, answer := range map[string]func() (string, string){
			"who is signed in":      func() (string, string) { return handled(t, false, ann, query) },
			"anybody, on localhost": func() (string, string) { return handled(t, true, nil, query) },
		} {
			said, _ := answer()
			assert.Contains(t, said, `"name":"User"`, name)
		}
	}
	said, _ := handled(t, false, nil, "{ __typename }")
	assert.JSONEq(t, `{"data":{"__typename":"Query"}}`, said, "that much is no secret")
}

func TestAPanicIsHidden(t *testing.T) {
	said, logged := handled(t, false, nil, "mutation { login(input: {username: \\\"a\\\", password: \\\"b\\\"}) { token } }")
	assert.Contains(t, said, `"code":"INTERNAL"`)
	assert.Contains(t, said, `"requestId":"R1"`)
	assert.NotContains(t, said, "nil pointer")
	assert.Contains(t, logged, "request=R1")
	assert.Contains(t, logged, "nil pointer")
}
