package graph

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestWhatIsCounted: an operation is told in words of the schema and of the
// contract, whatever a client calls it.
func TestWhatIsCounted(t *testing.T) {
	// Fragments that double at each step: 2^40 fields when they are spread.
	doubling := "{ ...f0 }"
	for i := range 40 {
		doubling += fmt.Sprintf(" fragment f%d on Query { ...f%d ...f%d }", i, i+1, i+1)
	}
	doubling += " fragment f40 on Query { __typename }"
	api := NewHandler(&Resolver{}, NewSockets(nil, nil, nil, slog.Default()), false)
	for _, c := range []struct{ query, operation, outcome string }{
		{"{ __typename }", "__typename", "OK"},
		{"query q { ... on Query { a: __typename ...f } } fragment f on Query { b: __typename }", "__typename", "OK"},
		{doubling, "__typename", "OK"},
		{"{ roles { id } }", "roles", "UNAUTHENTICATED"},
		{"query users { viewer: roles { id } }", "roles", "UNAUTHENTICATED"},
		{"{ roles { id } __typename }", "several", "UNAUTHENTICATED"},
		{"query q { ...f ...g } fragment f on Query { roles { id } } fragment g on Query { organization { id } }", "several", "UNAUTHENTICATED"},
		{"mutation { login(input: {username: \\\"a\\\", password: \\\"b\\\"}) { token } }", "login", "INTERNAL"},
		{"{ nothing }", "", "BAD_USER_INPUT"},
		{"{ roles", "", "BAD_USER_INPUT"},
		{"query a { roles { id } } query b { roles { id } }", "", "BAD_USER_INPUT"},
		{"subscription { userChanged { kind } }", "userChanged", "BAD_USER_INPUT"},
	} {
		request := &Request{ID: "R1"}
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"`+c.query+`"}`))
		r.Header.Set("Content-Type", mediaJSON)
		r = r.WithContext(WithRequest(r.Context(), nil, request))
		api.ServeHTTP(httptest.NewRecorder(), r)
		assert.Equal(t, []string{c.operation, c.outcome}, []string{request.Operation, request.Outcome}, "%.100s", c.query)
	}
}
