package sqlite

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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

// search finds those of the list who have the words.
func (l *list) search() error {
	l.found = []*memberSet{}
	var known []*parted // who has the words that the index knows
	var rare *memberSet // who has those that few have
	var common []string
	for _, word := range l.Words {
		if l.index != nil {
			if set := l.index.words.of(word); set != nil {
				known = append(known, set)
				continue
			}
		}
		set, all, err := l.fewHaving(word)
		if err != nil {
			return err
		}
		if !all {
			common = append(common, word)
			continue
		}
		if rare != nil {
			set = both(set, rare)
		}
		rare = set
	}
	// There is no index yet, or it does not know that a word has become common.
	for _, word := range common {
		var set *memberSet
		var err error
		if rare == nil {
			set, err = l.having(word)
		} else {
			set, err = l.ofThese(rare, word)
		}
		if err != nil {
			return err
		}
		rare = set
	}
	if len(known) == 0 {
		l.found = append(l.found, rare)
		for i := range l.foundOf {
			l.foundOf[i] = l.found // of any status
		}
		return nil
	}
	for i, status := range statuses {
		var groups []*memberSet
		for _, g := range l.groups {
			if g.Status == status {
				groups = append(groups, l.index.groups[l.index.places[g.number]].members)
			}
		}
		if len(groups) == 0 {
			continue
		}
		var sets []*memberSet
		if rare != nil {
			sets = append(sets, rare)
		}
		for _, set := range known {
			sets = append(sets, set[i])
		}
		found := inAll(sets)
		if l.whole[i] || rare != nil {
			l.foundOf[i] = append(l.foundOf[i], found)
			continue
		}
		for _, group := range groups {
			l.foundOf[i] = append(l.foundOf[i], both(found, group))
		}
	}
	l.found = slices.Concat(l.foundOf[:]...)
	return nil
}

// inAll is who is in all sets. With one set it is that, which must not be changed.
func inAll(sets []*memberSet) *memberSet {
	slices.SortFunc(sets, func(a, b *memberSet) int { return cmp.Compare(a.size(), b.size()) })
	found := sets[0]
	for _, set := range sets[1:] {
		found = both(found, set)
	}
	return found
}

// fewHaving reads who of the groups has a word that begins so, unless they are
// many, then it is not all: their numbers, or, with an index, the members.
func (l *list) fewHaving(word string) (set *memberSet, all bool, err error) {
	common := l.memory.indexes.common
	set, rows, err := l.members("SELECT group_concat(user) FROM (SELECT user FROM words WHERE "+wordRange+" LIMIT ?5)", append(l.inRange(word), int64(common+1))...)
	return set, rows <= common, err
}

// having is fewHaving, however many they are.
func (l *list) having(word string) (*memberSet, error) {
	var members []uint32
	err := l.rows("SELECT user FROM words WHERE "+wordRange, l.inRange(word), func(rows *sql.Rows) error {
		var number int64
		err := rows.Scan(&number)
		members = append(members, l.memberOf(number))
		return err
	})
	return setOfAny(members), err
}

// ofThese are those of a few who have a word that begins so.
func (l *list) ofThese(few *memberSet, word string) (*memberSet, error) {
	numbers := make([]int64, 0, few.size())
	each([]*memberSet{few}, func(members []uint32) {
		for _, member := range members {
			numbers = append(numbers, l.numberOf(member))
		}
	})
	set, _, err := l.members("SELECT group_concat(number) FROM users WHERE number IN (SELECT value FROM json_each(?)) AND instr(words, char(10) || ?) > 0",
		jsonOf(numbers), word)
	return set, err
}

// members are those whose numbers a query answers as one value, and how many
// numbers that were: somebody may be there twice.
func (l *list) members(query string, args ...any) (set *memberSet, rows int, err error) {
	joined, err := l.value(query, args...)
	if err != nil || joined == nil {
		return setOf(nil), 0, err
	}
	numbers, err := splitNumbers(joined)
	members := make([]uint32, len(numbers))
	for i, number := range numbers {
		members[i] = l.memberOf(number)
	}
	return setOfAny(members), len(numbers), err
}

// memberOf is who has a number in the index; without one, the number.
func (l *list) memberOf(number int64) uint32 {
	if l.index == nil {
		return uint32(number) //nolint:gosec // see numbering
	}
	member, _ := l.index.member(number)
	return member
}

// numberOf is the opposite of memberOf.
func (l *list) numberOf(member uint32) int64 {
	if l.index == nil {
		return int64(member)
	}
	return l.index.numberOf(member)
}

// splitNumbers reads what group_concat has made of numbers.
func splitNumbers(joined any) ([]int64, error) {
	text, ok := joined.(string)
	if !ok {
		text = fmt.Sprint(joined)
	}
	numbers := make([]int64, 0, strings.Count(text, ",")+1)
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
func (l *list) count() int { return sizeOf(l.found) }

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
		p.RoleID = l.roles[group]
	} else {
		p.Missing = l.order.missing(e)
	}
	return p
}
