package sqlite

import (
	"strings"
	"unicode/utf8"

	"github.com/RoaringBitmap/roaring/v2"
)

// parted is a set of members, by status, in the order of statuses.
type parted [3]*memberSet

func newParted() *parted { return &parted{setOf(nil), setOf(nil), setOf(nil)} }

func (p *parted) clone() *parted { return &parted{p[0].clone(), p[1].clone(), p[2].clone()} }

// beginnings are the people of each beginning of a word that more than common
// have, and had when they were read.
type beginnings struct {
	common int
	sets   map[string]*parted
	// same are beginnings whose people are those of a longer one: whoever has a word
	// with "mich" has one with "michael". That is half of them.
	same map[string]string
}

func newBeginnings(common int) *beginnings {
	return &beginnings{common: common, sets: map[string]*parted{}, same: map[string]string{}}
}

// of are those who have a word that begins so; nil when that is not known.
func (b *beginnings) of(beginning string) *parted {
	if longer, ok := b.same[beginning]; ok {
		beginning = longer
	}
	return b.sets[beginning]
}

// add notes that a member of a status has a word.
func (b *beginnings) add(word string, status int, member uint32) {
	for end := 1; end <= len(word); end++ {
		beginning := word[:end]
		if longer, ok := b.same[beginning]; ok {
			if strings.HasPrefix(word, longer) {
				continue
			}
			b.sets[beginning] = b.sets[longer].clone()
			delete(b.same, beginning)
		}
		if set := b.sets[beginning]; set != nil {
			set[status].add(member)
		}
	}
}

// remove notes that a member no longer has any of these words.
func (b *beginnings) remove(words []string, status int, member uint32) {
	for _, word := range words {
		for end := 1; end <= len(word); end++ {
			if set := b.of(word[:end]); set != nil {
				set[status].remove(member)
			}
		}
	}
}

// reader makes them of all words, in their order.
type reader struct {
	*beginnings
	// part takes a set apart by the status of its members.
	part func(*memberSet) *parted
	word string
	// open are those who have the first byte of word, the first two, and so on.
	open []having
}

// having are people of whom some come as a set when they are many.
type having struct {
	few  []uint32
	many *roaring.Bitmap
	// longer is the longer beginning that most have, and people how many do.
	longer string
	people uint64
}

// read reads on: a member has a word.
func (r *reader) read(word string, member uint32) {
	same := 0
	for same < min(len(word), len(r.word)) && word[same] == r.word[same] {
		same++
	}
	r.end(same)
	r.word = word
	for len(r.open) < len(word) {
		r.open = append(r.open, having{})
	}
	for i := range len(word) {
		h := &r.open[i]
		if h.few = append(h.few, member); len(h.few) > r.common {
			h.gather()
		}
	}
}

func (h *having) gather() {
	if h.many == nil {
		h.many = roaring.New()
	}
	h.many.AddMany(h.few)
	h.few = h.few[:0]
}

// end keeps the beginnings of the word that are longer than this and that many
// have.
func (r *reader) end(length int) {
	for i := len(r.word) - 1; i >= length; i-- {
		h := &r.open[i]
		if beginning := r.word[:i+1]; h.many != nil && utf8.ValidString(beginning) {
			h.gather()
			beginning = strings.Clone(beginning)
			if people := h.many.GetCardinality(); people == h.people {
				r.same[beginning] = h.longer
			} else {
				r.sets[beginning], h.longer, h.people = r.part(&memberSet{many: h.many}), beginning, people
			}
		}
		if i > 0 && h.people > r.open[i-1].people {
			r.open[i-1].longer, r.open[i-1].people = h.longer, h.people
		}
		*h = having{few: h.few[:0]}
	}
}
