package graph

import (
	"bytes"
	"context"
	encodingjson "encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// listener is an engine that keeps what it is asked, and refuses it.
type listener struct{ heard *graphql.RawParams }

func (l *listener) CreateOperationContext(_ context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	l.heard = params
	return nil, gqlerror.List{gqlerror.Errorf("heard")}
}

func (*listener) DispatchOperation(ctx context.Context, _ *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	panic("nothing is to be run")
}

func (*listener) DispatchError(context.Context, gqlerror.List) *graphql.Response {
	panic("nothing is to be run")
}

// answered is what a transport made of a request: what it handed on, if
// anything, and its answer.
func answered(t *testing.T, transport graphql.Transport, r *http.Request) (*graphql.RawParams, *httptest.ResponseRecorder) {
	t.Helper()
	engine, w := &listener{}, httptest.NewRecorder()
	transport.Do(w, r.WithContext(WithRequest(r.Context(), nil, &Request{})), engine)
	if media := w.Header().Get("Content-Type"); media != mediaJSON+"; charset=utf-8" && media != mediaResponse+"; charset=utf-8" {
		t.Errorf("answered as %q", media)
	}
	var answer struct {
		Errors []struct{ Message string }
	}
	if err := encodingjson.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Errors) != 1 {
		t.Fatalf("no answer of GraphQL: %s", w.Body)
	}
	if engine.heard == nil && !refusals[answer.Errors[0].Message] {
		t.Errorf("more than a fixed sentence is answered: %s", w.Body)
	}
	if engine.heard == nil && w.Code < 400 {
		t.Errorf("status %d, but nothing was handed on", w.Code)
	}
	return engine.heard, w
}

// refusals are all that a transport says by itself.
var refusals = map[string]bool{
	"Accept application/graphql-response+json or application/json.":                       true,
	"Send the request as application/json in UTF-8.":                                      true,
	"Send one JSON object with query, and if needed operationName and variables.":         true,
	"Write query, operationName and variables as they are written here.":                  true,
	"The request has no query.":                                                           true,
	"Send query, and if needed operationName and variables (one JSON object), each once.": true,
}

// FuzzPost: what is handed on is what every other reader of JSON reads too, and
// of what is refused nothing is said back.
func FuzzPost(f *testing.F) {
	for _, body := range []string{
		`{"query":"{ viewer { user { id } } }"}`,
		`{"query":"query Q($a: Int) { users(first: $a) { totalCount } }","operationName":"Q","variables":{"a":1e400,"b":[1,-0,null,{"c":"\u0000"}]},"extensions":{}}`,
		`{"query":"a","query":"b"}`, `{"Query":"a"}`, `{"query":"a","QUERY":"b"}`, `{"query":null}`, `{"query":"a"} x`, `[{"query":"a"}]`,
		`{"query":"a","variables":null}`, `{"query":"a","variables":{"a":1,"a":2}}`, `{"query":"a","variables":"{}"}`, "{\"query\":\"\xff\"}",
		`{"query":"\ud800"}`, `{"query":"a","password":"hunter2"`, "\ufeff{\"query\":\"a\"}", "", "null", "0", "\x00",
	} {
		f.Add([]byte(body), "application/json", "")
	}
	f.Add([]byte(`{"query":"a"}`), "application/json; charset=UTF-8", "application/graphql-response+json, */*;q=0.1")
	f.Add([]byte(`{"query":"a"}`), "application/json; charset=latin1", "text/html")
	f.Add([]byte(`query=a`), "application/x-www-form-urlencoded", "*/*")
	f.Add([]byte(`{"query":"a"}`), "text/plain", "application/*;q=0")
	f.Fuzz(func(t *testing.T, body []byte, contentType, accept string) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Accept", accept)
		heard, _ := answered(t, post{}, r)
		if heard == nil {
			return
		}
		if !strings.Contains(strings.ToLower(contentType), "application/json") {
			t.Errorf("%q is taken for JSON", contentType)
		}
		if !utf8.Valid(body) {
			t.Errorf("%q is taken for UTF-8", body)
		}
		var members map[string]any
		reader := encodingjson.NewDecoder(bytes.NewReader(body))
		reader.UseNumber()
		if err := reader.Decode(&members); err != nil || reader.More() {
			t.Fatalf("%q is no JSON object: %v", body, err)
		}
		for name := range members {
			for _, known := range []string{"query", "operationName", "variables", "extensions"} {
				if name != known && strings.EqualFold(name, known) {
					t.Errorf("%q is taken for something else than %q", name, known)
				}
			}
		}
		same(t, members["query"], heard.Query)
		same(t, members["operationName"], heard.OperationName)
		same(t, members["variables"], heard.Variables)
		same(t, members["extensions"], heard.Extensions)
	})
}

// same compares a member of a body with what was handed on; null is as absent.
func same[T any](t *testing.T, member any, heard T) {
	t.Helper()
	want, _ := member.(T)
	if diff := cmp.Diff(want, heard); diff != "" {
		t.Errorf("(-said +heard)\n%s", diff)
	}
}

// FuzzGet: as FuzzPost, for what stands in a URL.
func FuzzGet(f *testing.F) {
	for _, query := range []string{
		"query={viewer{user{id}}}", "query=a&query=b", "query=a&variables={\"a\":1}", "query=a&variables=[1]", "query=a&variables={\"a\":1,\"a\":2}",
		"query=%ff", "query=a;b", "query=%zz", "query=a&operationName=b&operationName=c", "query", "query=&variables=", "query=a&extensions=null",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/graphql", RawQuery: query}, Header: http.Header{}}
		if !(get{}).Supports(r) {
			return
		}
		heard, _ := answered(t, get{}, r)
		if heard == nil {
			return
		}
		values := r.URL.Query()
		for name, given := range values {
			if len(given) != 1 {
				t.Errorf("%q stands there %d times", name, len(given))
			}
		}
		same(t, values.Get("query"), heard.Query)
		same(t, values.Get("operationName"), heard.OperationName)
		if !utf8.ValidString(heard.Query) {
			t.Errorf("%q is taken for UTF-8", heard.Query)
		}
	})
}

// FuzzOperation: no document breaks the engine; what it lets through is within
// the limits, as a plain reading of them says; and what it refuses is told
// without a name from the schema that was not asked for.
func FuzzOperation(f *testing.F) {
	for _, query := range []string{
		"{ viewer { user { id email } permissions } }",
		"query($f: Int = 5) { users(first: $f, orderBy: {field: NAME}) { nodes { id role { name } } pageInfo { endCursor } } }",
		"mutation { login(input: {username: \"a\", password: \"b\"}) { token } }",
		"mutation { a: login(input: {username: \"a\", password: \"b\"}) { token } ...f } fragment f on Mutation { b: login(input: {username: \"a\", password: \"b\"}) { token } }",
		"{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a viewer { user { id } } }",
		"{ viewer { ...v } } fragment v on Viewer { user { invitation { invitedBy { invitation { invitedBy { invitation { invitedBy { id } } } } } } } }",
		"{ a: viewer { user { id @skip(if: false) @include(if: true) } } b: __typename }",
		"{ __schema { types { fields { type { ofType { ofType { name } } } } } } }",
		"{ userz { id } }", "{ users(frist: 1) { totalCount } }", "{ users(status: ACTIV) { totalCount } }", "subscription { userChanged { kind } }",
		"query A { viewer { user { id } } } query B { roles { id } }", "{", "\"\"\"", "#", "{ users(search: \"\\uD800\") { totalCount } }", "",
	} {
		f.Add(query, "")
	}
	// Fragments that triple 60 times and come to nothing: once, for good.
	tripling := "{ ...f0 } fragment f60 on Query { __typename }"
	for i := range 60 {
		tripling += fmt.Sprintf(" fragment f%d on Query { ...f%[2]d ...f%[2]d ...f%[2]d }", i, i+1)
	}
	f.Add(tripling, "")
	engine := executor.New(NewExecutableSchema(Config{Resolvers: &Resolver{}}))
	engine.SetParserTokenLimit(maxTokens)
	engine.SetDisableSuggestion(true)
	engine.SetDefaultRulesFn(rulesWithoutSuggestions)
	engine.Use(newLimits())
	f.Fuzz(func(t *testing.T, query, name string) {
		ctx := graphql.StartOperationTrace(WithRequest(t.Context(), nil, &Request{}))
		op, refused := engine.CreateOperationContext(ctx, &graphql.RawParams{Query: query, OperationName: name})
		for _, e := range refused {
			if strings.Contains(e.Message, "Did you mean") {
				t.Errorf("a suggestion: %s", e.Message)
			}
		}
		if refused != nil {
			return
		}
		all := &usage{fields: 100_000}
		all.add(op.Operation.SelectionSet, 0)
		switch {
		case all.depth > maxDepth:
			t.Errorf("%d levels", all.depth)
		case all.aliases > maxAliases:
			t.Errorf("%d aliases", all.aliases)
		case all.sensitive > maxSensitive:
			t.Errorf("%d fields that look at a secret or send mail", all.sensitive)
		}
	})
}

// usage counts what the limits are about as it will be executed: every spread
// of a fragment again, up to a number of fields.
type usage struct{ fields, depth, aliases, sensitive int }

func (u *usage) add(set ast.SelectionSet, depth int) {
	u.depth = max(u.depth, depth)
	for _, selection := range set {
		if u.fields--; u.fields < 0 {
			return
		}
		switch s := selection.(type) {
		case *ast.Field:
			if s.Alias != s.Name {
				u.aliases++
			}
			if depth == 0 && sensitive[s.Name] {
				u.sensitive++
			}
			if !strings.HasPrefix(s.Name, "__") {
				u.add(s.SelectionSet, depth+1)
			}
		case *ast.InlineFragment:
			u.add(s.SelectionSet, depth)
		case *ast.FragmentSpread:
			u.add(s.Definition.SelectionSet, depth)
		}
	}
}
