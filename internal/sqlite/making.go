package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
)

// ended is an error when the file is being closed, for what takes long.
func (t *tx) ended() error {
	select {
	case <-t.closed:
		return context.Canceled
	default:
		return nil
	}
}

// atOnce is how many entries are read by one statement while an index is made.
const atOnce = 2_000

// everyWord reads on behind somebody and behind a word.
const everyWord = `SELECT group_concat(user || ' ' || octet_length(word) || ' ' || word, '')
	FROM (SELECT word, user FROM words WHERE organization = ? AND (word, user) > (?, ?) ORDER BY word, user LIMIT ?)`

// make reads the index from the file.
func (x *index) make(t *tx) error {
	var err error
	if x.version, err = t.version(); err != nil {
		return err
	}
	if err := x.gather(t); err != nil {
		return err
	}
	for i := range x.rankings {
		if err := x.rank(t, i); err != nil {
			return err
		}
	}
	return x.begin(t)
}

// rank reads everybody in the order of a column: the people of each status in
// their order, merged.
func (x *index) rank(t *tx, i int) error {
	r, c := x.rankings[i], ranked[i]
	streams := make([]*stream, len(statuses))
	for i, status := range statuses {
		streams[i] = c.everybody(x.organization, source{status: status}, atOnce)
	}
	var without []uint32
	for {
		first := -1
		for i, w := range streams {
			if err := errors.Join(t.ended(), t.fill(w)); err != nil {
				return err
			}
			if len(w.read) > 0 && (first < 0 || w.read[0].compare(streams[first].read[0]) < 0) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		e := streams[first].next()
		member, known := x.member(e.number)
		part := 0
		if c.missing(e) {
			part, without = 1, append(without, member)
		}
		if !known || !r.append(member, part) {
			return errors.New("sqlite: the index does not fit the file")
		}
	}
	slices.Sort(without)
	r.without = setOf(without)
	return nil
}

// gather reads who is in which group.
func (x *index) gather(t *tx) error {
	err := t.rows("SELECT number, status, people FROM groups WHERE organization = ?", []any{x.organization}, func(rows *sql.Rows) error {
		var number, people int64
		var status string
		err := rows.Scan(&number, &status, &people)
		x.place(number, statusAt(status))
		return err
	})
	if err != nil {
		return err
	}
	numbers, all := make([][]uint32, len(x.groups)), []uint32{}
	for group, place := range x.places {
		s := ranked[0].everybody(x.organization, source{group: group}, atOnce)
		for {
			if err := errors.Join(t.ended(), t.fill(s)); err != nil {
				return err
			}
			if len(s.read) == 0 {
				break
			}
			numbers[place] = append(numbers[place], uint32(s.next().number)) //nolint:gosec // see numbering
		}
		all = append(all, numbers[place]...)
	}
	slices.Sort(all)
	for _, number := range all {
		x.add(int64(number))
	}
	x.group = make([]uint16, len(all))
	for place, some := range numbers {
		slices.Sort(some)
		for i, number := range some {
			some[i], _ = x.member(int64(number))
			x.group[some[i]] = uint16(place)
		}
		x.groups[place].members = setOf(some)
	}
	for member := range all {
		all[member] = uint32(member)
	}
	x.everybody = x.part(&memberSet{few: all})
	return nil
}

// begin reads who has which beginnings of words.
func (x *index) begin(t *tx) error {
	r := reader{beginnings: x.words, part: x.part}
	word, user := "", int64(math.MinInt64)
	for {
		value, err := t.value(everyWord, x.organization, word, user, int64(atOnce))
		text, _ := value.(string)
		if err == nil {
			err = t.ended()
		}
		if err != nil || text == "" {
			r.end(0)
			return err
		}
		for text != "" {
			if user, word, text, err = cutSized(text); err != nil {
				return err
			}
			member, known := x.member(user)
			if !known {
				return errors.New("sqlite: the index does not fit the file")
			}
			r.read(word, member)
		}
	}
}
