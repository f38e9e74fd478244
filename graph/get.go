package graph

import (
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json"
	"github.com/vektah/gqlparser/v2/ast"
)

// get is the GET half of GraphQL over HTTP: for tools that ask what anybody may
// know. It reads and never changes, asks as nobody even when a session comes
// along, and takes no link's token: a URL stays in logs and histories.
type get struct{}

var _ graphql.Transport = get{}

// Supports implements graphql.Transport.
func (get) Supports(r *http.Request) bool { return AsksByGet(r) }

// AsksByGet tells whether a request is a GET that brings a query. Any other GET
// is told to POST.
func AsksByGet(r *http.Request) bool {
	return r.Method == http.MethodGet && !IsUpgrade(r) && r.URL.Query().Has("query")
}

func (get) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	media, ok := responseMedia(r)
	if !ok {
		refuseMedia(w)
		return
	}
	in, ok := urlParameters(r.URL.RawQuery)
	if !ok {
		refuseHTTP(w, media, http.StatusBadRequest, "Send query, and if needed operationName and variables (one JSON object), each once.")
		return
	}
	request := requestOf(r.Context())
	request.Viewer = nil
	execute(w, r, exec, media, in, func(op *graphql.OperationContext) bool {
		if op.Operation.Operation == ast.Query && countSensitive(op) == 0 {
			return true
		}
		w.Header().Set("Allow", http.MethodPost)
		refuseHTTP(w, media, http.StatusMethodNotAllowed, "Send this operation in a POST request.")
		return false
	})
}

// urlParameters reads the parameters of a URL as strictly as those of a body.
func urlParameters(query string) (parameters, bool) {
	var in parameters
	values, err := url.ParseQuery(query)
	if err != nil {
		return in, false
	}
	for name, given := range values {
		if len(given) != 1 || !utf8.ValidString(given[0]) {
			return in, false
		}
		var err error
		switch name {
		case "query":
			in.Query = &given[0]
		case "operationName":
			in.OperationName = given[0]
		case "variables":
			err = json.Unmarshal([]byte(given[0]), &in.Variables, json.WithUnmarshalers(numbers))
		case "extensions":
			err = json.Unmarshal([]byte(given[0]), &in.Extensions, json.WithUnmarshalers(numbers))
		}
		if err != nil {
			return in, false
		}
	}
	return in, true
}
