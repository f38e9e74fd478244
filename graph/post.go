package graph

import (
	encodingjson "encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"roster/internal/directory"
)

// post is the POST half of GraphQL over HTTP (the working group's draft), and
// stricter than gqlgen's own: a body must be one JSON object in UTF-8 without
// repeated members, and nothing of a bad one is sent back.
type post struct{}

var _ graphql.Transport = post{}

const (
	mediaJSON     = "application/json"
	mediaResponse = "application/graphql-response+json"
)

// Supports: everything, so that what is wrong with a request is said in one place.
func (post) Supports(*http.Request) bool { return true }

// parameters are the body of a request.
type parameters struct {
	Query         *string        `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
	Extensions    map[string]any `json:"extensions"`
	// Others are for somebody else; but what only differs in case is a mistake,
	// or meant to be read differently by something in between.
	Others map[string]jsontext.Value `json:",embed"`
}

// ambiguous tells whether a member is another one in another case.
func (p parameters) ambiguous() bool {
	for name := range p.Others {
		for _, known := range []string{"query", "operationName", "variables", "extensions"} {
			if strings.EqualFold(name, known) {
				return true
			}
		}
	}
	return false
}

// numbers keeps the numbers of variables as they were written, for the engine
// to judge.
var numbers = json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != jsontext.KindNumber {
		return errors.ErrUnsupported
	}
	text, err := d.ReadValue()
	*v = encodingjson.Number(text)
	return err
})

// response is an answer; one to a request that was not executed has no data.
type response struct {
	Errors     gqlerror.List  `json:"errors,omitempty"`
	Data       jsontext.Value `json:"data,omitzero"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

func (post) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	media, ok := responseMedia(r)
	if !ok {
		refuseMedia(w)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuseHTTP(w, media, http.StatusMethodNotAllowed, "Send a POST request.")
		return
	}
	if contentType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || contentType != mediaJSON ||
		params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		refuseHTTP(w, media, http.StatusUnsupportedMediaType, "Send the request as application/json in UTF-8.")
		return
	}
	var in parameters
	if err := json.UnmarshalRead(r.Body, &in, json.WithUnmarshalers(numbers)); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			refuseHTTP(w, media, http.StatusRequestEntityTooLarge, "The request is larger than 100 KiB.")
			return
		}
		refuseHTTP(w, media, http.StatusBadRequest, "Send one JSON object with query, and if needed operationName and variables.")
		return
	}
	if in.ambiguous() {
		refuseHTTP(w, media, http.StatusBadRequest, "Write query, operationName and variables as they are written here.")
		return
	}
	if in.Query == nil {
		refuseHTTP(w, media, http.StatusBadRequest, "The request has no query.")
		return
	}
	execute(w, r, exec, media, in, func(op *graphql.OperationContext) bool {
		if op.Operation.Operation != ast.Subscription {
			return true
		}
		// One answer cannot tell what is still to come.
		refuseHTTP(w, media, refusedStatus(media), "Subscribe over a WebSocket, with the protocol graphql-transport-ws.")
		return false
	})
}

// execute runs what was asked for and answers it, unless it is refused: by the
// engine, or by the transport, which then has answered itself.
func execute(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, media string, in parameters, admit func(*graphql.OperationContext) bool) {
	params := &graphql.RawParams{
		Query: *in.Query, OperationName: in.OperationName, Variables: in.Variables, Extensions: in.Extensions,
		Headers: r.Header, ReadTime: graphql.TraceTiming{Start: graphql.Now(), End: graphql.Now()},
	}
	ctx := r.Context()
	op, refused := exec.CreateOperationContext(ctx, params)
	operation := requestOf(ctx)
	operation.lent = true
	request := operation.Request
	if refused != nil {
		request.Outcome = string(directory.CodeBadInput)
		writeResponse(w, media, refusedStatus(media), &response{Errors: badInput(refused)})
		return
	}
	request.Operation = operationOf(op)
	if !admit(op) {
		request.Outcome = string(directory.CodeBadInput)
		return
	}
	run, ctx := exec.DispatchOperation(ctx, op)
	answer := run(ctx)
	request.Outcome = outcomeOf(request, answer.Errors)
	writeResponse(w, media, http.StatusOK, &response{Errors: answer.Errors, Data: jsontext.Value(answer.Data), Extensions: answer.Extensions})
	giveBack(answer.Data)
}

// refusedStatus is the status of a well-formed request that is not executed.
func refusedStatus(media string) int {
	if media == mediaResponse {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// responseMedia is the media type to answer with; false when the client
// accepts none that there is.
func responseMedia(r *http.Request) (string, bool) {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return mediaJSON, true
	}
	any := false
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || params["q"] == "0" {
			continue
		}
		switch media {
		case mediaResponse, mediaJSON:
			return media, true
		case "*/*", "application/*":
			any = true
		}
	}
	return mediaJSON, any
}

// refuseMedia refuses a client that accepts nothing that there is.
func refuseMedia(w http.ResponseWriter) {
	refuseHTTP(w, mediaJSON, http.StatusNotAcceptable, "Accept application/graphql-response+json or application/json.")
}

// refuseHTTP refuses a request that is not one of GraphQL.
func refuseHTTP(w http.ResponseWriter, media string, status int, message string) {
	writeResponse(w, media, status, &response{Errors: gqlerror.List{{
		Message: message, Extensions: map[string]any{"code": string(directory.CodeBadInput)},
	}}})
}

// RefuseHTTP refuses a request before its operation is looked at.
func RefuseHTTP(w http.ResponseWriter, status int, code directory.Code, message, requestID string) {
	writeResponse(w, mediaJSON, status, &response{Errors: gqlerror.List{{
		Message: message, Extensions: map[string]any{"code": string(code), "requestId": requestID},
	}}})
}

// maxQuoted is how much of what the engine says is answered, in bytes: it
// quotes what it does not understand, which may be long, and many times.
const maxQuoted = 300

// quotedValue is where the engine quotes a value, which may be a secret in the
// wrong place. Names it may quote: they are of the schema, or meant to be.
var quotedValue = regexp.MustCompile(`(?s)( value: |, found [^<]).*$`)

// badInput gives what the engine says about a request the contract's code.
func badInput(list gqlerror.List) gqlerror.List {
	for _, e := range list {
		e.Message = quotedValue.ReplaceAllString(e.Message, ", found something else.")
		if len(e.Message) > maxQuoted {
			e.Message = strings.ToValidUTF8(e.Message[:maxQuoted], "") + "…"
		}
		if e.Extensions == nil {
			e.Extensions = map[string]any{}
		}
		e.Extensions["code"] = string(directory.CodeBadInput)
	}
	return list
}

// maxErrors is how many errors an answer has at most.
const maxErrors = 20

func writeResponse(w http.ResponseWriter, media string, status int, answer *response) {
	answer.Errors = answer.Errors[:min(len(answer.Errors), maxErrors)]
	var begin, body []byte
	if len(answer.Errors) == 0 && len(answer.Extensions) == 0 && len(answer.Data) > 0 {
		// The engine has written it as JSON, and there is nothing to add.
		begin, body = []byte(`{"data":`), append(answer.Data, '}')
	} else {
		var err error
		if body, err = json.Marshal(answer); err != nil {
			// Only our own types are in it.
			panic(fmt.Errorf("encode answer: %w", err))
		}
	}
	// For programs that know HTTP but not our extensions.
	for _, e := range answer.Errors {
		if seconds, ok := e.Extensions["retryAfterSeconds"].(int); ok {
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
		}
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(begin)+len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(begin)
	_, _ = w.Write(body)
}
