package sqlite

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"roster/internal/directory"
)

// column is what lists are ordered by, then by id: texts, or times in
// milliseconds. Who has none stands apart.
type column struct {
	name  string
	times bool
	// always: everybody has one.
	always bool
}

// rankings are how many columns an index ranks.
const rankings = 5

// ranked are these columns.
var ranked = [rankings]column{
	{name: "name"}, {name: "email"}, {name: "username"}, {name: "last_login", times: true}, {name: "created", times: true, always: true},
}

// rankingOf is where the column of each order is in ranked. By role, each role's
// people are in the order of their usernames.
var rankingOf = map[directory.OrderField]int{
	directory.ByName: 0, directory.ByEmail: 1, directory.ByUsername: 2, directory.ByRole: 2, directory.ByLastLogin: 3, directory.ByCreated: 4,
}

// statuses are those that people have.
var statuses = []directory.Status{directory.Active, directory.Pending, directory.Inactive}

// neverMilli is the time of what has never been.
var neverMilli = time.Time{}.UnixMilli()

// entry is somebody in an index of the file: the value, and the id.
type entry struct {
	number int64
	text   string
	milli  int64
	id     string
}

func (e entry) compare(with entry) int {
	return cmp.Or(cmp.Compare(e.milli, with.milli), strings.Compare(e.text, with.text), strings.Compare(e.id, with.id))
}

// entry is where somebody stands.
func (c column) entry(number int64, who *listed) entry {
	e := entry{number: number, id: who.id}
	switch c.name {
	case "name":
		e.text = who.name
	case "email":
		e.text = who.email
	case "username":
		e.text = who.username
	case "last_login":
		e.milli = who.lastLogin
	case "created":
		e.milli = who.created
	}
	return e
}

// missing tells whether an entry is of somebody who has no value.
func (c column) missing(e entry) bool {
	switch {
	case c.always:
		return false
	case c.times:
		return e.milli == neverMilli
	}
	return e.text == ""
}

// bound is a place in an index.
type bound struct {
	value any
	id    string
}

// bound is where an entry stands.
func (c column) bound(e entry) bound {
	if c.times {
		return bound{e.milli, e.id}
	}
	return bound{e.text, e.id}
}

// ends are the bounds of everybody. Those who have no value stand before all
// others, up to without.
func (c column) ends() (low, without, high bound) {
	if c.times {
		return bound{int64(math.MinInt64), ""}, bound{neverMilli, top}, bound{int64(math.MaxInt64), ""}
	}
	return bound{"", ""}, bound{"", top}, bound{top, ""}
}

// source is what a walk goes through: a group, or a whole status.
type source struct {
	group  int64
	status directory.Status
}

// stream is the people of one source in the order of a column.
type stream struct {
	column
	organization int64
	source
	// low and high are the bounds of what has not been read yet, and not part of it.
	low, high bound
	// down is from larger to smaller values.
	down bool
	// chunk is how many are read at once.
	chunk int
	read  []entry
	ended bool
}

// everybody is a walk through a whole source.
func (c column) everybody(organization int64, s source, chunk int) *stream {
	low, _, high := c.ends()
	return &stream{column: c, organization: organization, source: s, low: low, high: high, chunk: chunk}
}

// next takes the first of what was read.
func (s *stream) next() entry {
	e := s.read[0]
	s.read = s.read[1:]
	return e
}

// fill reads on when nothing that was read is left.
func (t *tx) fill(s *stream) (err error) {
	if len(s.read) > 0 || s.ended {
		return nil
	}
	query, args := s.query(s.what())
	if s.read, err = t.entries(s, query, args); err != nil {
		return err
	}
	s.ended = len(s.read) < s.chunk
	if !s.ended {
		last := s.bound(s.read[len(s.read)-1])
		if s.down {
			s.high = last
		} else {
			s.low = last
		}
	}
	s.chunk = max(s.chunk, min(2*s.chunk, 500))
	return nil
}

// nearest is the first on a walk through everybody, whatever their status; no
// number, when there is nobody.
func (t *tx) nearest(s *stream) (entry, error) {
	var parts []string
	var all []any
	for _, status := range statuses {
		s.source = source{status: status}
		query, args := s.query(s.what())
		parts, all = append(parts, "SELECT * FROM ("+query+")"), append(all, args...)
	}
	found, err := t.entries(s, strings.Join(parts, " UNION ALL "), all)
	if err != nil || len(found) == 0 {
		return entry{}, err
	}
	if s.down {
		return slices.MaxFunc(found, entry.compare), nil
	}
	return slices.MinFunc(found, entry.compare), nil
}

// what is what entries are made of.
func (s *stream) what() string { return "number, id, " + s.name + " AS value" }

// entries reads entries as one value, because a row costs as much to hand over
// as to find: of each the number, and the id and the value in so many bytes.
func (t *tx) entries(s *stream, query string, args []any) ([]entry, error) {
	joined, err := t.value("SELECT group_concat(number || ' ' || octet_length(id || ' ' || value) || ' ' || id || ' ' || value, '') FROM ("+query+")", args...)
	text, _ := joined.(string)
	found := make([]entry, 0, min(s.chunk, len(text)/8))
	for text != "" && err == nil {
		var e entry
		var place string
		if e.number, place, text, err = cutSized(text); err != nil {
			break
		}
		id, value, _ := strings.Cut(place, " ")
		if e.id = id; s.times {
			e.milli, err = strconv.ParseInt(value, 10, 64)
		} else {
			e.text = value
		}
		found = append(found, e)
	}
	return found, err
}

// numbers reads who is next on a walk, and no more of them than that.
func (t *tx) numbers(s *stream) ([]int64, error) {
	query, args := s.query("number")
	joined, err := t.value("SELECT group_concat(number) FROM ("+query+")", args...)
	if err != nil || joined == nil {
		return nil, err
	}
	return splitNumbers(joined)
}

// query reads the next ones of a walk.
func (s *stream) query(what string) (query string, args []any) {
	direction := ""
	if s.down {
		direction = " DESC"
	}
	// SQLite would plan a statement anew for each value of a plain "LIMIT ?", and
	// whenever "in_group = ?" becomes 1 or was.
	index, where := "users_group_", "in_group = ? + 0"
	args = []any{s.group}
	if s.group == 0 {
		index, where = "users_status_", "organization = ? AND status = ?"
		args = []any{s.organization, string(s.status)}
	}
	return "SELECT " + what + " FROM users INDEXED BY " + index + s.name +
			" WHERE " + where + " AND (" + s.name + ", id) > (?, ?) AND (" + s.name + ", id) < (?, ?)" +
			" ORDER BY " + s.name + direction + ", id" + direction + " LIMIT ? + 0",
		append(args, s.low.value, s.low.id, s.high.value, s.high.id, int64(s.chunk))
}
