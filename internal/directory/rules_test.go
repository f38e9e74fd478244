package directory

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawPosition(t *rapid.T) Position {
	p := Position{
		Missing: rapid.Bool().Draw(t, "missing"), Text: rapid.String().Draw(t, "text"),
		RoleID: rapid.String().Draw(t, "role"), ID: rapid.String().Draw(t, "id"),
	}
	if rapid.Bool().Draw(t, "timed") {
		p.Time = time.UnixMilli(rapid.Int64Range(-1e13, 1e14).Draw(t, "milli")).UTC()
	}
	return p
}

func TestCursors(t *testing.T) {
	key := func(s string) []byte { return bytes.Repeat([]byte(s), 32) }
	c := newCursors([][]byte{key("a")})
	scope := listScope("org_1", Order{Field: ByName})
	p := Position{Text: "ann", ID: "user_1"}
	refused := func(t *testing.T, c cursors, scope, cursor string) {
		t.Helper()
		_, err := c.open(scope, cursor, "after")
		assert.True(t, HasCode(err, CodeBadInput), "%q: %v", cursor, err)
	}
	t.Run("a cursor gives back its position", rapid.MakeCheck(func(t *rapid.T) {
		p := drawPosition(t)
		got, err := c.open(scope, c.seal(scope, p), "after")
		if err != nil || *got != p {
			t.Fatalf("%+v, %v instead of %+v", got, err, p)
		}
	}))
	t.Run("a cursor of which one character is changed is refused", func(t *testing.T) {
		cursor := c.seal(scope, p)
		for i := range cursor {
			for _, other := range "AQgw-_z0" {
				if changed := cursor[:i] + string(other) + cursor[i+1:]; changed != cursor {
					refused(t, c, scope, changed)
				}
			}
			refused(t, c, scope, cursor[:i])
			refused(t, c, scope, cursor[i+1:])
		}
		for _, made := range []string{"", "=", "x", cursor + "A", cursor + "=", strings.ToUpper(cursor)} {
			refused(t, c, scope, made)
		}
	})
	t.Run("a cursor belongs to one organization, one order and one direction", func(t *testing.T) {
		orders := []Order{}
		for _, field := range []OrderField{ByName, ByEmail, ByUsername, ByRole, ByLastLogin, ByCreated} {
			orders = append(orders, Order{Field: field}, Order{Field: field, Descending: true})
		}
		var scopes []string
		for _, org := range []string{"org_1", "org_2"} {
			for _, order := range orders {
				scopes = append(scopes, listScope(org, order))
			}
		}
		for _, one := range scopes {
			for _, other := range scopes {
				_, err := c.open(other, c.seal(one, p), "after")
				assert.Equal(t, one == other, err == nil, "%s in %s", one, other)
			}
		}
	})
	t.Run("a cursor signed with a key that is not ours is refused", func(t *testing.T) {
		refused(t, c, scope, newCursors([][]byte{key("b")}).seal(scope, p))
	})
	t.Run("an old key opens until it is taken out, and the new one signs", func(t *testing.T) {
		rotated := newCursors([][]byte{key("b"), key("a")})
		got, err := rotated.open(scope, c.seal(scope, p), "after")
		require.NoError(t, err)
		assert.Equal(t, p, *got)
		refused(t, c, scope, rotated.seal(scope, p))
		refused(t, newCursors([][]byte{key("b")}), scope, c.seal(scope, p))
	})
	t.Run("a refusal names the field", func(t *testing.T) {
		_, err := c.open(scope, "x", "before")
		var one *Error
		require.ErrorAs(t, err, &one)
		assert.Equal(t, []string{"before"}, one.Field)
	})
}

func FuzzCursor(f *testing.F) {
	c := newCursors([][]byte{bytes.Repeat([]byte("k"), 32)})
	f.Add([]byte{}, "")
	f.Add(encodePosition(Position{Text: "ann", ID: "user_1", Time: time.UnixMilli(1)}), c.seal("s", Position{ID: "x"}))
	f.Add([]byte{3, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, "AAAA")
	f.Fuzz(func(t *testing.T, payload []byte, cursor string) {
		// Signed, whatever it is: no panic, and what is understood is stable.
		if p, err := c.open("s", c.sign("s", slices.Clone(payload)), "after"); err == nil {
			again, err := c.open("s", c.seal("s", *p), "after")
			if err != nil || *again != *p {
				t.Fatalf("%+v is read again as %+v, %v", p, again, err)
			}
		}
		if _, err := c.open("another scope", cursor, "after"); !HasCode(err, CodeBadInput) {
			t.Fatalf("a made-up cursor is opened: %q, %v", cursor, err)
		}
	})
}

func testOrganization() *Organization {
	newID := func(prefix string) string { return NewID(prefix, time.Now(), rand.Reader) }
	org := &Organization{ID: newID(prefixOrganization), Roles: builtInRoles(newID)}
	org.Roles = append(org.Roles,
		Role{ID: "role_both", Name: "Seated administrator", Permissions: append(slices.Clone(administration), CSMSeat)},
		Role{ID: "role_none", Name: "Nothing"})
	return org
}

func TestUserFilter(t *testing.T) {
	org := testOrganization()
	// Two people more in each group than in the one before.
	counts, people := Counts{}, []*User{}
	for _, status := range []Status{Active, Inactive, Pending} {
		for _, role := range org.Roles {
			for _, twoFactor := range []bool{false, true} {
				for range 1 + len(counts)%5 {
					u := &User{Status: status, RoleID: role.ID}
					if twoFactor {
						u.Credentials.TwoFactor = &TwoFactor{}
					}
					people = append(people, u)
					counts[GroupOf(u)]++
				}
			}
		}
	}
	yes, no := true, false
	active, pending, inactive := Active, Pending, Inactive
	csm, viewer := org.Roles[1].ID, org.Roles[3].ID
	for _, status := range []*Status{nil, &active, &pending, &inactive} {
		for _, roles := range [][]string{nil, {}, {csm}, {viewer}, {csm, viewer}, {"role_both"}, {"role_unknown"}} {
			for _, seat := range []*bool{nil, &yes, &no} {
				for _, twoFactor := range []*bool{nil, &yes, &no} {
					f := UserFilter{Status: status, RoleIDs: roles, CSMSeat: seat, TwoFactor: twoFactor}
					passes := func(u *User) bool {
						return (status == nil || u.Status == *status) && (roles == nil || slices.Contains(roles, u.RoleID)) &&
							(seat == nil || org.TakesSeat(u) == *seat) && (twoFactor == nil || u.TwoFactorEnabled() == *twoFactor)
					}
					groups := f.groups(org)
					want := 0
					for _, u := range people {
						in := groups == nil || slices.Contains(groups, GroupOf(u))
						if in != passes(u) {
							t.Errorf("%s: %+v is in the list: %v", describe(f), GroupOf(u), in)
						}
						if passes(u) {
							want++
						}
					}
					if got := counts.Sum(func(g Group) bool { return f.matches(org, g) }); got != want {
						t.Errorf("%s: the total is %d instead of %d", describe(f), got, want)
					}
					if narrow := status != nil || roles != nil || seat != nil || twoFactor != nil; (groups == nil) == narrow {
						t.Errorf("%s: nil groups mean everybody", describe(f))
					}
				}
			}
		}
	}
	t.Run("the two halves by seat are everybody", func(t *testing.T) {
		with, without := UserFilter{CSMSeat: &yes}.groups(org), UserFilter{CSMSeat: &no}.groups(org)
		assert.Len(t, append(with, without...), len(counts))
		for _, g := range with {
			assert.NotEqual(t, Inactive, g.Status, "nobody deleted has a seat")
		}
	})
}

func describe(f UserFilter) string {
	value := func(b *bool) string {
		if b == nil {
			return "any"
		}
		return fmt.Sprint(*b)
	}
	status := "any"
	if f.Status != nil {
		status = string(*f.Status)
	}
	return fmt.Sprintf("status %s, roles %v, seat %s, second factor %s", status, f.RoleIDs, value(f.CSMSeat), value(f.TwoFactor))
}

func TestPageRequest(t *testing.T) {
	n := func(n int) *int { return &n }
	s := "cursor"
	for name, test := range map[string]struct {
		page     PageRequest
		size     int
		backward bool
		refused  string
	}{
		"nothing said is the default page":     {PageRequest{}, DefaultPage, false, ""},
		"first goes forward":                   {PageRequest{First: n(3), After: &s}, 3, false, ""},
		"last goes backward":                   {PageRequest{Last: n(3), Before: &s}, 3, true, ""},
		"last alone is the end of the list":    {PageRequest{Last: n(3)}, 3, true, ""},
		"nobody is a page":                     {PageRequest{First: n(0)}, 0, false, ""},
		"the largest page":                     {PageRequest{First: n(MaxPage)}, MaxPage, false, ""},
		"a larger one is refused":              {PageRequest{First: n(MaxPage + 1)}, 0, false, "first"},
		"a negative one is refused":            {PageRequest{Last: n(-1)}, 0, false, "last"},
		"first and last are refused":           {PageRequest{First: n(1), Last: n(1)}, 0, false, "first"},
		"before without last is refused":       {PageRequest{Before: &s}, 0, false, "last"},
		"first with before is refused":         {PageRequest{First: n(1), Before: &s}, 0, false, "before"},
		"last with after is refused":           {PageRequest{Last: n(1), After: &s}, 0, false, "after"},
		"after alone goes on with the default": {PageRequest{After: &s}, DefaultPage, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			size, backward, err := test.page.limit()
			if test.refused != "" {
				var one *Error
				require.ErrorAs(t, err, &one)
				assert.Equal(t, CodeBadInput, one.Code)
				assert.Equal(t, []string{test.refused}, one.Field)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.size, size)
			assert.Equal(t, test.backward, backward)
		})
	}
}

func TestRoles(t *testing.T) {
	org := testOrganization()
	admin, csm, manager, viewer, both, none := org.Roles[0], org.Roles[1], org.Roles[2], org.Roles[3], org.Roles[4], org.Roles[5]
	t.Run("an administrator has every permission that is granted, and needs no seat", func(t *testing.T) {
		assert.True(t, admin.Administers())
		assert.True(t, both.Administers())
		for _, role := range []Role{csm, manager, viewer, none, {}} {
			assert.False(t, role.Administers(), role.Name)
		}
		for i := range administration {
			lesser := Role{Permissions: slices.Delete(slices.Clone(administration), i, i+1)}
			assert.False(t, lesser.Administers(), "without %s", administration[i])
		}
	})
	t.Run("a role covers another when it has all its permissions but the seat", func(t *testing.T) {
		roles := []Role{admin, csm, manager, viewer, both, none}
		for _, a := range roles {
			for _, b := range roles {
				want := true
				for _, p := range b.Permissions {
					want = want && (p == CSMSeat || a.Has(p))
				}
				assert.Equal(t, want, a.Covers(b), "%s, %s", a.Name, b.Name)
			}
		}
		assert.True(t, viewer.Covers(csm), "a seat is bought, not granted")
		assert.True(t, csm.Covers(viewer))
		assert.True(t, admin.Covers(both))
		assert.False(t, viewer.Covers(manager))
		assert.False(t, none.Covers(viewer))
	})
	t.Run("a seat is taken by who has the role and is not gone", func(t *testing.T) {
		for status, want := range map[Status]bool{Active: true, Pending: true, Inactive: false} {
			assert.Equal(t, want, org.TakesSeat(&User{Status: status, RoleID: csm.ID}), status)
			assert.Equal(t, want, org.TakesSeat(&User{Status: status, RoleID: both.ID}), status)
			assert.False(t, org.TakesSeat(&User{Status: status, RoleID: admin.ID}))
			assert.False(t, org.TakesSeat(&User{Status: status, RoleID: "role_gone"}))
		}
	})
	t.Run("only active people administer", func(t *testing.T) {
		for status, want := range map[Status]bool{Active: true, Pending: false, Inactive: false} {
			assert.Equal(t, want, org.Administers(&User{Status: status, RoleID: admin.ID}), status)
		}
	})
	t.Run("a role that is gone grants nothing", func(t *testing.T) {
		actor := Actor{User: &User{RoleID: "role_gone"}, Organization: org}
		assert.True(t, HasCode(actor.need(ViewUsers), CodeForbidden))
		assert.True(t, HasCode(Actor{Organization: org}.need(ViewUsers), CodeUnauthenticated))
		assert.NoError(t, Actor{User: &User{RoleID: viewer.ID}, Organization: org}.need(ViewUsers))
	})
	t.Run("roles are listed by name", func(t *testing.T) {
		var names []string
		for _, role := range rolesByName(org.Roles) {
			names = append(names, role.Name)
		}
		assert.Equal(t, []string{"Administrator", "Customer Success Manager", "Nothing", "Seated administrator", "User Manager", "Viewer"}, names)
		assert.Equal(t, "Administrator", org.Roles[0].Name, "the organization's own list stays as it is")
	})
}

func TestSeatsAvailable(t *testing.T) {
	assert.Equal(t, 2, Seats{Limit: 5, Used: 3}.Available())
	assert.Equal(t, 0, Seats{Limit: 3, Used: 5}.Available())
}

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"Acme": "acme", "Acme & Söhne": "acme-sohne", "  A  b  ": "a-b", "Ünïcode 42!": "unicode-42", "株式会社": "", "": "",
		strings.Repeat("ab ", 40): strings.TrimRight(strings.Repeat("ab-", 21), "-"),
	} {
		assert.Equal(t, want, Slug(name), "%q", name)
		assert.LessOrEqual(t, len(Slug(name)), 63)
	}
}
