package sqlite

import "slices"

// numbering is which number each member of an index has. Members are places in
// ascending order of the numbers, which nobody loses; so what an index keeps of
// each is a plain array, whatever numbers an organization has. Most have grown in
// one go, or by themselves: it keeps where numbers follow one another, and not each.
type numbering struct {
	runs    []run
	members int
}

// run is some members whose numbers follow one another.
type run struct{ number, member uint32 }

// add makes the next number that of a new member; it is above all others.
func (n *numbering) add(number int64) {
	if count := len(n.runs); count == 0 || n.numberOf(uint32(n.members)-1)+1 != number { //nolint:gosec // people of a file
		n.runs = append(n.runs, run{uint32(number), uint32(n.members)}) //nolint:gosec // the numbers of a file's users go up to four billion
	}
	n.members++
}

// member finds who has a number; the place where they would be when nobody has.
func (n *numbering) member(number int64) (member uint32, ok bool) {
	at, found := slices.BinarySearchFunc(n.runs, number, func(r run, number int64) int {
		return int(int64(r.number) - number)
	})
	if !found {
		if at--; at < 0 {
			return 0, false
		}
	}
	end := uint32(n.members) //nolint:gosec // people of a file
	if at+1 < len(n.runs) {
		end = n.runs[at+1].member
	}
	if behind := number - int64(n.runs[at].number); behind < int64(end-n.runs[at].member) {
		return n.runs[at].member + uint32(behind), true //nolint:gosec // just compared
	}
	return end, false
}

// numberOf is the number of a member.
func (n *numbering) numberOf(member uint32) int64 {
	at, found := slices.BinarySearchFunc(n.runs, member, func(r run, member uint32) int {
		return int(r.member) - int(member)
	})
	if !found {
		at--
	}
	return int64(n.runs[at].number) + int64(member-n.runs[at].member)
}
