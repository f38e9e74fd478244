package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"roster/graph/model"
	"roster/internal/directory"
)

// The codes of GraphQL errors that are not the domain's.
const codeInternal = "INTERNAL"

// userErrors splits what a domain function answered: refusals that the person
// can correct go into the payload, with the input's path before their field;
// everything else stays an error.
func userErrors(ctx context.Context, err error, path ...string) ([]*model.UserError, error) {
	shown := []*model.UserError{}
	refusals := directory.Collect(err)
	if err != nil && len(refusals) == 0 {
		return nil, err
	}
	for _, refused := range refusals {
		if !refused.Correctable() {
			return nil, refused
		}
		requestOf(ctx).refused.CompareAndSwap(nil, &refused.Code)
		one := &model.UserError{Code: model.UserErrorCode(refused.Code), Message: refused.Message}
		if len(refused.Field) > 0 {
			one.Field = append(slices.Clone(path), refused.Field...)
		}
		shown = append(shown, one)
	}
	return shown, nil
}

// presentError makes a GraphQL error of what a resolver answered: refusals
// keep their code and sentence; a fault of ours is logged with the request's
// id, and shown without its cause.
func presentError(ctx context.Context, err error) *gqlerror.Error {
	var refused *directory.Error
	if errors.As(err, &refused) {
		shown := gqlerror.WrapPath(graphql.GetPath(ctx), errors.New(refused.Message))
		shown.Extensions = map[string]any{"code": string(refused.Code)}
		if refused.RetryAfter > 0 {
			shown.Extensions["retryAfterSeconds"] = int(math.Ceil(refused.RetryAfter.Seconds()))
		}
		return shown
	}
	var overflow *graphql.NumberOverflowError
	if errors.As(err, &overflow) {
		shown := gqlerror.WrapPath(graphql.GetPath(ctx), errors.New("This number is too large."))
		shown.Extensions = map[string]any{"code": string(directory.CodeBadInput)}
		return shown
	}
	// Without arguments no resolver has run: they cannot be read, such as an
	// enum's value in lower case, which the engine's own validation lets pass.
	if fc := graphql.GetFieldContext(ctx); fc != nil && fc.Args == nil && len(fc.Field.Arguments) > 0 {
		return badInput(gqlerror.List{gqlerror.WrapPath(graphql.GetPath(ctx), err)})[0]
	}
	// The engine says no more than that it is disabled: see schemaAccess.
	if fc := graphql.GetFieldContext(ctx); fc != nil && (fc.Field.Name == "__schema" || fc.Field.Name == "__type") {
		return presentError(ctx, directory.Refuse(directory.CodeUnauthenticated, "Sign in to see the schema."))
	}
	// What the GraphQL engine itself says about the request is for the client;
	// it wraps what resolvers answer, and that is not.
	var spoken *gqlerror.Error
	if errors.As(err, &spoken) && spoken.Err == nil {
		return badInput(gqlerror.List{spoken})[0]
	}
	return hidden(ctx, err)
}

// hidden is the error shown in place of a fault.
func hidden(ctx context.Context, err error) *gqlerror.Error {
	request := requestOf(ctx)
	shown := gqlerror.WrapPath(graphql.GetPath(ctx), errors.New("Something went wrong on our side. Try again; if it stays, tell the operator the request id."))
	shown.Extensions = map[string]any{"code": codeInternal, "requestId": request.ID}
	if errors.Is(err, directory.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		shown = gqlerror.WrapPath(graphql.GetPath(ctx), errors.New("The service cannot answer at the moment. Try again in a few seconds."))
		shown.Extensions = map[string]any{"code": string(directory.CodeUnavailable), "requestId": request.ID}
	}
	slog.ErrorContext(ctx, "operation failed", "request", request.ID, "path", graphql.GetPath(ctx).String(), "error", err)
	return shown
}

// presentPanic hides a panic like any other fault; the log has the cause.
func presentPanic(ctx context.Context, cause any) error {
	return hidden(ctx, panicked{cause})
}

type panicked struct{ cause any }

func (p panicked) Error() string { return fmt.Sprintf("panic in a resolver: %v", p.cause) }
