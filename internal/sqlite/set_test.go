package sqlite

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestMemberSets: a set is what a sorted array would be, on either side of
// where it becomes a bitmap.
func TestMemberSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		draw := func(name string) (*memberSet, []uint32) {
			want := make([]uint32, rapid.SampledFrom([]int{0, 3, fewest - 2, fewest, 3 * fewest}).Draw(t, name))
			for i := range want {
				want[i] = random.Uint32N(5 * fewest)
			}
			s := setOfAny(slices.Clone(want))
			for range 10 {
				other := random.Uint32N(5 * fewest)
				s.add(other)
				want = append(want, other)
			}
			slices.Sort(want)
			want = slices.Compact(want)
			for range 10 {
				gone := random.IntN(len(want))
				s.remove(want[gone])
				s.remove(5 * fewest) // who is not there
				if want = slices.Delete(want, gone, gone+1); len(want) == 0 {
					break
				}
			}
			return s, want
		}
		a, inA := draw("a")
		b, inB := draw("b")
		var inBoth []uint32
		for _, member := range inA {
			if slices.Contains(inB, member) {
				inBoth = append(inBoth, member)
			}
		}
		same := func(s *memberSet, want []uint32) {
			if !slices.Equal(want, s.members()) || s.size() != len(want) {
				t.Fatalf("%v, %d, want %v", s.members(), s.size(), want)
			}
			var gone []uint32
			each([]*memberSet{s}, func(some []uint32) { gone = append(gone, some...) })
			if !slices.Equal(want, gone) {
				t.Fatalf("goes through %v, want %v", gone, want)
			}
		}
		copied := a.clone()
		same(both(a, b), inBoth)
		same(both(b, a), inBoth)
		require.Equal(t, len(inBoth), sizeOfBoth(a, b))
		require.Equal(t, len(inBoth), sizeOfBoth(b, a))
		same(a, inA)
		same(b, inB)
		for member := range uint32(5 * fewest) {
			if _, want := slices.BinarySearch(inA, member); a.contains(member) != want {
				t.Fatalf("%d: want %v", member, want)
			}
		}
		a.add(5 * fewest)
		same(copied, inA)
	})
}
