package sqlite

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"roster/internal/directory"
)

// wordRange are the entries of words that begin with a word and are in the
// groups of the list; inRange are its parameters.
const wordRange = "organization = ?1 AND word >= ?2 AND word < ?3 AND (?4 IS NULL OR in_group IN (SELECT value FROM json_each(?4)))"

func (l *list) inRange(word string) []any {
	var groups any
	if l.Groups != nil {
		numbers := make([]int64, len(l.groups))
		for i, g := range l.groups {
			numbers[i] = g.number
		}
		groups = jsonOf(numbers)
	}
	return []any{l.organization, word, word + top, groups}
}

// search finds those who have the words: the ones with the fewest first.
func (l *list) search() error {
	l.inGroups = l.Groups == nil
	var sets []*roaring.Bitmap
	for _, word := range l.Words {
		if l.index != nil {
			if set := l.index.words.of(word); set != nil {
				sets = append(sets, set)
				continue
			}
		}
		set, err := l.having(word)
		if err != nil {
			return err
		}
		sets, l.inGroups = append(sets, set), true
	}
	slices.SortFunc(sets, func(a, b *roaring.Bitmap) int { return cmp.Compare(a.GetCardinality(), b.GetCardinality()) })
	l.found = sets[0]
	for _, set := range sets[1:] {
		l.found = roaring.And(l.found, set)
	}
	return nil
}

// having reads who of the groups has a word that begins so.
func (l *list) having(word string) (*roaring.Bitmap, error) {
	set, common := roaring.New(), l.memory.indexes.common
	joined, err := l.value("SELECT group_concat(user) FROM (SELECT user FROM words WHERE "+wordRange+" LIMIT ?5)", append(l.inRange(word), int64(common+1))...)
	if err != nil || joined == nil {
		return set, err
	}
	numbers, err := splitNumbers(joined, common+1)
	if err != nil {
		return nil, err
	}
	if len(numbers) <= common {
		for _, number := range numbers {
			set.Add(uint32(number)) //nolint:gosec // see index.apply
		}
		return set, nil
	}
	// There is no index yet, or it does not know that the word has become common.
	err = l.rows("SELECT user FROM words WHERE "+wordRange, l.inRange(word), func(rows *sql.Rows) error {
		var number uint32
		err := rows.Scan(&number)
		set.Add(number)
		return err
	})
	return set, err
}

// splitNumbers reads what group_concat has made of numbers.
func splitNumbers(joined any, size int) ([]int64, error) {
	text, ok := joined.(string)
	if !ok {
		text = fmt.Sprint(joined)
	}
	numbers := make([]int64, 0, min(size, len(text)/2+1))
	for part := range strings.SplitSeq(text, ",") {
		number, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// count is how many have the words.
func (l *list) count() int {
	if l.inGroups {
		return int(l.found.GetCardinality()) //nolint:gosec // people of a file
	}
	n := uint64(0)
	for _, s := range l.sources() {
		set := l.index.groups[s.group]
		if s.group == 0 {
			set = l.index.statuses[s.status]
		}
		if set != nil {
			n += l.found.AndCardinality(set)
		}
	}
	return int(n)
}

// candidate is somebody who may be on the page, and where in the list.
type candidate struct {
	number int64
	at     directory.Position
}

// sortFound reads where people stand, and keeps those nearest to where the page
// begins.
func (l *list) sortFound(numbers []uint32) ([]int64, error) {
	var page []candidate
	err := l.rows("SELECT number, id, "+l.order.name+", in_group FROM users WHERE number IN (SELECT value FROM json_each(?))", []any{jsonOf(numbers)},
		func(rows *sql.Rows) error {
			c := candidate{}
			e := entry{}
			var group int64
			value := any(&e.text)
			if l.order.times {
				value = &e.milli
			}
			err := rows.Scan(&c.number, &e.id, value, &group)
			c.at = l.position(e, group)
			page = append(page, c)
			return err
		})
	if err != nil {
		return nil, err
	}
	if start := l.start(); start != nil {
		page = slices.DeleteFunc(page, func(c candidate) bool { return l.compare(c.at, *start) <= 0 })
	}
	slices.SortFunc(page, func(a, b candidate) int { return l.compare(a.at, b.at) })
	found := make([]int64, min(len(page), l.Limit))
	for i := range found {
		found[i] = page[i].number
	}
	return found, nil
}

// position is the place in the list of somebody in a group.
func (l *list) position(e entry, group int64) directory.Position {
	p := directory.Position{ID: e.id, Text: e.text}
	if l.order.times {
		p.Time = time.UnixMilli(e.milli).UTC()
	}
	if l.Order.Field == directory.ByRole {
		p.RoleID = l.byNumber[group].RoleID
	} else {
		p.Missing = l.order.missing(e)
	}
	return p
}
