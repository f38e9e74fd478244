package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
)

// The list of the console, and the fields of a row that issue and peers agree on.
const listQuery = `query Users($status: UserStatus, $search: String, $orderBy: UserOrder, $first: Int, $after: String, $last: Int, $before: String) {
  users(status: $status, search: $search, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    nodes { id name username email title status csmSeat twoFactorEnabled lastLoginAt role { id name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount
  }
}`

const countsQuery = `query Counts($status: UserStatus) {
  organization { userCounts { active pending inactive total } }
  roles { id userCount }
  users(status: $status, first: 1) { totalCount }
}`

const pageSize = 50

// order is one of the orders that are measured.
type order struct{ field, direction string }

func (o order) String() string { return o.field + " " + o.direction }

func (o order) variable() object { return object{"field": o.field, "direction": o.direction} }

var orders = []order{
	{"NAME", "ASC"}, {"NAME", "DESC"}, {"EMAIL", "ASC"}, {"EMAIL", "DESC"},
	{"ROLE", "ASC"}, {"ROLE", "DESC"}, {"LAST_LOGIN_AT", "ASC"}, {"LAST_LOGIN_AT", "DESC"},
}

// statuses are the tabs; nil is everybody.
var statuses = []any{nil, "ACTIVE", "PENDING", "INACTIVE"}

// scattered begin the addresses of people all over the alphabet; no other name
// ends with one, so that a search for a part of a word finds the same.
var scattered = strings.Fields(`
	ada. beatriz. carlos. deepa. esther. fatima. gabriel. hannah. ibrahim. jakub. kateryna. lucas.
	matteo. natalia. oliver. priya. ricardo. santiago. thabo. tomasz. uma. valentina. yasmin. zofia.`)

// cursors are places in each order, those of the scattered people.
type cursors map[order][]string

// somebody is a place that both Roster and its peers can find: people are the
// same, cursors are not.
type somebody struct{ username string }

// scatteredPeople finds somebody for each of scattered; fewer where there are few people.
func scatteredPeople(s *server) ([]somebody, error) {
	c, err := dial(s.address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var people []somebody
	for _, name := range scattered {
		data, err := s.askOn(c, operation{listQuery, object{"search": name, "orderBy": order{"EMAIL", "ASC"}.variable(), "first": 1}})
		if err != nil {
			return nil, err
		}
		if nodes, _ := at(data, "users", "nodes").([]any); len(nodes) == 1 {
			people = append(people, somebody{textAt(nodes[0], "username")})
		}
	}
	if len(people) < len(scattered)/2 {
		return nil, errors.New("too few people to choose places from")
	}
	return people, nil
}

// collect asks for the cursors of people, in each order.
func collect(s *server, people []somebody) (cursors, error) {
	c, err := dial(s.address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	places := cursors{}
	for _, o := range orders {
		for _, who := range people {
			data, err := s.askOn(c, operation{listQuery, object{"search": who.username, "orderBy": o.variable(), "first": 1}})
			if err != nil {
				return nil, err
			}
			nodes, _ := at(data, "users", "nodes").([]any)
			if len(nodes) != 1 || textAt(nodes[0], "username") != who.username {
				return nil, fmt.Errorf("%s does not find %s", s.name, who.username)
			}
			places[o] = append(places[o], textAt(data, "users", "pageInfo", "endCursor"))
		}
	}
	return places, nil
}

// place is where in a list a page lies.
type place string

const (
	firstPage place = "page 1"
	forward   place = "forward"
	backward  place = "backward"
	lastPage  place = "last page"
)

var places = []place{firstPage, forward, backward, lastPage}

// page asks for a page of a list. Cursors have one for each of the scattered
// people, of which i chooses.
func page(c cursors, o order, status any, p place, i int) operation {
	variables := object{"orderBy": o.variable()}
	if status != nil {
		variables["status"] = status
	}
	cursor := c[o][i%len(c[o])]
	switch p {
	case firstPage:
		variables["first"] = pageSize
	case forward:
		variables["first"], variables["after"] = pageSize, cursor
	case backward:
		variables["last"], variables["before"] = pageSize, cursor
	case lastPage:
		variables["last"] = pageSize
	}
	return operation{listQuery, variables}
}

// pages are all pages that are measured, each once, in an order that is the
// same each time.
func pages(c cursors) []operation {
	var all []operation
	for _, o := range orders {
		for _, status := range statuses {
			all = append(all, page(c, o, status, firstPage, 0), page(c, o, status, lastPage, 0))
			for i := range c[o] {
				all = append(all, page(c, o, status, forward, i), page(c, o, status, backward, i))
			}
		}
	}
	shuffle(all)
	return all
}

func shuffle[T any](all []T) {
	rand.New(rand.NewPCG(1906, 1992)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) //nolint:gosec // to be the same each time
}

// What is searched for: beginnings of words. Mostly names, as one does on such
// a page; some addresses, and some titles, which many have.
var (
	oneWord = strings.Fields(`
		kobaya zimmer takaha papad lindq bondar mwan villan okaf fernán muller georg wójc öztü santiago priya
		kater thab ibrah vale hann matt carl yasm ada.b jakub.no zofia.w lucas.m oliver.t natalia.k uma.pat deepa.s
		engin analyst control archit renewals onboard writer partner`)
	twoWords = strings.Fields(`
		ada+bau ben+coh carlos+dia deepa+sha elena+pet fatima+has gabriel+cos hannah+mey ibrahim+dia jakub+now
		kateryna+bond lucas+sil matteo+ros natalia+sok oliver+bro priya+pat ricardo+gom santiago+lop thabo+mbe uma+rao
		valentina+ric wei+zhang yasmin+kha zofia+kow
		maria+engin anna+analyst daniel+manager lena+designer omar+support petra+data rosa+quality mei+technical`)
	// sameWords find the same people in a LIKE '%…%', which looks for parts of
	// words and knows no accents.
	sameWords = strings.Fields("kobayashi zimmermann takahashi papadopoulos bondarenko valentina+ricci wei+zhang")
)

// searches ask for the first page of what is found, on all tabs and in all orders.
func searches(words []string) []operation {
	var all []operation
	for i, w := range words {
		for j := range 4 {
			variables := object{
				"search":  strings.ReplaceAll(w, "+", " "),
				"orderBy": orders[(i+2*j)%len(orders)].variable(), "first": pageSize,
			}
			if status := statuses[j]; status != nil {
				variables["status"] = status
			}
			all = append(all, operation{listQuery, variables})
		}
	}
	shuffle(all)
	return all
}

// counts ask how many there are.
func counts() []operation {
	var all []operation
	for _, status := range statuses {
		all = append(all, operation{countsQuery, object{"status": status}})
	}
	return all
}

// same tells whether two servers answer these operations alike; cursors are
// their own matter, but there must be the same ones.
func same(a, b *server, ofA, ofB []operation) error {
	one, err := dial(a.address)
	if err != nil {
		return err
	}
	defer one.close()
	other, err := dial(b.address)
	if err != nil {
		return err
	}
	defer other.close()
	for i := range ofA {
		left, err := a.askOn(one, ofA[i])
		if err != nil {
			return err
		}
		right, err := b.askOn(other, ofB[i])
		if err != nil {
			return err
		}
		withoutCursors(left)
		withoutCursors(right)
		if !reflect.DeepEqual(left, right) {
			return fmt.Errorf("%s and %s differ in their answer to %v:\n%.2000s\n%.2000s", a.name, b.name, ofA[i].variables, fmt.Sprint(left), fmt.Sprint(right))
		}
	}
	return nil
}

func withoutCursors(data object) {
	info, _ := at(data, "users", "pageInfo").(object)
	for _, name := range []string{"startCursor", "endCursor"} {
		if info[name] != nil {
			info[name] = "a cursor"
		}
	}
}
