package graph

import (
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// What operations are called that are not called by their root field.
const (
	// severalFields: an operation with more than one root field.
	severalFields = "several"
	// outcomeOK: answered without an error or a refusal.
	outcomeOK = "OK"
)

// operationOf is the root field that a valid operation asks for. The name that
// a client gives to an operation is the client's to choose, and there is no end
// to these; root fields there are as many as the schema has.
func operationOf(op *graphql.OperationContext) string {
	name, seen := "", map[string]bool{}
	var look func(ast.SelectionSet)
	look = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch field := selection.(type) {
			case *ast.Field:
				switch name {
				case "", field.Definition.Name:
					name = field.Definition.Name
				default:
					name = severalFields
				}
			case *ast.InlineFragment:
				look(field.SelectionSet)
			case *ast.FragmentSpread:
				if !seen[field.Name] {
					seen[field.Name] = true
					look(field.Definition.SelectionSet)
				}
			}
		}
	}
	look(op.Operation.SelectionSet)
	return name
}

// outcomeOf is the code of the first error, or else of the first refusal in a
// payload, or else OK.
func outcomeOf(request *Request, errs gqlerror.List) string {
	if len(errs) > 0 {
		if code, ok := errs[0].Extensions["code"].(string); ok {
			return code
		}
		return codeInternal
	}
	if refused := request.refused.Load(); refused != nil {
		return string(*refused)
	}
	return outcomeOK
}
