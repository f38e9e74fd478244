package directory

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// MaxPage is the most people on one page.
const MaxPage = 100

// OrderField is what a list of people is ordered by.
type OrderField string

// The orders. Those who have no value come last, in either direction; those
// who have the same are ordered by id. ByRole goes by the role's name, and
// within a role by username.
const (
	ByName      OrderField = "NAME"
	ByEmail     OrderField = "EMAIL"
	ByUsername  OrderField = "USERNAME"
	ByRole      OrderField = "ROLE"
	ByLastLogin OrderField = "LAST_LOGIN_AT"
	ByCreated   OrderField = "CREATED_AT"
)

// Order is a field and a direction.
type Order struct {
	Field      OrderField
	Descending bool
}

// ListQuery is one page of an ordered list of people, for a Store.
//
// The list is the people of the Groups (everybody, when Groups is nil; nobody,
// when it is empty) who have, for each of Words, a word that begins with it
// (see SearchWords). Its order is Order, then by id in the same direction. It
// is walked from just behind After, or from the beginning; with Backward, from
// just before Before, or from the end, towards the beginning: the nearest
// first. After is nil with Backward, Before without.
type ListQuery struct {
	Groups []Group
	Words  []string
	Order  Order
	// Roles are the ids of all roles in the order of ByRole, ascending.
	Roles         []string
	After, Before *Position
	Backward      bool
	Limit         int
	// Counts, if it is there, is made what UserStore.Counts answers, unless that
	// would cost another trip to the store: then it stays nil. Like the people of
	// the list, it may be shared and must not be changed.
	Counts *Counts
	// Matches, if it is there, is made what UserStore.CountMatches answers, in the
	// same way.
	Matches *int
}

// Position is a place in an ordered list: the values of one user in that
// order. Only what the order needs is set.
type Position struct {
	// Missing: the user has no value; Text and Time are empty.
	Missing bool
	// Text is SortText in the order.
	Text string
	// Time is the value of ByLastLogin and ByCreated.
	Time time.Time
	// RoleID is the role, in ByRole.
	RoleID string
	ID     string
}

// SortText is what u is ordered by in a textual order: the name's key (empty
// when there is no name), the address's, or the username's (also ByRole).
func SortText(u *User, by OrderField) string {
	switch by {
	case ByName:
		return fold(u.Name)
	case ByEmail:
		return EmailKey(u.Email)
	default:
		return NameKey(u.Username)
	}
}

// PositionOf is the place of u in an order.
func PositionOf(u *User, by OrderField) Position {
	p := Position{ID: u.ID}
	switch by {
	case ByLastLogin:
		p.Time, p.Missing = u.LastLoginAt, u.LastLoginAt.IsZero()
	case ByCreated:
		p.Time = u.CreatedAt
	case ByRole:
		p.RoleID, p.Text = u.RoleID, SortText(u, by)
	default:
		p.Text = SortText(u, by)
		p.Missing = p.Text == ""
	}
	return p
}

// strippers take accents off. One is large and keeps state, so that nobody else
// may use it meanwhile.
var strippers = sync.Pool{New: func() any {
	return transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFKC)
}}

// fold makes words comparable for reading: without case and accents.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	strip := strippers.Get().(transform.Transformer) //nolint:forcetypeassert // nothing else is in it
	plain, _, err := transform.String(strip, s)
	strippers.Put(strip)
	if err != nil {
		plain = s
	}
	return cases.Fold().String(strings.Map(upperCherokee, plain))
}

// SearchWords are the words under which u is found, sorted: those of the name,
// username, address and title, whole as they stand between spaces and split at
// punctuation; of an address also the local part and the domain. One that
// begins another is left out, since whatever finds it finds the other.
func SearchWords(u *User) []string {
	var words []string
	for _, text := range []string{u.Name, u.Username, u.Email, u.Title} {
		for _, whole := range strings.Fields(fold(text)) {
			words = append(words, whole)
			if local, domain, ok := strings.Cut(whole, "@"); ok {
				words = append(words, local, domain)
			}
			words = append(words, strings.FieldsFunc(whole, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })...)
		}
	}
	slices.Sort(words)
	kept := words[:0]
	for i, word := range words {
		if word != "" && (i+1 == len(words) || !strings.HasPrefix(words[i+1], word)) {
			kept = append(kept, word)
		}
	}
	return kept
}

// QueryWords are the words of a search, each to be found at the beginning of
// one of somebody's SearchWords. Punctuation is literal.
func QueryWords(search string) []string {
	words := strings.Fields(fold(search))
	slices.Sort(words)
	return slices.Compact(words)
}

// UserFilter is what a list of people is narrowed to; nil and empty mean no limit.
type UserFilter struct {
	Status    *Status
	Search    string
	RoleIDs   []string // nil: any role; empty: none
	CSMSeat   *bool
	TwoFactor *bool
}

// maxSearch is the most words and code points of a search.
const (
	maxSearchWords = 10
	maxSearchRunes = 200
)

// matches tells whether the people of a group pass the filter, but for its search.
func (f UserFilter) matches(o *Organization, g Group) bool {
	role := o.meaning(g.RoleID)
	seat := g.Status != Inactive && role.TakesSeat()
	return (f.Status == nil || g.Status == *f.Status) &&
		(f.RoleIDs == nil || slices.Contains(f.RoleIDs, role.ID)) &&
		(f.CSMSeat == nil || seat == *f.CSMSeat) &&
		(f.TwoFactor == nil || g.TwoFactor == *f.TwoFactor)
}

// groups are the groups that pass the filter; nil when all do.
func (f UserFilter) groups(o *Organization) []Group {
	if f.Status == nil && f.RoleIDs == nil && f.CSMSeat == nil && f.TwoFactor == nil {
		return nil
	}
	groups := []Group{}
	for _, status := range []Status{Active, Pending, Inactive} {
		for _, roleID := range o.carried(o.Roles) {
			for _, twoFactor := range []bool{false, true} {
				if g := (Group{status, roleID, twoFactor}); f.matches(o, g) {
					groups = append(groups, g)
				}
			}
		}
	}
	return groups
}

// PageRequest asks for a page as Relay connections do: the first so many after
// a cursor, or the last so many before one.
type PageRequest struct {
	First, Last   *int
	After, Before *string
	// Counted says that the total will be asked for.
	Counted bool
}

// DefaultPage is how many people a page has when nobody says.
const DefaultPage = 50

// limit checks the sizes asked for.
func (p PageRequest) limit() (size int, backward bool, err error) {
	switch {
	case p.First != nil && p.Last != nil:
		return 0, false, Refuse(CodeBadInput, "Ask for first or for last, not for both.", "first")
	case p.Last == nil && p.Before != nil && p.First == nil:
		return 0, false, Refuse(CodeBadInput, "Say with last how many you want before the cursor.", "last")
	case p.First != nil && p.Before != nil:
		return 0, false, Refuse(CodeBadInput, "first goes with after, last goes with before.", "before")
	case p.Last != nil && p.After != nil:
		return 0, false, Refuse(CodeBadInput, "last goes with before, first goes with after.", "after")
	}
	size, field := DefaultPage, "first"
	if p.First != nil {
		size = *p.First
	}
	if p.Last != nil {
		size, field, backward = *p.Last, "last", true
	}
	if size < 0 || size > MaxPage {
		return 0, false, Refuse(CodeBadInput, fmt.Sprintf("Ask for 0 to %d on a page.", MaxPage), field)
	}
	return size, backward, nil
}

// UserPage is one page of a list of people.
type UserPage struct {
	Users            []*User
	HasNext, HasPrev bool
	// Cursor is the opaque place of one of Users; signed when asked for.
	Cursor func(i int) string
	// Total is how many people the whole list has.
	Total func(ctx context.Context) (int, error)
}

// Users lists people. It needs VIEW_USERS.
func (d *Directory) Users(ctx context.Context, by Actor, filter UserFilter, order Order, page PageRequest) (*UserPage, error) {
	if err := by.need(ViewUsers); err != nil {
		return nil, err
	}
	size, backward, err := page.limit()
	if err != nil {
		return nil, err
	}
	if len([]rune(filter.Search)) > maxSearchRunes {
		return nil, Refuse(CodeBadInput, fmt.Sprintf("Search for at most %d characters.", maxSearchRunes), "search")
	}
	words := QueryWords(filter.Search)
	if len(words) > maxSearchWords {
		return nil, Refuse(CodeBadInput, fmt.Sprintf("Search for at most %d words.", maxSearchWords), "search")
	}
	org := by.Organization
	query := ListQuery{
		Groups: filter.groups(org), Words: words,
		Order: order, Backward: backward, Limit: size + 1,
	}
	query.Roles = org.carried(rolesByName(org.Roles))
	scope := listScope(org.ID, order)
	if page.After != nil {
		if query.After, err = d.cursors.open(scope, *page.After, "after"); err != nil {
			return nil, err
		}
	}
	if page.Before != nil {
		if query.Before, err = d.cursors.open(scope, *page.Before, "before"); err != nil {
			return nil, err
		}
	}

	var counts Counts
	matches := -1
	switch {
	case !page.Counted:
	case len(words) == 0:
		query.Counts = &counts
	default:
		query.Matches = &matches
	}
	answer := &UserPage{Total: func(ctx context.Context) (int, error) { return d.total(ctx, org, filter, query) }}
	if query.Groups != nil && len(query.Groups) == 0 {
		answer.Total = func(context.Context) (int, error) { return 0, nil }
		return answer, nil
	}
	users, err := d.store.ListUsers(ctx, org.ID, query)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	more := len(users) > size
	users = users[:min(len(users), size)]
	if backward {
		slices.Reverse(users)
	}
	answer.Users = users
	answer.HasNext, answer.HasPrev = more, page.After != nil
	if backward {
		answer.HasNext, answer.HasPrev = page.Before != nil, more
	}
	answer.Cursor = func(i int) string { return d.cursors.seal(scope, PositionOf(users[i], order.Field)) }
	return answer, nil
}

// total counts a list: from the kept counts, unless words are searched for.
func (d *Directory) total(ctx context.Context, org *Organization, filter UserFilter, query ListQuery) (int, error) {
	if query.Matches != nil && *query.Matches >= 0 {
		return *query.Matches, nil
	}
	if len(query.Words) > 0 {
		query.After, query.Before, query.Limit = nil, nil, math.MaxInt
		return d.store.CountMatches(ctx, org.ID, query)
	}
	var counts Counts
	if query.Counts != nil {
		counts = *query.Counts
	}
	if counts == nil {
		var err error
		if counts, err = d.store.Counts(ctx, org.ID); err != nil {
			return 0, fmt.Errorf("count users: %w", err)
		}
	}
	return counts.Sum(func(g Group) bool { return filter.matches(org, g) }), nil
}
