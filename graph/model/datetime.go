package model

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

const dateTimeFormat = "2006-01-02T15:04:05.000Z"

// MarshalDateTime writes t as the schema's DateTime: RFC 3339, UTC, with
// milliseconds, which is the precision that is kept.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = io.WriteString(w, strconv.Quote(t.UTC().Format(dateTimeFormat)))
	})
}

// UnmarshalDateTime reads an RFC 3339 time with any offset.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, fmt.Errorf("a DateTime is a string such as 2026-03-01T09:30:00.000Z")
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("a DateTime looks like 2026-03-01T09:30:00.000Z")
	}
	return t.UTC().Truncate(time.Millisecond), nil
}
