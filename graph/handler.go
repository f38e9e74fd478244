package graph

import (
	"context"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// NewHandler answers GraphQL over HTTP, and over the WebSockets of sockets. The
// context of each request must come from WithRequest. openIntrospection lets
// people who have not signed in ask for the schema too. Extensions see each
// operation besides.
func NewHandler(r *Resolver, sockets *Sockets, openIntrospection bool, extensions ...graphql.HandlerExtension) http.Handler {
	server := newServer(r, openIntrospection, sockets, get{}, post{})
	server.Use(rows{})
	for _, extension := range extensions {
		server.Use(extension)
	}
	return server
}

// newServer executes what the first of the transports that supports a request
// reads from it.
func newServer(r *Resolver, openIntrospection bool, transports ...graphql.Transport) *handler.Server {
	server := handler.New(NewExecutableSchema(Config{Resolvers: r}))
	for _, transport := range transports {
		server.AddTransport(transport)
	}
	server.SetParserTokenLimit(maxTokens)
	server.SetQueryCache(shortQueries{lru.New[*ast.QueryDocument](cachedQueries)})
	server.SetDisableSuggestion(true)
	server.SetValidationRulesFn(rulesWithoutSuggestions)
	server.SetErrorPresenter(presentError)
	server.SetRecoverFunc(presentPanic)
	server.AroundRootFields(r.eachChange)
	server.Use(newLimits())
	server.Use(schemaAccess{open: openIntrospection})
	return server
}

// eachChange has every change of an operation look things up anew: what was
// found for the one before it has changed.
func (r *Resolver) eachChange(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	if graphql.GetOperationContext(ctx).Operation.Operation == ast.Mutation {
		ctx = WithRequest(ctx, r.Directory, requestOf(ctx).Request)
	}
	return next(ctx)
}

// rulesWithoutSuggestions name nothing of the schema that was not asked for.
func rulesWithoutSuggestions() *rules.Rules {
	all := rules.NewDefaultRules()
	for _, rule := range []struct{ with, without core.Rule }{
		{rules.KnownArgumentNamesRule, rules.KnownArgumentNamesRuleWithoutSuggestions},
		{rules.KnownTypeNamesRule, rules.KnownTypeNamesRuleWithoutSuggestions},
		{rules.ValuesOfCorrectTypeRule, rules.ValuesOfCorrectTypeRuleWithoutSuggestions},
	} {
		all.RemoveRule(rule.with.Name)
		all.AddRule(rule.without.Name, rule.without.RuleFunc)
	}
	return all
}

// schemaAccess tells the schema to people who are signed in, or to everybody.
type schemaAccess struct{ open bool }

func (schemaAccess) ExtensionName() string                   { return "schema access" }
func (schemaAccess) Validate(graphql.ExecutableSchema) error { return nil }

func (i schemaAccess) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	op.DisableIntrospection = !i.open && requestOf(ctx).Viewer == nil
	return nil
}

const (
	// cachedQuery is the longest query that is kept parsed, in bytes: the cache
	// counts queries, and must not be filled with large ones.
	cachedQuery = 8 << 10
	// cachedQueries is how many are kept.
	cachedQueries = 1000
)

// shortQueries caches documents that are short.
type shortQueries struct {
	graphql.Cache[*ast.QueryDocument]
}

func (c shortQueries) Add(ctx context.Context, query string, doc *ast.QueryDocument) {
	if len(query) <= cachedQuery {
		c.Cache.Add(ctx, query, doc)
	}
}
