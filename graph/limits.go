package graph

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"roster/internal/directory"
)

// What an operation may ask for.
const (
	maxTokens     = 1000
	maxDepth      = 10
	maxAliases    = 15
	maxDirectives = 20
	// maxFields bounds what a document costs to validate, where every field is
	// held against every other one beside it.
	maxFields    = 500
	maxSensitive = 1
	// maxCost counts the objects of an answer: each object field once, and once
	// for each person of a page.
	maxCost = 1000
)

// sensitive are the root fields that look at a secret or send mail: an
// operation has one of them, so that limits on requests are limits on guesses.
var sensitive = map[string]bool{
	"login": true, "verifyTwoFactor": true, "completePasswordReset": true, "acceptInvitation": true,
	"requestPasswordReset": true, "changePassword": true, "confirmTwoFactorSetup": true, "removeTwoFactor": true,
	"startTwoFactorSetup": true, "inviteUsers": true, "resendInvitation": true, "resetPassword": true,
	"reactivateUser": true, "disable2FA": true, "invitation": true, "reauthenticate": true,
}

// limits refuses operations that ask for too much, before they are validated,
// which is where a hostile one would cost most.
type limits struct {
	// fine are documents that were judged and may be asked for.
	fine graphql.Cache[struct{}]
}

var (
	_ graphql.OperationParameterMutator = limits{}
	_ graphql.OperationContextMutator   = limits{}
	_ graphql.HandlerExtension          = limits{}
)

func newLimits() limits { return limits{fine: lru.New[struct{}](cachedQueries)} }

func (limits) ExtensionName() string                   { return "limits" }
func (limits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters judges the shape of a document, of which it needs
// no more than the syntax.
func (l limits) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if _, fine := l.fine.Get(ctx, params.Query); fine {
		return nil
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: params.Query}, maxTokens)
	if err != nil {
		if spoken, ok := err.(*gqlerror.Error); ok { //nolint:errorlint // the parser answers it bare
			return spoken
		}
		return gqlerror.Errorf("The query cannot be read.")
	}
	s := shape{doc: doc, fragments: map[string]*extent{}}
	for _, op := range doc.Operations {
		s.directives += len(op.Directives)
		all := s.measure(op.SelectionSet, 0)
		switch {
		case s.schemaAgain:
			return badShape("The schema is long, and told once an operation: ask for it without aliases.")
		case s.fields > maxFields:
			return tooMuch("has more than %d fields", maxFields)
		case all.depth > maxDepth:
			return tooMuch("is nested more than %d levels deep", maxDepth)
		case all.aliases > maxAliases:
			return tooMuch("has more than %d aliases", maxAliases)
		case s.directives+all.directives > maxDirectives:
			return tooMuch("has more than %d directives", maxDirectives)
		}
	}
	if len(params.Query) <= cachedQuery {
		l.fine.Add(ctx, params.Query, struct{}{})
	}
	return nil
}

func tooMuch(format string, limit int) *gqlerror.Error {
	return badShape("The operation " + fmt.Sprintf(format, limit) + ". Ask for less at a time.")
}

func badShape(message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": string(directory.CodeBadInput)}}
}

// shape measures a document that may be hostile: each fragment once, however
// often it is spread, and none inside itself.
type shape struct {
	doc        *ast.QueryDocument
	fragments  map[string]*extent
	directives int
	// fields counts those of each selection once, as they are written.
	fields int
	// schemaAgain: aliases have the schema told more than once.
	schemaAgain bool
}

// extent is how far a selection goes when its fragments are spread.
type extent struct{ depth, aliases, directives int }

// plenty stands for everything beyond all limits, where adding up stops.
const plenty = 1 << 20

func (s *shape) measure(set ast.SelectionSet, nesting int) extent {
	var all extent
	if nesting > maxTokens {
		return extent{plenty, plenty, plenty}
	}
	add := func(inner extent, levels int) {
		all.depth = max(all.depth, min(inner.depth+levels, plenty))
		all.aliases = min(all.aliases+inner.aliases, plenty)
		all.directives = min(all.directives+inner.directives, plenty)
	}
	for _, selection := range set {
		switch field := selection.(type) {
		case *ast.Field:
			s.fields++
			own := extent{directives: len(field.Directives)}
			if field.Alias != "" && field.Alias != field.Name {
				own.aliases = 1
			}
			inner := s.measure(field.SelectionSet, nesting+1)
			switch field.Name {
			case "__schema":
				s.schemaAgain = s.schemaAgain || own.aliases+inner.aliases > 0
				fallthrough
			case "__type":
				inner.depth = 0 // it has a depth rule of its own
			}
			add(own, 0)
			add(inner, 1)
		case *ast.InlineFragment:
			add(extent{directives: len(field.Directives)}, 0)
			add(s.measure(field.SelectionSet, nesting+1), 0)
		case *ast.FragmentSpread:
			add(extent{directives: len(field.Directives)}, 0)
			add(s.fragment(field.Name, nesting+1), 0)
		}
	}
	return all
}

func (s *shape) fragment(name string, nesting int) extent {
	if known, ok := s.fragments[name]; ok {
		return *known
	}
	definition := s.doc.Fragments.ForName(name)
	if definition == nil {
		return extent{}
	}
	// A fragment inside itself adds nothing here; validation refuses it.
	s.fragments[name] = &extent{}
	all := s.measure(definition.SelectionSet, nesting)
	all.directives += len(definition.Directives)
	s.fragments[name] = &all
	return all
}

// MutateOperationContext judges what a valid operation would cost, and refuses
// a second sensitive field.
func (limits) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	c := coster{variables: op.Variables, fragments: map[string]int{}}
	total := c.cost(op.Operation.SelectionSet)
	if total > maxCost {
		return tooMuch("asks for more than %d objects", maxCost)
	}
	if countSensitive(op) > maxSensitive {
		return tooMuch("has more than %d field that looks at a secret or sends mail", maxSensitive)
	}
	return nil
}

// coster adds up a valid operation, whose fragments do not contain themselves
// but may double at each step: what one costs is found out once.
type coster struct {
	variables map[string]any
	fragments map[string]int
}

// cost counts the objects of an answer.
func (c *coster) cost(set ast.SelectionSet) int {
	total := 0
	for _, selection := range set {
		switch field := selection.(type) {
		case *ast.Field:
			if field.SelectionSet != nil && field.Name != "__schema" && field.Name != "__type" {
				total += 1 + c.cost(field.SelectionSet)*c.pageSize(field)
			}
		case *ast.InlineFragment:
			total += c.cost(field.SelectionSet)
		case *ast.FragmentSpread:
			known, ok := c.fragments[field.Name]
			if !ok {
				known = c.cost(field.Definition.SelectionSet)
				c.fragments[field.Name] = known
			}
			total += known
		}
		total = min(total, plenty)
	}
	return total
}

// pageSize is how often the selection of field is answered.
func (c *coster) pageSize(field *ast.Field) int {
	if field.Definition == nil || field.Definition.Arguments.ForName("first") == nil {
		return 1
	}
	args := field.ArgumentMap(c.variables)
	for _, name := range []string{"first", "last"} {
		switch n := args[name].(type) {
		case int64:
			return int(min(max(n, 1), plenty))
		case int:
			return min(max(n, 1), plenty)
		}
	}
	return directory.DefaultPage
}

// countSensitive counts the sensitive fields that are run: a fragment that is
// spread again adds none, since its fields are the same.
func countSensitive(op *graphql.OperationContext) int {
	n, seen := 0, map[string]bool{}
	var count func(ast.SelectionSet)
	count = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch field := selection.(type) {
			case *ast.Field:
				if sensitive[field.Name] {
					n++
				}
			case *ast.InlineFragment:
				count(field.SelectionSet)
			case *ast.FragmentSpread:
				if !seen[field.Name] {
					seen[field.Name] = true
					count(field.Definition.SelectionSet)
				}
			}
		}
	}
	count(op.Operation.SelectionSet)
	return n
}
