package sqlite

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// TestNumbering: each number that was added is that of its member, and no other is.
func TestNumbering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfDistinct(rapid.Int64Range(1, 100), rapid.ID[int64]).Draw(t, "numbers")
		slices.Sort(numbers)
		n := &numbering{}
		for _, number := range numbers {
			n.add(number)
		}
		assert.Equal(t, len(numbers), n.members)
		for number := range int64(102) {
			place, known := slices.BinarySearch(numbers, number)
			member, ok := n.member(number)
			assert.Equal(t, known, ok, number)
			assert.EqualValues(t, place, member, number)
			if ok {
				assert.Equal(t, number, n.numberOf(member))
			}
		}
	})
}
