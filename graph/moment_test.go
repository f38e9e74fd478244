package graph

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"

	"roster/internal/directory"
)

func TestAlike(t *testing.T) {
	schema := NewExecutableSchema(Config{}).Schema()

	t.Run("the fields are of the schema, and none hangs on who asks", func(t *testing.T) {
		for name, fields := range alike {
			definition := schema.Types[name]
			require.NotNil(t, definition, name)
			for _, field := range fields {
				assert.NotNil(t, definition.Fields.ForName(field), "%s.%s", name, field)
			}
		}
		for _, own := range []string{"actions", "sessions", "invitation", "passwordReset"} {
			assert.NotNil(t, schema.Types["User"].Fields.ForName(own), own)
			assert.False(t, slices.Contains(alike["User"], own), own)
		}
	})

	t.Run("a selection is alike when all in it is", func(t *testing.T) {
		for query, want := range map[string]bool{
			`subscription { userChanged { kind user { id name role { name userCount } } organization { seats { used } userCounts { total } } } }`: true,
			`subscription { userChanged { __typename ...A user { ...B } } } fragment A on UserChange { kind } fragment B on User { a: name }`:     true,
			`subscription { userChanged { user { id actions { action } } } }`:                                                                     false,
			`subscription { userChanged { user { sessions { id } } } }`:                                                                           false,
			`subscription { userChanged { user { ... on Node { id ... on User { invitation { expired } } } } } }`:                                 false,
			`subscription { userChanged { user { ...B } } } fragment B on User { name ...C } fragment C on User { passwordReset { expiresAt } }`:  false,
		} {
			document, err := gqlparser.LoadQueryWithRules(schema, query, nil)
			require.Empty(t, err)
			assert.Equal(t, want, isAlike(document.Operations[0].SelectionSet, map[string]bool{}), query)
		}
	})

	t.Run("fragments that double at each step are looked at once", func(t *testing.T) {
		query := `subscription { userChanged { ...F0 } } fragment F40 on UserChange { kind }`
		for i := range 40 {
			query += fmt.Sprintf(" fragment F%d on UserChange { ...F%d ...F%d }", i, i+1, i+1)
		}
		document, err := gqlparser.LoadQueryWithRules(schema, query, nil)
		require.Empty(t, err)
		assert.True(t, isAlike(document.Operations[0].SelectionSet, map[string]bool{}))
	})
}

// TestSharedAnswers has many hear of one change: what is shared among them is
// nothing that one of them may not see, or sees differently.
func TestSharedAnswers(t *testing.T) {
	h := newHouse(t, nil)
	ann, bob := h.enter(t, "ann", viewer), h.enter(t, "bob", viewer)
	var all []*client
	for i := range 20 {
		all = append(all, h.listen(t, h.session(t, []*directory.User{h.root, ann, bob}[i%3])))
	}
	u, err := h.store.User(t.Context(), h.org.ID, bob.ID)
	require.NoError(t, err)
	u.RoleID = "role_none"
	require.NoError(t, h.store.UpdateUser(t.Context(), u))
	h.rename(t, bob, "Bob")
	for i, c := range all {
		if i%3 == 2 {
			assert.Equal(t, "FORBIDDEN", c.refused("1"))
			continue
		}
		c.changes("1", "UPDATED", "Bob")
	}
	h.rename(t, ann, "Ann")
	for i, c := range all {
		if i%3 != 2 {
			c.changes("1", "UPDATED", "Ann")
		} else {
			c.quiet()
		}
	}

	t.Run("what may be done to somebody hangs on who asks", func(t *testing.T) {
		allowed := func(token string) *client {
			c := h.begin(t, token)
			c.subscribe("1", `subscription { userChanged { user { actions { action allowed } } } }`)
			c.settle()
			return c
		}
		roots, anns := allowed(h.session(t, h.root)), allowed(h.session(t, ann))
		may := func(c *client) (n int) {
			actions := c.next()["payload"].(message)["data"].(message)["userChanged"].(message)["user"].(message)["actions"].([]any)
			for _, a := range actions {
				if a.(message)["allowed"] == true {
					n++
				}
			}
			return n
		}
		h.rename(t, bob, "Bob II")
		assert.Greater(t, may(roots), 2)
		assert.Zero(t, may(anns))
	})
}
