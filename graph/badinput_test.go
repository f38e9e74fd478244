package graph

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// What the engine says of a request quotes no value of it.
func TestBadInputQuotesNoValue(t *testing.T) {
	for _, c := range []struct{ said, shown string }{
		{`Boolean cannot represent a non boolean value: "hunter2"`, `Boolean cannot represent a non boolean, found something else.`},
		{`Enum "UserStatus" cannot represent non-enum value: "hunter2".`, `Enum "UserStatus" cannot represent non-enum, found something else.`},
		{"String cannot represent a non string value: \"\"\"hunter2\nhunter2\"\"\"", `String cannot represent a non string, found something else.`},
		{`Expected value of type "LoginInput!", found "hunter2".`, `Expected value of type "LoginInput!", found something else.`},
		{`Expected :, found String "hunter2"`, `Expected :, found something else.`},
		{`Expected Name, found <EOF>`, `Expected Name, found <EOF>`},
		{`Cannot query field "userz" on type "Query".`, `Cannot query field "userz" on type "Query".`},
	} {
		assert.Equal(t, c.shown, badInput(gqlerror.List{{Message: c.said}})[0].Message)
	}
}
