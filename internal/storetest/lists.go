package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"roster/internal/directory"
)

// The whole of what ListUsers promises is written down once more here, as
// plainly as it can be: who is on a list, in which order, and where a page of it
// begins. The stores are held against that.

// expected are the people of a page.
func expected(people []*directory.User, q directory.ListQuery) []*directory.User {
	type placed struct {
		*directory.User
		at directory.Position
	}
	var list []placed
	for _, u := range people {
		at := directory.PositionOf(u, q.Order.Field)
		if (q.Groups == nil || slices.Contains(q.Groups, directory.GroupOf(u))) && found(u, q.Words) &&
			(q.After == nil || between(q, at, *q.After) > 0) && (q.Before == nil || between(q, at, *q.Before) < 0) {
			list = append(list, placed{u, at})
		}
	}
	slices.SortFunc(list, func(a, b placed) int { return between(q, a.at, b.at) })
	if q.Backward {
		slices.Reverse(list)
	}
	page := []*directory.User{}
	for _, p := range list[:min(len(list), q.Limit)] {
		page = append(page, p.User)
	}
	return page
}

// between is the order of a list.
func between(q directory.ListQuery, a, b directory.Position) int {
	if a.Missing != b.Missing {
		// Last in either direction.
		if a.Missing {
			return 1
		}
		return -1
	}
	c := cmp.Or(
		cmp.Compare(slices.Index(q.Roles, a.RoleID), slices.Index(q.Roles, b.RoleID)),
		a.Time.Compare(b.Time), strings.Compare(a.Text, b.Text), strings.Compare(a.ID, b.ID))
	if q.Order.Descending {
		return -c
	}
	return c
}

// found tells whether somebody has, for each of the words, a word that begins
// with it.
func found(u *directory.User, words []string) bool {
	for _, word := range words {
		if !slices.ContainsFunc(directory.SearchWords(u), func(w string) bool { return strings.HasPrefix(w, word) }) {
			return false
		}
	}
	return true
}

// orders are all of them, in both directions.
func orders() (all []directory.Order) {
	for _, field := range []directory.OrderField{
		directory.ByName, directory.ByEmail, directory.ByUsername, directory.ByRole, directory.ByLastLogin, directory.ByCreated,
	} {
		all = append(all, directory.Order{Field: field}, directory.Order{Field: field, Descending: true})
	}
	return all
}

// pick is one of the values.
func pick[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// crowd adds people, the same ones every time but for their ids, with many
// equal and missing values.
func crowd(t *test, o *directory.Organization, n int, random *rand.Rand) []*directory.User {
	t.Helper()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	people := make([]*directory.User, n)
	for i := range people {
		people[i] = person(o, func(u *directory.User) {
			u.Name = pick(random, "", "", "Ann Lee", "ann LEE", "Änn Lee", "Bo Ek", "Zoë Müller", "Łukasz Żak", "李小龙", "-", "100% O'Neil")
			u.Title = pick(random, "", "Clerk", "Chief Clerk", "Director")
			u.Email = fmt.Sprintf("%s%d@%s", pick(random, "ann", "B", "zoe."), i, pick(random, "example.com", "Example.org", "müller.example"))
			u.Username = u.Email
			if random.IntN(2) == 0 {
				u.Username = fmt.Sprintf("%s_%d", pick(random, "u", "U", "é", "z"), i)
			}
			u.Status = pick(random, directory.Active, directory.Active, directory.Active, directory.Pending, directory.Inactive)
			u.RoleID = pick(random, o.Roles[0].ID, o.Roles[1].ID, o.Roles[1].ID, o.Roles[2].ID)
			if random.IntN(3) == 0 {
				u.Credentials.TwoFactor = &directory.TwoFactor{LastStep: 1}
			}
			if random.IntN(3) > 0 {
				u.LastLoginAt = start.Add(time.Duration(random.IntN(20)) * time.Millisecond)
			}
			u.CreatedAt = start.Add(time.Duration(random.IntN(30)) * time.Hour)
		})
	}
	shuffled := slices.Clone(people)
	random.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	t.add(shuffled...)
	return people
}

// narrowed is a list of some groups and words, by chance.
func narrowed(o *directory.Organization, random *rand.Rand) (q directory.ListQuery) {
	var every []directory.Group
	for _, status := range []directory.Status{directory.Active, directory.Pending, directory.Inactive} {
		for _, role := range o.Roles {
			every = append(every, directory.Group{Status: status, RoleID: role.ID}, directory.Group{Status: status, RoleID: role.ID, TwoFactor: true})
		}
	}
	switch random.IntN(5) {
	case 0: // everybody
	case 1: // a status
		q.Groups = every[:6]
	case 2: // a role
		for i := 2; i < len(every); i += 6 {
			q.Groups = append(q.Groups, every[i], every[i+1])
		}
	default:
		random.Shuffle(len(every), func(i, j int) { every[i], every[j] = every[j], every[i] })
		q.Groups = every[:1+random.IntN(len(every))]
	}
	if random.IntN(2) == 0 {
		q.Words = directory.QueryWords(pick(random, "a", "ann", "zoe mul", "EXAMPLE", "clerk chief", "müller.ex", "ann1 example.com", "李", "z lu", "100%", "nobody", "com"))
	}
	return q
}

// page reads one page and holds it against what is expected.
func (t *test) page(o *directory.Organization, q directory.ListQuery, people []*directory.User) []*directory.User {
	t.Helper()
	want := expected(people, q)
	t.pageIs(o, q, want)
	return want
}

func (t *test) pageIs(o *directory.Organization, q directory.ListQuery, want []*directory.User) {
	t.Helper()
	var counts directory.Counts
	matches := -1
	if q.Words == nil {
		q.Counts = &counts
	} else {
		q.Matches = &matches
	}
	got, err := t.ListUsers(t.ctx, o.ID, q)
	t.ok(err)
	if matches >= 0 {
		all := q
		all.After, all.Before, all.Limit = nil, nil, math.MaxInt
		n, err := t.CountMatches(t.ctx, o.ID, all)
		t.ok(err)
		t.same(matches, n)
	}
	if counts != nil {
		kept, err := t.Counts(t.ctx, o.ID)
		t.ok(err)
		t.same(counts, kept)
	}
	if !slices.EqualFunc(got, want, func(a, b *directory.User) bool { return a.ID == b.ID }) {
		t.Errorf("a page of %+v, after %+v, before %+v", q, q.After, q.Before)
	}
	t.same(got, want)
}

// walk reads a list page by page, each beginning where the last has ended, and
// wants it to be the whole.
func (t *test) walk(o *directory.Organization, q directory.ListQuery, whole []*directory.User) {
	t.Helper()
	for {
		page := whole[:min(len(whole), q.Limit)]
		t.pageIs(o, q, page)
		whole = whole[len(page):]
		if len(page) == 0 {
			return
		}
		at := directory.PositionOf(page[len(page)-1], q.Order.Field)
		if q.Backward {
			q.Before = &at
		} else {
			q.After = &at
		}
	}
}

// listed wants a list to have exactly these people, in every order, and their
// number to be what is counted.
func (t *test) listed(o *directory.Organization, q directory.ListQuery, want ...*directory.User) {
	t.Helper()
	for _, order := range []directory.Order{{Field: directory.ByName}, {Field: directory.ByRole}, {Field: directory.ByCreated}} {
		q.Order, q.Limit, q.Roles = order, 100, rolesOf(o)
		got, err := t.ListUsers(t.ctx, o.ID, q)
		t.ok(err)
		t.everyone(got, want...)
	}
	if len(q.Words) > 0 {
		t.counts(o, q, len(want))
	}
}

// counts wants CountMatches to answer n.
func (t *test) counts(o *directory.Organization, q directory.ListQuery, n int) {
	t.Helper()
	q.Limit, q.After, q.Before = math.MaxInt, nil, nil
	got, err := t.CountMatches(t.ctx, o.ID, q)
	t.ok(err)
	if got != n {
		t.Fatalf("CountMatches of %+v answered %d, want %d", q, got, n)
	}
}

// rolesOf are not in the order of their ids.
func rolesOf(o *directory.Organization) []string {
	ids := []string{}
	for _, role := range o.Roles {
		ids = append(ids, role.ID)
	}
	slices.Reverse(ids)
	return ids
}

var lists = []promise{
	{"every order, in both directions and walked both ways, page by page, is the sorted list of those who pass", func(t *test) {
		random := rand.New(rand.NewPCG(1, 2))
		o := t.organization(1)
		t.added(t.organization(1)) // of nobody's concern
		people := crowd(t, o, 200, random)
		for _, order := range orders() {
			for _, backward := range []bool{false, true} {
				for _, size := range []int{7, 3, 1} {
					q := directory.ListQuery{}
					if size < 7 {
						q = narrowed(o, random)
					}
					q.Order, q.Backward, q.Roles, q.Limit = order, backward, rolesOf(o), math.MaxInt32
					whole := expected(people, q)
					if len(q.Words) > 0 {
						t.counts(o, q, len(whole))
					}
					// Long lists in longer pages, to spare slow stores.
					q.Limit = max(size, len(whole)/15)
					t.walk(o, q, whole)
				}
			}
		}
	}},
	{"a page may begin at a place where nobody stands any longer", func(t *test) {
		random := rand.New(rand.NewPCG(3, 4))
		o := t.organization(1)
		people := crowd(t, o, 60, random)
		for _, order := range orders() {
			for range 12 {
				q := narrowed(o, random)
				q.Order, q.Backward, q.Roles, q.Limit = order, random.IntN(2) == 0, rolesOf(o), 1+random.IntN(9)
				gone := people[random.IntN(len(people))].Clone()
				gone.ID = pick(random, newID("user_"), "user_0", gone.ID)
				gone.Name = pick(random, gone.Name, "", "anna", "zz")
				gone.Username = pick(random, gone.Username, "a", "éé")
				gone.Email = pick(random, gone.Email, "ann5@a")
				gone.LastLoginAt = pick(random, gone.LastLoginAt, time.Time{}, time.Date(2026, 1, 1, 0, 0, 0, int(9*time.Millisecond), time.UTC))
				gone.CreatedAt = pick(random, gone.CreatedAt, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
				at := directory.PositionOf(gone, order.Field)
				if q.Backward {
					q.Before = &at
				} else {
					q.After = &at
				}
				t.page(o, q, people)
			}
		}
	}},
	{"people are listed in every order after any change", func(t *test) {
		random := rand.New(rand.NewPCG(5, 6))
		o := t.organization(1)
		people := crowd(t, o, 20, random)
		for range 30 {
			u := people[random.IntN(len(people))]
			other := people[random.IntN(len(people))]
			t.update(u, func(u *directory.User) {
				switch random.IntN(5) {
				case 0:
					u.Name, u.Title = other.Name, other.Title
				case 1:
					u.Status, u.RoleID = other.Status, other.RoleID
				case 2:
					u.LastLoginAt, u.CreatedAt = other.LastLoginAt, other.CreatedAt
				case 3:
					u.Email, u.Username = unique("c")+"@example.net", unique("d")
				case 4:
					u.Credentials.TwoFactor = other.Clone().Credentials.TwoFactor
				}
			})
			for _, order := range orders() {
				q := narrowed(o, random)
				q.Order, q.Roles, q.Limit = order, rolesOf(o), 100
				t.page(o, q, people)
			}
		}
	}},
	{"those without a value come last in both directions, ordered by id in that direction", func(t *test) {
		o := t.organization(1)
		login := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		c := t.added(o, func(u *directory.User) { u.ID, u.Name = "user_c", "" })
		a := t.added(o, func(u *directory.User) { u.ID, u.Name = "user_a", "" })
		y := t.added(o, func(u *directory.User) { u.ID, u.Name, u.LastLoginAt = "user_b", "Yan", login.Add(time.Second) })
		x := t.added(o, func(u *directory.User) { u.ID, u.Name, u.LastLoginAt = "user_d", "Xia", login })
		for _, field := range []directory.OrderField{directory.ByName, directory.ByLastLogin} {
			got, err := t.ListUsers(t.ctx, o.ID, directory.ListQuery{Order: directory.Order{Field: field}, Limit: 9})
			t.ok(err)
			t.same(got, []*directory.User{x, y, a, c})
			got, err = t.ListUsers(t.ctx, o.ID, directory.ListQuery{Order: directory.Order{Field: field, Descending: true}, Limit: 9})
			t.ok(err)
			t.same(got, []*directory.User{y, x, c, a})
		}
	}},
	{"by role goes by the roles' order that was asked for, then by username", func(t *test) {
		o := t.organization(1)
		user := func(role int, username string) *directory.User {
			return t.added(o, func(u *directory.User) { u.RoleID, u.Username = o.Roles[role].ID, username })
		}
		b, a, d, c := user(1, "B"), user(1, "a"), user(0, "d"), user(2, "c")
		q := directory.ListQuery{Order: directory.Order{Field: directory.ByRole}, Limit: 9, Roles: []string{o.Roles[2].ID, o.Roles[0].ID, o.Roles[1].ID}}
		got, err := t.ListUsers(t.ctx, o.ID, q)
		t.ok(err)
		t.same(got, []*directory.User{c, d, a, b})
		q.Order.Descending = true
		got, err = t.ListUsers(t.ctx, o.ID, q)
		t.ok(err)
		t.same(got, []*directory.User{b, a, d, c})
	}},
	{"no groups is nobody, groups with nobody in them are nobody, a limit of nothing is nobody", func(t *test) {
		o := t.organization(1)
		u := t.added(o)
		empty := directory.ListQuery{Groups: []directory.Group{}}
		t.listed(o, empty)
		empty.Words = []string{"ann"}
		t.listed(o, empty)
		t.listed(o, directory.ListQuery{Groups: []directory.Group{{Status: directory.Inactive, RoleID: u.RoleID}, {Status: directory.Active, RoleID: "role_none"}}})
		t.listed(o, directory.ListQuery{Groups: []directory.Group{directory.GroupOf(u)}}, u)
		got, err := t.ListUsers(t.ctx, o.ID, directory.ListQuery{Order: directory.Order{Field: directory.ByName}})
		t.ok(err)
		t.everyone(got)
		got, err = t.ListUsers(t.ctx, newID("org_"), directory.ListQuery{Order: directory.Order{Field: directory.ByName}, Limit: 5})
		t.ok(err)
		t.everyone(got)
	}},
	{"a list gives back every field", func(t *test) {
		o := t.organization(1)
		u := populated(t, o)
		t.add(u)
		for _, order := range orders() {
			got, err := t.ListUsers(t.ctx, o.ID, directory.ListQuery{Order: order, Limit: 5, Roles: []string{u.RoleID}})
			t.ok(err)
			t.same(got, []*directory.User{u})
		}
	}},
	{"what means something to a database is literal in a search", func(t *test) {
		o := t.organization(1)
		var people []*directory.User
		texts := []string{
			"100%", "100x", "%", "_", "a_b", "axb", "*", "a*", `"quoted"`, "(a+)+$", "aaaa", ".*", `back\slash`, `\`, `{"$ne":null}`,
			"'; DROP TABLE users; --", "a\u00a0b", "NULL", "$where", "^a", "a|b", "[a-z]", "?", "OR", "NEAR", "-", "a-b",
		}
		for _, text := range texts {
			people = append(people, t.added(o, func(u *directory.User) { u.Name = text }))
		}
		for _, text := range append(texts, "%%", "__", "a%", "%b", ".", "a.", "(", "[", "1__", `"`, "{", "$", "\\\\") {
			q := directory.ListQuery{Words: directory.QueryWords(text)}
			if len(q.Words) == 0 {
				t.Fatalf("%q is no search", text)
			}
			var want []*directory.User
			for _, u := range people {
				if found(u, q.Words) {
					want = append(want, u)
				}
			}
			t.listed(o, q, want...)
		}
	}},
	{"a search is without case and accents, finds beginnings of words only, and all words must match", func(t *test) {
		o := t.organization(1)
		zoe := t.added(o, func(u *directory.User) {
			u.Name, u.Title, u.Email, u.Username = "Zoë Müller-Lüdenscheidt", "Führungskraft Ost", "Zoe.M@Mail.Example.COM", "zmüller"
		})
		ann := t.added(o, func(u *directory.User) { u.Name, u.Title = "Ann Zoeller", "" })
		for search, want := range map[string][]*directory.User{
			"zoe": {zoe, ann}, "ZOË": {zoe, ann}, "zoe\u0308": {zoe, ann}, "zoeller": {ann}, "muller": {zoe}, "MÜLL": {zoe}, "üller": nil,
			"ludensch": {zoe}, "müller-lü": {zoe}, "fuhrung": {zoe}, "ost": {zoe}, "zoe zo": {zoe, ann}, "zoe ost": {zoe}, "zoe west": nil,
			"mail.example": {zoe}, "example": {zoe, ann}, "com": {zoe, ann}, "zoe.m@": {zoe}, "zoe.m@mail.example.com": {zoe},
			"zoe.m@mail.example.com.": nil, "m": {zoe}, "zmuller": {zoe}, "zoem": nil, "oe": nil, "ann lee zoe": nil,
		} {
			t.listed(o, directory.ListQuery{Words: directory.QueryWords(search)}, want...)
		}
	}},
	{"a search finds the new words after a change and no longer the old ones", func(t *test) {
		o := t.organization(1)
		u := t.added(o, func(u *directory.User) { u.Name, u.Title = "Anna Berg", "Clerk" })
		search := func(words string, want ...*directory.User) {
			t.Helper()
			t.listed(o, directory.ListQuery{Words: directory.QueryWords(words)}, want...)
		}
		search("anna berg", u)
		t.update(u, func(u *directory.User) { u.Name, u.Title = "Ann Bergman", "Clerk Clerk" })
		search("anna")
		search("berg", u)
		search("bergm clerk", u)
		t.update(u, func(u *directory.User) { u.Name, u.Title = "", "" })
		search("berg")
		search("clerk")
		search(u.Username, u)
		t.update(u, func(u *directory.User) { u.Email, u.Username = "x@y.example", "xyz" })
		search("xy", u)
		search("ann")
	}},
	{"a search in groups follows somebody from group to group", func(t *test) {
		o := t.organization(1)
		u := t.added(o, func(u *directory.User) { u.Name = "Quentin" })
		t.added(o)
		for _, move := range []func(){
			func() {},
			func() { u.Status = directory.Inactive },
			func() { u.RoleID = o.Roles[2].ID },
			func() { u.Status, u.Credentials.TwoFactor = directory.Active, &directory.TwoFactor{LastStep: 1} },
			func() { u.RoleID, u.Name = o.Roles[1].ID, "Quentin Two" },
		} {
			was := directory.GroupOf(u)
			t.update(u, func(*directory.User) { move() })
			t.listed(o, directory.ListQuery{Words: []string{"quen"}, Groups: []directory.Group{directory.GroupOf(u)}}, u)
			if was != directory.GroupOf(u) {
				t.listed(o, directory.ListQuery{Words: []string{"quen"}, Groups: []directory.Group{was}})
			}
		}
	}},
	{"a common word is found wherever those who have it stand in the list", func(t *test) {
		random := rand.New(rand.NewPCG(7, 8))
		o := t.organization(1)
		// More than a store looks at before it changes its mind: those who are
		// searched for stand behind all others by name, and before them by address.
		people := make([]*directory.User, 3000)
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range people {
			people[i] = person(o, func(u *directory.User) {
				u.Name = "Aaron Aas"
				u.Email = fmt.Sprintf("z%d@example.com", i)
				if i%4 == 0 {
					u.Name, u.Email = "Zoe Zhu", fmt.Sprintf("a%d@example.com", i)
				}
				u.Username, u.CreatedAt = u.Email, start.Add(time.Duration(random.IntN(1000))*time.Hour)
				if i%40 == 0 {
					u.Status = directory.Inactive
				}
			})
		}
		for some := range slices.Chunk(people, 1000) {
			t.add(some...)
		}
		var zoes []*directory.User
		for i := 0; i < len(people); i += 4 {
			zoes = append(zoes, people[i])
		}
		for _, order := range []directory.Order{{Field: directory.ByName}, {Field: directory.ByEmail, Descending: true}, {Field: directory.ByCreated}} {
			for _, backward := range []bool{false, true} {
				q := directory.ListQuery{
					Order: order, Backward: backward, Roles: rolesOf(o), Limit: 20, Words: []string{"zoe", "com"},
					Groups: []directory.Group{{Status: directory.Active, RoleID: o.Roles[0].ID}},
				}
				if got := t.page(o, q, zoes); len(got) != 20 {
					t.Fatalf("%d people on a page of 20", len(got))
				}
				middle := directory.PositionOf(people[1500], order.Field)
				if backward {
					q.Before = &middle
				} else {
					q.After = &middle
				}
				t.page(o, q, zoes)
			}
		}
		q := directory.ListQuery{Words: []string{"zoe", "com"}, Limit: math.MaxInt32, Order: directory.Order{Field: directory.ByName}}
		t.counts(o, q, len(expected(zoes, q)))
		q.Words = []string{"z"}
		t.counts(o, q, len(people))
		q.Groups = []directory.Group{{Status: directory.Inactive, RoleID: o.Roles[0].ID}}
		t.counts(o, q, len(expected(people, q)))
	}},
}
