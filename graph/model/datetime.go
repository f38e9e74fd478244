package model

import (
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"roster/internal/directory"
)

const dateTimeFormat = "2006-01-02T15:04:05.000Z"

// MarshalDateTime writes t as the schema's DateTime: RFC 3339, UTC, with
// milliseconds, which is the precision that is kept.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = w.Write(AppendDateTime(nil, t))
	})
}

// AppendDateTime appends what MarshalDateTime writes.
func AppendDateTime(dst []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(dst, '"'), dateTimeFormat), '"')
}

var errDateTime = directory.Refuse(directory.CodeBadInput, "Write a time as 2026-03-01T09:30:00.000Z.")

// UnmarshalDateTime reads an RFC 3339 time with any offset.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, errDateTime
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, errDateTime
	}
	return t.UTC(), nil
}
