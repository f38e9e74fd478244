package graph

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"roster/graph/model"
	"roster/internal/directory"
)

// rows writes the people of a page straight into the answer. gqlgen makes a
// context, a closure and a value of every field of every row; where only plain
// fields are asked for, the table below appends them instead. The bytes are
// the same, which is tested over generated selections; whatever is not in the
// table takes gqlgen's way.
type rows struct{}

var (
	_ graphql.HandlerExtension = rows{}
	_ graphql.FieldInterceptor = rows{}
)

func (rows) ExtensionName() string                   { return "rows" }
func (rows) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptField answers the nodes of a page of people.
func (rows) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	fc := graphql.GetFieldContext(ctx)
	if fc.Object != "UserConnection" || fc.Field.Name != "nodes" {
		return next(ctx)
	}
	page, ok := fc.Parent.Result.(*model.UserConnection)
	if !ok {
		return next(ctx)
	}
	op := graphql.GetOperationContext(ctx)
	columns, ok := columnsOf(op, fc.Field, []string{"User", "Node"}, func(f graphql.CollectedField) (appender[row], bool) {
		if f.Name == "role" {
			return roleColumn(op, f)
		}
		value, ok := userColumns[f.Name]
		return value, ok
	})
	if !ok {
		return next(ctx)
	}
	lent := requestOf(ctx).lent
	return graphql.WriterFunc(func(w io.Writer) {
		answer, ok := w.(*bytes.Buffer) // the engine's
		if !ok {
			_, _ = w.Write(appendPage(nil, page, columns))
			return
		}
		if lent {
			borrow(answer)
		}
		_, _ = answer.Write(appendPage(answer.AvailableBuffer(), page, columns))
	}), nil
}

// row is what a column is read from.
type row struct {
	*directory.User
	organization *directory.Organization
}

// appender appends a value of something.
type appender[T any] func(dst []byte, of T) []byte

// column appends one member of an object.
type column[T any] struct {
	// member is the name in the answer, quoted, with the colon.
	member []byte
	value  appender[T]
}

// columnsOf finds the columns of a selection on one of the types; false when
// one is not to be found.
func columnsOf[T any](op *graphql.OperationContext, field graphql.CollectedField, types []string, find func(graphql.CollectedField) (appender[T], bool)) ([]column[T], bool) {
	fields := graphql.CollectFields(op, field.Selections, types)
	columns := make([]column[T], 0, len(fields))
	for _, f := range fields {
		value, ok := find(f)
		if !ok || len(f.Deferrables) > 0 {
			return nil, false
		}
		columns = append(columns, column[T]{append(strconv.AppendQuote(nil, f.Alias), ':'), value})
	}
	return columns, true
}

// appendRow appends one object.
func appendRow[T any](dst []byte, of T, columns []column[T]) []byte {
	dst = append(dst, '{')
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = c.value(append(dst, c.member...), of)
	}
	return append(dst, '}')
}

// answers are buffers for answers with a page, which are a quarter of what a
// request would need memory for. They are lent where the transport gives them back
// when it has written the answer.
var answers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, usualAnswer)) }}

// usualAnswer and largestAnswer are how many bytes a buffer has room for: at
// first, and at most if it is to be used again.
const (
	usualAnswer   = 16 << 10
	largestAnswer = 64 << 10
)

// borrow has the engine go on in a lent buffer.
func borrow(answer *bytes.Buffer) {
	if answer.Cap() >= usualAnswer {
		return // by an earlier page of the same answer
	}
	begun := answer.Bytes()
	*answer = *answers.Get().(*bytes.Buffer) //nolint:forcetypeassert // nothing else is in it
	_, _ = answer.Write(begun)
}

// giveBack takes the buffer of an answer that is written and needed by nobody
// any more, whether it was lent or has grown by itself.
func giveBack(answer []byte) {
	if size := cap(answer); size >= usualAnswer && size <= largestAnswer {
		answers.Put(bytes.NewBuffer(answer[:0]))
	}
}

func appendPage(dst []byte, page *model.UserConnection, columns []column[row]) []byte {
	dst = append(dst, '[')
	for i, u := range page.Page.Users {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRow(dst, row{u, page.Organization}, columns)
	}
	return append(dst, ']')
}

// roleColumn is the role of a row, with the plain fields that were asked for. It
// is written once for each role of the page.
func roleColumn(op *graphql.OperationContext, field graphql.CollectedField) (appender[row], bool) {
	columns, ok := columnsOf(op, field, []string{"Role", "Node"}, func(f graphql.CollectedField) (appender[directory.Role], bool) {
		value, ok := roleColumns[f.Name]
		return value, ok
	})
	written := map[string][]byte{}
	return func(dst []byte, r row) []byte {
		role, known := written[r.RoleID]
		if !known {
			role = appendRow(nil, r.organization.RoleOf(r.User), columns)
			written[r.RoleID] = role
		}
		return append(dst, role...)
	}, ok
}

// userColumns are the plain fields of a User, as toUser shows them.
var userColumns = map[string]appender[row]{
	"__typename":       func(dst []byte, _ row) []byte { return append(dst, `"User"`...) },
	"id":               func(dst []byte, r row) []byte { return appendString(dst, r.ID) },
	"email":            func(dst []byte, r row) []byte { return appendString(dst, r.Email) },
	"username":         func(dst []byte, r row) []byte { return appendString(dst, r.Username) },
	"name":             func(dst []byte, r row) []byte { return appendOptional(dst, r.Name) },
	"title":            func(dst []byte, r row) []byte { return appendOptional(dst, r.Title) },
	"status":           func(dst []byte, r row) []byte { return appendString(dst, string(r.Status)) },
	"csmSeat":          func(dst []byte, r row) []byte { return strconv.AppendBool(dst, r.organization.TakesSeat(r.User)) },
	"twoFactorEnabled": func(dst []byte, r row) []byte { return strconv.AppendBool(dst, r.TwoFactorEnabled()) },
	"lastLoginAt":      func(dst []byte, r row) []byte { return appendTime(dst, r.LastLoginAt) },
	"createdAt":        func(dst []byte, r row) []byte { return appendTime(dst, r.CreatedAt) },
	"updatedAt":        func(dst []byte, r row) []byte { return appendTime(dst, r.UpdatedAt) },
	"deactivatedAt":    func(dst []byte, r row) []byte { return appendTime(dst, r.DeactivatedAt) },
	"version":          func(dst []byte, r row) []byte { return strconv.AppendInt(dst, int64(r.Version), 10) },
}

// roleColumns are the plain fields of a Role, as toRole shows them.
var roleColumns = map[string]appender[directory.Role]{
	"__typename":  func(dst []byte, _ directory.Role) []byte { return append(dst, `"Role"`...) },
	"id":          func(dst []byte, r directory.Role) []byte { return appendString(dst, r.ID) },
	"name":        func(dst []byte, r directory.Role) []byte { return appendString(dst, r.Name) },
	"description": func(dst []byte, r directory.Role) []byte { return appendOptional(dst, r.Description) },
	"csmSeat":     func(dst []byte, r directory.Role) []byte { return strconv.AppendBool(dst, r.TakesSeat()) },
	"builtIn":     func(dst []byte, r directory.Role) []byte { return strconv.AppendBool(dst, r.BuiltIn) },
	"version":     func(dst []byte, r directory.Role) []byte { return strconv.AppendInt(dst, int64(r.Version), 10) },
}

// appendString quotes s as the engine does: control characters, quotes and
// backslashes are escaped, everything else stands as it is.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if !escaped[c] {
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\t':
			dst = append(dst, `\t`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\n':
			dst = append(dst, `\n`...)
		default:
			const hex = "0123456789ABCDEF"
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}

// escaped are the bytes that can't stand in a string.
var escaped = func() (is [256]bool) {
	for c := range 0x20 {
		is[c] = true
	}
	is['"'], is['\\'] = true, true
	return is
}()

// appendOptional is appendString, with null for what was never given.
func appendOptional(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, s)
}

// appendTime is null for what never happened.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, "null"...)
	}
	return model.AppendDateTime(dst, t)
}
